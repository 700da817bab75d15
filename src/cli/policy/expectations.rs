//! `doorward policy test`: whether the rules do what the `[[expect]]` tables beside them say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::clock::{Clock, SystemClock, UnixTime};
use crate::base::random::SystemRandom;
use crate::cli::desk::settings;
use crate::cli::exit::Failure;
use crate::cli::explain::told;
use crate::cli::policy::whereabouts::{Whereabouts, or};
use crate::cli::terminal::say;
use crate::config::settings::{DirectoryKind, Expectation, ExpectedSubject, Settings};
use crate::daemon::assemble::{self, Directories};
use crate::directory::file::FileDirectory;
use crate::gateway::ports::Directory;
use crate::login::client::{Client, PrimaryKind};
use crate::login::explain::{Looked, Role, moment, rules, word};
use crate::login::identity::{Account, Groups, LoginName, Pseudonym};
use crate::login::policy::{Decision, Demand, Facts, First, Input, Options, Past, Place, Rule};

/// How long a directory may take to find somebody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Try the rules on the logins of the `[[expect]]` tables.
///
/// Users of a file are looked up in it. Those of other directories are asked for only with --connect, and told as not
/// tried without it. "doorward check" tries the expectations too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward policy test && systemctl reload doorward")]
pub(super) struct Args {
    /// Ask the directories for the users that are named.
    #[arg(long)]
    connect: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

const HOURS_OF_A_WEEK: i64 = 7 * 24;

/// Milliseconds of an hour.
const HOUR: i64 = 60 * 60 * 1000;

/// What became of one expectation.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Tried {
    /// It is so.
    Met,
    /// It is otherwise: what was expected, what came, by which rule and why.
    Failed(String),
    /// Why it was not tried.
    Skipped(String),
}

/// An expectation, and what became of it.
#[derive(Debug)]
pub(in crate::cli) struct Trial {
    /// Its name.
    pub(in crate::cli) name: Arc<str>,
    /// Where it stands.
    pub(in crate::cli) place: String,
    /// What became of it.
    pub(in crate::cli) tried: Tried,
    /// It says no time, and is met now and not at another hour of the week: when, and what would come then.
    other_hours: Option<String>,
}

impl Trial {
    /// Whether it was not tried.
    pub(in crate::cli) const fn is_skipped(&self) -> bool {
        matches!(self.tried, Tried::Skipped(_))
    }

    /// A message, if it is met only by the hour.
    pub(in crate::cli) fn doubt(&self) -> Option<String> {
        let why = self.other_hours.as_ref()?;
        Some(format!("{}: expect \"{}\": {why}", self.place, self.name))
    }

    /// A message, if it failed.
    pub(in crate::cli) fn failure(&self) -> Option<String> {
        match &self.tried {
            Tried::Failed(why) => Some(format!("{}: expect \"{}\": {why}", self.place, self.name)),
            Tried::Met | Tried::Skipped(_) => None,
        }
    }
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let mut settings = settings(config)?;
    let trials = if args.connect { connected(&mut settings)? } else { offline(&settings)? };
    let failed = trials.iter().filter(|trial| trial.failure().is_some()).count();
    if args.json {
        say(&json!({ "expectations": trials.iter().map(one).collect::<Vec<_>>(), "failed": failed })
            .to_string())?;
    } else {
        for trial in &trials {
            match &trial.tried {
                Tried::Met => match &trial.other_hours {
                    None => say(&format!("met: {}", trial.name))?,
                    Some(why) => say(&format!("met now: {}: {why}", trial.name))?,
                },
                Tried::Skipped(why) => say(&format!("not tried: {}: {why}", trial.name))?,
                Tried::Failed(_) => say(&format!("failed: {}", trial.failure().unwrap_or_default()))?,
            }
        }
        let count = trials.len();
        let s = if count == 1 { "" } else { "s" };
        say(&format!("{count} expectation{s}, {failed} failed"))?;
    }
    if failed > 0 { Err(Failure::config("")) } else { Ok(()) }
}

fn one(trial: &Trial) -> Value {
    let (result, why) = match &trial.tried {
        Tried::Met => ("met", trial.other_hours.as_ref()),
        Tried::Failed(why) => ("failed", Some(why)),
        Tried::Skipped(why) => ("not-tried", Some(why)),
    };
    json!({ "expect": &*trial.name, "place": trial.place, "result": result, "why": why })
}

/// Tries all expectations, without asking any directory that is no file.
pub(in crate::cli) fn offline(settings: &Settings) -> Result<Vec<Trial>, Failure> {
    let files = settings.directories.iter().filter_map(|directory| match &directory.kind {
        DirectoryKind::File { users, .. } => {
            let name = Arc::clone(&directory.name);
            let file: Arc<dyn Directory> = Arc::new(FileDirectory::new(name.clone(), users.clone(), 1));
            Some((name, file))
        }
        DirectoryKind::Ldap { .. } => None,
    });
    tried(settings, files.collect())
}

/// Tries all expectations; every directory may be asked, and the settings give them away.
fn connected(settings: &mut Settings) -> Result<Vec<Trial>, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Directories begin to look for their servers as soon as there are any.
    let guard = runtime.enter();
    let directories = assemble::directories(settings, &clock, &SystemRandom)?;
    drop(guard);
    let whereabouts = Whereabouts::open(&settings.geo)?;
    runtime.block_on(all(settings, &People { directories, whereabouts }))
}

fn tried(settings: &Settings, directories: Directories) -> Result<Vec<Trial>, Failure> {
    if settings.expectations.is_empty() {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let whereabouts = Whereabouts::open(&settings.geo)?;
    runtime.block_on(all(settings, &People { directories, whereabouts }))
}

async fn all(settings: &Settings, people: &People) -> Result<Vec<Trial>, Failure> {
    let now = SystemClock.now().unix;
    let mut trials = Vec::with_capacity(settings.expectations.len());
    for expectation in &settings.expectations {
        let (tried, other_hours) = people.try_one(settings, expectation, now).await?;
        let (name, place) = (Arc::clone(&expectation.name), expectation.line.clone());
        trials.push(Trial { name, place, tried, other_hours });
    }
    Ok(trials)
}

/// Where people are looked up.
struct People {
    /// Directories that may be asked.
    directories: Directories,
    /// Where they are.
    whereabouts: Whereabouts,
}

impl People {
    async fn try_one(
        &self,
        settings: &Settings,
        expectation: &Expectation,
        now: UnixTime,
    ) -> Result<(Tried, Option<String>), Failure> {
        let named = |name: &str| *name == *expectation.client;
        let client = settings.clients.iter().find(|client| named(&client.login.name));
        let Some(client) = client.map(|client| &*client.login) else {
            let why = format!("there is no client \"{}\"", expectation.client);
            return Ok((Tried::Skipped(why), None));
        };
        let nobody =
            Pseudonym::new("somebody").ok_or_else(|| Failure::software("no stand-in for a subject"))?;
        let (who, groups, aliases) = match &expectation.subject {
            None => (nobody, Groups::new(), Vec::new()),
            Some(ExpectedSubject::InGroups(keys)) => (nobody, keys.iter().cloned().collect(), Vec::new()),
            Some(ExpectedSubject::Subject(who)) => (who.clone(), Groups::new(), Vec::new()),
            Some(ExpectedSubject::User(name)) => match self.account(client, name).await? {
                Ok(account) => (nobody, Groups::clone(&account.groups), account.aliases),
                Err(not_tried) => return Ok((not_tried, None)),
            },
        };
        let at = expectation.at.unwrap_or(now);
        let facts = Facts {
            listener: expectation.listener.as_deref().into(),
            user: expectation.from,
            place: self.place(expectation),
            first: Input::Known(expectation.first.unwrap_or_else(|| usual(client))),
            subject: Input::Known((&who, &groups)),
            aliases: &aliases,
            past: past(expectation),
            enrolled: expectation.enrolled,
            ..Facts::of(client, at)
        };
        let tried = judged(settings, expectation, &facts);
        let depends = tried == Tried::Met && expectation.at.is_none();
        Ok((tried, depends.then(|| otherwise(settings, expectation, &facts)).flatten()))
    }

    /// What the expectation says, and what the databases say where it says nothing.
    fn place(&self, expectation: &Expectation) -> Place {
        let found = self.whereabouts.of(expectation.from);
        Place { country: or(expectation.country, found.country), asn: or(expectation.asn, found.asn) }
    }

    async fn account(&self, client: &Client, name: &str) -> Result<Result<Account, Tried>, Failure> {
        let Some(directory) = self.directories.get(&client.directory) else {
            let why = format!("directory \"{}\" is asked only with --connect", client.directory);
            return Ok(Err(Tried::Skipped(why)));
        };
        let typed = LoginName::parse(name.as_bytes()).map_err(|bad| Failure::data(bad.to_string()))?;
        let typed = client.renaming.apply(typed).map_err(|bad| Failure::data(bad.to_string()))?;
        let now = SystemClock.now().steady;
        let found = directory.find(&typed, now.checked_add(PATIENCE).unwrap_or(now)).await?;
        Ok(found
            .ok_or_else(|| Tried::Failed(format!("directory \"{}\" knows no such user", client.directory))))
    }
}

/// What the client's own kind of login shows first.
const fn usual(client: &Client) -> First {
    match client.primary {
        PrimaryKind::CheckedByClient => First::Trusted,
        PrimaryKind::Directory | PrimaryKind::Upstream => First::Password,
    }
}

/// What is not said of earlier logins is unknown.
fn past(expectation: &Expectation) -> Input<Past> {
    match expectation.first_login {
        Input::Known(first_login) => Input::Known(Past {
            first_login,
            new_network: expectation.new_network,
            last_login_days: expectation.last_login_days,
        }),
        Input::Unknown | Input::Pending => match (expectation.new_network, expectation.last_login_days) {
            (Input::Unknown, Input::Unknown) => Input::Unknown,
            // Whoever was let in before, or from somewhere else, was let in.
            (new_network, last_login_days) => {
                Input::Known(Past { first_login: false, new_network, last_login_days })
            }
        },
    }
}

fn judged(settings: &Settings, expectation: &Expectation, facts: &Facts<'_>) -> Tried {
    let Some(decision) = settings.policy.decide(facts) else {
        return Tried::Failed("nothing is decided: a rule needs what is not known".into());
    };
    let by_rule = expectation
        .rule
        .as_ref()
        .is_none_or(|rule| decision.exemption.is_none() && decision.rule.as_ref() == Some(rule));
    let wanted = expectation.then.map(|then| {
        let rule = Rule {
            options: Options::default(),
            ..Rule::new("", crate::login::policy::Condition::ALWAYS, then)
        };
        rule.demand()
    });
    if by_rule && wanted.as_ref().is_none_or(|wanted| same(wanted, &decision.demand)) {
        return Tried::Met;
    }
    let mut expected: Vec<String> = wanted.iter().map(told::demand).collect();
    expected.extend(expectation.rule.iter().map(|rule| format!("by rule \"{rule}\"")));
    let because = because(settings, expectation, facts, &decision);
    Tried::Failed(format!("expected {}, came {}{because}", expected.join(" "), came(&decision)))
}

/// The first hour of the coming week at which the expectation is not met, and what would come then.
fn otherwise(settings: &Settings, expectation: &Expectation, facts: &Facts<'_>) -> Option<String> {
    (1..=HOURS_OF_A_WEEK).find_map(|hours| {
        let at = UnixTime(facts.at.0.saturating_add(hours.saturating_mul(HOUR)));
        let Tried::Failed(why) = judged(settings, expectation, &Facts { at, ..*facts }) else { return None };
        let example = moment(at.0);
        Some(format!("it says no time (at), and at {example} it would fail: {why}"))
    })
}

/// Whether the same must be shown; when a period of grace ends does not matter here.
fn same(wanted: &Demand, demand: &Demand) -> bool {
    match (wanted, demand) {
        (Demand::Refuse(_), Demand::Refuse(_)) => true,
        (Demand::Show(wanted), Demand::Show(come)) => {
            let in_both = |one: &[crate::login::policy::Clause], other: &[crate::login::policy::Clause]| {
                one.iter().all(|clause| other.iter().any(|known| known.kinds == clause.kinds))
            };
            in_both(wanted, come) && in_both(come, wanted)
        }
        (Demand::Refuse(_), Demand::Show(_)) | (Demand::Show(_), Demand::Refuse(_)) => false,
    }
}

fn came(decision: &Decision) -> String {
    let by = match (&decision.exemption, &decision.rule) {
        (Some(exemption), _) => format!("by exemption \"{exemption}\""),
        (None, Some(rule)) => format!("by rule \"{rule}\""),
        (None, None) => "since no rule holds".to_owned(),
    };
    format!("{} {by}", told::demand(&decision.demand))
}

/// Why the rule that should decide does not, or which rules add to the demand.
fn because(settings: &Settings, expectation: &Expectation, facts: &Facts<'_>, decision: &Decision) -> String {
    let all = rules(&settings.policy, facts);
    let meant = all.iter().find(|rule| Some(&rule.name) == expectation.rule.as_ref());
    let meant = meant.filter(|rule| rule.role != Role::Decides);
    let named = meant.map(|rule| {
        let values: Vec<String> = rule.conditions.iter().map(leaf).collect();
        let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join("; ")) };
        format!("; rule \"{}\": {}{values}", rule.name, rule.role.words())
    });
    let mut perhaps: Vec<String> =
        decision.perhaps.names().iter().map(|rule| format!("\"{rule}\"")).collect();
    if decision.perhaps.more() > 0 {
        perhaps.push(format!("and {} more", decision.perhaps.more()));
    }
    let added = (!perhaps.is_empty()).then(|| format!("; of rule {} it cannot be told", perhaps.join(", ")));
    [named, added].into_iter().flatten().collect()
}

fn leaf(one: &Looked) -> String {
    if one.inner.is_empty() {
        return format!("{}: {}, {}", one.key, word(one.truth), one.why);
    }
    let inner: Vec<String> = one.inner.iter().map(leaf).collect();
    format!("{}: {}, [{}]", one.key, word(one.truth), inner.join("; "))
}
