//! Active Directory, and Samba in its place: one domain or several, each asked at its own controllers (B-080).

mod change;
mod groups;
mod lockout;
mod names;
mod sid;
mod standing;

use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::directory::group_name;
use crate::directory::ldap::active_directory::groups::Group;
use crate::directory::ldap::active_directory::lockout::Policies;
use crate::directory::ldap::active_directory::names::meanings;
use crate::directory::ldap::search::{self, Record};
use crate::login::identity::{Account, LoginName, NameForm};
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::pool::Pool;
use crate::wire::ldap::dn::Dn;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::request::{Scope, Search, Selection};

const NAMES_KEPT: usize = 10_000;
const NAMES_LIFE: Duration = Duration::from_secs(600);

/// How Active Directory is asked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// At least one. The first is the directory's own.
    pub(crate) realms: Vec<Realm>,
    /// Where a name without a domain belongs.
    pub(crate) plain: PlainNames,
    pub(crate) logins: Logins,
    pub(crate) groups: GroupLookup,
    pub(crate) number: Option<Box<str>>,
    /// What else is read of an account.
    pub(crate) wanted: Vec<Box<str>>,
}

/// What one domain is called.
#[derive(Debug)]
pub(crate) struct Realm {
    /// Where its accounts are.
    pub(crate) base: Box<str>,
    /// DNS name, lower case.
    pub(crate) domain: Box<str>,
    /// NetBIOS name, lower case.
    pub(crate) netbios: Option<Box<str>>,
    /// What stands behind `@` in user principal names besides the DNS name, lower case.
    pub(crate) suffixes: Vec<Box<str>>,
}

/// Where a name without a domain belongs (B-082).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainNames {
    /// In this one of the domains alone.
    In(usize),
    /// In whichever has it; a name that two have is nobody's.
    Anywhere,
}

/// What people type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Logins {
    /// sAMAccountName, alone, behind a domain, or before the domain's DNS name.
    pub(crate) account: bool,
    /// userPrincipalName.
    pub(crate) principal: bool,
    /// mail, whatever stands behind its `@`.
    pub(crate) mail: bool,
}

/// Who puts the nested groups together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupLookup {
    /// The server, in the attribute tokenGroups: as at a Windows logon, the primary group included.
    TokenGroups,
    /// The server, by following `member` to any depth.
    InChain,
}

/// The domains, with the names of groups that were looked up lately.
pub(crate) struct ActiveDirectory {
    settings: Settings,
    /// What is read of an account.
    read: Selection,
    domains: Vec<Domain>,
    known: Mutex<BoundedMap<Box<[u8]>, Group>>,
}

/// One domain.
struct Domain {
    /// Its place among the realms.
    number: usize,
    pool: Pool,
    base: Dn,
    /// The SID that all its accounts and groups begin with, once one of them has told it.
    sid: OnceLock<Box<[u8]>>,
    /// When it locks accounts.
    policies: Policies,
}

impl ActiveDirectory {
    /// `pools`: the servers of each realm, in the same order. A realm whose base is no name has no accounts; the
    /// configuration has seen that there is none.
    pub(crate) fn new(settings: Settings, pools: Vec<Pool>) -> Self {
        let domains = settings.realms.iter().zip(pools).enumerate().filter_map(|(number, (realm, pool))| {
            let (base, policies) = (realm.base.parse().ok()?, Policies::new());
            Some(Domain { number, pool, base, sid: OnceLock::new(), policies })
        });
        let (domains, read) = (domains.collect(), read(&settings));
        Self { settings, read, domains, known: Mutex::new(BoundedMap::new(NAMES_KEPT, NAMES_LIFE)) }
    }

    /// The servers of each domain.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.domains.iter().map(|domain| &domain.pool)
    }

    /// The servers of the domain that the entry `dn` belongs to: the one whose base is nearest above it, since a domain
    /// below another has servers of its own. Nobody's entry is asked for at the directory's own servers.
    pub(crate) fn pool_of(&self, dn: Option<&str>) -> Option<&Pool> {
        match dn {
            Some(dn) => self.owner(dn).map(|domain| &domain.pool),
            None => self.domains.first().map(|domain| &domain.pool),
        }
    }

    fn owner(&self, dn: &str) -> Option<&Domain> {
        let dn: Dn = dn.parse().ok()?;
        let above = self.domains.iter().filter(|domain| dn.is_under(&domain.base));
        above.max_by_key(|domain| domain.base.depth())
    }

    fn realm(&self, domain: &Domain) -> Option<&Realm> {
        self.settings.realms.get(domain.number)
    }

    /// Whether all domains can be asked for accounts.
    pub(crate) async fn probe(&self, until: Instant) -> Result<(), Fault> {
        for domain in &self.domains {
            domain.pool.probe(until).await?;
            let base = self.realm(domain).map_or("", |realm| &realm.base);
            search::base(&domain.pool, base, until).await?;
        }
        Ok(())
    }

    pub(crate) async fn find(&self, name: &LoginName, until: Instant) -> Result<Option<Account>, Fault> {
        let Some((domain, record)) = self.search(name, until).await? else { return Ok(None) };
        self.account(domain, record, until).await.map(Some)
    }

    async fn account(&self, domain: &Domain, record: Record, until: Instant) -> Result<Account, Fault> {
        let pool = &domain.pool;
        let lacks = |what| lacks(pool, what);
        let id = record.first("objectGUID").filter(|id| id.len() == 16).ok_or_else(|| lacks("objectGUID"))?;
        let sid = record.first("objectSid").ok_or_else(|| lacks("objectSid"))?;
        domain.learn_sid(sid);
        let standing = standing::of(&record, pool.clock().now().unix).map_err(lacks)?;
        let sid = sid::text(sid);
        let number = self.settings.number.as_deref().and_then(|name| record.text(name)).map(Box::from);
        Ok(Account {
            directory: pool.directory().clone(),
            id: id.into(),
            display: record.text("sAMAccountName").unwrap_or_default().into(),
            standing,
            groups: self.groups(domain, &record, until).await?.into(),
            number,
            aliases: [Some(group_name(&record.dn)), sid.map(Box::from)].into_iter().flatten().collect(),
            lockout: self.lockout(domain, &record, until).await,
            stamp: record.first("pwdLastSet").unwrap_or_default().into(),
            attributes: search::attributes(pool, &record, &self.settings.wanted, until).await?,
            handle: record.dn.into(),
        })
    }

    /// The one account that the name means, in all domains together (B-082). A domain that cannot be asked is a fault:
    /// it might have another account of that name.
    async fn search(&self, name: &LoginName, until: Instant) -> Result<Option<(&Domain, Record)>, Fault> {
        if let NameForm::Distinguished(dn) = name.form() {
            let Some(domain) = self.owner(dn) else { return Ok(None) };
            let wanted = (&Filter::And(person()), &self.read);
            let found = search::account_named(&domain.pool, &domain.base, dn, wanted, until).await?;
            return Ok(found.and_then(|record| self.belonging(domain, record)));
        }
        let mut found: Option<(&Domain, Record)> = None;
        for (domain, by_name) in meanings(&self.settings, name) {
            let (Some(domain), Some(realm)) = (self.domains.get(domain), self.settings.realms.get(domain))
            else {
                continue;
            };
            let mut parts = person();
            parts.push(by_name);
            let request = Search {
                base: &realm.base,
                scope: Scope::Subtree,
                size_limit: 2,
                time_limit: 0,
                filter: &Filter::And(parts),
                attributes: &self.read,
                page: None,
            };
            let record = search::account(&domain.pool, &request, until).await?;
            let Some(another) = record.and_then(|record| self.belonging(domain, record)) else { continue };
            if let Some((first, _)) = &found {
                return Err(self.in_two(first, domain));
            }
            found = Some(another);
        }
        Ok(found)
    }

    /// A global catalogue answers for other domains, too, and does not know everything of them (B-080): an account is
    /// taken from its own domain alone.
    fn belonging(&self, domain: &Domain, record: Record) -> Option<(&Domain, Record)> {
        let owner = self.owner(&record.dn)?;
        (owner.number == domain.number).then_some((owner, record))
    }

    fn in_two(&self, first: &Domain, second: &Domain) -> Fault {
        let called = |domain| self.realm(domain).map_or("", |realm| &realm.domain);
        let what = format!(
            "directory \"{}\": a login name means an account in {} and one in {}; make the name unique, or say in default-domain or upn-suffixes where such names belong",
            first.pool.directory(),
            called(first),
            called(second)
        );
        Fault::new(FaultKind::UnclearAccount, what)
    }
}

impl Domain {
    fn learn_sid(&self, of_account: &[u8]) {
        if let Some(domain) = sid::domain(of_account) {
            self.sid.get_or_init(|| domain.into());
        }
    }
}

/// What is read of an account.
fn read(settings: &Settings) -> Selection {
    let attributes = vec![
        "objectGUID",
        "objectSid",
        "sAMAccountName",
        "primaryGroupID",
        "userAccountControl",
        "msDS-User-Account-Control-Computed",
        "accountExpires",
        "pwdLastSet",
        "logonHours",
        search::SCHEMA,
    ];
    let attributes = [attributes, lockout::ASKED.to_vec()].concat();
    let more = settings.number.iter().chain(&settings.wanted).map(|name| &**name);
    search::together(attributes, more)
}

fn person() -> Vec<Filter<'static>> {
    vec![Filter::Equal("objectCategory", b"person"), Filter::Equal("objectClass", b"user")]
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
