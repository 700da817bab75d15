//! `doorward subject` and `doorward factor`: what is known about somebody, and how to take it away.

use std::path::Path;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use crate::base::clock::UnixTime;
use crate::base::text::safe;
use crate::cli::desk::{Desk, Who, with_desk};
use crate::cli::exit::Failure;
use crate::cli::sessions::{disconnect, end, fate_json, open, session_json, session_text, tell};
use crate::cli::terminal::say;
use crate::cli::validity::{self, Bounds, history_json, history_text};
use crate::gateway::ports::Counted;
use crate::login::factor::{Enrolment, EnrolmentId};
use crate::login::identity::Pseudonym;
use crate::login::step::Record;
use crate::login::throttle::{Allowed, Failures, FlowLimits, allowed};

/// Subjects that are read at once.
const PAGE: usize = 1000;

/// Show subjects, release their locks, tell who is behind an anonymous id.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward subject show --user alice")]
pub(super) struct SubjectArgs {
    #[command(subcommand)]
    what: SubjectWhat,
    /// Print as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum SubjectWhat {
    /// The anonymous ids of all subjects; as JSON, one object a line.
    #[command(after_help = "Example:\n  doorward subject list --json")]
    List,
    /// Anonymous id, enrolments, failures and history of one subject. Asking by name is recorded in the audit.
    #[command(after_help = "Example:\n  doorward subject show --user alice")]
    Show(Who),
    /// The person behind an anonymous id. Asking is recorded in the audit.
    #[command(after_help = "Example:\n  doorward subject name --subject pabcdefghijklmnopqrs")]
    Name {
        /// Anonymous id.
        #[arg(long, value_name = "ID")]
        subject: String,
    },
    /// Forget a subject for good: the way back to its name, its enrolments, its failures.
    #[command(after_help = "Example:\n  doorward subject forget --user alice --yes")]
    Forget {
        #[command(flatten)]
        who: Who,
        /// Do it: there is no way to take it back.
        #[arg(long)]
        yes: bool,
        /// Leave the sessions alone that it has open.
        #[arg(long)]
        keep_sessions: bool,
    },
    /// End the sessions that a subject has open, at the devices that keep them.
    #[command(after_help = "Example:\n  doorward subject disconnect --user alice")]
    Disconnect(Who),
    /// Set from when and until when a subject may log in.
    #[command(
        after_help = "Example:\n  doorward subject valid --user alice --from 2026-11-01 --until 2027-01-31"
    )]
    Valid {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        bounds: Bounds,
    },
    /// Forget failures and release locks.
    #[command(after_help = "Example:\n  doorward subject unlock --user alice")]
    Unlock {
        #[command(flatten)]
        who: Who,
        /// Only this; without it, everything.
        #[arg(long, value_parser = counted())]
        what: Option<Counted>,
    },
}

/// Show and revoke enrolments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward factor list --user alice")]
pub(super) struct FactorArgs {
    #[command(subcommand)]
    what: FactorWhat,
    /// Print as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum FactorWhat {
    /// The enrolments of a subject. Asking by name is recorded in the audit.
    #[command(after_help = "Example:\n  doorward factor list --user alice")]
    List(Who),
    /// Forget an enrolment: it no longer lets anybody in.
    #[command(
        after_help = "Example:\n  doorward factor revoke --user alice --id 00112233445566778899aabbccddeeff"
    )]
    Revoke {
        #[command(flatten)]
        who: Who,
        /// The enrolment, as `factor list` shows it.
        #[arg(long, value_name = "ID", value_parser = enrolment_id)]
        id: EnrolmentId,
        /// Leave the sessions alone that the subject has open.
        #[arg(long)]
        keep_sessions: bool,
    },
}

/// Takes the words of [`Counted`], and lists them in the help.
fn counted() -> impl TypedValueParser<Value = Counted> {
    PossibleValuesParser::new(Counted::ALL.map(Counted::word)).try_map(|word| {
        Counted::from_word(&word).ok_or_else(|| format!("\"{word}\" is nothing that is counted"))
    })
}

fn enrolment_id(text: &str) -> Result<EnrolmentId, String> {
    let bytes =
        data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|error| error.to_string())?;
    bytes.try_into().map(EnrolmentId).map_err(|_| "an enrolment's id has 32 hexadecimal digits".to_owned())
}

/// `doorward subject`
pub(super) fn subject(config: &Path, args: &SubjectArgs) -> Result<(), Failure> {
    with_desk(config, async |desk: &Desk| match &args.what {
        SubjectWhat::List => list(desk, args.json).await,
        SubjectWhat::Show(who) => show(desk, who, args.json).await,
        SubjectWhat::Name { subject } => name(desk, subject, args.json).await,
        SubjectWhat::Forget { who, yes, keep_sessions } => {
            forget(desk, who, *yes, *keep_sessions, args.json).await
        }
        SubjectWhat::Disconnect(who) => disconnect(desk, &known(desk, who).await?, args.json).await,
        SubjectWhat::Valid { who, bounds } => validity::set(desk, who, bounds, args.json).await,
        SubjectWhat::Unlock { who, what } => unlock(desk, who, *what, args.json).await,
    })
}

/// `doorward factor`
pub(super) fn factor(config: &Path, args: &FactorArgs) -> Result<(), Failure> {
    with_desk(config, async |desk: &Desk| match &args.what {
        FactorWhat::List(who) => factors(desk, who, args.json).await,
        FactorWhat::Revoke { who, id, keep_sessions } => {
            revoke(desk, who, *id, *keep_sessions, args.json).await
        }
    })
}

async fn list(desk: &Desk, json: bool) -> Result<(), Failure> {
    let mut after: Option<Pseudonym> = None;
    loop {
        let rows = desk.stock.store.subjects(after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        for row in &rows {
            let since = time(row.created);
            if json {
                say(&json!({ "subject": row.pseudonym.as_str(), "created": since }).to_string())?;
            } else {
                say(&format!("{:<24}  since {since}", row.pseudonym))?;
            }
        }
        after = Some(last.pseudonym.clone());
    }
}

async fn show(desk: &Desk, who: &Who, json: bool) -> Result<(), Failure> {
    let who = shown(desk, who).await?;
    let record = desk.stock.store.recall(&who).await?;
    let failures = failures(&record);
    let limits = &desk.settings.limits.failures;
    let sessions = desk.stock.sessions.sessions_of(&who).await?;
    if json {
        let failures: Vec<Value> = failures.iter().map(|(what, f)| failures_json(*what, f, limits)).collect();
        let enrolments: Vec<Value> = record.enrolments.iter().map(enrolment_json).collect();
        let sessions: Vec<Value> = sessions.iter().map(session_json).collect();
        let mut report = history_json(&record.history);
        report.extend([
            ("subject".to_owned(), who.as_str().into()),
            ("enrolments".to_owned(), enrolments.into()),
            ("failures".to_owned(), failures.into()),
            ("sessions".to_owned(), sessions.into()),
        ]);
        return say(&Value::from(report).to_string());
    }
    say(&format!("subject {who}"))?;
    history_text(&record.history).iter().try_for_each(|line| say(&format!("  {line}")))?;
    if record.enrolments.is_empty() {
        say("  nothing is enrolled")?;
    }
    record.enrolments.iter().try_for_each(|e| say(&format!("  {}", enrolment_text(e))))?;
    for (what, f) in failures {
        let state = closed(what, &f, limits, desk.stock.clock.now().unix);
        let state = state.map(|state| format!("; {state}")).unwrap_or_default();
        say(&format!("  {what}: {} failures in a row, {} on the last day{state}", f.row, f.today))?;
    }
    sessions.iter().try_for_each(|session| say(&format!("  {}", session_text(session))))
}

/// Why no try counts at that time; `None` when one does.
pub(super) fn closed(
    what: Counted,
    failures: &Failures,
    limits: &FlowLimits,
    at: UnixTime,
) -> Option<String> {
    let limits = match what {
        Counted::Password | Counted::FamiliarPassword => &limits.password,
        Counted::Unproven | Counted::Factor(_) => &limits.factor,
        // It is held against the directory's own limits, which only the directory tells.
        Counted::Directory => return None,
    };
    match allowed(failures, at, limits) {
        Allowed::Yes => None,
        Allowed::NotBefore(then) => Some(format!("no try before {}", time(then))),
        Allowed::Locked => Some(
            failures
                .released_at(limits)
                .map_or("locked".into(), |then| format!("locked until {}", time(then))),
        ),
    }
}

/// What failed: codes by kind, then the rest.
pub(super) fn failures(record: &Record) -> Vec<(Counted, Failures)> {
    let codes = record.codes.iter().map(|(kind, failures)| (Counted::Factor(*kind), Some(*failures)));
    let rest = [
        (Counted::Unproven, record.unproven),
        (Counted::Password, record.password),
        (Counted::FamiliarPassword, record.familiar_password),
        (Counted::Directory, record.directory),
    ];
    codes.chain(rest).filter_map(|(what, failures)| Some((what, failures?))).collect()
}

async fn name(desk: &Desk, subject: &str, json: bool) -> Result<(), Failure> {
    let who = Pseudonym::new(subject).ok_or_else(|| Failure::data("that is no anonymous id"))?;
    let person = desk.stock.names.name_of(&who, &desk.audit()).await?;
    let person = person.ok_or_else(|| Failure::no_user("no subject has this id"))?;
    if json {
        let report =
            json!({ "subject": who.as_str(), "directory": person.directory, "name": person.display });
        return say(&report.to_string());
    }
    say(&format!("{} in directory \"{}\"", safe(&person.display), person.directory))
}

async fn forget(desk: &Desk, who: &Who, yes: bool, keep: bool, json: bool) -> Result<(), Failure> {
    let who = known(desk, who).await?;
    if !yes {
        return Err(Failure::usage("this forgets the subject for good; say --yes to do it"));
    }
    let open = open(desk, &who, keep).await?;
    if !desk.enrolling().forget(&who).await? {
        return Err(unknown());
    }
    let fates = end(desk, &who, open).await?;
    if json {
        let sessions: Vec<Value> = fates.iter().map(fate_json).collect();
        let report = json!({ "subject": who.as_str(), "forgotten": true, "sessions": sessions });
        return say(&report.to_string());
    }
    say("forgotten")?;
    tell(&fates)
}

async fn unlock(desk: &Desk, who: &Who, what: Option<Counted>, json: bool) -> Result<(), Failure> {
    let who = known(desk, who).await?;
    let enrolling = desk.enrolling();
    let mut released = Vec::new();
    for counted in Counted::ALL {
        let wanted = what.is_none_or(|only| only == counted);
        if wanted && enrolling.unlock(&who, counted).await? {
            released.push(counted.word());
        }
    }
    if json {
        return say(&json!({ "subject": who.as_str(), "released": released }).to_string());
    }
    if released.is_empty() {
        return say("there was nothing to release");
    }
    say(&format!("released: {}", released.join(", ")))
}

async fn factors(desk: &Desk, who: &Who, json: bool) -> Result<(), Failure> {
    let who = shown(desk, who).await?;
    let enrolments = desk.stock.store.recall(&who).await?.enrolments;
    if json {
        return say(&Value::from(enrolments.iter().map(enrolment_json).collect::<Vec<_>>()).to_string());
    }
    enrolments.iter().try_for_each(|enrolment| say(&enrolment_text(enrolment)))
}

async fn revoke(desk: &Desk, who: &Who, id: EnrolmentId, keep: bool, json: bool) -> Result<(), Failure> {
    let who = known(desk, who).await?;
    let open = open(desk, &who, keep).await?;
    if !desk.enrolling().revoke(&who, id).await? {
        return Err(Failure::no_user("this subject has no such enrolment"));
    }
    let fates = end(desk, &who, open).await?;
    if json {
        let sessions: Vec<Value> = fates.iter().map(fate_json).collect();
        let report = json!({ "subject": who.as_str(), "revoked": id.to_string(), "sessions": sessions });
        return say(&report.to_string());
    }
    say("revoked")?;
    tell(&fates)
}

/// As [`known`], for a command that only looks: that somebody looked a person up is recorded.
async fn shown(desk: &Desk, who: &Who) -> Result<Pseudonym, Failure> {
    let Some(user) = &who.user else { return known(desk, who).await };
    let account = desk.account(who.directory.as_deref(), user).await?;
    desk.stock.names.shown(&account, &desk.audit()).await?.ok_or_else(unknown)
}

fn unknown() -> Failure {
    Failure::no_user("nothing is known about this subject")
}

/// The anonymous id; asking gives out no new one.
async fn known(desk: &Desk, who: &Who) -> Result<Pseudonym, Failure> {
    match (&who.user, &who.subject) {
        (Some(user), _) => {
            let account = desk.account(who.directory.as_deref(), user).await?;
            desk.stock.names.known(&account).await?.ok_or_else(unknown)
        }
        (None, Some(_)) => {
            let who = desk.subject(who).await?;
            let found = desk.stock.store.subject(&who).await?;
            found.map(|row| row.pseudonym).ok_or_else(unknown)
        }
        (None, None) => Err(Failure::usage("say --user or --subject")),
    }
}

fn enrolment_text(enrolment: &Enrolment) -> String {
    let used =
        enrolment.progress.last_used.map_or("never used".into(), |at| format!("last used {}", time(at)));
    format!("{}  {:<8}  since {}, {used}", enrolment.id, enrolment.kind(), time(enrolment.created))
}

fn enrolment_json(enrolment: &Enrolment) -> Value {
    json!({
        "id": enrolment.id.to_string(),
        "factor": enrolment.kind().word(),
        "created": time(enrolment.created),
        "last_used": enrolment.progress.last_used.map(time),
    })
}

fn failures_json(what: Counted, failures: &Failures, limits: &FlowLimits) -> Value {
    let wait = (failures.wait_until > UnixTime(0)).then(|| time(failures.wait_until));
    let last = (failures.last > UnixTime(0)).then(|| time(failures.last));
    let opens = failures.released_at(&limits.factor).filter(|_| failures.locked).map(time);
    json!({
        "what": what.word(), "in_a_row": failures.row, "on_the_last_day": failures.today,
        "not_before": wait, "locked": failures.locked, "opens": opens, "last": last,
    })
}

pub(super) fn time(at: UnixTime) -> String {
    jiff::Timestamp::from_second(at.seconds()).map_or_else(|_| "?".into(), |at| at.to_string())
}
