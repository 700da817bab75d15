//! Where users are, for logins that are only asked about: what is said of them counts, then what the databases say.

use std::sync::Arc;

use crate::cli::exit::Failure;
use crate::config::settings::GeoSettings;
use crate::daemon::assemble;
use crate::gateway::ports::places::Places;
use crate::login::policy::{Facts, Input, Place, UserAt};

/// The databases of a configuration.
pub(in crate::cli) struct Whereabouts {
    places: Arc<dyn Places>,
    country: bool,
    asn: bool,
}

impl Whereabouts {
    /// Reads the databases that there are.
    pub(in crate::cli) fn open(settings: &GeoSettings) -> Result<Self, Failure> {
        let places = assemble::places(settings)?;
        Ok(Self { places, country: settings.country.is_some(), asn: settings.asn.is_some() })
    }

    /// Where `user` is, as a login would see it. Of an address of which a part was cut off nothing is known.
    pub(in crate::cli) fn of(&self, user: UserAt) -> Place {
        match user {
            UserAt::Address(address) => self.places.place(address),
            UserAt::Within(_) | UserAt::Unknown => Place::NOWHERE,
        }
    }

    /// The same login, with what is pending about its place looked up where there is a database for it.
    pub(in crate::cli) fn look_up<'a>(&self, facts: Facts<'a>) -> Facts<'a> {
        let UserAt::Address(_) = facts.user else { return facts };
        let found = self.of(facts.user);
        let said = facts.place;
        let country = if self.country { or(said.country, found.country) } else { said.country };
        let asn = if self.asn { or(said.asn, found.asn) } else { said.asn };
        Facts { place: Place { country, asn }, ..facts }
    }
}

/// What was said; what was found where nothing was.
pub(in crate::cli) fn or<T>(said: Input<T>, found: Input<T>) -> Input<T> {
    match said {
        Input::Known(_) | Input::Unknown => said,
        Input::Pending => found,
    }
}
