//! What rules name: networks, windows and calendars.

mod calendar;
mod network;
mod window;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::base::clock::UnixTime;
use crate::base::report::{Complaints, Place, Source};
use crate::base::table::{Reader, Written};
use crate::base::text::safe;
use crate::config::check::{suggestion, twice};
use crate::config::data::Gathering;
use crate::config::file;
use crate::config::load::called;
use crate::config::settings::{CalendarSettings, NetworkSettings};
use crate::login::policy::window::NamedCalendar;
use crate::login::policy::{Network, Window};

/// A set and where the things stand that others are compared with.
pub(in crate::config) struct Draft<T> {
    pub(in crate::config) settings: T,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
}

/// All of them.
pub(in crate::config) struct Sets {
    pub(in crate::config) networks: Vec<Draft<NetworkSettings>>,
    pub(in crate::config) windows: Vec<Draft<Arc<Window>>>,
    pub(in crate::config) calendars: Vec<Draft<CalendarSettings>>,
    networks_by_name: BTreeMap<Arc<str>, Arc<Network>>,
    windows_by_name: BTreeMap<Arc<str>, Arc<Window>>,
    calendars_by_name: BTreeMap<Arc<str>, Arc<NamedCalendar>>,
}

/// What is needed to read the files that networks and calendars name.
pub(in crate::config) struct Files<'a> {
    /// Relative paths begin here.
    pub(in crate::config) folder: &'a Path,
    /// Every file that was read.
    pub(in crate::config) sources: &'a mut Vec<Source>,
    /// What repeats is written out around now.
    pub(in crate::config) now: UnixTime,
}

impl Files<'_> {
    fn gathering<'a>(&'a mut self, out: &'a mut Complaints) -> Gathering<'a> {
        Gathering { sources: self.sources, out, now: self.now }
    }
}

/// Reads `[[network]]`, `[[window]]` and `[[calendar]]`; the files that they name are read too.
pub(in crate::config) fn settle(root: &mut Reader<'_, '_>, mut around: Files<'_>) -> Sets {
    let mut networks = Vec::new();
    for table in root.tables("network") {
        let mut reader = Reader::new(table, called("network", table), file::NETWORK, root.out());
        networks.push(network::settle(&mut reader, &mut around));
    }
    let mut windows = Vec::new();
    for table in root.tables("window") {
        let mut reader = Reader::new(table, called("window", table), file::WINDOW, root.out());
        windows.push(window::settle(&mut reader));
    }
    let mut calendars = Vec::new();
    for table in root.tables("calendar") {
        let mut reader = Reader::new(table, called("calendar", table), file::CALENDAR, root.out());
        calendars.push(calendar::settle(&mut reader, &mut around));
    }
    differ(&networks, &windows, &calendars, root.out());
    let by_name = |network: &Arc<Network>| (Arc::clone(&network.name), Arc::clone(network));
    Sets {
        networks_by_name: networks.iter().map(|draft| by_name(&draft.settings.network)).collect(),
        windows_by_name: windows.iter().map(|d| (d.settings.name.clone(), d.settings.clone())).collect(),
        calendars_by_name: calendars
            .iter()
            .map(|draft| (draft.settings.calendar.name.clone(), draft.settings.calendar.clone()))
            .collect(),
        networks,
        windows,
        calendars,
    }
}

/// Says of complaints about a file, which are those from `errors` and `warnings` on, which table names it.
fn whose(reader: &mut Reader<'_, '_>, (errors, warnings): (usize, usize)) {
    let Some(file) = reader.place_of("file") else { return };
    let who = reader.who().to_owned();
    let out = reader.out();
    for complaint in out.errors.iter_mut().skip(errors).chain(out.warnings.iter_mut().skip(warnings)) {
        if complaint.place.is_some() {
            complaint.see.get_or_insert_with(|| file.clone());
        } else {
            complaint.what = format!("{who}: file: {}", complaint.what);
            complaint.place = Some(file.clone());
        }
    }
}

fn differ(
    networks: &[Draft<NetworkSettings>],
    windows: &[Draft<Arc<Window>>],
    calendars: &[Draft<CalendarSettings>],
    out: &mut Complaints,
) {
    twice("networks", networks.iter().map(|d| (&*d.settings.network.name, d.name.as_ref())), out);
    twice("windows", windows.iter().map(|d| (&*d.settings.name, d.name.as_ref())), out);
    twice("calendars", calendars.iter().map(|d| (&*d.settings.calendar.name, d.name.as_ref())), out);
}

impl Sets {
    /// The network of this name.
    pub(in crate::config) fn network(
        &self,
        reader: &mut Reader<'_, '_>,
        text: &Written<&str>,
    ) -> Option<Arc<Network>> {
        found(&self.networks_by_name, "network", reader, text)
    }

    /// The window of this name.
    pub(in crate::config) fn window(
        &self,
        reader: &mut Reader<'_, '_>,
        text: &Written<&str>,
    ) -> Option<Arc<Window>> {
        found(&self.windows_by_name, "window", reader, text)
    }

    /// The calendar of this name.
    pub(in crate::config) fn calendar(
        &self,
        reader: &mut Reader<'_, '_>,
        text: &Written<&str>,
    ) -> Option<Arc<NamedCalendar>> {
        found(&self.calendars_by_name, "calendar", reader, text)
    }
}

fn found<T>(
    known: &BTreeMap<Arc<str>, Arc<T>>,
    kind: &str,
    reader: &mut Reader<'_, '_>,
    text: &Written<&str>,
) -> Option<Arc<T>> {
    let found = known.get(text.value).cloned();
    if found.is_none() {
        let what = format!("there is no {kind} \"{}\"", safe(text.value));
        let names: Vec<&str> = known.keys().map(|name| &**name).collect();
        let hint = if names.is_empty() {
            format!("add [[{kind}]] with name = \"{}\"", safe(text.value))
        } else {
            suggestion(text.value, &names)
        };
        reader.wrong(&text.place, what, hint);
    }
    found
}
