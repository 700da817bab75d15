use super::*;
use crate::wire::radius::dictionary::MS_CHAP2_SUCCESS;

/// A request with attributes of Microsoft, each in a Vendor-Specific of its own.
fn with(attributes: &[(u8, usize)]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend([6; 16]);
    for (kind, length) in attributes {
        let inner = u8::try_from(length + 2).unwrap();
        bytes.extend([26, inner + 6, 0, 0, 1, 55, *kind, inner]);
        bytes.extend((0..*length).map(|n| u8::try_from(n % 200).unwrap() + 40));
    }
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
    bytes
}

fn read(attributes: &[(u8, usize)]) -> Result<Option<(Version, u8, usize, bool)>, BadMsChap> {
    let bytes = with(attributes);
    let login = MsChap::read(&Packet::parse(&bytes).unwrap())?;
    Ok(login.map(|l| (l.version, l.identifier, l.challenge.len(), l.changes_password)))
}

const NEW_PASSWORD: [(u8, usize); 3] =
    [(MS_CHAP_NT_ENC_PW, 247), (MS_CHAP_NT_ENC_PW, 247), (MS_CHAP_NT_ENC_PW, 34)];

#[test]
fn a_097_both_versions_are_read_with_challenges_of_their_size() {
    assert_eq!(read(&[(11, 16), (25, 50)]), Ok(Some((Version::V2, 40, 16, false))));
    assert_eq!(read(&[(1, 50), (11, 8)]), Ok(Some((Version::V1, 40, 8, false))));
    assert_eq!(read(&[(11, 16)]), Ok(None), "a challenge alone is no login");
    assert_eq!(read(&[]), Ok(None));
}

#[test]
fn a_097_every_other_size_is_refused() {
    for length in (0..=247).filter(|n| *n != 50) {
        for kind in [1, 25] {
            let expected = BadMsChap::Size { kind, length, expected: 50 };
            assert_eq!(read(&[(11, 16), (kind, length)]), Err(expected));
        }
    }
    for length in (0..=247).filter(|n| *n != 16) {
        let expected = BadMsChap::Size { kind: 11, length, expected: 16 };
        assert_eq!(read(&[(11, length), (25, 50)]), Err(expected));
    }
    assert!(matches!(read(&[(11, 16), (1, 50)]), Err(BadMsChap::Size { kind: 11, expected: 8, .. })));
}

#[test]
fn a_login_is_there_once_and_with_its_challenge() {
    assert_eq!(read(&[(25, 50)]), Err(BadMsChap::NoChallenge));
    assert_eq!(read(&[(11, 16), (25, 50), (25, 50)]), Err(BadMsChap::Several));
    assert_eq!(read(&[(11, 16), (11, 16), (25, 50)]), Err(BadMsChap::Several));
    let change = [&[(11, 16), (25, 50), (27, 68)], &NEW_PASSWORD[..]].concat();
    assert_eq!(read(&change), Err(BadMsChap::Several));
}

#[test]
fn a_105_a_change_of_password_is_there_as_a_whole_or_refused() {
    let change = |parts: &[(u8, usize)]| read(&[&[(11, 16), (27, 68)], parts].concat());
    assert_eq!(change(&NEW_PASSWORD), Ok(Some((Version::V2, 41, 16, true))));
    assert_eq!(change(&NEW_PASSWORD[..2]), Err(BadMsChap::NewPassword(486)));
    assert_eq!(change(&[]), Err(BadMsChap::NewPassword(0)));

    let old = |parts: &[(u8, usize)]| read(&[&[(11, 8), (4, 84)], parts].concat());
    assert_eq!(old(&NEW_PASSWORD), Ok(Some((Version::V1, 41, 8, true))));
    let half = [&NEW_PASSWORD[..], &[(MS_CHAP_LM_ENC_PW, 100)]].concat();
    assert_eq!(old(&half), Err(BadMsChap::NewPassword(96)));
    assert_eq!(read(&[(11, 8), (3, 70)]), Ok(Some((Version::V1, 41, 8, true))));
}

#[test]
fn a_100_an_error_is_written_as_rfc_2759_section_6_has_it() {
    let challenge = [0xab; 16];
    let value = error_value(Version::V2, 7, ErrorCode::Authentication, &challenge, "Sign-in failed");
    let hex = "AB".repeat(16);
    assert_eq!(value, format!("\u{7}E=691 R=0 C={hex} V=3 M=Sign-in failed").into_bytes());
    let value = error_value(Version::V1, 7, ErrorCode::Authentication, &challenge, "not in this version");
    assert_eq!(value, format!("\u{7}E=691 R=0 C={} V=2", "AB".repeat(8)).into_bytes());
}

#[test]
fn a_100_a_message_that_is_too_long_is_cut_between_characters() {
    let value = error_value(Version::V2, 7, ErrorCode::Disabled, &[0; 16], &"é\n".repeat(300));
    assert!(value.len() <= 247 && value.len() >= 246, "{}", value.len());
    assert!(std::str::from_utf8(&value).unwrap().ends_with("éé"));
}

#[test]
fn the_code_of_an_error_is_read_with_and_without_its_identifier() {
    for code in ErrorCode::ALL {
        for version in [Version::V1, Version::V2] {
            let value = error_value(version, 3, code, &[1; 16], "M");
            assert_eq!(error_code(&value), Some(code));
            assert_eq!(error_code(&value[1..]), Some(code));
        }
    }
    assert_eq!(error_code(b"\x01E=648"), Some(ErrorCode::PasswordExpired));
    for other in
        [&b""[..], b"\x01", b"\x01E=", b"\x01E=x", b"\x01E=999 R=0", b"\x01E=99999999", b"\x01\x01E=691"]
    {
        assert_eq!(error_code(other), None, "{other:?}");
    }
}

#[test]
fn a_099_a_success_has_an_identifier_and_forty_digits() {
    let good = format!("\u{9}S={}", "407A5589115FD0D6209F510FE9C04566932CDA56");
    let read = Success::read(good.as_bytes()).unwrap();
    assert_eq!((read.identifier, &read.text[..4]), (9, &b"S=40"[..]));
    for bad in [&good[..42], &format!("{good}0"), &good.to_lowercase(), &good.replace('A', "G"), ""] {
        assert_eq!(Success::read(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(MS_CHAP2_SUCCESS, 26);
}

#[test]
fn debug_output_shows_nothing_that_can_be_tried_against_passwords() {
    let bytes = with(&[(11, 16), (25, 50)]);
    let login = MsChap::read(&Packet::parse(&bytes).unwrap()).unwrap().unwrap();
    assert_eq!(format!("{login:?}"), "MsChap { version: V2, changes_password: false, .. }");
}
