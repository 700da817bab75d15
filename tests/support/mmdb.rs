//! Writes small databases in the MaxMind format, version 2.0: a tree over the bits of addresses, the data that its
//! leaves point to, and a map that describes both.

use std::net::IpAddr;

/// A value in an entry.
#[derive(Clone)]
pub(crate) enum Value {
    /// UTF-8.
    Text(&'static str),
    /// A number of 16 bits.
    Short(u16),
    /// A number of 32 bits.
    Number(u32),
    /// A number of 64 bits.
    Long(u64),
    /// Keys and values.
    Map(Vec<(&'static str, Self)>),
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => put_text(out, text),
        Value::Short(number) => {
            out.push((5 << 5) | 2);
            out.extend(number.to_be_bytes());
        }
        // This type has a byte of its own.
        Value::Long(number) => {
            out.extend([8, 2]);
            out.extend(number.to_be_bytes());
        }
        Value::Number(number) => {
            out.push((6 << 5) | 4);
            out.extend(number.to_be_bytes());
        }
        Value::Map(pairs) => {
            out.push((7 << 5) | u8::try_from(pairs.len()).unwrap());
            for (key, value) in pairs {
                put_text(out, key);
                put(out, value);
            }
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29, "a short text");
    out.push((2 << 5) | u8::try_from(text.len()).unwrap());
    out.extend(text.as_bytes());
}

/// A node of the tree: for each bit a further node, an entry, or nothing.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    Entry(usize),
}

/// The bytes of a database that calls itself `kind`: addresses with the number of fixed bits, each with its entry.
/// IPv4 addresses lie under `::/96`, as in the databases that are sold.
pub(crate) fn database(kind: &'static str, entries: &[(&str, u32, Value)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Branch::Nothing; 2]], Vec::new());
    for (address, bits, value) in entries {
        let (address, bits) = match address.parse::<IpAddr>().unwrap() {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), bits + 96),
            IpAddr::V6(v6) => (u128::from(v6), *bits),
        };
        let entry = data.len();
        put(&mut data, value);
        let mut node = 0;
        for bit in 0..bits {
            let side = usize::from(address >> (127 - bit) & 1 == 1);
            if bit + 1 == bits {
                nodes[node][side] = Branch::Entry(entry);
            } else if let Branch::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([Branch::Nothing; 2]);
                nodes[node][side] = Branch::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for branch in nodes.iter().flatten() {
        let record = match branch {
            Branch::Nothing => count,
            Branch::Node(node) => *node,
            Branch::Entry(offset) => count + 16 + offset,
        };
        out.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let description = Value::Map(vec![("en", Value::Text("made for a test"))]);
    out.push((7 << 5) | 9);
    let pairs = [
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1_795_219_200)),
        ("database_type", Value::Text(kind)),
        ("description", description),
        ("ip_version", Value::Short(6)),
        ("node_count", Value::Number(u32::try_from(count).unwrap())),
        ("record_size", Value::Short(24)),
    ];
    for (key, value) in pairs {
        put_text(&mut out, key);
        put(&mut out, &value);
    }
    put_text(&mut out, "languages");
    // An array has its type in a byte of its own; this one is empty.
    out.extend([0, 4]);
    out
}

/// A database of autonomous systems as MaxMind makes them.
pub(crate) fn systems(entries: &[(&str, u32, u32)]) -> Vec<u8> {
    let entry = |number| Value::Map(vec![("autonomous_system_number", Value::Number(number))]);
    let entries: Vec<_> =
        entries.iter().map(|(address, bits, number)| (*address, *bits, entry(*number))).collect();
    database("Test-ASN", &entries)
}

/// A database of countries as MaxMind makes them.
pub(crate) fn countries(entries: &[(&str, u32, &'static str)]) -> Vec<u8> {
    let entry = |code| Value::Map(vec![("country", Value::Map(vec![("iso_code", Value::Text(code))]))]);
    let entries: Vec<_> =
        entries.iter().map(|(address, bits, code)| (*address, *bits, entry(*code))).collect();
    database("Test-Country", &entries)
}
