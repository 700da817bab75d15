//! Body of the fuzz target of a directory that attacks: while operations of somebody who is bound wait for their
//! answers, it says whatever the script wants, in pieces of any size.
//!
//! What must hold: the client gets whole messages that answer what it has asked, in order and octet for octet, and
//! never the answer to a bind; what the directory breaks ends the connection as unavailable; a connection on which
//! anything odd was said serves no other bind.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::{Clock, ManualClock, UnixTime};
use doorward::frontend::ldap::answers::Answers;
use doorward::frontend::ldap::clients::{ConnectionIs, KnownBy, LdapClient, Root};
use doorward::frontend::ldap::counters::{Closed, Counters, Skipped};
use doorward::frontend::ldap::limits::LdapLimits;
use doorward::frontend::ldap::session::{Action, Conduct, Passing, Person, Session};
use doorward::gateway::drive::Reply;
use doorward::login::attempt::{Attempt, AttemptId};
use doorward::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use doorward::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorOutcome, OtpAlgorithm, Parameters, Progress, Sealed,
};
use doorward::login::flow::Flow;
use doorward::login::identity::{Account, Groups, Pseudonym, Standing, Subject};
use doorward::login::policy::Policy;
use doorward::login::step::{Event, Outcome, PrimaryOutcome, Record, Step, Work};
use doorward::login::throttle::FlowLimits;
use doorward::login::verdict::Verdict;
use doorward::wire::ldap::ask::Request;
use doorward::wire::ldap::ber::{INTEGER, Reader, SEQUENCE, Writer, header};
use doorward::wire::ldap::frame::cut;
use doorward::wire::ldap::message::{LdapResult, Message, op};

const ANNA: &str = "uid=anna,dc=example,dc=org";
/// Most operations that wait at once.
const OPERATIONS: usize = 5;

/// Requests that can be passed on; the last is one that nobody has defined.
const REQUESTS: [u8; 8] = [
    op::SEARCH_REQUEST,
    op::SEARCH_REQUEST,
    op::ADD_REQUEST,
    op::DELETE_REQUEST,
    op::MODIFY_DN_REQUEST,
    op::COMPARE_REQUEST,
    op::EXTENDED_REQUEST,
    0x5d,
];

/// What a directory may or may not say.
const ANSWERS: [u8; 16] = [
    op::SEARCH_ENTRY,
    op::SEARCH_ENTRY,
    op::SEARCH_DONE,
    op::SEARCH_REFERENCE,
    op::INTERMEDIATE_RESPONSE,
    op::ADD_RESPONSE,
    op::DELETE_RESPONSE,
    op::MODIFY_DN_RESPONSE,
    op::COMPARE_RESPONSE,
    op::EXTENDED_RESPONSE,
    op::MODIFY_RESPONSE,
    op::BIND_RESPONSE,
    op::BIND_RESPONSE,
    op::BIND_REQUEST,
    0x41,
    0x7e,
];

/// What a script led to, so that a test can tell that it gets anywhere.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) passed: usize,
    pub(crate) left_out: usize,
    pub(crate) broken: bool,
    pub(crate) reusable: bool,
}

/// Plays a script to its end.
///
/// # Panics
///
/// When a promise is broken.
pub(crate) fn upstream(script: &[u8]) -> Reached {
    let mut play = Play::new();
    let mut rest = script;
    while let Some((&what, tail)) = rest.split_first() {
        let (argument, tail) = tail.split_at(tail.len().min(usize::from(what >> 4)));
        rest = tail;
        match what & 7 {
            0 | 1 => play.ask(argument),
            2 => play.abandon(argument),
            3 => play.say(argument),
            4 | 5 => play.say(&answer(argument)),
            6 => play.say(&spoilt(argument)),
            _ => play.in_pieces = usize::from(argument.first().copied().unwrap_or(0)),
        }
        if play.reached.broken {
            break;
        }
        play.check();
    }
    play.end()
}

/// A well-formed answer, or one with a length written in more octets than needed.
fn answer(argument: &[u8]) -> Vec<u8> {
    let at = |n: usize| argument.get(n).copied().unwrap_or(0);
    let tag = ANSWERS[usize::from(at(0)) % ANSWERS.len()];
    let id = i64::from(at(1) % 8);
    let inside = argument.get(3..).unwrap_or_default().repeat(usize::from(at(2)) + 1);
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, id);
        message.bytes(tag, &inside);
        if at(2) % 4 == 1 {
            message.bytes(0xa0, b"not a control");
        }
    });
    let minimal = writer.finish().to_vec();
    let outer = header(&minimal).unwrap().unwrap();
    let length = u32::try_from(outer.value).unwrap().to_be_bytes();
    match at(2) % 3 {
        0 => [&[SEQUENCE, 0x84], &length[..], &minimal[outer.header..]].concat(),
        _ => minimal,
    }
}

/// One that has lost its way.
fn spoilt(argument: &[u8]) -> Vec<u8> {
    let mut bytes = answer(argument);
    for (n, octet) in argument.iter().enumerate() {
        let at = (n * 31 + usize::from(*octet)) % bytes.len().min(12);
        bytes[at] ^= octet | 1;
    }
    bytes
}

struct Play {
    session: Session,
    answers: Answers,
    clock: ManualClock,
    in_pieces: usize,
    asked: u8,
    reached: Reached,
    /// Everything the directory said, and everything the client got.
    said: Vec<u8>,
    got: Vec<u8>,
    // The model.
    outstanding: HashMap<u32, Request>,
    /// Where in `said` the next message begins.
    next: usize,
    /// What of `said` should be in `got`.
    expected: Vec<u8>,
    /// The end in `said` of the message that passes now.
    until: usize,
    /// Up to here `said` is in `expected`, where it passes.
    copied: usize,
    odd: bool,
}

impl Play {
    fn new() -> Self {
        let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
        Self {
            session: bound(&clock),
            answers: Answers::default(),
            clock,
            in_pieces: 0,
            asked: 0,
            reached: Reached::default(),
            said: Vec::new(),
            got: Vec::new(),
            outstanding: HashMap::new(),
            next: 0,
            expected: Vec::new(),
            until: 0,
            copied: 0,
            odd: false,
        }
    }

    fn send(&mut self, whole: &[u8]) -> Vec<Action> {
        self.asked = self.asked.wrapping_add(1);
        let mut out = Vec::new();
        self.session.on_message(self.clock.now(), AttemptId([self.asked; 8]), whole, &mut out);
        out
    }

    /// The client asks something, as the socket side lets it: not while it has half of an answer.
    fn ask(&mut self, argument: &[u8]) {
        let at = |n: usize| argument.get(n).copied().unwrap_or(0);
        let (tag, id) = (REQUESTS[usize::from(at(0)) % REQUESTS.len()], u32::from(at(1) % 7) + 1);
        if self.answers.is_in_a_message() || self.outstanding.contains_key(&id) {
            return;
        }
        let full = self.outstanding.len() >= OPERATIONS;
        match &self.send(&request(id, tag))[..] {
            [Action::Forward] => {
                assert!(!full, "B-010");
                self.outstanding.insert(id, Request::of(tag));
            }
            [Action::Send(bytes)] => assert!(full && Message::read(bytes).unwrap().id == id),
            // What has no answer of its own cannot be refused.
            [
                Action::Release { reusable: false },
                Action::Send(_),
                Action::Close(Closed::UnknownOperation),
            ] => {
                assert!(full && tag == 0x5d);
                self.reached.broken = true;
            }
            other => panic!("{other:?}"),
        }
    }

    fn abandon(&mut self, argument: &[u8]) {
        let id = u32::from(argument.first().copied().unwrap_or(0) % 7) + 1;
        if self.answers.is_in_a_message() {
            return;
        }
        let mut writer = Writer::default();
        writer.nested(SEQUENCE, |message| {
            message.integer(INTEGER, 100);
            message.integer(op::ABANDON_REQUEST, i64::from(id));
        });
        let out = self.send(&writer.finish());
        let was = self.outstanding.remove(&id).is_some();
        assert_eq!(was, matches!(out[..], [Action::Forward]), "{out:?}");
        self.odd |= was;
    }

    fn say(&mut self, octets: &[u8]) {
        let size = if self.in_pieces == 0 { octets.len().max(1) } else { self.in_pieces };
        for piece in octets.chunks(size) {
            self.said.extend_from_slice(piece);
            if let Err(why) = self.hear(piece) {
                return self.breaks(why);
            }
            self.copy();
        }
    }

    fn hear(&mut self, piece: &[u8]) -> Result<(), Closed> {
        let Self { session, answers, said, got, .. } = self;
        let (outstanding, next, until) = (&mut self.outstanding, &mut self.next, &mut self.until);
        let (expected, copied, odd, reached) =
            (&mut self.expected, &mut self.copied, &mut self.odd, &mut self.reached);
        let mut judge = |id, tag| {
            // What passed before is whole now.
            copy(said, expected, copied, *until);
            let begin = *next;
            let (read, total) = head(&said[begin..]).expect("a message whose head has come");
            assert_eq!(read, (id, tag), "the head was misread");
            *next += total;
            let passing = session.on_answer(id, tag);
            let kind = outstanding.get(&id).copied();
            match passing {
                Passing::Pass => {
                    let kind = kind.expect("somebody asked");
                    assert!(fits(kind, tag), "{tag:#x} answers no {kind:?}");
                    if ends(kind, tag) {
                        outstanding.remove(&id);
                    }
                    (*copied, *until) = (begin, *next);
                    reached.passed += 1;
                }
                Passing::Skip(why) => {
                    assert_eq!(kind.is_some(), why == Skipped::WrongAnswer);
                    assert!(kind.is_none_or(|kind| !fits(kind, tag)), "{tag:#x} was waited for");
                    *odd = true;
                    reached.left_out += 1;
                }
                Passing::Broken(_) => assert_eq!((id, tag), (0, op::EXTENDED_RESPONSE)),
            }
            passing
        };
        answers.pass(piece, &mut judge, &mut |bytes| got.extend_from_slice(bytes))
    }

    fn copy(&mut self) {
        copy(&self.said, &mut self.expected, &mut self.copied, self.until);
    }

    /// The directory is of no use any more: the client is told, unless it has half of a message.
    fn breaks(&mut self, why: Closed) {
        assert_eq!(why, Closed::DirectoryLost);
        assert!(!self.answers.is_in_a_message(), "only a head can break, and it has not passed");
        self.copy();
        assert_eq!(self.got, self.expected, "what came before it passes");
        let mut out = Vec::new();
        self.session.on_closing(why, &mut out);
        match &out[..] {
            [
                Action::Release { reusable: false },
                Action::Send(bytes),
                Action::Close(Closed::DirectoryLost),
            ] => {
                let notice = Message::read(bytes).unwrap();
                let code = LdapResult::read(&notice.operation).unwrap().code.0;
                assert_eq!((notice.id, notice.operation.tag, code), (0, op::EXTENDED_RESPONSE, 52));
            }
            other => panic!("{other:?}"),
        }
        self.reached.broken = true;
    }

    fn check(&self) {
        assert_eq!(self.session.outstanding(), self.outstanding.len());
        assert!(self.session.is_bound() && self.outstanding.len() <= OPERATIONS);
        assert_eq!(self.got, self.expected, "octet for octet, and nothing else");
        let mut rest = &self.got[..];
        while let Ok(Some(length)) = cut(rest, usize::MAX) {
            assert!(head(rest).is_some_and(|((id, tag), _)| id != 0 && tag != op::BIND_RESPONSE));
            rest = &rest[length..];
        }
        assert_eq!(!rest.is_empty(), self.answers.is_in_a_message(), "half a message is told");
    }

    /// Another bind comes: what is left of this one must not reach it.
    fn end(mut self) -> Reached {
        if self.reached.broken || self.answers.is_in_a_message() {
            return self.reached;
        }
        let bind = doorward::wire::ldap::request::simple_bind(99, ANNA, b"hunter2123456").unwrap();
        match &self.send(&bind)[..] {
            [Action::Release { reusable }, Action::Begin(..)] => {
                self.reached.reusable = *reusable && self.answers.is_between_messages();
                assert!(!*reusable || (!self.odd && self.outstanding.is_empty()), "B-021");
            }
            other => panic!("{other:?}"),
        }
        for id in 1..8 {
            for tag in ANSWERS {
                assert!(matches!(self.session.on_answer(id, tag), Passing::Skip(_)), "a bind is pending");
            }
        }
        self.reached
    }
}

fn copy(said: &[u8], expected: &mut Vec<u8>, copied: &mut usize, until: usize) {
    let end = until.min(said.len());
    // Nothing of a message passes before its head is whole, and then all of it that has come.
    expected.extend_from_slice(said.get(*copied..end).unwrap_or_default());
    *copied = end.max(*copied);
}

/// Number and tag of the message that begins here, and its length; read by other means than the passage does.
fn head(stream: &[u8]) -> Option<((u32, u8), usize)> {
    let outer = header(stream).ok().flatten()?;
    let end = stream.len().min(outer.header + outer.value);
    let inside = &stream[outer.header..end];
    let number = header(inside).ok().flatten()?;
    let behind = inside.get(number.header + number.value..)?;
    let id = Reader::new(inside).expect(INTEGER).ok()?.integer().ok()?;
    Some(((u32::try_from(id).ok()?, *behind.first()?), outer.header + outer.value))
}

fn fits(kind: Request, tag: u8) -> bool {
    let before_the_end = matches!(tag, op::SEARCH_ENTRY | op::SEARCH_REFERENCE);
    match kind {
        Request::Unknown => tag != op::BIND_RESPONSE,
        Request::Search => before_the_end || tag == op::INTERMEDIATE_RESPONSE || tag == op::SEARCH_DONE,
        _ => tag == op::INTERMEDIATE_RESPONSE || kind.answer() == Some(tag),
    }
}

fn ends(kind: Request, tag: u8) -> bool {
    match kind {
        Request::Unknown => {
            !matches!(tag, op::SEARCH_ENTRY | op::SEARCH_REFERENCE | op::INTERMEDIATE_RESPONSE)
        }
        _ => kind.answer() == Some(tag),
    }
}

/// A request that may be passed on.
fn request(id: u32, tag: u8) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        match tag {
            op::SEARCH_REQUEST => message.nested(tag, |search| {
                search.bytes(4, b"dc=example,dc=org");
                search.integer(10, 2);
                search.integer(10, 0);
                search.integer(2, 0);
                search.integer(2, 0);
                search.boolean(1, false);
                search.bytes(0x87, b"objectClass");
                search.nested(SEQUENCE, |_| {});
            }),
            op::COMPARE_REQUEST => message.nested(tag, |compare| {
                compare.bytes(4, ANNA.as_bytes());
                compare.nested(SEQUENCE, |assertion| {
                    assertion.bytes(4, b"cn");
                    assertion.bytes(4, b"anna");
                });
            }),
            op::EXTENDED_REQUEST => message.nested(tag, |extended| extended.bytes(0x80, b"1.2.3")),
            _ => message.bytes(tag, ANNA.as_bytes()),
        }
    });
    writer.finish().to_vec()
}

// ---- somebody who is bound ----------------------------------------------------------------------------

fn bound(clock: &ManualClock) -> Session {
    let conduct = Conduct {
        encrypted: true,
        start_tls: false,
        plain_binds: false,
        peer: [10, 0, 0, 7].into(),
        listener: "inner".into(),
        certificate: Arc::from([]),
        limits: LdapLimits { operations: OPERATIONS, ..LdapLimits::default() },
        counters: Arc::new(Counters::default()),
    };
    let mut session = Session::new(conduct, Some(Arc::new(client())));
    let bind = doorward::wire::ldap::request::simple_bind(1, ANNA, b"hunter2123456").unwrap();
    let mut out = Vec::new();
    session.on_message(clock.now(), AttemptId([0; 8]), &bind, &mut out);
    let Some(Action::Begin(ticket, attempt)) = out.pop() else { panic!("no login began") };
    let Verdict::Accept(grant) = log_in(*attempt, clock) else { panic!("nobody was let in") };
    let person = Person { name: ANNA.into(), has_upstream: true, schema: None, who: Pseudonym::new("p-1") };
    session.on_ended(clock.now(), ticket, &Reply::Accept(grant), Some(person), &mut out);
    assert!(session.is_bound());
    session
}

fn client() -> LdapClient {
    let client = Client {
        name: "wiki".into(),
        directory: "main".into(),
        primary: PrimaryKind::Directory,
        entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } },
        prompt: "".into(),
        can: Capabilities { prompts: false, prompts_relayed: false, tells_address: false },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::from_secs(60),
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Reject,
        remember: None,
        ..Client::new("", "")
    };
    LdapClient {
        client: Arc::new(client),
        known_by: KnownBy::default(),
        root: Root { naming_contexts: Vec::new(), active_directory: false, has_entries: true },
        read_only: false,
        drops_references: false,
        connection_is: ConnectionIs::Application,
        external: None,
        exempt: HashMap::new(),
    }
}

/// A login in which everything that is asked for goes well.
fn log_in(attempt: Attempt, clock: &ManualClock) -> Verdict {
    let account = Account {
        directory: "main".into(),
        id: Box::default(),
        display: "anna".into(),
        handle: ANNA.into(),
        groups: Groups::new().into(),
        standing: Standing::Active,
        number: None,
        aliases: Vec::new(),
        stamp: Box::default(),
        lockout: None,
        attributes: Default::default(),
    };
    let subject = Subject { pseudonym: Pseudonym::new("p-1").unwrap(), account: Arc::new(account) };
    let enrolment = Enrolment {
        id: EnrolmentId([1; 16]),
        parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
    };
    let record = Record { enrolments: vec![enrolment], ..Record::default() };
    let mut flow = Flow::new(attempt, Arc::new(Policy::default()), FlowLimits::default());
    let mut event = Event::Began;
    loop {
        let work = match flow.advance(event, clock.now()) {
            Step::Done(verdict) => return verdict,
            Step::Ask(_) => panic!("a question"),
            Step::Do(work) => work,
        };
        event = Event::Worked(match work {
            Work::FindSubject => Outcome::Subject(Ok(Some(subject.clone()))),
            Work::Recall { .. } => Outcome::known(record.clone()),
            Work::VerifyPrimary(..) => Outcome::Primary(Ok(PrimaryOutcome::Correct)),
            Work::Check(..) => Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))),
            Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_) | Work::NoteLogin(_) => {
                Outcome::Counted(Ok(()))
            }
            Work::AskUpstream(_) | Work::ChangePassword(..) | Work::Remember { .. } => {
                panic!("no work of this login")
            }
        });
    }
}
