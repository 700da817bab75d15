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
use std::path::Path;

use doorward::wire::radius::dictionary::{Form, entries};

/// What FreeRADIUS calls things. Names are in lower case.
#[derive(Default)]
struct Theirs {
    /// Vendor, number and kind of value, and whether it is hidden, by name.
    attributes: HashMap<String, Attribute>,
    /// Numbers by attribute and name of the value.
    values: HashMap<(String, String), u32>,
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
                    if let Ok(number) = number {
                        self.values.insert((attribute.to_lowercase(), name.to_lowercase()), number);
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
            match theirs.values.get(&(ours.name.to_lowercase(), name.to_lowercase())) {
                Some(known) if known == number => same += 1,
                Some(known) => other.push((ours.name, name, number, known)),
                None => {}
            }
        }
    }
    assert!(other.is_empty(), "{other:?}");
    assert!(same > 50, "only {same} have a name in both");
}
