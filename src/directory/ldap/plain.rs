//! Any other LDAP directory: OpenLDAP, 389 Directory Server, FreeIPA and their like.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::base::clock::UnixTime;
use crate::directory::group_name;
use crate::directory::ldap::search::{self, Record};
use crate::login::identity::{Account, Groups, LoginName, NameForm, Standing, group_key};
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::pool::Pool;
use crate::wire::ldap::dn::Dn;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::request::{Scope, Search, Selection};

/// How deep groups in groups are followed when the server does not do it.
const MAX_NESTING: usize = 8;
/// Most groups of one account.
const MAX_GROUPS: usize = 2_000;
/// How many groups are asked about in one search.
const GROUPS_AT_ONCE: usize = 50;
/// pwdAccountLockedTime of an account that an administrator has locked (draft-behera-ldap-password-policy).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// How such a directory is asked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) base: Box<str>,
    /// The same as it is compared; where it is no name, nobody's lies under it.
    pub(crate) above: Option<Dn>,
    /// Attributes that hold what people type.
    pub(crate) logins: Vec<Box<str>>,
    /// Accounts have this object class.
    pub(crate) class: Option<Box<str>>,
    /// What never changes about an account.
    pub(crate) id: Box<str>,
    pub(crate) groups: GroupLookup,
    pub(crate) number: Option<Box<str>>,
    /// What else is read of an account.
    pub(crate) wanted: Vec<Box<str>>,
}

/// Where memberships are written.
#[derive(Debug)]
pub(crate) enum GroupLookup {
    /// At the account, nested ones as far as the server writes them there: memberOf.
    MemberOf,
    /// At the group.
    Member {
        base: Box<str>,
        /// `member` and `uniqueMember` hold names of entries, `memberUid` the account's uid.
        attribute: Box<str>,
    },
    /// Nowhere.
    None,
}

/// Such a directory.
pub(crate) struct Plain {
    settings: Settings,
    /// What is read of an account.
    read: Selection,
    pool: Pool,
}

impl Plain {
    /// The one behind these servers.
    pub(crate) fn new(settings: Settings, pool: Pool) -> Self {
        let read = read(&settings);
        Self { settings, read, pool }
    }

    /// The servers.
    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether it can be asked for accounts.
    pub(crate) async fn probe(&self, until: Instant) -> Result<(), Fault> {
        self.pool.probe(until).await?;
        search::base(&self.pool, &self.settings.base, until).await
    }

    /// The one account that `name` means.
    pub(crate) async fn find(&self, name: &LoginName, until: Instant) -> Result<Option<Account>, Fault> {
        let Self { settings, pool, .. } = self;
        let Some(record) = self.search(name, until).await? else { return Ok(None) };
        let is_distinguished = matches!(name.form(), NameForm::Distinguished(_));
        let id = record.first(&settings.id).filter(|id| !id.is_empty() && id.len() <= 256);
        if id.is_none() && is_distinguished && login(settings, &record).is_none() {
            // No other spelling leads here, so it is not one of the accounts that must have an id.
            return Ok(None);
        }
        let id = id.ok_or_else(|| {
            let what = format!(
                "directory \"{}\": an account came without {}; let the service account read it, or name another id-attribute",
                pool.directory(),
                settings.id
            );
            Fault::new(FaultKind::DirectoryRefusedUs, what)
        })?;
        let display = if is_distinguished { display(settings, &record) } else { name.prepared().into() };
        Ok(Some(Account {
            directory: pool.directory().clone(),
            id: id.into(),
            display,
            groups: groups(settings, pool, &record, until).await?.into(),
            standing: standing(&record, pool.clock().now().unix),
            number: settings.number.as_deref().and_then(|name| record.text(name)).map(Box::from),
            aliases: vec![group_name(&record.dn)],
            stamp: stamp(&record),
            lockout: None,
            attributes: search::attributes(pool, &record, &settings.wanted, until).await?,
            handle: record.dn.into(),
        }))
    }

    async fn search(&self, name: &LoginName, until: Instant) -> Result<Option<Record>, Fault> {
        let Self { settings, read, pool } = self;
        if let NameForm::Distinguished(dn) = name.form() {
            let Some(base) = &settings.above else { return Ok(None) };
            return search::account_named(pool, base, dn, (&wanted_by_dn(settings), read), until).await;
        }
        let typed = name.prepared().as_bytes();
        let by_name = Filter::Or(settings.logins.iter().map(|login| Filter::Equal(login, typed)).collect());
        let filter = match &settings.class {
            Some(class) => Filter::And(vec![Filter::Equal("objectClass", class.as_bytes()), by_name]),
            None => by_name,
        };
        let request = Search {
            base: &settings.base,
            scope: Scope::Subtree,
            size_limit: 2,
            time_limit: 0,
            filter: &filter,
            attributes: read,
            page: None,
        };
        search::account(pool, &request, until).await
    }
}

/// What is read of an account. Operational attributes come only when named.
fn read(settings: &Settings) -> Selection {
    let attributes = vec![
        &*settings.id,
        "uid",
        "memberOf",
        "pwdAccountLockedTime",
        "pwdReset",
        "pwdChangedTime",
        "modifyTimestamp",
        "nsAccountLock",
        "shadowExpire",
        search::SCHEMA,
    ];
    let more = settings.logins.iter().chain(&settings.number).chain(&settings.wanted);
    search::together(attributes, more.map(|name| &**name))
}

/// What an account looks like that is named by its distinguished name, which groups and branches have too. An
/// application's own account often has no login attribute, but a class that is for passwords (person, RFC 4519
/// section 3.12; simpleSecurityObject, RFC 4524 section 3.9).
fn wanted_by_dn(settings: &Settings) -> Filter<'_> {
    match &settings.class {
        Some(class) => Filter::Equal("objectClass", class.as_bytes()),
        None => {
            let logins = settings.logins.iter().map(|login| Filter::Present(login));
            let classes = [&b"person"[..], b"simpleSecurityObject"];
            Filter::Or(logins.chain(classes.map(|class| Filter::Equal("objectClass", class))).collect())
        }
    }
}

/// What its owner would type.
fn login<'a>(settings: &'a Settings, record: &'a Record) -> Option<&'a str> {
    settings.logins.iter().find_map(|login| record.text(login))
}

/// How a person would call the account, where it was not said.
fn display(settings: &Settings, record: &Record) -> Box<str> {
    let leaf = || record.dn.parse::<Dn>().ok().and_then(|dn| dn.leaf().map(Box::from));
    login(settings, record).map(Box::from).or_else(leaf).unwrap_or_else(|| record.dn.as_str().into())
}

/// When the password was changed; where that is not kept, when anything was, which is later or the same.
fn stamp(record: &Record) -> Box<[u8]> {
    record.first("pwdChangedTime").or_else(|| record.first("modifyTimestamp")).unwrap_or_default().into()
}

async fn groups(settings: &Settings, pool: &Pool, record: &Record, until: Instant) -> Result<Groups, Fault> {
    let mut groups = Groups::new();
    let names = match &settings.groups {
        GroupLookup::None => Vec::new(),
        GroupLookup::MemberOf => {
            let names = search::values(pool, &record.dn, "memberOf", Some(record), until).await?;
            names.into_iter().filter_map(|name| String::from_utf8(name.into()).ok()).collect()
        }
        GroupLookup::Member { base, attribute } if attribute.eq_ignore_ascii_case("memberUid") => {
            let uids: Vec<&[u8]> = record.all("uid").collect();
            holding(pool, base, attribute, &uids, until).await?
        }
        GroupLookup::Member { base, attribute } => {
            upwards(pool, base, attribute, record.dn.clone(), until).await?
        }
    };
    if names.len() > MAX_GROUPS {
        return Err(too_many(pool));
    }
    for name in names {
        match name.parse::<Dn>() {
            Ok(dn) if dn.depth() > 0 => {
                groups.extend(short_name(&dn));
                groups.insert(dn.into_key());
            }
            _ => groups.extend([group_key(&name)]),
        }
    }
    Ok(groups)
}

/// The key of a group's first RDN. One that reads like a distinguished name is none: whoever may create a
/// group somewhere would be in the group that a rule names by its whole name.
fn short_name(dn: &Dn) -> Option<Box<str>> {
    dn.leaf().filter(|leaf| !leaf.contains('=')).map(|leaf| group_key(&leaf))
}

/// The groups that hold `dn`, the groups that hold those, and so on, each once.
async fn upwards(
    pool: &Pool,
    base: &str,
    attribute: &str,
    dn: String,
    until: Instant,
) -> Result<Vec<String>, Fault> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::from([group_name(&dn)]);
    let mut latest = vec![dn];
    for _ in 0..MAX_NESTING {
        if latest.is_empty() {
            break;
        }
        let mut next = Vec::new();
        for some in latest.chunks(GROUPS_AT_ONCE) {
            let members: Vec<&[u8]> = some.iter().map(String::as_bytes).collect();
            next.extend(holding(pool, base, attribute, &members, until).await?);
        }
        next.retain(|group| seen.insert(group_name(group)));
        all.extend(next.iter().cloned());
        if all.len() > MAX_GROUPS {
            return Err(too_many(pool));
        }
        latest = next;
    }
    Ok(all)
}

async fn holding(
    pool: &Pool,
    base: &str,
    attribute: &str,
    members: &[&[u8]],
    until: Instant,
) -> Result<Vec<String>, Fault> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter::Or(members.iter().map(|member| Filter::Equal(attribute, member)).collect());
    let request = Search {
        base,
        scope: Scope::Subtree,
        size_limit: 0,
        time_limit: 0,
        filter: &filter,
        attributes: Selection::NOTHING,
        page: None,
    };
    let found = search::all(pool, &request, until).await?;
    Ok(found.into_iter().map(|group| group.dn).collect())
}

fn too_many(pool: &Pool) -> Fault {
    let what = format!(
        "directory \"{}\": an account has more than {MAX_GROUPS} groups; take it out of some, or narrow group-base-dn",
        pool.directory()
    );
    Fault::new(FaultKind::UnclearAccount, what)
}

/// Whether the account may be used, as far as the server shows it (B-086).
fn standing(record: &Record, now: UnixTime) -> Standing {
    let is_true = |name| record.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let today = now.seconds().div_euclid(86_400);
    // shadow(5): the day of expiry counts from 1970; -1 or nothing means never.
    let expired = record.number("shadowExpire").is_some_and(|day| day >= 0 && day <= today);
    if is_true("nsAccountLock") {
        Standing::Disabled
    } else if expired {
        Standing::Expired
    } else if record.text("pwdAccountLockedTime") == Some(LOCKED_FOR_GOOD) {
        Standing::Locked
    } else if is_true("pwdReset") {
        Standing::MustChange
    } else {
        Standing::Active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_short_name_never_passes_for_a_whole_name() {
        let short_name = |dn: &str| short_name(&dn.parse().unwrap());
        assert_eq!(short_name("cn=VPN Users,ou=groups,dc=x").as_deref(), Some("vpn users"));
        assert_eq!(short_name("cn=cn\\3dadmins\\,ou\\3dgroups\\,dc\\3dx,ou=mine,dc=x"), None);
    }
}
