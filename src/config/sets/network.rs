//! `[[network]]`: address prefixes under a name.

use crate::base::table::Reader;
use crate::config::client::{check_name, prefixes};
use crate::config::sets::{Draft, Files, whose};
use crate::config::settings::NetworkSettings;

/// Reads one; `reader` is already called by its name.
pub(super) fn settle(reader: &mut Reader<'_, '_>, around: &mut Files<'_>) -> Draft<NetworkSettings> {
    let name = reader.need_text("name", "rules name it in network");
    if let Some(name) = &name {
        check_name(reader, name);
        if name.value == "unknown" || !name.value.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let what =
                "the name of a network must begin with a letter, and \"unknown\" has a meaning already";
            reader.wrong(&name.place, what, "for example \"office\"");
        }
    }
    let file = reader.text("file").map(|text| around.folder.join(text.value));
    if reader.node("prefixes").is_none() && file.is_none() {
        let hint =
            "for example prefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"], or a file with one on each line";
        reader.missing("prefixes", hint);
    }
    let (prefixes, _) = prefixes(reader, "prefixes");
    let called = name.as_ref().map_or("", |name| name.value);
    let before = (reader.out().errors.len(), reader.out().warnings.len());
    let network = around.gathering(reader.out()).network(called, &prefixes, file.as_deref());
    whose(reader, before);
    Draft {
        settings: NetworkSettings { network, prefixes, file },
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
    }
}
