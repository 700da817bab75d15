use proptest::prelude::*;

use super::*;
use crate::wire::radius::attribute::{Attributes, vendor_attributes};
use crate::wire::radius::dictionary::{entries, named};

fn made(name: &str, text: &str) -> Result<Vec<u8>, Unfit> {
    let named = named(name).unwrap();
    encode(&named.entry, named.tag, text)
}

fn said(name: &str, text: &str) -> String {
    made(name, text).unwrap_err().to_string()
}

#[test]
fn each_form_is_written_as_its_rfc_says() {
    for (name, text, value) in [
        ("Filter-Id", "admins", &b"admins"[..]),
        ("Class", "OU=policy;", b"OU=policy;"),
        ("Class", "0x00fFA1", &[0, 0xff, 0xa1]),
        ("Session-Timeout", "3600", &[0, 0, 14, 16]),
        ("Framed-Protocol", "ppp", &[0, 0, 0, 1]),
        ("Service-Type", "Framed-User", &[0, 0, 0, 2]),
        ("Framed-IP-Address", "192.0.2.1", &[192, 0, 2, 1]),
        ("Framed-IPv6-Address", "2001:db8::1", &[0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("Framed-IPv6-Prefix", "2001:db8::/33", &[0, 33, 0x20, 1, 13, 0xb8, 0]),
        ("Framed-IPv6-Prefix", "::/0", &[0, 0]),
        ("MIP6-Feature-Vector", "18446744073709551615", &[255; 8]),
        ("Fortinet-Group-Name", "VPN é", "VPN é".as_bytes()),
        ("ASA-IPsec-Split-Tunneling-Policy", "Split-Tunneling", &[0, 0, 0, 1]),
        ("Attr-26.11256.1", "0x0102", &[1, 2]),
    ] {
        assert_eq!(made(name, text).as_deref(), Ok(value), "{name} {text}");
    }
}

#[test]
fn a_tag_comes_from_the_name_or_from_the_front_of_the_text() {
    for (name, text, value) in [
        ("Tunnel-Type:1", "VLAN", &[1, 0, 0, 13][..]),
        ("Tunnel-Type", "1:VLAN", &[1, 0, 0, 13]),
        ("Tunnel-Type", "VLAN", &[0, 0, 0, 13]),
        ("Tunnel-Medium-Type:31", "IEEE-802", &[31, 0, 0, 6]),
        ("Tunnel-Preference", "16777215", &[0, 255, 255, 255]),
        ("Tunnel-Private-Group-ID", "1:VLAN-10", b"\x01VLAN-10"),
        ("Tunnel-Private-Group-ID:2", "1:VLAN-10", b"\x021:VLAN-10"),
        ("Tunnel-Private-Group-ID", "10", b"10"),
        ("Tunnel-Private-Group-ID", "40:x", b"40:x"),
        ("Tunnel-Client-Endpoint", "2:1::3", b"2:1::3"),
        ("Tunnel-Client-Endpoint", "2:192.0.2.1", b"\x02192.0.2.1"),
    ] {
        assert_eq!(made(name, text).as_deref(), Ok(value), "{name} {text}");
    }
    assert_eq!(encode(&named("Filter-Id").unwrap().entry, Some(1), "x"), Err(Unfit::Tag(false)));
    assert_eq!(encode(&named("Tunnel-Type").unwrap().entry, Some(32), "VLAN"), Err(Unfit::Tag(true)));
}

#[test]
fn what_does_not_fit_is_refused_with_what_is_expected() {
    let number = "a number from 0 to 4294967295 is expected";
    for text in ["x", "-1", "+1", "4294967296", "1 ", "0x10", "1.0"] {
        assert_eq!(said("Framed-MTU", text), number, "{text}");
    }
    assert_eq!(said("Session-Timeout", "0"), "a number from 1 to 4294967295 is expected", "A-079");
    assert_eq!(said("Tunnel-Preference", "16777216"), "a number from 0 to 16777215 is expected");
    assert_eq!(
        said("Framed-Routing", "x"),
        "a number from 0 to 4294967295 is expected, or one of None, Broadcast, Listen, Broadcast-Listen"
    );
    assert_eq!(said("Framed-IP-Address", "192.0.2"), "an IPv4 address, such as 192.0.2.1, is expected");
    for text in ["2001:db8::", "2001:db8::/129", "2001:db8::1/64", "2001:db8::/+8", "192.0.2.0/24"] {
        assert_eq!(made("Framed-IPv6-Prefix", text), Err(Unfit::Address(PREFIX)), "{text}");
    }
    for text in ["0x", "0x1", "0xzz"] {
        assert_eq!(made("Class", text), Err(Unfit::Hexadecimal), "{text}");
    }
    assert_eq!(made("Filter-Id", "a\nb"), Err(Unfit::ControlCharacter));
    assert_eq!(made("Filter-Id", ""), Err(Unfit::Empty), "A-016");
    assert_eq!(made("Tunnel-Private-Group-ID", "1:"), Err(Unfit::Empty));
}

#[test]
fn secrets_and_what_the_protocol_uses_are_not_told_by_a_rule() {
    for name in ["Tunnel-Password", "MS-MPPE-Send-Key", "User-Password", "Mikrotik-Wireless-PSK"] {
        assert_eq!(made(name, "x"), Err(Unfit::Secret), "{name}");
    }
    for name in
        ["State", "Proxy-State", "Message-Authenticator", "NAS-Port", "Vendor-Specific", "Acct-Session-Id"]
    {
        assert_eq!(made(name, "1"), Err(Unfit::Place), "{name}");
    }
}

#[test]
fn e_006_the_room_of_each_kind_of_attribute_is_used_up_and_not_more() {
    for (name, most) in [("Filter-Id", 253), ("Class", 253), ("Fortinet-Group-Name", 247)] {
        assert_eq!(made(name, &"x".repeat(most)).unwrap().len(), most);
        let expected = Unfit::TooLong { length: most + 1, most };
        assert_eq!(made(name, &"x".repeat(most + 1)), Err(expected.clone()), "{name}");
        assert_eq!(whole(&named(name).unwrap().entry, &vec![1; most + 1]), Err(expected));
    }
    assert_eq!(
        made("Tunnel-Private-Group-ID:1", &"x".repeat(253)),
        Err(Unfit::TooLong { length: 254, most: 253 }),
        "the tag is one of them"
    );
}

proptest! {
    #[test]
    fn any_text_for_any_attribute_is_refused_or_becomes_one_attribute(
        at in any::<prop::sample::Index>(),
        tag in prop::option::of(0u8..40),
        text in prop_oneof![
            "[ -~é]{0,300}", "[0-9]{1,12}", "0x[0-9a-fA-F]{0,9}", "[0-9]{1,2}:[a-z]{0,4}", "[0-9a-f:./]{0,20}", ".{0,20}",
        ],
    ) {
        let all: Vec<_> = entries().collect();
        let entry = at.get(&all);
        let Ok(value) = encode(entry, tag, &text) else { return Ok(()) };
        let bytes = whole(entry, &value).unwrap();
        let attributes: Vec<_> = Attributes::new(&bytes, 0).collect();
        prop_assert_eq!(attributes.len(), 1);
        prop_assert_eq!(attributes[0].whole, &bytes[..]);
        let Some(vendor) = entry.vendor else {
            prop_assert_eq!((attributes[0].kind, attributes[0].value), (entry.kind, &value[..]));
            return Ok(());
        };
        let pieces: Vec<_> = vendor_attributes(attributes[0].value).unwrap().collect();
        prop_assert_eq!(pieces.len(), 1);
        prop_assert_eq!((pieces[0].vendor, pieces[0].kind, pieces[0].value), (vendor, entry.kind, &value[..]));
    }
}
