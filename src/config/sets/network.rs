//! `[[network]]`: address prefixes under a name.

use std::path::Path;
use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::base::table::Reader;
use crate::config::client::{check_name, prefixes};
use crate::config::sets::Draft;
use crate::config::settings::NetworkSettings;
use crate::login::policy::Network;

/// Reads one; `reader` is already called by its name.
pub(super) fn settle(reader: &mut Reader<'_, '_>, _folder: &Path) -> Draft<NetworkSettings> {
    let name = reader.need_text("name", "rules name it in network");
    if let Some(name) = &name {
        check_name(reader, name);
        if name.value == "unknown" || !name.value.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let what =
                "the name of a network must begin with a letter, and \"unknown\" has a meaning already";
            reader.wrong(&name.place, what, "for example \"office\"");
        }
    }
    if reader.node("prefixes").is_none() {
        reader.missing("prefixes", "for example prefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"]");
    }
    let (prefixes, _) = prefixes(reader, "prefixes");
    let called = name.as_ref().map_or("", |name| name.value);
    let network = Arc::new(Network::new(called, prefixes.clone()));
    Draft {
        settings: NetworkSettings { network, prefixes },
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
    }
}

/// Whether a prefix lies inside another one.
pub(in crate::config) fn lies_in(inner: &Prefix, outer: &Prefix) -> bool {
    outer.overlaps(inner) && outer.bits() <= inner.bits()
}
