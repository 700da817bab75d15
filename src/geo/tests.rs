use std::path::PathBuf;

use proptest::prelude::*;

use super::mmdb::{Value, countries, database};
use super::*;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn known(code: &str) -> Input<Country> {
    Input::Known(Country::new(code).unwrap())
}

fn at(databases: &Databases, address: &str) -> Place {
    databases.place(address.parse().unwrap())
}

fn systems() -> Vec<u8> {
    mmdb::systems(&[("192.0.2.0", 24, 64496), ("2001:db8::", 32, 64497)])
}

#[test]
fn an_address_has_a_country_and_a_system_where_a_database_knows_them() {
    let files = Files::new();
    let country = files.put(
        "c.mmdb",
        &countries(&[("192.0.2.0", 24, "TR"), ("192.0.2.128", 25, "DE"), ("2001:db8::", 32, "US")]),
    );
    let asn = files.put("a.mmdb", &systems());
    let databases = Databases::open(Some(&country), Some(&asn)).unwrap();
    assert_eq!(at(&databases, "192.0.2.200"), Place { country: known("DE"), asn: Input::Known(64496) });
    assert_eq!(at(&databases, "2001:db8::1"), Place { country: known("US"), asn: Input::Known(64497) });
    assert_eq!(at(&databases, "::ffff:192.0.2.200"), at(&databases, "192.0.2.200"), "A-026");
    assert_eq!(at(&databases, "198.51.100.1"), Place::NOWHERE);
    assert_eq!(at(&databases, "10.0.0.1"), Place::NOWHERE);
    let alone = Databases::open(None, Some(&asn)).unwrap();
    assert_eq!(at(&alone, "192.0.2.1"), Place { country: Input::Unknown, asn: Input::Known(64496) });
    assert_eq!(at(&Databases::default(), "192.0.2.1"), Place::NOWHERE);
}

#[test]
fn the_forms_of_several_makers_are_read() {
    let files = Files::new();
    for (pairs, country) in [
        (vec![("country_code", Value::Text("TR")), ("country", Value::Text("Türkiye"))], "TR"),
        (vec![("country", Value::Text("de"))], "DE"),
    ] {
        let file = files.put("c.mmdb", &database("Other", &[("192.0.2.0", 24, Value::Map(pairs))]));
        let databases = Databases::open(Some(&file), None).unwrap();
        assert_eq!(at(&databases, "192.0.2.1").country, known(country));
    }
    let entry = Value::Map(vec![("asn", Value::Text("AS64500"))]);
    let file = files.put("a.mmdb", &database("Other", &[("192.0.2.0", 24, entry)]));
    let databases = Databases::open(None, Some(&file)).unwrap();
    assert_eq!(at(&databases, "192.0.2.1").asn, Input::Known(64500));
}

#[test]
fn a_code_that_is_no_country_is_no_known_one() {
    let files = Files::new();
    let country = files.put(
        "c.mmdb",
        &countries(&[("10.0.0.0", 8, "ZZ"), ("192.168.0.0", 16, "XX"), ("192.0.2.0", 24, "TR")]),
    );
    let databases = Databases::open(Some(&country), None).unwrap();
    for address in ["10.1.2.3", "192.168.1.1"] {
        assert_eq!(
            at(&databases, address),
            Place::NOWHERE,
            "a rule that refuses countries must not pass it by"
        );
    }
    assert_eq!(at(&databases, "192.0.2.1").country, known("TR"));
}

#[test]
fn where_a_block_is_registered_is_not_where_its_address_is() {
    let files = Files::new();
    let registered =
        Value::Map(vec![("registered_country", Value::Map(vec![("iso_code", Value::Text("US"))]))]);
    let used = Value::Map(vec![("country", Value::Map(vec![("iso_code", Value::Text("TR"))]))]);
    let file =
        files.put("c.mmdb", &database("X", &[("192.0.2.0", 24, registered), ("198.51.100.0", 24, used)]));
    let databases = Databases::open(Some(&file), None).unwrap();
    assert_eq!(at(&databases, "192.0.2.1").country, Input::Unknown);
    assert_eq!(at(&databases, "198.51.100.1").country, known("TR"));
}

#[test]
fn a_file_that_is_no_such_database_is_refused() {
    let files = Files::new();
    let asn = files.put("a.mmdb", &systems());
    let lacks = Database::open(&asn, Wanted::Country).unwrap_err();
    assert!(matches!(&lacks, Unusable::Lacks { kind, .. } if kind == "Test-ASN"), "{lacks}");
    let text = files.put("t.mmdb", b"not a database");
    assert!(matches!(Database::open(&text, Wanted::Asn), Err(Unusable::NoDatabase { .. })));
    let cut = files.put("cut.mmdb", &systems()[..200]);
    assert!(matches!(Database::open(&cut, Wanted::Asn), Err(Unusable::NoDatabase { .. })));
    let gone = files.0.path().join("gone.mmdb");
    assert!(matches!(Database::open(&gone, Wanted::Asn), Err(Unusable::Unread { .. })));
}

proptest! {
    #[test]
    fn a_damaged_database_is_refused_or_tells_of_places_and_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        address in any::<u32>(),
    ) {
        let mut bytes = countries(&[("192.0.2.0", 24, "TR"), ("0.0.0.0", 2, "DE"), ("128.0.0.0", 1, "US")]);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let files = Files::new();
        let file = files.put("c.mmdb", &bytes);
        if let Ok(databases) = Databases::open(Some(&file), None) {
            for address in [address, 0xc000_0201, 1] {
                let place = databases.place(IpAddr::from(address.to_be_bytes()));
                prop_assert_eq!(place.asn, Input::Unknown);
            }
        }
    }
}
