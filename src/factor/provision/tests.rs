use super::*;
use crate::base::random::SeededRandom;

const LABEL: Label<'static> = Label { issuer: "Example Corp", account: "anna:ö@example.org" };
const USUAL: Parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 };

fn fresh(parameters: &Parameters) -> Provisioned {
    Provisioner::new(Arc::new(SeededRandom::new(9))).fresh(parameters, &LABEL).unwrap()
}

fn brought(parameters: &Parameters, seed: &str) -> Result<Provisioned, CannotProvision> {
    let seed = Secret::copied(seed.as_bytes());
    Provisioner::new(Arc::new(SeededRandom::new(9))).brought(parameters, &seed, &LABEL)
}

fn shown(provisioned: &Provisioned) -> (String, String) {
    let Shown::Generator { uri, seed } = &provisioned.shown else { panic!("no generator") };
    (uri.expose_str().unwrap().to_owned(), seed.expose_str().unwrap().to_owned())
}

#[test]
fn the_address_says_everything_and_escapes_the_names_c_030() {
    let provisioned = brought(&USUAL, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let (uri, seed) = shown(&provisioned);
    assert_eq!(
        uri,
        "otpauth://totp/Example%20Corp:anna%3A%C3%B6%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=Example%20Corp&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(seed, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(provisioned.secret, Secret::copied(b"12345678901234567890"));
}

#[test]
fn a_counter_is_part_of_a_counter_based_address() {
    let (uri, _) = shown(&fresh(&Parameters::Hotp { digits: 7 }));
    assert!(uri.starts_with("otpauth://hotp/Example%20Corp:"), "{uri}");
    assert!(uri.ends_with("&algorithm=SHA1&digits=7&counter=0"), "{uri}");
}

#[test]
fn another_implementation_reads_our_address_and_makes_codes_that_we_accept() {
    let parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha256, digits: 8, period: 60 };
    let provisioned = fresh(&parameters);
    let (uri, _) = shown(&provisioned);
    let app = totp_rs::Totp::from_url_unchecked(uri).unwrap();
    assert_eq!(app.issuer(), Some("Example Corp"));
    let code: u32 = app.generate(1_800_000_000).to_string().parse().unwrap();
    let seed = crate::factor::otp::Keyed::new(OtpAlgorithm::Sha256, &provisioned.secret).unwrap();
    let ours = seed.value(1_800_000_000 / 60).map(|value| value % 100_000_000);
    assert_eq!(ours, Some(code));
}

#[test]
fn a_fresh_seed_is_as_long_as_its_hash_and_never_the_same_twice_c_021() {
    let provisioner = Provisioner::new(Arc::new(SeededRandom::new(9)));
    let of = |algorithm| Parameters::Totp { algorithm, digits: 6, period: 30 };
    for (parameters, length) in [
        (of(OtpAlgorithm::Sha1), 20),
        (of(OtpAlgorithm::Sha256), 32),
        (of(OtpAlgorithm::Sha512), 64),
        (Parameters::Hotp { digits: 6 }, 20),
    ] {
        let one = provisioner.fresh(&parameters, &LABEL).unwrap();
        let other = provisioner.fresh(&parameters, &LABEL).unwrap();
        assert_eq!((one.secret.len(), one.weak), (length, false), "{parameters:?}");
        assert_ne!(one.secret, other.secret);
    }
}

#[test]
fn a_brought_seed_is_read_as_people_write_it() {
    for text in ["gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ===="] {
        assert_eq!(brought(&USUAL, text).unwrap().secret, Secret::copied(b"12345678901234567890"), "{text}");
    }
    for text in ["GEZDGNB0", "GEZ!", "ä", &"A".repeat(600)] {
        assert_eq!(brought(&USUAL, text).unwrap_err(), CannotProvision::NotBase32, "{text}");
    }
}

#[test]
fn short_seeds_are_refused_or_warned_about_c_021() {
    let of = |length: usize| brought(&USUAL, &data_encoding::BASE32_NOPAD.encode(&vec![7; length]));
    for (length, weak) in [(10, true), (15, true), (16, false), (128, false)] {
        assert_eq!(of(length).map(|p| p.weak), Ok(weak), "{length} bytes");
    }
    for length in [0, 9, 129] {
        assert_eq!(of(length).unwrap_err(), CannotProvision::Length(length));
    }
}

#[test]
fn what_no_generator_can_do_is_refused() {
    let of = |digits, period| Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits, period };
    let provisioner = Provisioner::new(Arc::new(SeededRandom::new(9)));
    for parameters in [of(5, 30), of(9, 30), of(6, 29), of(6, 0), Parameters::Hotp { digits: 9 }] {
        let got = provisioner.fresh(&parameters, &LABEL);
        assert_eq!(got.unwrap_err(), CannotProvision::Parameters, "{parameters:?}");
    }
    let nameless = Label { issuer: "Example", account: " " };
    assert_eq!(provisioner.fresh(&USUAL, &nameless).unwrap_err(), CannotProvision::Label);
    assert_eq!(brought(&Parameters::Recovery, "GEZDGNBV").unwrap_err(), CannotProvision::NotASeed);
}

impl PartialEq for Provisioned {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret && self.weak == other.weak
    }
}
