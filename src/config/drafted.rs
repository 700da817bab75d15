//! Every table as it was read, before the tables are compared with each other.

use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::base::report::Source;
use crate::base::table::{Reader, Table};
use crate::config::check::Drafts;
use crate::config::load::called;
use crate::config::secret::Surroundings;
use crate::config::settings::{GeoSettings, Pseudonyms, RadiusSettings};
use crate::config::{
    accounting, client, directory, exemption, expect, fault, listener, reply, rule, sections, sets, upstream,
};

/// All of them, as far as they are compared or told of each other.
pub(in crate::config) struct Drafted {
    pub(in crate::config) pseudonyms: Pseudonyms,
    pub(in crate::config) remember_networks: Option<Duration>,
    pub(in crate::config) sets: sets::Sets,
    pub(in crate::config) geo: GeoSettings,
    pub(in crate::config) directories: Vec<directory::Draft>,
    pub(in crate::config) upstreams: Vec<upstream::Draft>,
    pub(in crate::config) listeners: Vec<listener::Draft>,
    pub(in crate::config) clients: Vec<client::Draft>,
    pub(in crate::config) exemptions: Vec<exemption::Draft>,
    pub(in crate::config) rules: Vec<rule::Draft>,
    pub(in crate::config) faults: Vec<fault::Draft>,
    pub(in crate::config) expectations: Vec<expect::Draft>,
    pub(in crate::config) replies: Vec<reply::Draft>,
    pub(in crate::config) radius: RadiusSettings,
    pub(in crate::config) accounting: accounting::Draft,
}

impl Drafted {
    /// Reads them.
    pub(in crate::config) fn read<'a>(
        root: &mut Reader<'a, '_>,
        none: &'a Table,
        around: Surroundings<'_>,
        now: UnixTime,
        sources: &mut Vec<Source>,
    ) -> Self {
        let (pseudonyms, remember_networks) = sections::subjects(root, none);
        let sets = sets::settle(root, sets::Files { folder: around.folder, sources: &mut *sources, now });
        let directories: Vec<directory::Draft> = root
            .tables("directory")
            .into_iter()
            .map(|table| directory::settle(root.out(), table, &pseudonyms, around, now, sources))
            .collect();
        let clients = clients(root, &directories, around);
        // Without any client nothing is known about what they speak.
        let spoken = clients.is_empty() || clients.iter().any(|client| client.settings.radius().is_some());
        Self {
            pseudonyms,
            remember_networks,
            geo: sections::geo(root, none, around.folder),
            directories,
            upstreams: upstreams(root, around),
            listeners: listeners(root, around, now),
            clients,
            exemptions: exemptions(root),
            rules: rules(root, &sets),
            faults: faults(root, &sets),
            sets,
            expectations: expectations(root),
            replies: replies(root),
            radius: sections::radius(root, none, spoken),
            accounting: accounting::settle(root, none, !spoken),
        }
    }

    /// What is compared.
    pub(in crate::config) fn view(&self) -> Drafts<'_> {
        Drafts {
            directories: &self.directories,
            upstreams: &self.upstreams,
            accounting_relay: self.accounting.settings.relay.as_deref(),
            listen: &self.radius.listen,
            listeners: &self.listeners,
            clients: &self.clients,
            exemptions: &self.exemptions,
            rules: &self.rules,
            faults: &self.faults,
            expectations: &self.expectations,
            replies: &self.replies,
            sets: &self.sets,
            geo: &self.geo,
            remembers_networks: self.remember_networks.is_some(),
            draws_ids: matches!(self.pseudonyms, Pseudonyms::Random),
        }
    }

    /// Tells the tables what they need to know of each other.
    pub(in crate::config) fn tell(&mut self, sources: &[Source]) {
        expect::place(&mut self.expectations, sources);
        exemption::tell(&mut self.clients, &self.exemptions);
        reply::tell(&mut self.clients, &self.replies);
        reply::ask(&mut self.directories, &self.clients, &self.replies);
        accounting::tell(&mut self.clients, &self.accounting);
    }
}

fn upstreams(root: &mut Reader<'_, '_>, around: Surroundings<'_>) -> Vec<upstream::Draft> {
    let tables = root.tables("upstream");
    let read = |table| {
        let who = called("upstream", table);
        upstream::settle(&mut Reader::new(table, who, crate::config::file::UPSTREAM, root.out()), around)
    };
    tables.into_iter().map(read).collect()
}

fn listeners(root: &mut Reader<'_, '_>, around: Surroundings<'_>, now: UnixTime) -> Vec<listener::Draft> {
    let tables = root.tables("listener");
    let read = |table| {
        let who = called("listener", table);
        listener::settle(&mut Reader::new(table, who, crate::config::file::LISTENER, root.out()), around, now)
    };
    tables.into_iter().map(read).collect()
}

fn exemptions(root: &mut Reader<'_, '_>) -> Vec<exemption::Draft> {
    let tables = root.tables("exemption");
    let read = |table| {
        let who = called("exemption", table);
        exemption::settle(&mut Reader::new(table, who, crate::config::file::EXEMPTION, root.out()))
    };
    tables.into_iter().map(read).collect()
}

fn clients(
    root: &mut Reader<'_, '_>,
    directories: &[directory::Draft],
    around: Surroundings<'_>,
) -> Vec<client::Draft> {
    let tables = root.tables("client");
    if root.node("client").is_none() {
        root.missing("[[client]]", "without a client nobody can ask; docs/configuration.md shows one");
    }
    if root.node("directory").is_none() {
        root.missing("[[directory]]", "without a directory nobody is known; docs/configuration.md shows one");
    }
    let known = [crate::config::file::CLIENT_RADIUS, crate::config::file::CLIENT_LDAP].concat();
    let read = |table| {
        let who = called("client", table);
        client::settle(&mut Reader::new(table, who, &known, root.out()), directories, around)
    };
    tables.into_iter().map(read).collect()
}

fn replies(root: &mut Reader<'_, '_>) -> Vec<reply::Draft> {
    let tables = root.tables("reply");
    let read = |table| {
        let who = called("reply", table);
        reply::settle(&mut Reader::new(table, who, crate::config::file::REPLY, root.out()))
    };
    tables.into_iter().map(read).collect()
}

fn rules(root: &mut Reader<'_, '_>, sets: &sets::Sets) -> Vec<rule::Draft> {
    let tables = root.tables("rule");
    let read = |table| {
        let who = called("rule", table);
        rule::settle(&mut Reader::new(table, who, crate::config::file::RULE, root.out()), sets)
    };
    tables.into_iter().map(read).collect()
}

fn faults(root: &mut Reader<'_, '_>, sets: &sets::Sets) -> Vec<fault::Draft> {
    let tables = root.tables("on-fault");
    let read = |table| {
        let who = called("on-fault", table);
        fault::settle(&mut Reader::new(table, who, crate::config::file::ON_FAULT, root.out()), sets)
    };
    tables.into_iter().map(read).collect()
}

fn expectations(root: &mut Reader<'_, '_>) -> Vec<expect::Draft> {
    let tables = root.tables("expect");
    let read = |table| {
        let who = called("expect", table);
        expect::settle(&mut Reader::new(table, who, crate::config::file::EXPECT, root.out()))
    };
    tables.into_iter().map(read).collect()
}
