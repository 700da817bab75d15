//! When a domain locks accounts (B-087): its own policy, and the fine-grained one that an account has instead.
//!
//! The policy stands in attributes of the domain's head (MS-ADTS section 6.1.1.3), a fine-grained one in an object of its
//! own (section 6.1.1.4.11.1) whose name the account gives. Everybody may read the first. The second shows itself to
//! administrators alone until somebody lets the service account read `CN=Password Settings Container,CN=System`; as
//! long as it does not, the domain's own policy is all there is to go by, and that is complained of.
//!
//! Both change once in years, and a login must not wait for them: they are read again after a while, by one login for all,
//! and when that does not succeed, what was read last holds.

use std::cmp::Reverse;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::clock::UnixTime;
use crate::directory::ldap::active_directory::standing::unix_seconds;
use crate::directory::ldap::active_directory::{ActiveDirectory, Domain, Realm};
use crate::directory::ldap::search::{self, Record};
use crate::gateway::ports::DomainLockout;
use crate::login::throttle::{Lockout, LockoutRule};
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::pool::Pool;
use crate::wire::ldap::dn::escape;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::request::{Scope, Search, Selection};

/// What is asked of an account.
pub(super) const ASKED: [&str; 3] = ["badPwdCount", "badPasswordTime", RESULTANT];
/// Name of the fine-grained policy that an account has; computed by the server.
const RESULTANT: &str = "msDS-ResultantPSO";
/// Threshold, observation window and duration of the domain.
const OF_DOMAIN: [&str; 3] = ["lockoutThreshold", "lockOutObservationWindow", "lockoutDuration"];
/// The same of a fine-grained policy.
const OF_OBJECT: [&str; 3] =
    ["msDS-LockoutThreshold", "msDS-LockoutObservationWindow", "msDS-LockoutDuration"];
/// How long a policy holds before it is read again.
const LIFE: Duration = Duration::from_secs(10 * 60);
/// The same after it could not be read.
const RETRY: Duration = Duration::from_secs(60);
/// How long a login waits for one that is known from before.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most fine-grained policies that are remembered.
const MOST_OBJECTS: usize = 1_000;
/// How long they are remembered when nobody asks.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);
/// The server's clock and ours differ by no more where both follow the domain's time.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// What is known of the policies of one domain.
pub(super) struct Policies {
    own: Mutex<Reading>,
    finer: Mutex<BoundedMap<Box<str>, Reading>>,
    /// One login reads for all.
    turn: tokio::sync::Mutex<()>,
}

/// A policy as it was read last.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    rule: Option<LockoutRule>,
    /// When to read it again.
    next: Option<Instant>,
    /// It was complained that it cannot be read.
    complained: bool,
}

impl Policies {
    pub(super) fn new() -> Self {
        Self {
            own: Mutex::default(),
            finer: Mutex::new(BoundedMap::new(MOST_OBJECTS, FORGOTTEN)),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The reading of one policy: the domain's, or the fine-grained one of that name.
    fn known(&self, object: Option<&str>, now: Instant) -> Reading {
        match object {
            None => *held(&self.own),
            Some(object) => held(&self.finer).get(&Box::from(object), now).copied().unwrap_or_default(),
        }
    }

    fn learn(&self, object: Option<&str>, reading: Reading, now: Instant) {
        match object {
            None => *held(&self.own) = reading,
            Some(object) => held(&self.finer).insert(object.into(), reading, now),
        }
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reading {
    fn is_fresh(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| now < next)
    }

    /// What is known after another try; says so once when the policy can no longer be read.
    fn after(self, read: Result<LockoutRule, Fault>, now: Instant, directory: &str) -> Self {
        match read {
            Ok(rule) => Self { rule: Some(rule), next: now.checked_add(LIFE), complained: false },
            Err(fault) => {
                if !self.complained {
                    tracing::warn!(event = "directory.lockout-unread", directory, "{fault}");
                }
                Self { next: now.checked_add(RETRY), complained: true, ..self }
            }
        }
    }
}

impl ActiveDirectory {
    /// When the account `record` is locked; `None` when it never is, or when nobody could be asked yet.
    pub(super) async fn lockout(&self, domain: &Domain, record: &Record, until: Instant) -> Option<Lockout> {
        let own = match record.text(RESULTANT).filter(|object| !object.is_empty()) {
            Some(object) => self.policy(domain, Some(object), until).await,
            None => None,
        };
        let rule = match own {
            Some(rule) => rule,
            None => self.policy(domain, None, until).await?,
        };
        rule.of_account(counted(record, rule.window, domain.pool.clock().now().unix))
    }

    /// What the policy says, from memory or read now.
    async fn policy(&self, domain: &Domain, object: Option<&str>, until: Instant) -> Option<LockoutRule> {
        let clock = domain.pool.clock();
        let before = domain.policies.known(object, clock.now().steady);
        if before.is_fresh(clock.now().steady) {
            return before.rule;
        }
        let (_turn, until) = match (domain.policies.turn.try_lock(), before.rule) {
            (Ok(turn), None) => (turn, until),
            (Ok(turn), Some(_)) => {
                (turn, clock.now().steady.checked_add(PATIENCE).map_or(until, |soon| soon.min(until)))
            }
            (Err(_), Some(rule)) => return Some(rule),
            (Err(_), None) => (domain.policies.turn.lock().await, until),
        };
        let before = domain.policies.known(object, clock.now().steady);
        if before.is_fresh(clock.now().steady) {
            return before.rule;
        }
        let read = match (object, self.realm(domain)) {
            (None, Some(realm)) => of_domain(&domain.pool, realm, until).await,
            (Some(object), _) => of_object(&domain.pool, object, until).await,
            (None, None) => return None,
        };
        let now = clock.now().steady;
        let after = before.after(read, now, domain.pool.directory());
        domain.policies.learn(object, after, now);
        after.rule
    }

    /// What holds for an account of which nothing else is known, as it was read last: of several domains, the strictest.
    pub(crate) fn usual_lockout(&self) -> Option<LockoutRule> {
        let own = self.domains.iter().filter_map(|domain| held(&domain.policies.own).rule);
        own.filter(|rule| rule.threshold > 0).min_by_key(|rule| (rule.threshold, Reverse(rule.window)))
    }

    /// What each domain says now, for whoever sets this up.
    pub(crate) async fn lockouts(&self, until: Instant) -> Vec<DomainLockout> {
        let mut all = Vec::new();
        for domain in &self.domains {
            let Some(realm) = self.realm(domain) else { continue };
            let rule = of_domain(&domain.pool, realm, until).await;
            let finer = match &rule {
                Ok(_) => objects(&domain.pool, realm, until).await.unwrap_or_default(),
                Err(_) => Vec::new(),
            };
            all.push(DomainLockout { domain: realm.domain.clone(), rule, finer });
        }
        all
    }
}

/// Name of the domain's head. It need not be where accounts are looked for.
fn head(realm: &Realm) -> String {
    let part = |label: &str| format!("DC={}", escape(label));
    realm.domain.split('.').map(part).collect::<Vec<_>>().join(",")
}

async fn of_domain(pool: &Pool, realm: &Realm, until: Instant) -> Result<LockoutRule, Fault> {
    let record = search::entry(pool, &head(realm), &OF_DOMAIN, until).await?;
    record.and_then(|record| rule(&record, OF_DOMAIN)).ok_or_else(|| {
        unread(
            pool,
            &format!("the domain {}", realm.domain),
            "let the service account read lockoutThreshold and lockOutObservationWindow of the domain's head, at a domain controller and not at a global catalogue",
        )
    })
}

async fn of_object(pool: &Pool, object: &str, until: Instant) -> Result<LockoutRule, Fault> {
    let record = search::entry(pool, object, &OF_OBJECT, until).await?;
    record.and_then(|record| rule(&record, OF_OBJECT)).ok_or_else(|| {
        unread(
            pool,
            "a fine-grained password policy",
            "let the service account read \"CN=Password Settings Container,CN=System\"; until then the policy of the domain is gone by",
        )
    })
}

fn unread(pool: &Pool, whose: &str, advice: &str) -> Fault {
    let what =
        format!("directory \"{}\": {whose} does not tell when it locks accounts; {advice}", pool.directory());
    Fault::new(FaultKind::DirectoryRefusedUs, what)
}

/// The fine-grained policies that can be read, by name.
async fn objects(pool: &Pool, realm: &Realm, until: Instant) -> Result<Vec<(Box<str>, LockoutRule)>, Fault> {
    let [threshold, window, duration] = OF_OBJECT;
    let request = Search {
        base: &format!("CN=Password Settings Container,CN=System,{}", head(realm)),
        scope: Scope::Subtree,
        size_limit: 0,
        time_limit: 0,
        filter: &Filter::Equal("objectClass", b"msDS-PasswordSettings"),
        attributes: &Selection::of(["cn", threshold, window, duration]),
        page: None,
    };
    let records = search::all(pool, &request, until).await?;
    let read = |record: &Record| Some((record.text("cn")?.into(), rule(record, OF_OBJECT)?));
    Ok(records.iter().filter_map(read).take(MOST_OBJECTS).collect())
}

/// What the attributes say; `None` without a threshold or a window.
fn rule(record: &Record, [threshold, window, duration]: [&str; 3]) -> Option<LockoutRule> {
    let threshold = u32::try_from(record.number(threshold)?.max(0)).unwrap_or(u32::MAX);
    let window = if threshold == 0 { Duration::ZERO } else { span(record.number(window)?) };
    // Nothing at all, and a time without an end, both mean that only an administrator ends it.
    let lasts = record.number(duration).filter(|span| !matches!(*span, 0 | i64::MIN)).map(span);
    Some(LockoutRule { threshold, window, lasts })
}

/// From tenths of microseconds; they are written as negative numbers (MS-SAMR section 2.2.1.13).
const fn span(negative: i64) -> Duration {
    Duration::from_micros(negative.unsigned_abs() / 10)
}

/// The wrong passwords that still count at this server: none when the last one lies a window back. One that comes from a
/// clock ahead of ours counts.
fn counted(record: &Record, window: Duration, now: UnixTime) -> u32 {
    let count = record.number("badPwdCount").and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    let last = record.number("badPasswordTime").unwrap_or(0);
    let over = UnixTime::from_seconds(unix_seconds(last)).plus(window).plus(CLOCKS_DIFFER);
    if last > 0 && now <= over { count } else { 0 }
}

#[cfg(test)]
mod tests;
