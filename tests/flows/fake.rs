//! An upstream that answers as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use doorward::base::clock::ManualClock;
use doorward::gateway::ports::{Question, ServerState, Upstream};
use doorward::login::relay::{Heard, Held, Said};
use doorward::login::verdict::Fault;
use tokio::sync::Semaphore;

use crate::world::{ALL, name};

/// What it is asked: the device's request, the password in place of that one's, what it answered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) passage: String,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) earlier: Option<&'static str>,
}

/// Gives out answers from a box, one by one; the last one again and again.
pub(crate) struct Boxed {
    answers: Mutex<VecDeque<Result<Said, Fault>>>,
    asked: Mutex<Vec<Asked>>,
    clock: Arc<ManualClock>,
    /// How long an answer takes.
    pub(crate) takes: Mutex<Duration>,
    /// Who takes all of it keeps answers from coming.
    pub(crate) gate: Semaphore,
    pub(crate) at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
}

/// A yes that names nobody.
pub(crate) fn yes() -> Result<Said, Fault> {
    Ok(Said::Yes { name: None })
}

/// A yes to this name.
pub(crate) fn yes_to(user: &str) -> Result<Said, Fault> {
    Ok(Said::Yes { name: Some(name(user)) })
}

impl Boxed {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            answers: Mutex::new([yes()].into()),
            asked: Mutex::default(),
            clock,
            takes: Mutex::default(),
            gate: Semaphore::new(ALL as usize),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }
    }

    pub(crate) fn will_say(&self, answers: impl IntoIterator<Item = Result<Said, Fault>>) {
        *self.answers.lock().unwrap() = answers.into_iter().collect();
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn next(&self) -> Result<Said, Fault> {
        let mut answers = self.answers.lock().unwrap();
        let next = answers.pop_front().expect("an answer");
        if answers.is_empty() {
            answers.push_back(next.clone());
        }
        next
    }
}

#[async_trait]
impl Upstream for Boxed {
    async fn ask(&self, question: Question<'_>, _: Instant) -> Result<Heard, Fault> {
        self.asked.lock().unwrap().push(Asked {
            passage: question.passage.get::<String>().unwrap().clone(),
            password: question.password.map(|password| password.expose().to_vec()),
            earlier: question.earlier.map(|held| *held.get::<&'static str>().unwrap()),
        });
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let _open = self.gate.acquire().await.unwrap();
        tokio::task::yield_now().await;
        self.clock.advance(*self.takes.lock().unwrap());
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let said = self.next()?;
        let held = match said {
            Said::Yes { .. } => "accept",
            Said::No(_) => "reject",
            Said::More => "challenge",
        };
        Ok(Heard { said, held: Held::new(held) })
    }

    async fn probe(&self, _: Instant) -> Result<Vec<ServerState>, Fault> {
        Ok(self.servers())
    }

    fn servers(&self) -> Vec<ServerState> {
        Vec::new()
    }
}
