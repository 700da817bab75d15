//! The dictionary of attributes beside that of FreeRADIUS, which other programs of this world use.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod support;

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::{ReplyBuilder, ReplyTo};
use doorward::wire::radius::dictionary::{Entry, Form, Place, entries};
use doorward::wire::radius::encode::{encode, whole};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};
use support::radclient::Radclient;

/// What FreeRADIUS calls things. Names are in lower case.
#[derive(Default)]
struct Theirs {
    /// Vendor, number and kind of value, and whether it is hidden, by name.
    attributes: HashMap<String, Attribute>,
    /// Numbers by vendor and number of the attribute, which may have two names, and name of the value.
    values: HashMap<(Option<u32>, u32, String), u32>,
}

struct Attribute {
    vendor: Option<u32>,
    kind: u32,
    form: String,
    flags: String,
}

impl Theirs {
    fn read() -> Option<Self> {
        let root = Path::new("/usr/share/freeradius/dictionary");
        if !root.is_file() {
            support::missing("the dictionaries of FreeRADIUS are not installed");
            return None;
        }
        let mut theirs = Self::default();
        theirs.include(root, &mut HashMap::new());
        Some(theirs)
    }

    fn include(&mut self, file: &Path, vendors: &mut HashMap<String, u32>) {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        let mut vendor = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            match words[..] {
                ["$INCLUDE", name] => self.include(&file.with_file_name(name), vendors),
                ["VENDOR", name, number, ..] => {
                    vendors.insert(name.to_owned(), number.parse().unwrap());
                }
                ["BEGIN-VENDOR", name, ..] => vendor = Some(vendors[name]),
                ["END-VENDOR", ..] => vendor = None,
                ["ATTRIBUTE", name, number, form, ref flags @ ..] => {
                    // Those inside of others have a point in their number, and those of its own are large.
                    let Some(kind) = number.parse().ok().filter(|kind| *kind < 256) else { continue };
                    let (form, flags) = (form.to_owned(), flags.join(","));
                    self.attributes.insert(name.to_lowercase(), Attribute { vendor, kind, form, flags });
                }
                ["VALUE", attribute, name, number] => {
                    let hex = number.strip_prefix("0x");
                    let number = hex.map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
                    let of = self.attributes.get(&attribute.to_lowercase());
                    if let (Some(of), Ok(number)) = (of, number) {
                        self.values.insert((of.vendor, of.kind, name.to_lowercase()), number);
                    }
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_name_that_freeradius_knows_too_has_the_same_number_there() {
    let Some(theirs) = Theirs::read() else { return };
    let (mut same, mut other, mut unknown) = (0, Vec::new(), Vec::new());
    // It keeps a second row with the number of a draft; RFC 5090 section 3.3 has ours.
    for ours in entries().filter(|ours| ours.name != "Digest-Response") {
        match theirs.attributes.get(&ours.name.to_lowercase()) {
            Some(known) if (known.vendor, known.kind) == (ours.vendor, u32::from(ours.kind)) => same += 1,
            Some(known) => other.push((ours, known.vendor, known.kind)),
            None => unknown.push(ours.name),
        }
    }
    assert!(other.is_empty(), "{other:?}");
    assert!(same > 3 * unknown.len(), "{same} are the same, and these are not known there: {unknown:?}");
}

#[test]
fn every_name_that_freeradius_knows_too_has_the_same_kind_of_value_there() {
    let Some(theirs) = Theirs::read() else { return };
    let mut other = Vec::new();
    // It writes the network as if it were an address; RFC 2865 section 5.23 has a number.
    for ours in entries().filter(|ours| ours.name != "Framed-IPX-Network") {
        let Some(known) = theirs.attributes.get(&ours.name.to_lowercase()) else { continue };
        let fits = match (ours.form, known.form.as_str()) {
            _ if known.flags.contains("encrypt") => ours.form.is_secret(),
            (form, "string") => {
                matches!(form, Form::Text | Form::TaggedText | Form::Bytes) || form.is_secret()
            }
            (Form::Integer | Form::TaggedInteger, "integer" | "date" | "signed") => true,
            (Form::Ipv4, "ipaddr") => true,
            (_, "integer" | "signed" | "ipaddr") => false,
            (form, "octets") => !matches!(form, Form::Integer | Form::Ipv4),
            _ => true,
        };
        if !fits || known.flags.contains("has_tag") != ours.form.is_tagged() {
            other.push((ours.name, ours.form, &known.form, &known.flags));
        }
    }
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn every_value_that_freeradius_names_too_has_the_same_number_there() {
    let Some(theirs) = Theirs::read() else { return };
    let (mut same, mut other) = (0, Vec::new());
    for ours in entries() {
        for (number, name) in ours.names() {
            match theirs.values.get(&(ours.vendor, ours.kind.into(), name.to_lowercase())) {
                Some(known) if known == number => same += 1,
                Some(known) => other.push((ours.name, name, number, known)),
                None => {}
            }
        }
    }
    assert!(other.is_empty(), "{other:?}");
    assert!(same > 50, "only {same} have a name in both");
}

const SECRET: &str = "a secret of this dictionary, 1234";

/// A server that answers its one request with an accept that has these attributes.
fn answer_once(attributes: Vec<u8>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut request = [0; MAX_LEN];
        let Ok((length, from)) = socket.recv_from(&mut request) else { return };
        let to = ReplyTo::from(&Packet::parse(&request[..length]).unwrap());
        let mut buffer = [0; MAX_LEN];
        let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessAccept, &to).unwrap();
        reply.raw(&attributes).unwrap();
        let secret = SharedSecret::new(Secret::copied(SECRET.as_bytes())).unwrap();
        socket.send_to(reply.sign(&secret).unwrap(), from).unwrap();
    });
    address
}

/// What an administrator would write for such a value, and how radclient prints it if it has no name.
fn sample(entry: &Entry) -> Option<(&'static str, &'static str)> {
    match entry.form {
        Form::Text | Form::TaggedText => Some(("two words", "\"two words\"")),
        Form::Integer | Form::TaggedInteger | Form::Integer64 => Some(("77777", "77777")),
        Form::Ipv4 => Some(("192.0.2.1", "192.0.2.1")),
        Form::Ipv6 => Some(("2001:db8::1", "2001:db8::1")),
        Form::Ipv6Prefix => Some(("2001:db8::/48", "2001:db8::/48")),
        Form::Bytes => Some(("0x0102ff", "0x0102ff")),
        _ => None,
    }
}

/// Whether FreeRADIUS reads and prints such a value as we do. Where it takes bytes for text, or text for bytes,
/// it prints them its own way.
fn printed_alike(form: Form, theirs: &str) -> bool {
    match theirs {
        "string" => matches!(form, Form::Text | Form::TaggedText),
        "octets" => form == Form::Bytes,
        "integer" | "signed" => matches!(form, Form::Integer | Form::TaggedInteger),
        "ipaddr" => form == Form::Ipv4,
        "ipv6addr" => form == Form::Ipv6,
        "ipv6prefix" => form == Form::Ipv6Prefix,
        "integer64" => form == Form::Integer64,
        _ => false,
    }
}

#[test]
fn radclient_prints_each_attribute_that_a_rule_may_tell_by_its_name_and_value() {
    let Some(theirs) = Theirs::read() else { return };
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let mut told = Vec::new();
    for entry in entries().filter(|entry| entry.place != Place::Never && !entry.form.is_secret()) {
        let Some(known) = theirs.attributes.get(&entry.name.to_lowercase()) else { continue };
        let Some((text, printed)) = sample(entry) else { continue };
        if printed_alike(entry.form, &known.form) {
            let tag = entry.form.is_tagged().then_some(3);
            told.push((entry, whole(entry, &encode(entry, tag, text).unwrap()).unwrap(), printed));
        }
    }
    assert!(told.len() > 100, "only {} of ours are there, too", told.len());
    for some in told.chunks(40) {
        let address = answer_once(some.iter().flat_map(|(_, attribute, _)| attribute.clone()).collect());
        let heard = radclient.ask(address, "auth", "User-Name = \"alice\"\n");
        let lines = heard.attributes();
        // Message-Authenticator stands before them.
        assert_eq!(lines.len(), some.len() + 1, "{}", heard.0);
        for (line, (entry, _, printed)) in lines[1..].iter().zip(some) {
            let (name, value) = line.split_once(" = ").unwrap();
            let (name, tag) = name.split_once(':').map_or((name, None), |(name, tag)| (name, Some(tag)));
            assert_eq!(tag.is_some(), entry.form.is_tagged(), "{}: {line}", entry.name);
            // Some have two names; it prints one of them.
            let by_its_name = theirs.attributes.get(&name.to_lowercase());
            let place = by_its_name.map(|known| (known.vendor, known.kind));
            assert_eq!(place, Some((entry.vendor, u32::from(entry.kind))), "{}: {line}", entry.name);
            assert_eq!(value, *printed, "{}: {line}", entry.name);
        }
    }
}

#[test]
fn radclient_prints_the_names_of_values_that_a_rule_may_tell() {
    let Some(theirs) = Theirs::read() else { return };
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let rows = entries().filter(|entry| entry.place != Place::Never && !entry.form.is_tagged());
    let all: Vec<_> =
        rows.flat_map(|entry| entry.names().iter().map(move |(_, name)| (entry, *name))).collect();
    for some in all.chunks(40) {
        let wires =
            some.iter().map(|(entry, name)| whole(entry, &encode(entry, None, name).unwrap()).unwrap());
        let address = answer_once(wires.flatten().collect());
        let heard = radclient.ask(address, "auth", "User-Name = \"alice\"\n");
        let lines = heard.attributes();
        assert_eq!(lines.len(), some.len() + 1, "{}", heard.0);
        for (line, (entry, name)) in lines[1..].iter().zip(some) {
            let (_, value) = line.split_once(" = ").unwrap();
            // A value may have several names, and none there.
            let key = (entry.vendor, entry.kind.into(), value.to_lowercase());
            let number = theirs.values.get(&key).copied().or_else(|| value.parse().ok());
            assert_eq!(number, entry.value_of(name), "{} {name}: {line}", entry.name);
        }
    }
}
