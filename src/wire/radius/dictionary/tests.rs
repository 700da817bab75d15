use super::*;
use crate::wire::radius::attribute::Attributes;

fn by_name(name: &str) -> Entry {
    named(name).unwrap().entry
}

#[test]
fn the_table_is_sorted_so_that_every_row_is_found() {
    for pair in standard::STANDARD.windows(2) {
        assert!(pair[0].kind < pair[1].kind, "{} before {}", pair[0].name, pair[1].name);
    }
    for row in standard::STANDARD {
        assert_eq!(entry(row.kind), Some(row));
    }
    assert_eq!(entry(17), None);
}

#[test]
fn every_row_is_found_by_its_name_and_stands_with_its_vendor() {
    for row in entries() {
        assert_eq!(by_name(&row.name.to_uppercase()), *row, "{}", row.name);
    }
    for (vendor, name, rows) in VENDORS {
        assert_eq!(vendor_name(*vendor), Some(*name), "a vendor stands once");
        assert!(rows.iter().all(|row| row.vendor == Some(*vendor)), "{name}");
    }
}

#[test]
fn two_rows_of_one_attribute_agree_in_everything_but_their_name() {
    for row in entries().filter(|row| row.vendor.is_some()) {
        let first = vendor_entry(row.vendor.unwrap(), row.kind).unwrap();
        assert_eq!((first.form, first.place), (row.form, row.place), "{} and {}", first.name, row.name);
    }
}

#[test]
fn names_of_values_belong_to_integers_that_are_there() {
    for (name, values) in values::VALUES {
        let entry = by_name(name);
        assert!(matches!(entry.form, Form::Integer | Form::TaggedInteger), "{name}");
        for (number, value) in *values {
            assert_eq!(entry.value_of(&value.to_lowercase()), Some(*number), "{name} {value}");
            assert!(value.parse::<u32>().is_err(), "{name} {value} would be taken for a number");
        }
    }
    assert_eq!(by_name("Service-Type").value_name(6), Some("Administrative"));
    assert_eq!(by_name("Service-Type").value_of("Framed-User"), Some(2));
    assert_eq!(by_name("Tunnel-Type").value_of("VLAN"), Some(13));
    assert_eq!(by_name("Tunnel-Medium-Type").value_of("IEEE-802"), Some(6));
    assert_eq!(by_name("Filter-Id").names(), []);
}

#[test]
fn whatever_carries_a_password_or_key_is_hidden() {
    for kind in [USER_PASSWORD, CHAP_PASSWORD, TUNNEL_PASSWORD, ARAP_PASSWORD, EAP_MESSAGE] {
        assert!(entry(kind).unwrap().form.is_secret(), "{kind}");
    }
    for kind in [1, 3, 4, 5, 6, 12, 16, 17, 19, 20, 25, 26, 27] {
        assert!(vendor_entry(MICROSOFT, kind).unwrap().form.is_secret(), "{kind}");
    }
    for name in ["Mikrotik-Wireless-PSK", "Aruba-MPSK-Passphrase", "Ruckus-Dpsk", "ASA-WebVPN-Storage-Key"] {
        assert!(by_name(name).form.is_secret(), "{name}");
    }
}

#[test]
fn e_006_the_attributes_of_the_appliances_are_there_with_their_numbers() {
    for (name, vendor, kind) in [
        ("Fortinet-Group-Name", 12356, 1),
        ("PaloAlto-User-Group", 25461, 5),
        ("Cisco-AVPair", 9, 1),
        ("ASA-Group-Policy", 3076, 25),
        ("CVPN3000-Group-Policy", 3076, 25),
        ("Mikrotik-Group", 14988, 3),
        ("Mikrotik-Rate-Limit", 14988, 8),
        ("SonicWall-User-Group", 8741, 3),
        ("Citrix-User-Groups", 66, 16),
        ("Juniper-Local-Group-Name", 2636, 46),
        ("CP-Gaia-User-Role", 2620, 229),
        ("CP-Gaia-SuperUser-Access", 2620, 230),
        ("F5-LTM-User-Role", 3375, 1),
        ("Aruba-User-Role", 14823, 1),
        ("Ruckus-User-Groups", 25053, 1),
        ("Meraki-Device-Name", 29671, 1),
        ("MS-MPPE-Encryption-Types", 311, 8),
    ] {
        let entry = by_name(name);
        assert_eq!((entry.vendor, entry.kind), (Some(vendor), kind), "{name}");
    }
}

#[test]
fn a_name_may_have_a_tag_behind_it_when_the_attribute_has_one() {
    assert_eq!(named("tunnel-type:1").map(|n| (n.entry.kind, n.tag)), Ok((64, Some(1))));
    assert_eq!(named("Tunnel-Type").map(|n| n.tag), Ok(None));
    assert_eq!(named("Filter-Id:1"), Err(Unnamed::NoTag));
    for tag in ["", "32", "x", "-1", "256", "1:1"] {
        assert_eq!(named(&format!("Tunnel-Type:{tag}")), Err(Unnamed::BadTag), "{tag}");
    }
    assert_eq!(named("Tunnel-Typ"), Err(Unnamed::Unknown));
}

#[test]
fn an_attribute_that_is_not_in_the_dictionary_is_named_by_its_numbers() {
    let unknown = by_name("attr-26.11256.1");
    assert_eq!((unknown.vendor, unknown.kind, unknown.form), (Some(11256), 1, Form::Bytes));
    assert!(unknown.is_administrative(b"x"), "nobody here knows what it does");
    assert_eq!(by_name("Attr-26.12356.1").name, "Fortinet-Group-Name", "what is known is known");
    for wrong in
        ["Attr-26.", "Attr-26.1", "Attr-26.0.1", "Attr-26.16777216.1", "Attr-26.9.256", "Attr-25.1.1"]
    {
        assert_eq!(named(wrong), Err(Unnamed::Unknown), "{wrong}");
    }
}

#[test]
fn a_076_what_gives_rights_over_the_device_is_known_by_name_or_by_value() {
    for name in [
        "Management-Privilege-Level",
        "ASA-Privilege-Level",
        "HP-Privilege-Level",
        "Juniper-Local-User-Name",
        "PaloAlto-Admin-Role",
        "PaloAlto-Panorama-Admin-Role",
        "Aruba-Admin-Role",
        "Aruba-Priv-Admin-User",
        "CP-Gaia-SuperUser-Access",
        "F5-LTM-User-Role",
        "Fortinet-Access-Profile",
        "NS-Admin-Privilege",
        "Mikrotik-Group",
    ] {
        assert!(by_name(name).is_administrative(b""), "{name}");
    }
    for name in
        ["Class", "Filter-Id", "Fortinet-Group-Name", "PaloAlto-User-Group", "MS-MPPE-Encryption-Types"]
    {
        assert!(!by_name(name).is_administrative(b"anything"), "{name}");
    }
    let pair = by_name("Cisco-AVPair");
    for value in
        ["shell:priv-lvl=15", "Shell:roles*\"admin\"", "shell:tasks=#root", "fdm.userrole.authority.admin"]
    {
        assert!(pair.is_administrative(value.as_bytes()), "{value}");
    }
    assert!(!pair.is_administrative(b"ip:inacl#1=permit ip any any"));
    let group = by_name("SonicWall-User-Group");
    assert!(group.is_administrative(b"SonicWALL Administrators") && !group.is_administrative(b"SSLVPN"));
    assert!(by_name("SonicWall-User-Privilege").is_administrative(&[0, 0, 0, 5]));
    assert!(!by_name("SonicWall-User-Privilege").is_administrative(&[0, 0, 0, 4]));
}

#[test]
fn a_076_every_service_of_administrators_is_one_and_so_is_one_that_cannot_be_read() {
    let service = by_name("Service-Type");
    let all = 0..=20u32;
    let found: Vec<u32> = all.filter(|number| service.is_administrative(&number.to_be_bytes())).collect();
    assert_eq!(found, [6, 7, 9, 11, 18]);
    assert!(service.is_administrative(b"") && service.is_administrative(&[0; 5]));
}

#[test]
fn a_076_a_vendor_attribute_is_administrative_when_one_of_its_pieces_is_or_may_be() {
    let is = |bytes: &[u8]| is_administrative(&Attributes::new(bytes, 0).next().unwrap());
    assert!(!is(&[26, 9, 0, 0, 48, 68, 1, 3, b'x']), "Fortinet-Group-Name");
    assert!(is(&[26, 12, 0, 0, 48, 68, 1, 3, b'x', 6, 3, b'y']), "Fortinet-Access-Profile behind it");
    assert!(is(&[26, 9, 0, 0, 48, 68, 99, 3, b'x']), "unknown");
    assert!(is(&[26, 6, 0, 0, 48, 68]), "unreadable");
    assert!(is(&[6, 6, 0, 0, 0, 6]) && !is(&[6, 6, 0, 0, 0, 2]));
    assert!(!is(&[25, 3, b'x']));
}

#[test]
fn what_the_protocol_and_the_device_put_into_packets_nobody_may_wish_for() {
    for kind in
        [USER_PASSWORD, STATE, VENDOR_SPECIFIC, PROXY_STATE, EAP_MESSAGE, MESSAGE_AUTHENTICATOR, NAS_PORT]
    {
        assert_eq!(entry(kind).unwrap().place, Place::Never, "{kind}");
    }
    for name in ["MS-CHAP2-Success", "MS-MPPE-Send-Key", "PaloAlto-Client-Source-IP", "Acct-Session-Id"] {
        assert_eq!(by_name(name).place, Place::Never, "{name}");
    }
}
