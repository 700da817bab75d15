//! `doorward explain`: which rule a login would meet, and why.

mod past;
pub(super) mod told;
mod what_if;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::cli::desk::{Desk, with_desk};
use crate::cli::exit::Failure;
use crate::cli::explain::what_if::WhatIf;
use crate::cli::policy::whereabouts::Whereabouts;
use crate::cli::subject::{closed, failures};
use crate::config::settings::ClientSettings;
use crate::gateway::ports::Counted;
use crate::login::client::{Client, PrimaryKind};
use crate::login::explain::{Explanation, Known, explain};
use crate::login::factor::Enrolment;
use crate::login::identity::{Account, Groups, Pseudonym};
use crate::login::policy::{Facts, First, Input};
use crate::login::relay::Method;
use crate::login::step::Record;
use crate::login::throttle::{Failures, FlowLimits};
use crate::wire::radius::describe::{Line, attributes};

/// Say which rules a login would meet and how it would go, without any login.
///
/// Nobody is contacted but the directory that knows the user, and nothing is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  doorward explain --client vpn-1 --user alice --from 203.0.113.7 --at 2026-12-24T18:00\n  \
                  doorward explain --client wiki --user CN=wiki,OU=Service,DC=corp,DC=example --source 192.0.2.7\n  \
                  doorward explain --client wifi --user alice --method eap\n  \
                  doorward explain --client vpn-1 --user alice --country TR --enrolled nothing --last-login-days 90\n  \
                  doorward explain --attempt 0011223344556677"
)]
pub(super) struct Args {
    /// The client that would ask.
    #[arg(long, value_name = "NAME", required_unless_present = "attempt")]
    client: Option<String>,
    /// Login name, or the whole distinguished name.
    #[arg(long, value_name = "NAME", required_unless_present = "attempt")]
    user: Option<String>,
    /// A login of the past, by its id in the audit, in place of one that did not happen: what it showed then, before the
    /// rules of today.
    #[arg(long, value_name = "ID", conflicts_with_all = ["client", "user", "from", "source", "at", "method"])]
    attempt: Option<String>,
    /// The audit file that holds it, where that is another than the settings say.
    #[arg(long, value_name = "FILE", requires = "attempt")]
    file: Option<PathBuf>,
    /// The user's address; without it, it is unknown.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The address of the client's own connection, on which exemptions depend; without it, it is unknown.
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// When: local time of this machine, or with an offset such as Z; without it, now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<UnixTime>,
    /// How: pap, chap, ms-chap, ms-chap-v2 or eap; without it, each way that the client may use.
    #[arg(long, value_name = "METHOD", value_parser = way)]
    method: Option<Way>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    what_if: WhatIf,
}

/// A way to log in: a method, or a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way(Option<Method>);

impl Way {
    const fn word(self) -> &'static str {
        match self.0 {
            None => "pap",
            Some(method) => method.code(),
        }
    }
}

fn way(text: &str) -> Result<Way, String> {
    let ways: Vec<Way> = [None].into_iter().chain(Method::ALL.map(Some)).map(Way).collect();
    let words: Vec<&str> = ways.iter().map(|way| way.word()).collect();
    let known = ways.iter().find(|way| way.word() == text).copied();
    known.ok_or_else(|| format!("there are: {}", words.join(", ")))
}

fn time(text: &str) -> Result<UnixTime, String> {
    let ms = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    let local = || {
        let civil = text.parse::<DateTime>().map_err(|error| error.to_string())?;
        let zoned = civil.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
        Ok(zoned.timestamp().as_millisecond())
    };
    let told = |why: String| format!("{why}; for example 2026-12-24T18:00 here, or 2026-12-24T17:00Z");
    ms.or_else(|_| local()).map(UnixTime).map_err(told)
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    if let Some(attempt) = &args.attempt {
        return past::run(config, attempt, args.file.as_ref(), args.json);
    }
    let told = with_desk(config, async |desk: &Desk| explained(desk, args).await)?;
    if args.json { told::programs(&told) } else { told::people(&told) }
}

/// An explanation, and what else stands in the way.
struct Told {
    explanation: Explanation,
    /// The rules cannot be decided without an account, and there is none.
    undecided: bool,
    /// Locks and waits.
    notes: Vec<String>,
    /// The path by each way, where there is a choice.
    ways: Vec<(&'static str, Vec<String>)>,
    /// What the client would be told about the account, or why that cannot be.
    reply: Option<Result<Vec<Line>, String>>,
}

/// What waits or is locked at that time.
fn barred(record: &Record, limits: &FlowLimits, at: UnixTime) -> Vec<String> {
    let state =
        |(what, f): (Counted, Failures)| closed(what, &f, limits, at).map(|state| format!("{what}: {state}"));
    failures(record).into_iter().filter_map(state).collect()
}

async fn explained(desk: &Desk, args: &Args) -> Result<Told, Failure> {
    let client = client(desk, args)?;
    let user = args.user.as_deref().unwrap_or_default();
    let account = match desk.renamed(Some(&client.login.directory), user, &client.login.renaming).await {
        Ok(account) => Some(account),
        Err(failure) if failure.is_no_user() => None,
        Err(failure) => return Err(failure),
    };
    let at = args.at.unwrap_or_else(|| desk.stock.clock.now().unix);
    let (who, record) = remembered(desk, account.as_ref()).await?;
    let notes = barred(&record, &desk.settings.limits.failures, at);
    let groups = account.as_ref().map_or_else(Groups::new, |account| args.what_if.groups(&account.groups));
    let subject = account.as_ref().map(|_| (&who, &groups));
    let enrolled = args.what_if.enrolled(record.enrolments.iter().map(Enrolment::kind).collect());
    let facts = Facts {
        listener: args.what_if.listener.as_deref().into(),
        source: args.source,
        user: args.from.into(),
        place: args.what_if.place(Whereabouts::open(&desk.settings.geo)?.of(args.from.into())),
        subject: subject.map_or(Input::Pending, Input::Known),
        aliases: account.as_ref().map_or(&[], |account| &account.aliases),
        past: subject.map_or(Input::Pending, |_| {
            Input::Known(args.what_if.past(&record.history, args.from.into(), at.0.div_euclid(DAY)))
        }),
        enrolled: subject.map_or(Input::Pending, |_| Input::Known(enrolled)),
        ..Facts::of(&client.login, at)
    };
    let standing = account.as_ref().map(|account| account.standing);
    let policy = &desk.settings.policy;
    let (mut undecided, mut by_way) = (false, Vec::new());
    for way in ways(client, args)? {
        let first = args.what_if.first_credential.unwrap_or_else(|| first(&client.login, way.0));
        let facts = Facts { first: Input::Known(first), ..facts };
        undecided |= policy.decide(&facts).is_none();
        let known = Known { standing, enrolled, method: way.0 };
        by_way.push((way.word(), explain(policy, &client.login, &facts, known)));
    }
    let ways = by_way.iter().map(|(word, explained)| (*word, explained.path.clone())).collect();
    let first = by_way.into_iter().next().map(|(_, explained)| explained);
    let mut explanation = first.ok_or_else(|| Failure::software("no way to log in was explained"))?;
    if undecided {
        // Where an account is needed and there is none, it ends.
        explanation.path = vec!["rejected: the directory knows no such account".into()];
    }
    let ways = if undecided || client.radius().is_none() { Vec::new() } else { ways };
    let reply = account
        .as_ref()
        .and_then(|account| reply(&client.login, account, explanation.decision.reply.as_deref()));
    Ok(Told { explanation, undecided, notes, ways, reply })
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

fn client<'a>(desk: &'a Desk, args: &Args) -> Result<&'a ClientSettings, Failure> {
    let wanted = args.client.as_deref().unwrap_or_default();
    let clients = &desk.settings.clients;
    clients.iter().find(|client| *client.login.name == *wanted).ok_or_else(|| {
        let names: Vec<&str> = clients.iter().map(|c| &*c.login.name).collect();
        Failure::usage(format!("there is no client \"{wanted}\"; there are: {}", names.join(", ")))
    })
}

/// What is remembered of an account; of one that never came there is nothing.
async fn remembered(desk: &Desk, account: Option<&Account>) -> Result<(Pseudonym, Record), Failure> {
    let stranger = Pseudonym::new("never-seen").ok_or_else(|| Failure::software(""))?;
    let Some(account) = account else { return Ok((stranger, Record::default())) };
    match desk.stock.names.known(account).await? {
        Some(who) => {
            let record = desk.stock.store.recall(&who).await?;
            Ok((who, record))
        }
        None => Ok((stranger, Record::default())),
    }
}

/// The kind of the first credential of a login that comes this way.
fn first(client: &Client, method: Option<Method>) -> First {
    match (method, client.primary) {
        (Some(method), _) => First::Relayed(method),
        (None, PrimaryKind::CheckedByClient) => First::Trusted,
        (None, PrimaryKind::Directory | PrimaryKind::Upstream) => First::Password,
    }
}

/// The ways to be told of: the one that is asked about, or all that the client may use.
fn ways(client: &ClientSettings, args: &Args) -> Result<Vec<Way>, Failure> {
    let mut may: Vec<Way> = client.methods().into_iter().map(Way).collect();
    if let Some(way) = args.method {
        if !may.contains(&way) {
            let may: Vec<&str> = may.iter().map(|way| way.word()).collect();
            let (client, way, may) = (&client.login.name, way.word(), may.join(", "));
            return Err(Failure::usage(format!(
                "client \"{client}\" may not log in by {way}; it may by: {may}"
            )));
        }
        may.retain(|other| *other == way);
    }
    Ok(may)
}

/// What a client with reply rules would be told about `account`.
fn reply(
    client: &Client,
    account: &Account,
    only: Option<&[std::sync::Arc<str>]>,
) -> Option<Result<Vec<Line>, String>> {
    let telling = client.telling.as_ref()?;
    Some(match telling.tell(account, only) {
        Ok(told) => Ok(attributes(told.bytes())),
        Err(untold) => Err(telling.why_not(account, only).unwrap_or_else(|| untold.to_string())),
    })
}
