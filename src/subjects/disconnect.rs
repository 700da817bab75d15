//! Ends the sessions that a subject has open, at the devices that keep them.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::base::clock::Clock;
use crate::gateway::ports::Audit;
use crate::gateway::ports::sessions::{Fate, OpenSession, Orders, Sessions};
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::subjects::act::{Act, Acts};

/// Devices that are told at the same time.
const AT_ONCE: usize = 32;

/// Ends sessions.
pub struct Disconnecting {
    sessions: Arc<dyn Sessions>,
    orders: Arc<dyn Orders>,
    acts: Acts,
}

/// Sessions and what became of them.
pub type Fates = Vec<(OpenSession, Fate)>;

impl Disconnecting {
    /// Puts the tools together.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn Sessions>,
        orders: Arc<dyn Orders>,
        clock: Arc<dyn Clock>,
        audit: Arc<dyn Audit>,
    ) -> Self {
        Self { sessions, orders, acts: Acts { audit, clock } }
    }

    /// Ends the sessions in `open`, which are those of `who`, and forgets those that are over. They are given instead
    /// of read, so that a subject can be forgotten first: until then it could log in again.
    ///
    /// Returns what became of each, in their order.
    ///
    /// # Errors
    ///
    /// A fault of store or audit.
    pub async fn end(&self, who: &Pseudonym, open: Vec<OpenSession>) -> Result<Fates, Fault> {
        let act = Act::of("admin.disconnect", Some(who));
        self.acts.carry_out(act, self.tell(open), word).await
    }

    async fn tell(&self, open: Vec<OpenSession>) -> Result<Fates, Fault> {
        let mut waiting = open.into_iter().enumerate();
        let (mut running, mut told) = (JoinSet::new(), Vec::new());
        loop {
            while running.len() < AT_ONCE
                && let Some((at, session)) = waiting.next()
            {
                let orders = Arc::clone(&self.orders);
                running.spawn(async move { (at, orders.end(&session).await, session) });
            }
            let Some(done) = running.join_next().await else { break };
            let broken =
                |error| Fault::new(FaultKind::Internal, format!("telling a device broke off: {error}"));
            let (at, fate, session) = done.map_err(broken)?;
            if fate.is_over() {
                self.sessions.end_session(&session.key).await?;
            }
            told.push((at, session, fate));
        }
        told.sort_by_key(|(at, ..)| *at);
        Ok(told.into_iter().map(|(_, session, fate)| (session, fate)).collect())
    }
}

fn word(fates: &Fates) -> &'static str {
    match fates.iter().filter(|(_, fate)| !fate.is_over()).count() {
        _ if fates.is_empty() => "nothing-there",
        0 => "all-ended",
        _ => "some-stay",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixTime;
    use crate::gateway::ports::Naming;
    use crate::gateway::ports::sessions::SessionKey;
    use crate::login::attempt::AttemptId;
    use crate::login::factor::Sealed;
    use crate::subjects::tests::{Lab, account, wait};

    /// Ends sessions at `fw`, knows nothing of those at `old`, and is silent elsewhere.
    struct Scripted;

    #[async_trait::async_trait]
    impl Orders for Scripted {
        async fn end(&self, session: &OpenSession) -> Fate {
            match &*session.key.client {
                "fw" => Fate::Ended,
                "old" => Fate::Gone,
                _ => Fate::Silent("no answer".into()),
            }
        }
    }

    fn open(lab: &Lab, who: &Pseudonym, client: &str, n: u8) {
        let key = SessionKey { client: client.into(), device: [n; 16], session: [n; 16] };
        let at = UnixTime(i64::from(n));
        let marks = Sealed { key_id: 1, bytes: [n].into() };
        let session = OpenSession {
            key,
            pseudonym: who.clone(),
            attempt: AttemptId([n; 8]),
            marks,
            since: at,
            heard: at,
        };
        wait(lab.store.note_session(session, 1000)).unwrap();
    }

    fn disconnecting(lab: &Lab) -> Disconnecting {
        Disconnecting::new(lab.store.clone(), Arc::new(Scripted), lab.clock.clone(), lab.acts.clone())
    }

    #[test]
    fn sessions_that_are_over_are_forgotten_and_those_that_may_be_open_are_not_a_139() {
        let lab = Lab::new();
        let who = wait(lab.names(&[]).subject(account("corp", b"1", "Anna"))).unwrap().pseudonym;
        let clients = ["fw", "deaf", "old"].iter().cycle();
        for (n, client) in (0..90).zip(clients) {
            open(&lab, &who, client, n);
        }
        let all = wait(lab.store.sessions_of(&who)).unwrap();
        assert_eq!(all.len(), 90);
        let fates = wait(disconnecting(&lab).end(&who, all.clone())).unwrap();
        assert_eq!(
            fates.iter().map(|(session, _)| session).collect::<Vec<_>>(),
            all.iter().collect::<Vec<_>>()
        );
        assert_eq!(fates.iter().filter(|(_, fate)| fate.is_over()).count(), 60);
        let left = wait(lab.store.sessions_of(&who)).unwrap();
        assert!(left.len() == 30 && left.iter().all(|session| &*session.key.client == "deaf"));
        assert_eq!(
            lab.recorded().last_chunk(),
            Some(&[
                "admin.disconnect asked done asked -".to_owned(),
                "admin.disconnect ended done some-stay -".to_owned()
            ])
        );
    }

    #[test]
    fn the_record_tells_whether_all_have_ended_or_none_was_there() {
        let lab = Lab::new();
        let who = wait(lab.names(&[]).subject(account("corp", b"1", "Anna"))).unwrap().pseudonym;
        wait(disconnecting(&lab).end(&who, Vec::new())).unwrap();
        assert_eq!(lab.recorded().last().unwrap(), "admin.disconnect ended done nothing-there -");
        open(&lab, &who, "fw", 1);
        let all = wait(lab.store.sessions_of(&who)).unwrap();
        wait(disconnecting(&lab).end(&who, all)).unwrap();
        assert_eq!(lab.recorded().last().unwrap(), "admin.disconnect ended done all-ended -");
    }

    #[test]
    fn without_a_record_no_device_is_told_d_117() {
        let lab = Lab::new();
        let who = wait(lab.names(&[]).subject(account("corp", b"1", "Anna"))).unwrap().pseudonym;
        open(&lab, &who, "fw", 1);
        lab.acts.broken.store(true, std::sync::atomic::Ordering::SeqCst);
        let all = wait(lab.store.sessions_of(&who)).unwrap();
        assert!(wait(disconnecting(&lab).end(&who, all)).is_err());
        assert_eq!(wait(lab.store.sessions_of(&who)).unwrap().len(), 1);
    }
}
