//! `password-charset`: in what encodings a device sends passwords.

use toml::Value;

use crate::base::table::{Reader, Written, nearest};
use crate::base::text::safe;
use crate::config::show::list;
use crate::frontend::radius::charset::{Charset, Encoding, USUAL};

/// A word of its own for UTF-8, and ISO 8859-1 when it is not UTF-8.
const FALLBACK: &str = "latin1-fallback";

/// What is written, UTF-8 alone when nothing is.
pub(in crate::config::client) fn read(reader: &mut Reader<'_, '_>) -> Charset {
    let Some(texts) = reader.texts("password-charset") else { return Charset::default() };
    if let [only] = texts.as_slice()
        && only.value == FALLBACK
    {
        let latin1 = Encoding::named("iso-8859-1");
        return Charset::new([Some(Encoding::UTF_8), latin1].into_iter().flatten().collect());
    }
    let mut encodings: Vec<Encoding> = Vec::new();
    for text in texts {
        let Some(encoding) = encoding(reader, &text) else { continue };
        let name = encoding.name();
        if encodings.contains(&encoding) {
            let what = format!("password-charset names \"{name}\" twice");
            reader.wrong(&text.place, what, "remove one of them");
        } else if let Some(all) = encodings.iter().find(|before| before.reads_anything()) {
            let what =
                format!("password-charset never comes to \"{name}\", \"{}\" reads anything", all.name());
            reader.wrong(&text.place, what, "what can be told by the bytes goes first, such as \"utf-8\"");
        } else {
            encodings.push(encoding);
        }
    }
    Charset::new(encodings)
}

fn encoding(reader: &mut Reader<'_, '_>, text: &Written<&str>) -> Option<Encoding> {
    let found = Encoding::named(text.value);
    if found.is_none() {
        let what = format!("password-charset: \"{}\" is no encoding that we know", safe(text.value));
        let hint = match nearest(text.value, &USUAL) {
            _ if text.value == FALLBACK => {
                "in a list write \"utf-8\", \"iso-8859-1\" instead of \"latin1-fallback\"".to_owned()
            }
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "for example \"utf-8\", \"iso-8859-1\", \"windows-1252\" or \"koi8-r\"".to_owned(),
        };
        reader.wrong(&text.place, what, hint);
    }
    found
}

/// As it is shown: one word, or a list.
pub(in crate::config) fn shown(charset: &Charset) -> Value {
    match charset.encodings() {
        [only] => only.name().into(),
        several => list(several.iter().map(|encoding| encoding.name())),
    }
}
