//! Active Directory, and Samba in its place: names, groups and standing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::clock::UnixTime;
use crate::directory::group_name;
use crate::directory::ldap::search::{self, Record};
use crate::login::identity::{Account, Groups, LoginName, NameForm, Standing, group_key};
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::pool::Pool;
use crate::wire::ldap::filter::{Filter, MATCHING_RULE_IN_CHAIN};
use crate::wire::ldap::request::{Scope, Search};

/// userAccountControl and its computed sister (MS-ADTS 2.2.16).
const ACCOUNT_DISABLE: i64 = 0x2;
const LOCKOUT: i64 = 0x10;
const DONT_EXPIRE_PASSWORD: i64 = 0x1_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
/// accountExpires of an account that does not (MS-ADTS 3.1.1.1, beside 0).
const NEVER: i64 = i64::MAX;
/// Seconds from 1601 to 1970.
const WINDOWS_EPOCH: i64 = 11_644_473_600;

/// How many groups are asked for in one search.
const SIDS_AT_ONCE: usize = 50;
/// Most groups of one account.
const MAX_GROUPS: usize = 5_000;
const NAMES_KEPT: usize = 10_000;
const NAMES_LIFE: Duration = Duration::from_secs(600);

/// How Active Directory is asked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) base: Box<str>,
    /// DNS name of the domain, lower case.
    pub(crate) domain: Box<str>,
    /// Its NetBIOS name, lower case.
    pub(crate) netbios: Option<Box<str>>,
    /// Further suffixes of user principal names, lower case.
    pub(crate) suffixes: Vec<Box<str>>,
    pub(crate) groups: GroupLookup,
    pub(crate) number: Option<Box<str>>,
}

/// Who puts the nested groups together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupLookup {
    /// The server, in the attribute tokenGroups: as at a Windows logon, the primary group included.
    TokenGroups,
    /// The server, by following `member` to any depth.
    InChain,
}

/// The domain, with the names of groups that were looked up lately.
pub(crate) struct ActiveDirectory {
    settings: Settings,
    names: Mutex<BoundedMap<Box<[u8]>, Names>>,
}

#[derive(Clone)]
struct Names {
    dn: Box<str>,
    account: Option<Box<str>>,
}

impl ActiveDirectory {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, names: Mutex::new(BoundedMap::new(NAMES_KEPT, NAMES_LIFE)) }
    }

    pub(crate) async fn find(
        &self,
        pool: &Pool,
        name: &LoginName,
        until: Instant,
    ) -> Result<Option<Account>, Fault> {
        let mut attributes = vec![
            "objectGUID",
            "objectSid",
            "sAMAccountName",
            "primaryGroupID",
            "userAccountControl",
            "msDS-User-Account-Control-Computed",
            "accountExpires",
            "pwdLastSet",
            search::SCHEMA,
        ];
        attributes.extend(self.settings.number.as_deref());
        let Some(record) = self.search(pool, name, &attributes, until).await? else { return Ok(None) };
        let lacks = |what| lacks(pool, what);
        let id = record.first("objectGUID").filter(|id| id.len() == 16).ok_or_else(|| lacks("objectGUID"))?;
        let control = record.number("userAccountControl").ok_or_else(|| lacks("userAccountControl"))?;
        let groups = self.groups(pool, &record, until).await?;
        let sid = record.first("objectSid").and_then(sid_text);
        let number = self.settings.number.as_deref().and_then(|name| record.text(name)).map(Box::from);
        Ok(Some(Account {
            directory: pool.directory().clone(),
            id: id.into(),
            display: record.text("sAMAccountName").unwrap_or_default().into(),
            standing: standing(&record, control, pool.clock().now().unix),
            groups,
            number,
            aliases: [Some(group_name(&record.dn)), sid.map(Box::from)].into_iter().flatten().collect(),
            stamp: record.first("pwdLastSet").unwrap_or_default().into(),
            attributes: Default::default(),
            handle: record.dn.into(),
        }))
    }

    async fn search(
        &self,
        pool: &Pool,
        name: &LoginName,
        attributes: &[&str],
        until: Instant,
    ) -> Result<Option<Record>, Fault> {
        let mut parts =
            vec![Filter::Equal("objectCategory", b"person"), Filter::Equal("objectClass", b"user")];
        if let NameForm::Distinguished(dn) = name.form() {
            let person = Filter::And(parts);
            return search::account_named(pool, &self.settings.base, dn, (&person, attributes), until).await;
        }
        let Some(by_name) = self.by_name(name) else { return Ok(None) };
        parts.push(by_name);
        let request = Search {
            base: &self.settings.base,
            scope: Scope::Subtree,
            size_limit: 2,
            time_limit: 0,
            filter: &Filter::And(parts),
            attributes,
            page: None,
        };
        search::account(pool, &request, until).await
    }

    /// Which accounts a name can mean. A domain or suffix that is not ours means none: there is no falling
    /// back to the bare user name (B-082).
    fn by_name<'a>(&self, name: &'a LoginName) -> Option<Filter<'a>> {
        let account = |user: &'a str| Filter::Equal("sAMAccountName", user.as_bytes());
        let principal = || Filter::Equal("userPrincipalName", name.prepared().as_bytes());
        match name.form() {
            NameForm::Plain(user) => Some(account(user)),
            NameForm::Distinguished(_) => None,
            NameForm::Domain(domain, user) => {
                let ours =
                    self.settings.netbios.as_deref() == Some(domain) || *self.settings.domain == *domain;
                (ours && !user.is_empty()).then(|| account(user))
            }
            NameForm::Principal(user, suffix) if *self.settings.domain == *suffix => {
                (!user.is_empty()).then(|| Filter::Or(vec![principal(), account(user)]))
            }
            NameForm::Principal(user, suffix) => {
                let ours = self.settings.suffixes.iter().any(|known| **known == *suffix);
                (ours && !user.is_empty()).then(principal)
            }
        }
    }

    /// All groups, nested ones and the primary one too (B-090).
    async fn groups(&self, pool: &Pool, record: &Record, until: Instant) -> Result<Groups, Fault> {
        let sids = match self.settings.groups {
            GroupLookup::TokenGroups => {
                let sids = search::values(pool, &record.dn, "tokenGroups", None, until).await?;
                // Everybody has a primary group: an empty list means that we may not read it, and rules
                // that refuse by group would be silently passed by.
                if sids.is_empty() {
                    return Err(Fault::new(
                        FaultKind::DirectoryRefusedUs,
                        format!(
                            "directory \"{}\": the service account may not read tokenGroups; add it to \"Windows Authorization Access Group\", or set group-lookup = \"in-chain\"",
                            pool.directory()
                        ),
                    ));
                }
                sids
            }
            GroupLookup::InChain => self.in_chain(pool, record, until).await?,
        };
        if sids.len() > MAX_GROUPS {
            let what = format!("directory \"{}\": an account has {} groups", pool.directory(), sids.len());
            return Err(Fault::new(FaultKind::UnclearAccount, what));
        }
        let names = self.resolve(pool, &sids, until).await?;
        let mut groups = Groups::new();
        for sid in &sids {
            groups.extend(sid_text(sid).map(|text| group_key(&text)));
            if let Some(found) = names.get(sid) {
                groups.insert(group_name(&found.dn));
                groups.extend(found.account.as_deref().and_then(short_name));
            }
        }
        Ok(groups)
    }

    /// SIDs of the groups that lead to the account by `member`, or to its primary group.
    async fn in_chain(&self, pool: &Pool, record: &Record, until: Instant) -> Result<Vec<Box<[u8]>>, Fault> {
        let primary = primary_group(record).ok_or_else(|| lacks(pool, "objectSid or primaryGroupID"))?;
        let names = self.resolve(pool, std::slice::from_ref(&primary), until).await?;
        let primary_dn = names.get(&primary).map(|names| names.dn.clone());
        let chain = |dn| Filter::Extensible { rule: MATCHING_RULE_IN_CHAIN, attribute: "member", value: dn };
        let mut chains = vec![chain(record.dn.as_bytes())];
        chains.extend(primary_dn.as_deref().map(|dn| chain(dn.as_bytes())));
        let groups = self.group_search(pool, &Filter::Or(chains), until).await?;
        let mut sids = vec![primary];
        sids.extend(groups.into_keys());
        Ok(sids)
    }

    /// The names of groups, those looked up lately without asking. A group that is not in our part of the
    /// directory has none.
    async fn resolve(
        &self,
        pool: &Pool,
        sids: &[Box<[u8]>],
        until: Instant,
    ) -> Result<HashMap<Box<[u8]>, Names>, Fault> {
        let mut known: HashMap<Box<[u8]>, Names> = {
            let now = pool.clock().now().steady;
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            sids.iter().filter_map(|sid| Some((sid.clone(), names.get(sid, now)?.clone()))).collect()
        };
        let unknown: Vec<_> = sids.iter().filter(|sid| !known.contains_key(*sid)).collect();
        for some in unknown.chunks(SIDS_AT_ONCE) {
            let filter = Filter::Or(some.iter().map(|sid| Filter::Equal("objectSid", sid)).collect());
            known.extend(self.group_search(pool, &filter, until).await?);
        }
        Ok(known)
    }

    /// Searches groups and remembers their names.
    async fn group_search(
        &self,
        pool: &Pool,
        filter: &Filter<'_>,
        until: Instant,
    ) -> Result<HashMap<Box<[u8]>, Names>, Fault> {
        let request = Search {
            base: &self.settings.base,
            scope: Scope::Subtree,
            size_limit: 0,
            time_limit: 0,
            filter,
            attributes: &["objectSid", "sAMAccountName"],
            page: None,
        };
        let mut found: HashMap<Box<[u8]>, Names> = HashMap::new();
        for group in search::all(pool, &request, until).await? {
            let Some(sid) = group.first("objectSid") else { continue };
            // The account name is unique in a domain; the common name is not, and whoever may create
            // a group somewhere could take the name of another.
            let account = group.text("sAMAccountName").map(Box::from);
            found.insert(sid.into(), Names { dn: group.dn.as_str().into(), account });
        }
        let now = pool.clock().now().steady;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for (sid, group) in &found {
            names.insert(sid.clone(), group.clone(), now);
        }
        Ok(found)
    }
}

/// The key of a group's account name. One that reads like a SID is none: whoever may create a group
/// somewhere would be in the group that a rule names by its SID.
fn short_name(account: &str) -> Option<Box<str>> {
    let key = group_key(account);
    (!key.starts_with("s-1-") && !key.contains('=')).then_some(key)
}

fn lacks(pool: &Pool, what: &str) -> Fault {
    Fault::new(
        FaultKind::DirectoryRefusedUs,
        format!(
            "directory \"{}\": an account came without {what}; let the service account read it",
            pool.directory()
        ),
    )
}

/// Whether the account may be used (B-086).
fn standing(record: &Record, control: i64, now: UnixTime) -> Standing {
    let computed = record.number("msDS-User-Account-Control-Computed").unwrap_or(0);
    let expires = record.number("accountExpires").unwrap_or(0);
    let expired = expires != 0 && expires != NEVER && unix_seconds(expires) <= now.seconds();
    let never_set = record.number("pwdLastSet") == Some(0) && control & DONT_EXPIRE_PASSWORD == 0;
    if control & ACCOUNT_DISABLE != 0 {
        Standing::Disabled
    } else if expired {
        Standing::Expired
    } else if computed & LOCKOUT != 0 {
        Standing::Locked
    } else if computed & PASSWORD_EXPIRED != 0 || never_set {
        Standing::MustChange
    } else {
        Standing::Active
    }
}

/// From tenths of microseconds since 1601 (MS-DTYP 2.3.3).
const fn unix_seconds(file_time: i64) -> i64 {
    (file_time / 10_000_000).saturating_sub(WINDOWS_EPOCH)
}

/// The SID of the primary group: the account's own with another last number (MS-ADTS 3.1.1.4.5.11).
fn primary_group(record: &Record) -> Option<Box<[u8]>> {
    let sid = record.first("objectSid")?;
    let relative = u32::try_from(record.number("primaryGroupID")?).ok()?;
    let domain = sid.get(..sid.len().checked_sub(4)?)?;
    sid_text(sid)?;
    Some([domain, &relative.to_le_bytes()].concat().into())
}

/// `S-1-5-21-…` (MS-DTYP 2.4.2).
fn sid_text(sid: &[u8]) -> Option<String> {
    let (&[revision, count, a, b, c, d, e, f], rest) = sid.split_first_chunk::<8>()?;
    let (numbers, odd) = rest.as_chunks::<4>();
    if usize::from(count) != numbers.len() || !odd.is_empty() || revision != 1 {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let tail: String = numbers.iter().map(|number| format!("-{}", u32::from_le_bytes(*number))).collect();
    Some(format!("S-1-{authority}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain() -> ActiveDirectory {
        ActiveDirectory::new(Settings {
            base: "DC=corp,DC=example".into(),
            domain: "corp.example".into(),
            netbios: Some("corp".into()),
            suffixes: vec!["mail.example".into()],
            groups: GroupLookup::TokenGroups,
            number: None,
        })
    }

    fn shape(name: &str) -> Option<String> {
        let name = LoginName::parse(name.as_bytes()).unwrap();
        domain().by_name(&name).map(|filter| match filter {
            Filter::Equal(attribute, value) => format!("{attribute}={}", String::from_utf8_lossy(value)),
            Filter::Or(parts) => format!("{} ways", parts.len()),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn each_form_of_a_name_is_looked_up_in_its_own_attribute_b_081() {
        assert_eq!(shape("Anna").as_deref(), Some("sAMAccountName=anna"));
        assert_eq!(shape("CORP\\Anna").as_deref(), Some("sAMAccountName=anna"));
        assert_eq!(shape("corp.example\\anna").as_deref(), Some("sAMAccountName=anna"));
        assert_eq!(shape("anna@mail.example").as_deref(), Some("userPrincipalName=anna@mail.example"));
        assert_eq!(shape("anna@corp.example").as_deref(), Some("2 ways"));
    }

    #[test]
    fn a_foreign_domain_or_suffix_means_nobody_b_082() {
        for name in [
            "OTHER\\anna",
            "anna@other.example",
            "anna@corp.example.invalid",
            "CORP\\",
            "@corp.example",
            "\\anna",
            "anna@",
        ] {
            assert_eq!(shape(name), None, "{name}");
        }
    }

    #[test]
    fn a_sid_is_written_as_windows_writes_it() {
        let sid = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 0, 0];
        assert_eq!(sid_text(&sid).as_deref(), Some("S-1-5-21-1-2-3-513"));
        assert_eq!(
            sid_text(&[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 33, 2, 0, 0]).as_deref(),
            Some("S-1-5-32-545")
        );
        for bad in
            [&[][..], &[1, 1, 0, 0, 0, 0, 0, 5], &[2, 0, 0, 0, 0, 0, 0, 5], &[1, 0, 0, 0, 0, 0, 0, 5, 9]]
        {
            assert_eq!(sid_text(bad), None);
        }
    }

    #[test]
    fn a_groups_account_name_never_passes_for_a_sid_or_a_distinguished_name() {
        assert_eq!(short_name("VPN Users").as_deref(), Some("vpn users"));
        for name in ["S-1-5-21-1-2-3-512", " s-1-5-32-544", "CN=Domain Admins,DC=corp,DC=example"] {
            assert_eq!(short_name(name), None, "{name}");
        }
    }

    #[test]
    fn windows_time_is_converted() {
        assert_eq!(unix_seconds(133_500_000_000_000_000), 1_705_526_400);
        assert_eq!(unix_seconds(0), -WINDOWS_EPOCH);
    }
}
