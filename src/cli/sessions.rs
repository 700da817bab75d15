//! Open sessions of a subject: shown, and ended at their devices.

use serde_json::{Value, json};

use crate::base::text::safe;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::subject::time;
use crate::cli::terminal::{complain, say};
use crate::daemon::assemble;
use crate::daemon::stock::Stock;
use crate::gateway::ports::sessions::{Fate, OpenSession};
use crate::login::identity::Pseudonym;
use crate::subjects::disconnect::{Disconnecting, Fates};

/// `doorward subject disconnect`
pub(super) async fn disconnect(desk: &Desk, who: &Pseudonym, json: bool) -> Result<(), Failure> {
    let open = desk.stock.sessions.sessions_of(who).await?;
    let fates = disconnecting(desk)?.end(who, open).await?;
    if json {
        let sessions: Vec<Value> = fates.iter().map(fate_json).collect();
        say(&json!({ "subject": who.as_str(), "sessions": sessions }).to_string())?;
    } else if fates.is_empty() {
        say("no session is open")?;
    } else {
        fates.iter().try_for_each(|fate| say(&fate_text(fate)))?;
    }
    match fates.iter().filter(|(_, fate)| !fate.is_over()).count() {
        0 => Ok(()),
        left => Err(Failure::unavailable(format!("{left} of {} sessions may still be open", fates.len()))),
    }
}

/// The sessions that an act is to end; none when they are to be kept.
pub(super) async fn open(desk: &Desk, who: &Pseudonym, keep: bool) -> Result<Vec<OpenSession>, Failure> {
    if keep {
        return Ok(Vec::new());
    }
    Ok(desk.stock.sessions.sessions_of(who).await?)
}

/// Ends sessions after another act. Without any there is nothing to do, and nothing to record.
pub(super) async fn end(desk: &Desk, who: &Pseudonym, open: Vec<OpenSession>) -> Result<Fates, Failure> {
    if open.is_empty() {
        return Ok(Vec::new());
    }
    Ok(disconnecting(desk)?.end(who, open).await?)
}

/// Tells what became of sessions after another act, which has been done whatever became of them.
pub(super) fn tell(fates: &Fates) -> Result<(), Failure> {
    for fate in fates {
        if fate.1.is_over() {
            say(&fate_text(fate))?;
        } else {
            complain(&fate_text(fate));
        }
    }
    Ok(())
}

fn disconnecting(desk: &Desk) -> Result<Disconnecting, Failure> {
    let Stock { sessions, clock, .. } = &desk.stock;
    let orders = assemble::orders(&desk.settings, &desk.stock)?;
    Ok(Disconnecting::new(sessions.clone(), orders, clock.clone(), desk.audit()))
}

pub(super) fn session_text(session: &OpenSession) -> String {
    let (client, since) = (safe(&session.key.client), time(session.since));
    format!("session at {client} since {since}, last heard of {}", time(session.heard))
}

pub(super) fn session_json(session: &OpenSession) -> Value {
    json!({
        "client": &*session.key.client,
        "attempt": session.attempt.to_string(),
        "since": time(session.since),
        "last_heard": time(session.heard),
    })
}

fn fate_text((session, fate): &(OpenSession, Fate)) -> String {
    let (client, since) = (safe(&session.key.client), time(session.since));
    let became = match fate {
        Fate::Ended => "ended".to_owned(),
        Fate::Gone => "the device has ended it before".to_owned(),
        Fate::Refused(why) | Fate::Silent(why) | Fate::NotTold(why) => {
            format!("may still be open: {}", safe(why))
        }
    };
    format!("session at {client} since {since}: {became}")
}

pub(super) fn fate_json(of: &(OpenSession, Fate)) -> Value {
    let (session, fate) = of;
    let mut value = session_json(session);
    if let Value::Object(fields) = &mut value {
        fields.insert("fate".into(), fate.code().into());
        fields.insert("why".into(), fate.why().into());
    }
    value
}
