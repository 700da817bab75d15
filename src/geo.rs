//! Where addresses are, by local databases in the MaxMind format. None is shipped, and none is needed (F-022).
//!
//! Read are the databases of MaxMind and DB-IP (`country.iso_code`, `autonomous_system_number`) and those of IPinfo
//! (`country_code` or `country`, `asn`). What counts is where an address is used; where its block is registered
//! (`registered_country`) says little about who uses it, so an address of which only that is known is somewhere
//! unknown. The same holds for an address that is in no database, and wherever a database is damaged.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};

use crate::base::cidr::canonical;
use crate::gateway::ports::places::Places;
use crate::login::policy::{Country, Input, Place};

/// No database is longer than this many bytes; the largest of countries have 20 MB, those with cities 150.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Codes that ISO 3166-1 leaves to users, and that stand for an unknown country.
const NO_COUNTRY: [&str; 2] = ["ZZ", "XX"];

/// Entries in which a database must show what is wanted of it.
const PROBED: usize = 10_000;

/// What is asked of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Countries.
    Country,
    /// Numbers of autonomous systems.
    Asn,
}

impl Wanted {
    /// The key in the configuration, and its word in the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
        }
    }

    /// Where it may stand in an entry.
    const fn paths(self) -> &'static [&'static [PathElement<'static>]] {
        match self {
            Self::Country => &[
                &[PathElement::Key("country"), PathElement::Key("iso_code")],
                &[PathElement::Key("country_code")],
                &[PathElement::Key("country")],
            ],
            Self::Asn => &[&[PathElement::Key("autonomous_system_number")], &[PathElement::Key("asn")]],
        }
    }
}

/// Why a database is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It could not be read.
    #[error("{file} cannot be read: {why}")]
    Unread {
        /// The path.
        file: String,
        /// What the system says.
        why: String,
    },
    /// It is longer than any database.
    #[error("{file} is longer than {LONGEST} bytes")]
    TooLong {
        /// The path.
        file: String,
    },
    /// It is something else.
    #[error("{file} is no database in the MaxMind format, or is damaged: {why}")]
    NoDatabase {
        /// The path.
        file: String,
        /// What was found.
        why: String,
    },
    /// It holds something else.
    #[error("{file} is a database of the type {kind}, in which no {what} was found", what = .wanted.word())]
    Lacks {
        /// The path.
        file: String,
        /// What it calls itself.
        kind: String,
        /// What was wanted.
        wanted: Wanted,
    },
}

/// A database, held in memory.
#[derive(Debug)]
pub struct Database {
    reader: Reader<Vec<u8>>,
    wanted: Wanted,
    path: &'static [PathElement<'static>],
    damaged: AtomicBool,
}

/// The databases of the configuration.
#[derive(Debug, Default)]
pub struct Databases {
    country: Option<Database>,
    asn: Option<Database>,
}

impl Databases {
    /// Reads the databases that there are.
    ///
    /// # Errors
    ///
    /// [`Unusable`]: the first one that is.
    pub fn open(country: Option<&Path>, asn: Option<&Path>) -> Result<Self, Unusable> {
        let open = |file: Option<&Path>, wanted| file.map(|file| Database::open(file, wanted)).transpose();
        Ok(Self { country: open(country, Wanted::Country)?, asn: open(asn, Wanted::Asn)? })
    }
}

impl Places for Databases {
    fn place(&self, address: IpAddr) -> Place {
        let country = self.country.as_ref().and_then(|database| database.country(address));
        let asn = self.asn.as_ref().and_then(|database| database.asn(address));
        Place {
            country: country.map_or(Input::Unknown, Input::Known),
            asn: asn.map_or(Input::Unknown, Input::Known),
        }
    }
}

impl Database {
    /// Reads a database, and makes sure that it has what is wanted.
    ///
    /// # Errors
    ///
    /// [`Unusable`].
    pub fn open(file: &Path, wanted: Wanted) -> Result<Self, Unusable> {
        let shown = file.display().to_string();
        let unread = |error: std::io::Error| Unusable::Unread { file: shown.clone(), why: error.to_string() };
        let mut bytes = Vec::new();
        let opened = File::open(file).map_err(unread)?;
        let length = opened.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(unread)?;
        if u64::try_from(length).unwrap_or(u64::MAX) > LONGEST {
            return Err(Unusable::TooLong { file: shown });
        }
        let no_database =
            |error: MaxMindDbError| Unusable::NoDatabase { file: shown.clone(), why: error.to_string() };
        let reader = Reader::from_source(bytes).map_err(no_database)?;
        let Some(path) = shape(&reader, wanted).map_err(no_database)? else {
            let kind = reader.metadata().database_type.clone();
            return Err(Unusable::Lacks { file: shown, kind, wanted });
        };
        Ok(Self { reader, wanted, path, damaged: AtomicBool::new(false) })
    }

    fn country(&self, address: IpAddr) -> Option<Country> {
        // Some makers write a code that is no country where they know of none, as for private addresses.
        let code = self.found::<&str>(address).filter(|code| !NO_COUNTRY.contains(code))?;
        Country::new(code)
    }

    fn asn(&self, address: IpAddr) -> Option<u32> {
        self.found::<Number<'_>>(address)?.value()
    }

    fn found<'d, T: serde::Deserialize<'d>>(&'d self, address: IpAddr) -> Option<T> {
        let address = canonical(address);
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return None;
        }
        let found = self.reader.lookup(address).and_then(|entry| entry.decode_path(self.path));
        found.unwrap_or_else(|error| {
            if !self.damaged.swap(true, Ordering::Relaxed) {
                let database = self.wanted.word();
                tracing::warn!(
                    event = "geo.damaged",
                    database,
                    "a database is damaged, addresses in it are unknown: {error}"
                );
            }
            None
        })
    }
}

/// A number, or a text such as `AS64496`.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Whole(u32),
    Text(&'a str),
}

impl Number<'_> {
    fn value(&self) -> Option<u32> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.strip_prefix("AS").unwrap_or(text).parse().ok(),
        }
        .filter(|number| *number != 0)
    }
}

/// Where in its entries a database has what is wanted.
fn shape(
    reader: &Reader<Vec<u8>>,
    wanted: Wanted,
) -> Result<Option<&'static [PathElement<'static>]>, MaxMindDbError> {
    for entry in reader.networks(WithinOptions::default())?.take(PROBED) {
        let entry = entry?;
        let has = |path: &&&'static [PathElement<'static>]| match wanted {
            Wanted::Country => entry
                .decode_path::<&str>(path)
                .ok()
                .flatten()
                .is_some_and(|text| Country::new(text).is_some()),
            Wanted::Asn => entry
                .decode_path::<Number<'_>>(path)
                .ok()
                .flatten()
                .is_some_and(|number| number.value().is_some()),
        };
        if let Some(path) = wanted.paths().iter().find(has) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the tests of the finished program use it too")]
#[path = "../tests/support/mmdb.rs"]
mod mmdb;
#[cfg(test)]
mod tests;
