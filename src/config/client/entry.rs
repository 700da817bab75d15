//! `code-entry` and the keys that go with it: how people give a code.

use crate::base::table::Reader;
use crate::base::text::safe;
use crate::login::client::{CodeEntry, Typed};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Challenge,
    Append,
    Separator,
}

const CHALLENGE: (&str, Way) = ("challenge", Way::Challenge);
const TYPED: [(&str, Way); 2] = [("append", Way::Append), ("separator", Way::Separator)];

/// For a client that can ask.
pub(in crate::config::client) fn asked(reader: &mut Reader<'_, '_>) -> CodeEntry {
    let ways = ways(reader, &[CHALLENGE, TYPED[0], TYPED[1]], Way::Challenge);
    for key in ["prompt", "challenge-life"] {
        only_with(reader, key, "challenge", ways.contains(&Way::Challenge));
    }
    entry(reader, &ways)
}

/// For a client that cannot ask.
pub(in crate::config::client) fn typed(reader: &mut Reader<'_, '_>) -> CodeEntry {
    let mut impossible = None;
    for text in reader.texts("code-entry").unwrap_or_default() {
        if text.value == CHALLENGE.0 {
            impossible = Some(text.place);
        }
    }
    if let Some(place) = impossible {
        let what = "code-entry names \"challenge\", and the bind of LDAP has no way to ask for a code";
        reader.wrong(&place, what, "write \"append\" (password123456) or \"separator\" (password,123456)");
        return CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } };
    }
    let ways = ways(reader, &TYPED, Way::Append);
    entry(reader, &ways)
}

/// The ways that are named; `usual` when none is said.
fn ways(reader: &mut Reader<'_, '_>, words: &[(&str, Way)], usual: Way) -> Vec<Way> {
    let Some(node) = reader.node("code-entry") else { return vec![usual] };
    let mut ways: Vec<Way> = Vec::new();
    for text in reader.texts("code-entry").unwrap_or_default() {
        match reader.word("code-entry", &text, words) {
            Some(way) if ways.contains(&way) => {
                let what = format!("code-entry names \"{}\" twice", safe(text.value));
                reader.wrong(&text.place, what, "remove one of them");
            }
            Some(way) => ways.push(way),
            None => {}
        }
    }
    if ways.contains(&Way::Append) && ways.contains(&Way::Separator) {
        let what = "code-entry has both \"append\" and \"separator\"; one field would have two readings";
        reader.wrong(&node.place, what, "choose one, so that one typing is one try at the directory");
    }
    ways
}

fn entry(reader: &mut Reader<'_, '_>, ways: &[Way]) -> CodeEntry {
    let digits = only_with(reader, "code-digits", "append", ways.contains(&Way::Append))
        .map_or(6, |()| u8::try_from(reader.whole("code-digits", 6..=8, 6)).unwrap_or(6));
    let separator = only_with(reader, "code-separator", "separator", ways.contains(&Way::Separator))
        .map_or(b',', |()| separator(reader));
    let typed = if ways.contains(&Way::Append) {
        Typed::Appended { digits }
    } else if ways.contains(&Way::Separator) {
        Typed::Separated { separator }
    } else {
        Typed::Nothing
    };
    CodeEntry { challenge: ways.contains(&Way::Challenge), typed }
}

/// A key that says something only when `code-entry` has `way`; without it, it would do nothing in silence.
fn only_with(reader: &mut Reader<'_, '_>, key: &str, way: &str, there: bool) -> Option<()> {
    let node = reader.node(key)?;
    if !there {
        let what = format!("{key} has no effect, code-entry does not name \"{way}\"");
        reader.wrong(&node.place, what, format!("add \"{way}\" to code-entry, or remove {key}"));
    }
    Some(())
}

fn separator(reader: &mut Reader<'_, '_>) -> u8 {
    let Some(text) = reader.text("code-separator") else { return b',' };
    match text.value.as_bytes() {
        [one] if one.is_ascii_punctuation() => *one,
        _ => {
            let what =
                format!("code-separator is \"{}\", it must be one ASCII punctuation mark", safe(text.value));
            reader.wrong(&text.place, what, "the default is \",\"");
            b','
        }
    }
}
