//! All groups of an account, nested ones and the primary one too (B-090), by SID and by name.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Instant;

use crate::directory::group_name;
use crate::directory::ldap::active_directory::{ActiveDirectory, Domain, GroupLookup, Realm, lacks, sid};
use crate::directory::ldap::search::{self, Record};
use crate::login::identity::{Groups, group_key};
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::pool::Pool;
use crate::wire::ldap::filter::{Filter, MATCHING_RULE_IN_CHAIN};
use crate::wire::ldap::request::{Scope, Search, Selection};

/// How many groups are asked for in one search: fewer than any server gives at once (B-092).
const SIDS_AT_ONCE: usize = 50;
/// Most groups of one account.
const MAX_GROUPS: usize = 5_000;

/// What a group is called.
#[derive(Clone)]
pub(super) struct Group {
    dn: Box<str>,
    account: Option<Box<str>>,
    /// The place of its domain among the realms.
    domain: usize,
}

type Found = HashMap<Box<[u8]>, Group>;

impl ActiveDirectory {
    pub(super) async fn groups(
        &self,
        domain: &Domain,
        record: &Record,
        until: Instant,
    ) -> Result<Groups, Fault> {
        let sids = match self.settings.groups {
            GroupLookup::TokenGroups => token_groups(&domain.pool, record, until).await?,
            GroupLookup::InChain => self.in_chain(domain, record, until).await?,
        };
        if sids.len() > MAX_GROUPS {
            let what = format!(
                "directory \"{}\": an account has {} groups, at most {MAX_GROUPS} are read; take it out of groups that nobody needs",
                domain.pool.directory(),
                sids.len()
            );
            return Err(Fault::new(FaultKind::UnclearAccount, what));
        }
        let found = self.resolve(domain, &sids, until).await?;
        let mut groups = Groups::new();
        for sid in &sids {
            groups.extend(sid::text(sid).map(|text| group_key(&text)));
            let Some(group) = found.get(sid) else { continue };
            groups.insert(group_name(&group.dn));
            if let Some(realm) = self.settings.realms.get(group.domain) {
                groups.extend(short_names(group, realm));
            }
        }
        Ok(groups)
    }

    /// SIDs of the groups that lead to the account by `member`, or to its primary group.
    async fn in_chain(
        &self,
        domain: &Domain,
        record: &Record,
        until: Instant,
    ) -> Result<Vec<Box<[u8]>>, Fault> {
        let missing = || lacks(&domain.pool, "objectSid or primaryGroupID");
        let primary = primary_group(record).ok_or_else(missing)?;
        let names = self.resolve(domain, std::slice::from_ref(&primary), until).await?;
        let primary_dn = names.get(&primary).map(|group| group.dn.clone());
        let chain = |dn| Filter::Extensible { rule: MATCHING_RULE_IN_CHAIN, attribute: "member", value: dn };
        let mut chains = vec![chain(record.dn.as_bytes())];
        chains.extend(primary_dn.as_deref().map(|dn| chain(dn.as_bytes())));
        // Following `member` is dear, and nothing but a group has any.
        let filter = Filter::And(vec![Filter::Equal("objectCategory", b"group"), Filter::Or(chains)]);
        let groups = self.search_groups(domain, &filter, until).await?;
        let mut sids = vec![primary];
        sids.extend(groups.into_keys());
        Ok(sids)
    }

    /// What groups are called, those looked up lately without asking. A group of another domain is looked for there; one
    /// that is in no part of the directory has no name.
    async fn resolve(&self, domain: &Domain, sids: &[Box<[u8]>], until: Instant) -> Result<Found, Fault> {
        let mut found: Found = {
            let now = domain.pool.clock().now().steady;
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            sids.iter().filter_map(|sid| Some((sid.clone(), known.get(sid, now)?.clone()))).collect()
        };
        let others = self.domains.iter().filter(|other| other.number != domain.number);
        for home in std::iter::once(domain).chain(others) {
            let wanted: Vec<&[u8]> = sids
                .iter()
                .map(AsRef::as_ref)
                .filter(|sid| !found.contains_key(*sid) && home.may_have(sid, domain))
                .collect();
            for some in wanted.chunks(SIDS_AT_ONCE) {
                let filter = Filter::Or(some.iter().map(|sid| Filter::Equal("objectSid", sid)).collect());
                found.extend(self.search_groups(home, &filter, until).await?);
            }
        }
        Ok(found)
    }

    /// Searches groups and remembers what they are called.
    async fn search_groups(
        &self,
        domain: &Domain,
        filter: &Filter<'_>,
        until: Instant,
    ) -> Result<Found, Fault> {
        let request = Search {
            base: self.settings.realms.get(domain.number).map_or("", |realm| &realm.base),
            scope: Scope::Subtree,
            size_limit: 0,
            time_limit: 0,
            filter,
            attributes: &Selection::of(["objectSid", "sAMAccountName"]),
            page: None,
        };
        let mut found = Found::new();
        for group in search::all(&domain.pool, &request, until).await? {
            let Some(sid) = group.first("objectSid") else { continue };
            domain.learn_sid(sid);
            // The account name is unique in a domain; the common name is not, and whoever may create
            // a group somewhere could take the name of another.
            let account = group.text("sAMAccountName").map(Box::from);
            let named = Group { dn: group.dn.as_str().into(), account, domain: domain.number };
            found.insert(sid.into(), named);
        }
        let now = domain.pool.clock().now().steady;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (sid, group) in &found {
            known.insert(sid.clone(), group.clone(), now);
        }
        Ok(found)
    }
}

impl Domain {
    /// Whether the group `sid` of an account of `home` can be in this domain. Groups that are of no domain are in that
    /// of the account.
    fn may_have(&self, sid: &[u8], home: &Self) -> bool {
        match (sid::domain(sid), self.sid.get()) {
            (None, _) => self.number == home.number,
            (Some(of_group), Some(own)) => of_group == &**own,
            (Some(_), None) => true,
        }
    }
}

async fn token_groups(pool: &Pool, record: &Record, until: Instant) -> Result<Vec<Box<[u8]>>, Fault> {
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
    Ok(sids)
}

/// The keys of a group's account name: behind the NetBIOS name of its domain, and alone in the directory's own domain. In
/// another one a stranger to this one's administrators could give a group the same name.
///
/// One that reads like a SID, a whole name or one with a domain is none: whoever may create a group somewhere would be
/// in the group that a rule means by that.
fn short_names(group: &Group, realm: &Realm) -> impl Iterator<Item = Box<str>> {
    let key = group.account.as_deref().map(group_key);
    let key = key.filter(|key| !key.starts_with("s-1-") && !key.contains(['=', '\\']));
    let long =
        key.as_ref().zip(realm.netbios.as_ref()).map(|(key, domain)| format!("{domain}\\{key}").into());
    key.filter(|_| group.domain == 0).into_iter().chain(long)
}

/// The SID of the primary group: the account's own with another last number (MS-ADTS 3.1.1.4.5.11).
fn primary_group(record: &Record) -> Option<Box<[u8]>> {
    let relative = u32::try_from(record.number("primaryGroupID")?).ok()?;
    sid::sibling(record.first("objectSid")?, relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(account: &str, domain: usize) -> Vec<Box<str>> {
        let group = Group { dn: "".into(), account: Some(account.into()), domain };
        let netbios = Some(["corp", "eu"][domain].into());
        let realm = Realm { base: "".into(), domain: "".into(), netbios, suffixes: Vec::new() };
        short_names(&group, &realm).collect()
    }

    #[test]
    fn a_group_of_another_domain_is_never_called_as_one_of_our_own() {
        assert_eq!(names("VPN Users", 0), ["vpn users".into(), "corp\\vpn users".into()]);
        assert_eq!(names("VPN Users", 1), ["eu\\vpn users".into()]);
    }

    #[test]
    fn a_groups_account_name_never_passes_for_a_sid_or_a_longer_name() {
        let longer = "CN=Domain Admins,DC=corp,DC=example";
        for name in ["S-1-5-21-1-2-3-512", " s-1-5-32-544", longer, "corp\\domain admins"] {
            assert_eq!(names(name, 0), [], "{name}");
        }
    }
}
