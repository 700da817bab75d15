//! LDAP messages that are made from the bytes of a script.

use doorward::wire::ldap::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, Writer};
use doorward::wire::ldap::message::op;

/// The one who logs in.
pub(crate) const DN: &str = "uid=anna,dc=x";

const ATTRIBUTES: [&[u8]; 8] =
    [b"cn", b"mail", b"objectClass", b"userPassword", b"OID.2.5.4.35;x", b"*", b"uid", b"member"];

/// Takes bytes one by one; zeros when they are used up. And counts message ids.
pub(crate) struct Dice<'a> {
    rest: &'a [u8],
    last: u32,
}

impl<'a> Dice<'a> {
    pub(crate) const fn new(script: &'a [u8]) -> Self {
        Self { rest: script, last: 0 }
    }

    pub(crate) const fn is_used_up(&self) -> bool {
        self.rest.is_empty()
    }

    /// The id of the next message, at times one that must not be.
    fn next_id(&mut self) -> u32 {
        match self.below(64) {
            0 => u32::from_be_bytes([self.roll(), self.roll(), self.roll(), self.roll()]),
            1 => self.earlier_id(),
            _ => {
                self.last += 1;
                self.last
            }
        }
    }

    /// The id of a message not long ago.
    pub(crate) fn earlier_id(&mut self) -> u32 {
        self.last.saturating_sub(u32::from(self.below(4)))
    }

    pub(crate) fn roll(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub(crate) fn below(&mut self, n: u8) -> u8 {
        self.roll() % n
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.roll()) % from.len()]
    }

    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(most.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

/// A message that is mostly right, at times damaged, at times nothing but octets of the script.
pub(crate) fn message(dice: &mut Dice<'_>) -> Vec<u8> {
    if dice.below(96) == 0 {
        let length = usize::from(dice.roll());
        return dice.take(length).to_vec();
    }
    let id = i64::from(dice.next_id());
    let critical = dice.coin();
    let control = dice.pick(&[
        None,
        None,
        None,
        Some("1.2.840.113556.1.4.319"),
        Some("2.16.840.1.113730.3.4.18"),
        Some("1.2.3"),
    ]);
    let mut writer = Writer::with_capacity(64);
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, id);
        operation(dice, message);
        if let Some(oid) = control {
            message.nested(0xa0, |controls| {
                controls.nested(SEQUENCE, |control| {
                    control.bytes(OCTET_STRING, oid.as_bytes());
                    control.boolean(BOOLEAN, critical);
                });
            });
        }
    });
    let mut whole = writer.finish().to_vec();
    if dice.below(32) == 0 {
        let at = usize::from(dice.roll()) % whole.len();
        whole[at] ^= dice.roll() | 1;
    }
    whole
}

fn operation(dice: &mut Dice<'_>, out: &mut Writer) {
    const NAMES: [&str; 7] = [
        "1.3.6.1.4.1.1466.20037",
        "1.3.6.1.4.1.1466.20037",
        "1.3.6.1.4.1.4203.1.11.3",
        "1.3.6.1.4.1.4203.1.11.1",
        "1.2.840.113556.1.4.1781",
        "1.3.6.1.1.8",
        "1.2.3",
    ];
    match dice.below(64) {
        0 => out.bytes(op::UNBIND_REQUEST, b""),
        1 => {
            // No tag of more than one octet, which would make another message of it.
            let tag = dice.roll();
            out.bytes(if tag & 0x1f == 0x1f { 0x5d } else { tag }, dice.take(3));
        }
        2..=21 => bind(dice, out),
        22..=34 => search(dice, out),
        35..=40 => out.nested(op::COMPARE_REQUEST, |compare| {
            compare.bytes(OCTET_STRING, DN.as_bytes());
            compare.nested(SEQUENCE, |assertion| {
                assertion.bytes(OCTET_STRING, dice.pick(&ATTRIBUTES));
                assertion.bytes(OCTET_STRING, b"x");
            });
        }),
        41..=45 => out.nested(op::MODIFY_REQUEST, |modify| {
            modify.bytes(OCTET_STRING, DN.as_bytes());
            modify.nested(SEQUENCE, |changes| {
                changes.nested(SEQUENCE, |change| {
                    change.integer(ENUMERATED, 2);
                    change.nested(SEQUENCE, |attribute| {
                        attribute.bytes(OCTET_STRING, dice.pick(&ATTRIBUTES));
                        attribute.nested(SET, |set| set.bytes(OCTET_STRING, b"x"));
                    });
                });
            });
        }),
        46..=51 => {
            let id = dice.earlier_id();
            out.integer(op::ABANDON_REQUEST, i64::from(id));
        }
        52..=58 => out.nested(op::EXTENDED_REQUEST, |request| {
            request.bytes(0x80, dice.pick(&NAMES).as_bytes());
            if dice.below(4) == 0 {
                request.bytes(0x81, b"x");
            }
        }),
        _ => {
            let tag = dice.pick(&[op::DELETE_REQUEST, op::ADD_REQUEST, op::MODIFY_DN_REQUEST]);
            out.bytes(tag, DN.as_bytes());
        }
    }
}

fn search(dice: &mut Dice<'_>, out: &mut Writer) {
    let (base, attribute, scope) = (dice.pick(&["", "dc=x"]), dice.pick(&ATTRIBUTES), dice.below(3));
    let depth = if dice.below(32) == 0 { 70 } else { dice.below(3) };
    out.nested(op::SEARCH_REQUEST, |search| {
        search.bytes(OCTET_STRING, base.as_bytes());
        search.integer(ENUMERATED, i64::from(scope));
        search.integer(ENUMERATED, 0);
        search.integer(INTEGER, 0);
        search.integer(INTEGER, 0);
        search.boolean(BOOLEAN, false);
        filter(search, depth, dice.pick(&ATTRIBUTES));
        search.nested(SEQUENCE, |list| list.bytes(OCTET_STRING, attribute));
    });
}

fn filter(out: &mut Writer, depth: u8, attribute: &[u8]) {
    match depth.checked_sub(1) {
        Some(inner) => out.nested(0xa2, |not| filter(not, inner, attribute)),
        None => out.bytes(0x87, attribute),
    }
}

fn bind(dice: &mut Dice<'_>, out: &mut Writer) {
    let version = if dice.below(16) == 0 { i64::from(dice.roll()) } else { 3 };
    let name = dice.pick(&[DN, DN, "anna", "anna@example.org", "X\\anna", "a\0b", ""]);
    let password = dice.pick(&[&b"pw123456"[..], b"pw123456", b"pw123456", b"pw123456", b"", b"\0"]);
    let kind = dice.below(16);
    out.nested(op::BIND_REQUEST, |bind| {
        bind.integer(INTEGER, version);
        bind.bytes(OCTET_STRING, name.as_bytes());
        let mut sasl = |mechanism: &str, said: Option<&[u8]>| {
            bind.nested(0xa3, |sasl| {
                sasl.bytes(OCTET_STRING, mechanism.as_bytes());
                if let Some(said) = said {
                    sasl.bytes(OCTET_STRING, said);
                }
            });
        };
        match kind {
            0 => sasl(
                "PLAIN",
                Some(dice.pick(&[&b"\0anna\0pw123456"[..], b"\0anna\0", b"bob\0anna\0pw", b"x"])),
            ),
            1 => sasl(
                "EXTERNAL",
                dice.pick(&[None, Some(&b""[..]), Some(b"u:anna@example.org"), Some(b"u:bob")]),
            ),
            2 => sasl(dice.pick(&["GSS-SPNEGO", "PLAIN", ""]), None),
            3 => bind.bytes(0x89, b"NTLM"),
            _ => bind.bytes(0x80, password),
        }
    });
}
