//! A record from its datagram to the book, with a real store and real keys.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::base::random::SeededRandom;
use crate::frontend::radius::accounting::book::Book;
use crate::frontend::radius::accounting::report::Report;
use crate::frontend::radius::accounting::session::{Action, Arrival, Session, Ticket};
use crate::frontend::radius::clients::ClientTable;
use crate::frontend::radius::counters::{Counters, Dropped, Sent};
use crate::frontend::radius::lab::{radius_client, secret};
use crate::gateway::badge;
use crate::gateway::ports::sessions::Sessions;
use crate::gateway::ports::{Audit, AuditRecord, NewSubject, Place, Store, SubjectDigest, Vault};
use crate::login::attempt::AttemptId;
use crate::login::factor::Sealed;
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::seal::KeyRing;
use crate::store::sqlite::Sqlite;
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::build::{NoticeBuilder, RequestBuilder};
use crate::wire::radius::dictionary::{
    ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_OUTPUT_OCTETS, ACCT_SESSION_ID, ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE, CALLING_STATION_ID, CLASS, EAP_MESSAGE, NAS_IDENTIFIER, PROXY_STATE, USER_NAME,
};
use crate::wire::radius::packet::{Code, MAX_LEN, Packet};

const START: u32 = 1;
const STOP: u32 = 2;
const INTERIM: u32 = 3;
const ON: u32 = 7;

#[derive(Default)]
struct Records {
    kept: Mutex<Vec<AuditRecord>>,
    broken: AtomicBool,
}

impl Audit for Records {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Fault::new(FaultKind::AuditUnavailable, "no room for a record"));
        }
        self.kept.lock().unwrap().push(record.clone());
        Ok(())
    }
}

struct Lab {
    _folder: tempfile::TempDir,
    store: Arc<Sqlite>,
    ring: KeyRing,
    records: Arc<Records>,
    clients: ClientTable,
    clock: ManualClock,
    counters: Arc<Counters>,
    session: Session,
    book: Book,
    who: Pseudonym,
}

/// Attributes of a record: type and value.
type Extra<'a> = &'a [(u8, &'a [u8])];

fn packet(key: &SharedSecret, code: Code, status: Option<u32>, extra: Extra<'_>) -> Vec<u8> {
    let mut buffer = [0; MAX_LEN];
    let mut notice = NoticeBuilder::new(&mut buffer, code, 7).unwrap();
    if let Some(status) = status {
        notice.attribute(ACCT_STATUS_TYPE, &status.to_be_bytes()).unwrap();
    }
    for (kind, value) in extra {
        notice.attribute(*kind, value).unwrap();
    }
    notice.sign(key).unwrap().to_vec()
}

fn record(status: u32, extra: Extra<'_>) -> Vec<u8> {
    packet(&secret("s3cret"), Code::AccountingRequest, Some(status), extra)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("store.db")).unwrap());
        let ring = KeyRing::generate(Arc::new(SeededRandom::new(2))).unwrap();
        let (records, counters) = (Arc::<Records>::default(), Arc::<Counters>::default());
        let mut clients = ClientTable::default();
        let mut fw = radius_client("fw");
        fw.previous_secret = Some(secret("before"));
        clients.add(fw, ["10.0.0.0/8".parse().unwrap()]).unwrap();
        clients.add(radius_client("wifi"), ["192.0.2.0/24".parse().unwrap()]).unwrap();
        let who = Pseudonym::new("p7f3k").unwrap();
        let subject = NewSubject {
            digest: SubjectDigest { key_id: 1, digest: [1; 32] },
            pseudonym: who.clone(),
            identity: Sealed { key_id: 1, bytes: [0; 60].into() },
            created: UnixTime(0),
        };
        wait(store.adopt(subject)).unwrap();
        let book = Book { sessions: store.clone(), vault: Arc::new(ring.clone()), audit: records.clone() };
        Self {
            _folder: folder,
            store,
            ring,
            records,
            clients,
            clock: ManualClock::at(UnixTime::from_seconds(1_800_000_000)),
            session: Session::new(counters.clone()),
            counters,
            book,
            who,
        }
    }

    /// The note of a login at `client`.
    fn class(&self, client: &str) -> Vec<u8> {
        badge::write(&self.ring, client, AttemptId([9; 8]), &self.who).unwrap().to_vec()
    }

    fn take_from(&mut self, peer: [u8; 4], bytes: &[u8]) -> Action {
        let peer = SocketAddr::new(IpAddr::from(peer), 40_000);
        let arrival = Arrival { now: self.clock.now(), local: None, peer, bytes };
        self.session.on_datagram(&self.clients, &arrival)
    }

    fn take(&mut self, bytes: &[u8]) -> Action {
        self.take_from([10, 0, 0, 1], bytes)
    }

    fn dropped(&mut self, bytes: &[u8]) -> Dropped {
        match self.take(bytes) {
            Action::Drop(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn must_keep(&mut self, bytes: &[u8]) -> (Ticket, Box<Report>) {
        match self.take(bytes) {
            Action::Keep(ticket, report) => (ticket, report),
            other => panic!("{other:?}"),
        }
    }

    /// A record that comes, is kept and acknowledged.
    fn keep(&mut self, bytes: &[u8]) {
        let (ticket, report) = self.must_keep(bytes);
        wait(self.book.keep(&report)).unwrap();
        let now = self.clock.now();
        let answer = self.session.on_kept(&ticket, now, true).unwrap();
        acknowledges(&secret("s3cret"), bytes, &answer.bytes);
        self.clock.advance(Duration::from_secs(60));
    }

    fn open(&self) -> usize {
        wait(self.store.sessions_of(&self.who)).unwrap().len()
    }

    /// The records of the audit as `stage subject seconds octets`.
    fn recorded(&self) -> Vec<String> {
        let kept = self.records.kept.lock().unwrap();
        let line = |r: &AuditRecord| {
            assert_eq!((r.event, r.outcome, r.client.as_deref()), ("session", "done", Some("fw")));
            let who = r.pseudonym.as_ref().map_or("-", Pseudonym::as_str);
            format!("{} {who} {} {:?}", r.stage, r.elapsed_us / 1_000_000, r.octets)
        };
        kept.iter().map(line).collect()
    }
}

fn acknowledges(key: &SharedSecret, request: &[u8], answer: &[u8]) {
    let reply = Packet::parse(answer).unwrap();
    assert_eq!((reply.code(), reply.identifier()), (Code::AccountingResponse, request[1]));
    let authenticator: [u8; 16] = request[4..20].try_into().unwrap();
    key.check_reply(&reply, &authenticator, false).unwrap();
}

#[test]
fn a_080_a_session_is_its_subjects_from_start_to_stop() {
    let mut lab = Lab::new();
    let class = lab.class("fw");
    let id: (u8, &[u8]) = (ACCT_SESSION_ID, b"0001");
    let more: Extra<'_> =
        &[id, (CLASS, b"another"), (CLASS, &class), (USER_NAME, b"anna"), (NAS_IDENTIFIER, b"fw")];
    lab.keep(&record(START, more));
    lab.keep(&record(INTERIM, more));
    let open = wait(lab.store.sessions_of(&lab.who)).unwrap();
    assert_eq!((open.len(), open[0].attempt), (1, AttemptId([9; 8])));
    assert_eq!(open[0].heard.0 - open[0].since.0, 60_000, "it began with the first record");
    let marks = lab.ring.open(Place::Session(&open[0].key.place()), &open[0].marks).unwrap();
    assert!(marks.expose().windows(4).any(|part| part == b"anna"), "sealed, for the order to end it");
    assert!(!open[0].marks.bytes.windows(4).any(|part| part == b"anna"));

    let count: (u8, &[u8]) = (ACCT_INPUT_OCTETS, &[0, 0, 0, 5]);
    let giga: (u8, &[u8]) = (ACCT_INPUT_GIGAWORDS, &[0, 0, 0, 1]);
    let to: (u8, &[u8]) = (ACCT_OUTPUT_OCTETS, &[0, 0, 1, 0]);
    let time: (u8, &[u8]) = (ACCT_SESSION_TIME, &[0, 0, 0, 130]);
    // Some devices leave Class out at the end.
    lab.keep(&record(STOP, &[id, (NAS_IDENTIFIER, b"fw"), count, giga, to, time]));
    assert_eq!(lab.open(), 0);
    assert_eq!(
        lab.recorded(),
        ["start p7f3k 0 None", "stop p7f3k 130 Some((4294967301, 256))"],
        "an interim record is no news"
    );
}

#[test]
fn a_session_that_is_heard_of_late_has_its_owner_and_its_beginning() {
    let mut lab = Lab::new();
    let class = lab.class("fw");
    let time: (u8, &[u8]) = (ACCT_SESSION_TIME, &[0, 0, 0, 100]);
    lab.keep(&record(INTERIM, &[(ACCT_SESSION_ID, b"1"), (CLASS, &class), time]));
    let open = wait(lab.store.sessions_of(&lab.who)).unwrap();
    assert_eq!(open[0].since, UnixTime::from_seconds(1_800_000_000 - 100));
    lab.keep(&record(STOP, &[(ACCT_SESSION_ID, b"2"), (CLASS, &class), time]));
    assert_eq!(lab.recorded(), ["start p7f3k 0 None", "stop p7f3k 100 Some((0, 0))"]);
}

#[test]
fn f_007_nothing_is_kept_of_a_session_without_our_note_or_with_that_of_another_client() {
    let mut lab = Lab::new();
    let foreign = lab.class("wifi");
    for class in [&b""[..], b"doorward:", b"doorward:AAAA", &foreign] {
        lab.keep(&record(START, &[(ACCT_SESSION_ID, b"1"), (CLASS, class), (USER_NAME, b"anna")]));
        lab.keep(&record(STOP, &[(ACCT_SESSION_ID, b"1"), (CLASS, class), (USER_NAME, b"anna")]));
    }
    assert_eq!(wait(lab.store.open_sessions()).unwrap(), 0);
    assert_eq!(lab.recorded(), [""; 0], "acknowledged, and forgotten");
}

#[test]
fn a_device_that_begins_anew_has_no_sessions_and_others_keep_theirs() {
    let mut lab = Lab::new();
    let class = lab.class("fw");
    for (id, name) in [(&b"1"[..], &b"one"[..]), (b"2", b"one"), (b"1", b"two")] {
        lab.keep(&record(START, &[(ACCT_SESSION_ID, id), (CLASS, &class), (NAS_IDENTIFIER, name)]));
    }
    assert_eq!(lab.open(), 3);
    lab.keep(&record(ON, &[(NAS_IDENTIFIER, b"one")]));
    assert_eq!(lab.open(), 1);
    assert_eq!(lab.recorded().last().unwrap(), "device-restarted - 0 None");
}

#[test]
fn a_session_that_is_silent_for_too_long_is_forgotten() {
    let mut lab = Lab::new();
    let class = lab.class("fw");
    lab.keep(&record(START, &[(ACCT_SESSION_ID, b"1"), (CLASS, &class)]));
    let life = Duration::from_secs(60);
    assert_eq!(wait(lab.book.tidy(lab.clock.now().unix, life)).unwrap(), 0);
    lab.clock.advance(Duration::from_millis(1));
    assert_eq!(wait(lab.book.tidy(lab.clock.now().unix, life)).unwrap(), 1);
    assert_eq!(lab.open(), 0);
}

#[test]
fn a_134_only_what_is_durable_is_acknowledged_and_a_copy_is_tried_again() {
    let mut lab = Lab::new();
    let class = lab.class("fw");
    let bytes = record(START, &[(ACCT_SESSION_ID, b"1"), (CLASS, &class)]);
    lab.records.broken.store(true, Ordering::SeqCst);
    let (ticket, report) = lab.must_keep(&bytes);
    let kept = wait(lab.book.keep(&report));
    assert_eq!(kept.unwrap_err().kind, FaultKind::AuditUnavailable);
    assert_eq!(lab.dropped(&bytes), Dropped::InWork, "a copy waits for the first");
    let now = lab.clock.now();
    assert!(lab.session.on_kept(&ticket, now, false).is_none());

    lab.records.broken.store(false, Ordering::SeqCst);
    let (ticket, report) = lab.must_keep(&bytes);
    wait(lab.book.keep(&report)).unwrap();
    let now = lab.clock.now();
    assert!(lab.session.on_kept(&ticket, now, true).is_some());
    let Action::Send(again) = lab.take(&bytes) else { panic!("the answer is kept for copies") };
    acknowledges(&secret("s3cret"), &bytes, &again);
    let sent: Vec<_> = lab.counters.all_sent().filter(|(_, count)| *count > 0).collect();
    assert_eq!(sent, [(Sent::Accounting, 1), (Sent::Repeated, 1)]);

    let stop = record(STOP, &[(ACCT_SESSION_ID, b"1")]);
    lab.records.broken.store(true, Ordering::SeqCst);
    let (ticket, report) = lab.must_keep(&stop);
    assert!(wait(lab.book.keep(&report)).is_err());
    let now = lab.clock.now();
    assert!(lab.session.on_kept(&ticket, now, false).is_none());
    lab.records.broken.store(false, Ordering::SeqCst);
    lab.keep(&stop);
    assert_eq!(lab.recorded(), ["start p7f3k 0 None", "stop p7f3k 0 Some((0, 0))"], "each was kept once");
}

#[test]
fn a_134_only_a_right_authenticator_counts_and_both_secrets_of_a_client_do() {
    let mut lab = Lab::new();
    let extra: Extra<'_> = &[(ACCT_SESSION_ID, b"1"), (PROXY_STATE, b"p")];
    let wrong = packet(&secret("wrong"), Code::AccountingRequest, Some(START), extra);
    assert_eq!(lab.dropped(&wrong), Dropped::WrongSignature);
    let mut changed = record(START, extra);
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(lab.dropped(&changed), Dropped::WrongSignature);
    let before = packet(&secret("before"), Code::AccountingRequest, Some(STOP), extra);
    let (ticket, _) = lab.must_keep(&before);
    let now = lab.clock.now();
    let answer = lab.session.on_kept(&ticket, now, true).unwrap();
    acknowledges(&secret("before"), &before, &answer.bytes);
    assert_eq!(Packet::parse(&answer.bytes).unwrap().find(PROXY_STATE), Some(&b"p"[..]), "A-062");
    assert!(matches!(
        lab.take_from([203, 0, 113, 1], &record(START, extra)),
        Action::Drop(Dropped::UnknownClient)
    ));
}

#[test]
fn a_135_a_137_what_is_no_record_is_dropped_for_its_own_reason() {
    let mut lab = Lab::new();
    let key = secret("s3cret");
    let id: (u8, &[u8]) = (ACCT_SESSION_ID, b"1");
    let eap = packet(&key, Code::AccountingRequest, Some(START), &[id, (EAP_MESSAGE, b"\x02\x01\x00\x04")]);
    let no_status = packet(&key, Code::AccountingRequest, None, &[id]);
    let no_session = record(START, &[(CALLING_STATION_ID, b"1")]);
    let mut too_long = record(START, &[id]);
    let at = too_long.len() - 2;
    too_long[at] = 200;
    for (bytes, why) in [
        (eap, Dropped::BadAttribute),
        (no_status, Dropped::AccountingUnusable),
        (no_session, Dropped::AccountingUnusable),
        (too_long, Dropped::BadAttribute),
        (packet(&key, Code::CoaRequest, None, &[id]), Dropped::UnexpectedCode),
        (packet(&key, Code::DisconnectRequest, None, &[id]), Dropped::UnexpectedCode),
    ] {
        assert_eq!(lab.dropped(&bytes), why);
    }
    let mut buffer = [0; MAX_LEN];
    let login = RequestBuilder::new(&mut buffer, Code::AccessRequest, 1, [1; 16]).unwrap();
    let login = login.sign(&key).unwrap().to_vec();
    assert_eq!(lab.dropped(&login), Dropped::UnexpectedCode, "logins have a port of their own");
}

#[test]
fn a_131_a_sign_of_life_is_an_accounting_response_and_too_many_are_dropped() {
    let mut lab = Lab::new();
    let probe = |identifier| {
        let mut buffer = [0; MAX_LEN];
        let status =
            RequestBuilder::new(&mut buffer, Code::StatusServer, identifier, [identifier; 16]).unwrap();
        status.sign(&secret("s3cret")).unwrap().to_vec()
    };
    let Action::Send(answer) = lab.take(&probe(1)) else { panic!("no answer") };
    acknowledges(&secret("s3cret"), &probe(1), &answer);
    for n in 2..=50 {
        assert!(matches!(lab.take(&probe(n)), Action::Send(_)));
    }
    assert_eq!(lab.dropped(&probe(51)), Dropped::ProbedTooOften);
    let unsigned = [&[12, 1, 0, 20][..], &[7; 16]].concat();
    assert_eq!(lab.dropped(&unsigned), Dropped::Unsigned);
    assert!(lab.recorded().is_empty(), "it is no record");
}
