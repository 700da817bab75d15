//! Conditions about where, how and when somebody logs in.

use crate::base::table::Reader;
use crate::base::text::safe;
use crate::config::client::prefix;
use crate::config::sets::Sets;
use crate::login::client::Protocol;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::policy::facts::Country;
use crate::login::policy::{Condition, First, Network};

/// ISO 3166-1, and XK, which databases use for Kosovo.
const COUNTRIES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCL\
    CMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUID\
    IEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMW\
    MXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSY\
    SZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";

pub(super) fn protocols(reader: &mut Reader<'_, '_>) -> Option<Condition> {
    let words = Protocol::ALL.map(|protocol| (protocol.word(), protocol));
    let texts = reader.texts("protocol")?;
    let found = texts.iter().filter_map(|text| reader.word("protocol", text, &words)).collect();
    Some(Condition::Protocol(found))
}

pub(super) fn first(reader: &mut Reader<'_, '_>) -> Option<Condition> {
    Some(Condition::First(first_credentials(reader)?))
}

/// Reads `first-credential`.
pub(in crate::config) fn first_credentials(reader: &mut Reader<'_, '_>) -> Option<Vec<First>> {
    let words = First::ALL.map(|first| (first.word(), first));
    let texts = reader.texts("first-credential")?;
    Some(texts.iter().filter_map(|text| reader.word("first-credential", text, &words)).collect())
}

/// Addresses, prefixes, names of networks, and "unknown".
pub(super) fn networks(reader: &mut Reader<'_, '_>, sets: &Sets) -> Option<Condition> {
    let texts = reader.texts("network")?;
    let (mut networks, mut prefixes, mut unknown) = (Vec::new(), Vec::new(), false);
    for text in texts {
        if text.value == "unknown" {
            unknown = true;
        } else if text.value.starts_with(|c: char| c.is_ascii_alphabetic())
            && !text.value.contains([':', '/'])
        {
            networks.extend(sets.network(reader, &text));
        } else {
            prefixes.extend(prefix(reader, "network", &text));
        }
    }
    if !prefixes.is_empty() {
        networks.push(std::sync::Arc::new(Network::new("", prefixes)));
    }
    Some(match (networks.is_empty(), unknown) {
        (true, true) => Condition::AddressUnknown,
        (_, false) => Condition::Network(networks),
        (false, true) => Condition::Any(vec![Condition::Network(networks), Condition::AddressUnknown]),
    })
}

pub(super) fn countries(reader: &mut Reader<'_, '_>) -> Option<Condition> {
    let texts = reader.texts("country")?;
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        match country(text.value) {
            Some(country) => found.push(country),
            None => {
                let what = format!("country: \"{}\" is no country", safe(text.value));
                let hint = if text.value.eq_ignore_ascii_case("uk") {
                    "the code of the United Kingdom is \"GB\""
                } else {
                    "two letters of ISO 3166-1, such as \"TR\" or \"DE\""
                };
                reader.wrong(&text.place, what, hint);
            }
        }
    }
    Some(Condition::Country(found))
}

/// The country of this code, if there is one.
pub(in crate::config) fn country(code: &str) -> Option<Country> {
    let country = Country::new(code)?;
    let known = COUNTRIES.as_bytes().chunks_exact(2).any(|known| known.eq_ignore_ascii_case(code.as_bytes()));
    known.then_some(country)
}

pub(super) fn systems(reader: &mut Reader<'_, '_>) -> Option<Condition> {
    let numbers = reader.numbers("asn", 1..=u32::MAX, "the number of an autonomous system, such as 64496")?;
    Some(Condition::Asn(numbers.into_iter().map(|number| number.value).collect()))
}

pub(super) fn calendars(reader: &mut Reader<'_, '_>, sets: &Sets) -> Option<Condition> {
    let texts = reader.texts("calendar")?;
    Some(Condition::Calendar(texts.iter().filter_map(|text| sets.calendar(reader, text)).collect()))
}

/// What was before this login, and what is enrolled.
pub(super) fn history(reader: &mut Reader<'_, '_>) -> [Option<Condition>; 4] {
    [
        reader.maybe("first-login").map(Condition::FirstLogin),
        reader.maybe("new-network").map(Condition::NewNetwork),
        reader.number("last-login-before", 1..=36_500, "a number of days").map(Condition::LastLoginBefore),
        enrolled(reader).map(|(kinds, nothing)| Condition::Enrolled { kinds, nothing }),
    ]
}

/// Reads `enrolled`: kinds of factors, or "nothing".
pub(in crate::config) fn enrolled(reader: &mut Reader<'_, '_>) -> Option<(FactorKinds, bool)> {
    let texts = reader.texts("enrolled")?;
    let mut words: Vec<(&str, Option<FactorKind>)> =
        FactorKind::ALL.iter().map(|kind| (kind.word(), Some(*kind))).collect();
    words.push(("nothing", None));
    let found: Vec<_> = texts.iter().filter_map(|text| reader.word("enrolled", text, &words)).collect();
    Some((found.iter().copied().flatten().collect(), found.contains(&None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_its_code_once_and_no_other_code_is_one() {
        let codes: Vec<&[u8]> = COUNTRIES.as_bytes().chunks(2).collect();
        assert_eq!(codes.len(), 250, "249 of ISO 3166-1 and XK");
        assert!(codes.is_sorted() && codes.windows(2).all(|pair| pair[0] != pair[1]));
        for code in ["TR", "de", "Gb", "ZW", "AD"] {
            assert!(country(code).is_some(), "{code}");
        }
        for code in ["UK", "EU", "T", "TUR", "", "DA", "É"] {
            assert!(country(code).is_none(), "{code}");
        }
    }
}
