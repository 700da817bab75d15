//! `doorward explain`: which rule a login would meet, and why.

use std::net::IpAddr;
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::cli::desk::{Desk, with_desk};
use crate::cli::exit::Failure;
use crate::cli::terminal::say;
use crate::login::explain::{Explanation, Known, explain};
use crate::login::factor::Enrolment;
use crate::login::identity::Groups;
use crate::login::policy::{Facts, Requirement};

/// Say which rules a login would meet and how it would go, without any login.
///
/// Nobody is contacted but the directory that knows the user, and nothing is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  doorward explain --client vpn-1 --user alice --from 203.0.113.7 --at 2026-12-24T18:00"
)]
pub(super) struct Args {
    /// The client that would ask.
    #[arg(long, value_name = "NAME")]
    client: String,
    /// Login name.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The user's address; without it, it is unknown.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// When: local time of this machine, or with an offset such as Z; without it, now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<UnixTime>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<UnixTime, String> {
    let ms = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    let local = || {
        let civil = text.parse::<DateTime>().map_err(|error| error.to_string())?;
        let zoned = civil.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
        Ok(zoned.timestamp().as_millisecond())
    };
    ms.or_else(|_| local()).map(UnixTime)
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let explanation = with_desk(config, async |desk: &Desk| explained(desk, args).await)?;
    tell(&explanation, args.json)
}

async fn explained(desk: &Desk, args: &Args) -> Result<Explanation, Failure> {
    let named = |client: &&crate::config::settings::ClientSettings| *client.login.name == *args.client;
    let client = desk.settings.clients.iter().find(named).ok_or_else(|| {
        let names: Vec<&str> = desk.settings.clients.iter().map(|c| &*c.login.name).collect();
        Failure::usage(format!("there is no client \"{}\"; there are: {}", args.client, names.join(", ")))
    })?;
    let account = desk.account(Some(&client.login.directory), &args.user).await;
    let account = match account {
        Ok(account) => Some(account),
        Err(failure) if failure.is_no_user() => None,
        Err(failure) => return Err(failure),
    };
    let mut enrolled = Vec::new();
    let mut who = None;
    if let Some(account) = &account {
        who = desk.stock.names.known(account).await?;
        if let Some(who) = &who {
            enrolled = desk.stock.store.recall(who).await?.enrolments;
        }
    }
    let stranger =
        crate::login::identity::Pseudonym::new("never-seen").ok_or_else(|| Failure::software(""))?;
    let groups = account.as_ref().map_or_else(Groups::new, |account| account.groups.clone());
    let facts = Facts {
        client: &client.login.name,
        user: args.from,
        at: args.at.unwrap_or_else(|| desk.stock.clock.now().unix),
        subject: account.as_ref().map(|_| (who.as_ref().unwrap_or(&stranger), &groups)),
    };
    let known = Known {
        standing: account.as_ref().map(|account| account.standing),
        enrolled: enrolled.iter().map(Enrolment::kind).collect(),
    };
    Ok(explain(&desk.settings.policy, &client.login, &facts, known))
}

fn tell(explanation: &Explanation, json: bool) -> Result<(), Failure> {
    let demand = match explanation.decision.requirement {
        Requirement::None => "no second factor".to_owned(),
        Requirement::Refuse => "nothing helps".to_owned(),
        Requirement::OneOf(kinds) => {
            format!("one of {}", kinds.iter().map(|k| k.word()).collect::<Vec<_>>().join(", "))
        }
    };
    if json {
        let rules: Vec<_> = explanation
            .rules
            .iter()
            .map(|(name, looked)| serde_json::json!({ "rule": &**name, "looked": looked }))
            .collect();
        let rule = explanation.decision.rule.as_deref();
        let report = serde_json::json!({
            "rules": rules, "rule": rule, "requirement": demand, "path": explanation.path,
        });
        return say(&report.to_string());
    }
    for (name, looked) in &explanation.rules {
        say(&format!("rule \"{name}\": {looked}"))?;
    }
    match &explanation.decision.rule {
        Some(rule) => say(&format!("decided by rule \"{rule}\": {demand}"))?,
        None => say(&format!("no rule matches: {demand}"))?,
    }
    explanation.path.iter().try_for_each(|step| say(&format!("  {step}")))
}
