//! A directory that turns on us once somebody is bound: it can break that person's connection, and that is all. The
//! finished program stands in front of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
mod support;
#[path = "support/watch.rs"]
mod watch;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::message::op;
use doorward::wire::ldap::request::unbind;
use lab::{Lab, private_file};
use raw_ldap::{PATIENCE, Raw, simple_bind};
use socket2::{Domain, Socket, Type};
use support::fake_directory::{Act, FakeDirectory, Request, entry, notice, result};
use watch::{now, wait, with_many_files};

const ANNA: &str = "uid=anna,dc=lab,dc=test";
const SEED: &[u8] = b"a seed of hostile tests";
/// Where the directory is evil.
const EVIL: &str = "cn=evil,dc=lab,dc=test";

/// A directory as it should be: everybody is anna, and every password is right.
fn honest(request: &Request) -> Act {
    match request.tag {
        op::SEARCH_REQUEST => Act::Send([anna(request.id), done(request.id)].concat()),
        op::BIND_REQUEST => Act::Send(result(request.id, op::BIND_RESPONSE, 0, "")),
        _ => Act::Hang,
    }
}

fn anna(id: u32) -> Vec<u8> {
    entry(id, ANNA, &[("entryUUID", &[b"id"]), ("uid", &[b"anna"])])
}

fn done(id: u32) -> Vec<u8> {
    result(id, op::SEARCH_DONE, 0, "")
}

/// Honest, but to those who ask where it is evil it does this.
fn evil(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> FakeDirectory {
    FakeDirectory::start(move |request| {
        if request.tag == op::SEARCH_REQUEST && request.holds(EVIL) { act(request) } else { honest(request) }
    })
}

fn talk(talk: impl FnOnce(&mut TcpStream) + Send + 'static) -> Act {
    Act::Talk(Box::new(talk))
}

/// The program in front of a directory of ours; people give a code, and are taken without TLS on this machine.
struct Front {
    lab: Lab,
    ldap: SocketAddr,
    used: AtomicU64,
}

impl Front {
    fn of(fake: &FakeDirectory, tables: &str) -> Self {
        Self::with_code(Self::without_codes(fake, tables))
    }

    fn with_code(front: Self) -> Self {
        let seed = front.lab.path("seed");
        private_file(&seed, &data_encoding::BASE32_NOPAD.encode(SEED));
        let file = seed.to_str().unwrap();
        front.lab.must(&["enrol", "hotp", "--directory", "staff", "--user", "anna", "--seed-file", file], "");
        front
    }

    fn without_codes(fake: &FakeDirectory, tables: &str) -> Self {
        Self::run(Self::prepared(fake, tables))
    }

    fn run(mut lab: Lab) -> Self {
        lab.run();
        let ldap = lab.ldap_address("ldap");
        Self { lab, ldap, used: AtomicU64::new(0) }
    }

    fn prepared(fake: &FakeDirectory, tables: &str) -> Lab {
        let config = format!(
            "[[directory]]\nname = \"staff\"\nkind = \"ldap\"\nservers = [\"127.0.0.1:{}\"]\ntls = \"none\"\n\
             base-dn = \"dc=lab,dc=test\"\n\
             [[listener]]\nname = \"ldap\"\nprotocol = \"ldap\"\nlisten = [\"127.0.0.1:0\"]\nplain-binds = \"loopback\"\n\
             [[client]]\nname = \"wiki\"\nprotocol = \"ldap\"\naddresses = [\"127.0.0.0/8\"]\ndirectory = \"staff\"\n\
             reject-delay = \"0s\"\n{tables}",
            fake.port
        );
        Lab::prepared(tempfile::tempdir().unwrap(), &config)
    }

    fn connect(&self) -> Raw {
        Raw::plain(self.ldap)
    }

    /// Anna's password with her next code.
    fn password(&self) -> String {
        format!("x{}", gateway::hotp(SEED, self.used.fetch_add(1, Ordering::SeqCst)))
    }

    #[track_caller]
    fn bound(&self) -> Raw {
        let mut raw = self.connect();
        assert_eq!(raw.bind(ANNA, &self.password()), 0);
        raw
    }

    /// Somebody logs in, asks and is answered, as if nothing were the matter.
    #[track_caller]
    fn lets_somebody_in(&self) {
        assert_eq!(self.bound().sees("dc=lab,dc=test"), (1, 0));
    }

    fn left_out(&self, why: &str) -> usize {
        let line = format!("doorward_ldap_operations_total{{outcome=\"answer-left-out\",reason=\"{why}\"}} ");
        self.lab.metric(&line)
    }
}

fn evil_search(id: u32) -> Vec<u8> {
    search_with(id, b"x")
}

fn search_with(id: u32, value: &[u8]) -> Vec<u8> {
    raw_ldap::subtree(id, EVIL, &Filter::Equal("cn", value), &[])
}

/// Everything that comes until the end of the connection.
fn rest(raw: &Raw) -> Vec<u8> {
    let mut octets = Vec::new();
    let _reset_or_ended = raw.socket().read_to_end(&mut octets);
    octets
}

/// A message of this length that is not whole: an entry in which nothing more comes.
fn half_an_entry(id: u8, octets: u32) -> Vec<u8> {
    let inside = octets - 9;
    [&[0x30, 0x84][..], &octets.to_be_bytes(), &[2, 1, id, 0x64, 0x84], &inside.to_be_bytes(), b"\x04\x03cn="]
        .concat()
}

/// Elements inside elements.
fn bomb(octets: usize) -> Vec<u8> {
    let lengths = (0..octets).step_by(6).map(|length| u32::try_from(length).unwrap().to_be_bytes());
    let mut parts: Vec<_> = lengths.map(|length| [&[0x30, 0x84][..], &length].concat()).collect();
    parts.reverse();
    parts.concat()
}

#[test]
fn what_nobody_asked_for_is_left_out_and_the_answer_comes_octet_for_octet() {
    let prefix: Arc<Mutex<Vec<u8>>> = Arc::default();
    let said = prefix.clone();
    let fake = evil(move |request| {
        let odd = said.lock().unwrap().clone();
        Act::Send([&odd[..], &anna(request.id), &odd, &done(request.id)].concat())
    });
    let front = Front::of(&fake, "");
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("a success for a bind", result(7, op::BIND_RESPONSE, 0, ""), "wrong-answer"),
        ("one for the bind before", result(1, op::BIND_RESPONSE, 0, ""), "not-outstanding"),
        ("one for the bind to come", result(8, op::BIND_RESPONSE, 0, ""), "not-outstanding"),
        ("an entry of nobody", entry(99, EVIL, &[("cn", &[b"evil"])]), "not-outstanding"),
        ("an end of nobody's search", result(0, op::SEARCH_DONE, 0, ""), "not-outstanding"),
        ("a comparison that is true", result(7, 0x6f, 6, ""), "wrong-answer"),
        ("an extended answer", result(7, op::EXTENDED_RESPONSE, 0, ""), "wrong-answer"),
        ("a request", evil_search(7), "wrong-answer"),
        ("the largest number", entry(0x7fff_ffff, EVIL, &[]), "not-outstanding"),
    ];
    for (what, odd, why) in cases {
        *prefix.lock().unwrap() = odd;
        let mut raw = front.bound();
        let before = (front.left_out(why), fake.count(op::BIND_REQUEST));
        raw.send(&evil_search(7));
        let answers = raw.rest_of(7);
        let octets: Vec<u8> = answers.iter().flat_map(|answer| answer.whole.clone()).collect();
        assert_eq!(octets, [anna(7), done(7)].concat(), "{what}");
        assert!(front.left_out(why) > before.0, "{what}: {why}");
        // What it might have said to the next bind is never heard: that goes another way.
        raw.send(&simple_bind(8, ANNA, &front.password()));
        assert_eq!(raw.must_answer().code, Some(0), "{what}");
        let binds: Vec<_> =
            fake.requests().into_iter().filter(|request| request.tag == op::BIND_REQUEST).collect();
        assert_eq!(binds.len(), before.1 + 1);
        assert_ne!(binds[binds.len() - 1].connection, binds[binds.len() - 2].connection, "{what}");
    }
}

#[test]
fn a_directory_that_breaks_the_protocol_ends_one_connection_as_unavailable_b_029() {
    let broken: Arc<Mutex<Vec<u8>>> = Arc::default();
    let said = broken.clone();
    let fake = evil(move |request| Act::Send([anna(request.id), said.lock().unwrap().clone()].concat()));
    let front = Front::of(&fake, "");
    let cases: [(&str, Vec<u8>); 12] = [
        ("four gigabytes", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 7]),
        ("sixteen exabytes", [&[0x30, 0x88][..], &[0xff; 8]].concat()),
        ("a length of nine octets", [&[0x30, 0x89][..], &[1; 9]].concat()),
        ("no length", vec![0x30, 0x80, 2, 1, 7, 0x65, 0]),
        ("elements in elements", bomb(60_000)),
        ("a negative number", vec![0x30, 5, 2, 1, 0xff, 0x65, 0]),
        ("no operation", vec![0x30, 3, 2, 1, 7]),
        ("an operation that is longer than its message", vec![0x30, 5, 2, 1, 7, 0x65, 9]),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x28".to_vec()),
        ("a notice with its own text", notice(49)),
        ("another notice of nobody", result(0, op::EXTENDED_RESPONSE, 0, "evil text")),
    ];
    let count = cases.len();
    for (number, (what, octets)) in cases.into_iter().enumerate() {
        *broken.lock().unwrap() = octets;
        let mut raw = front.bound();
        raw.send(&evil_search(7));
        assert_eq!(raw.must_answer().whole, anna(7), "{what}: what came before it");
        let ours = raw.must_answer();
        assert_eq!((ours.id, ours.tag, ours.code), (0, op::EXTENDED_RESPONSE, Some(52)), "{what}");
        assert!(!ours.text.contains("evil") && raw.answer().is_none(), "{what}");
        front.lab.waits_for_closed("directory-lost", number + 1);
        front.lets_somebody_in();
    }
    assert_eq!(front.lab.closed("directory-lost"), count);
}

#[test]
fn a_bomb_inside_an_entry_passes_as_what_it_is_and_hurts_nobody_here_b_004() {
    let inside = bomb(300_000);
    let sent = inside.clone();
    let fake = evil(move |request| {
        let entry = raw_ldap::message(request.id, |message| message.bytes(op::SEARCH_ENTRY, &sent));
        Act::Send([entry, done(request.id)].concat())
    });
    let front = Front::of(&fake, "");
    let mut raw = front.bound();
    raw.send(&evil_search(7));
    let answers = raw.rest_of(7);
    assert!(answers.len() == 2 && answers[0].whole.ends_with(&inside));
    front.lets_somebody_in();
}

#[test]
fn the_end_of_the_directory_inside_a_message_is_the_end_and_nothing_is_added_to_it() {
    let fake = evil(move |request| {
        let whole = entry(request.id, EVIL, &[("cn", &[&[b'x'; 3000]])]);
        let half = whole[..1500].to_vec();
        talk(move |stream| {
            stream.write_all(&half).unwrap();
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        })
    });
    let front = Front::of(&fake, "");
    let mut raw = front.bound();
    raw.send(&evil_search(7));
    let whole = entry(7, EVIL, &[("cn", &[&[b'x'; 3000]])]);
    assert_eq!(rest(&raw), &whole[..1500], "a notice in the middle would be read as the rest of the entry");
    front.lab.waits_for_closed("directory-lost", 1);
    front.lets_somebody_in();
}

#[test]
fn an_answer_that_comes_octet_by_octet_is_an_answer() {
    let fake = evil(move |request| {
        let whole = [anna(request.id), done(request.id)].concat();
        talk(move |stream| {
            stream.set_nodelay(true).unwrap();
            whole.iter().for_each(|octet| stream.write_all(&[*octet]).unwrap());
        })
    });
    let front = Front::of(&fake, "");
    let mut raw = front.bound();
    raw.send(&evil_search(7));
    let octets: Vec<u8> = raw.rest_of(7).into_iter().flat_map(|answer| answer.whole).collect();
    assert_eq!(octets, [anna(7), done(7)].concat());
}

type Saying = fn(u32) -> Vec<u8>;

#[test]
fn whatever_is_said_to_a_bind_nobody_is_let_in_without_a_success_and_a_code_b_043() {
    let yes: Saying = |id| result(id, op::BIND_RESPONSE, 0, "");
    let saying = Arc::new(Mutex::new(yes));
    let said = saying.clone();
    let fake = FakeDirectory::start(move |request| match request.tag {
        op::BIND_REQUEST => Act::Send(said.lock().unwrap()(request.id)),
        _ => honest(request),
    });
    // What was sent and not answered counts (B-087); here it shall not make the last one wait.
    let front = Front::of(&fake, "[limits.password]\nfree = 100\n");
    // No login gets as far as the code, so it stays unused.
    let password = front.password();
    let no: [(&str, Saying); 21] = [
        ("referral, B-051", |id| result(id, op::BIND_RESPONSE, 10, "ldap://evil.test/")),
        ("SASL goes on", |id| result(id, op::BIND_RESPONSE, 14, "")),
        ("stronger", |id| result(id, op::BIND_RESPONSE, 8, "")),
        ("busy", |id| result(id, op::BIND_RESPONSE, 51, "")),
        ("unavailable", |id| result(id, op::BIND_RESPONSE, 52, "")),
        ("other", |id| result(id, op::BIND_RESPONSE, 80, "")),
        ("compareTrue", |id| result(id, op::BIND_RESPONSE, 6, "")),
        ("a code nobody knows", |id| result(id, op::BIND_RESPONSE, 4096, "")),
        ("the largest code", |id| result(id, op::BIND_RESPONSE, u32::MAX >> 1, "")),
        ("a negative code", |_| vec![0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0xff, 4, 0, 4, 0]),
        ("another number", |id| result(id + 1, op::BIND_RESPONSE, 0, "")),
        ("the number 0", |_| result(0, op::BIND_RESPONSE, 0, "")),
        ("the end of a search", |id| result(id, op::SEARCH_DONE, 0, "")),
        ("an extended answer", |id| result(id, op::EXTENDED_RESPONSE, 0, "")),
        ("an entry first", |id| [anna(id), result(id, op::BIND_RESPONSE, 0, "")].concat()),
        ("a notice", |_| notice(0)),
        ("a code alone", |_| vec![0x30, 8, 2, 1, 1, 0x61, 3, 10, 1, 0]),
        ("a code without octets", |_| vec![0x30, 7, 2, 1, 1, 0x61, 2, 10, 0]),
        ("a code of another type", |_| vec![0x30, 12, 2, 1, 1, 0x61, 7, 2, 1, 0, 4, 0, 4, 0]),
        ("a length beyond all", |_| half_an_entry(1, 100_000_000)),
        ("elements in elements", |_| bomb(6000)),
    ];
    for (what, answer) in no {
        *saying.lock().unwrap() = answer;
        assert_eq!(front.connect().bind(ANNA, &password), 52, "{what}");
    }
    *saying.lock().unwrap() = |id| result(id, op::BIND_RESPONSE, 49, "");
    assert_eq!(front.connect().bind(ANNA, &password), 49);
    // To believe a directory that takes any password is all that can be done; the code stands beside it.
    *saying.lock().unwrap() = yes;
    assert_eq!(front.connect().bind(ANNA, "x"), 49);
    assert_eq!(front.connect().bind(ANNA, "wrong000000"), 49);
    assert_eq!(front.connect().bind(ANNA, &password), 0);
}

#[test]
fn what_is_said_between_a_bind_and_what_follows_is_never_an_answer() {
    let fake = evil(honest);
    let front = Front::of(&fake, "");
    // Of what comes at the same moment as the request, the connection may end, or it is left out.
    let mut ended = 0;
    for saying in [
        result(2, op::SEARCH_DONE, 0, ""),
        [entry(2, EVIL, &[]), done(2)].concat(),
        result(2, op::BIND_RESPONSE, 0, ""),
        result(0, op::BIND_RESPONSE, 0, ""),
        notice(52),
        vec![0x30, 0x80],
        b"0".to_vec(),
        Vec::new(),
    ] {
        let mut raw = front.bound();
        fake.say_to_last_bound(&saying);
        if saying.is_empty() {
            fake.hang_up();
        }
        raw.send(&evil_search(3));
        let first = raw.must_answer();
        if first.id == 0 {
            assert_eq!((first.tag, first.code), (op::EXTENDED_RESPONSE, Some(52)), "{saying:02x?}");
            assert!(raw.answer().is_none());
            ended += 1;
            front.lab.waits_for_closed("directory-lost", ended);
        } else {
            assert_eq!([first.whole, raw.must_answer().whole].concat(), [anna(3), done(3)].concat());
        }
        drop(raw);
        front.lets_somebody_in();
    }
    assert!(ended >= 4, "of a notice, of nonsense and of an end nothing can follow");
}

#[test]
fn answers_to_an_abandoned_search_never_come_and_the_next_one_is_answered_b_025() {
    let fake = FakeDirectory::start(|request| match request.tag {
        op::SEARCH_REQUEST if request.holds(EVIL) => Act::Send(anna(request.id)),
        // Too late, and more than there was.
        op::ABANDON_REQUEST => Act::Send([anna(7), anna(7), done(7), done(7)].concat()),
        _ => honest(request),
    });
    let front = Front::of(&fake, "");
    let mut raw = front.bound();
    raw.send(&evil_search(7));
    assert_eq!(raw.must_answer().whole, anna(7));
    raw.send(&doorward::wire::ldap::request::abandon(8, 7));
    assert_eq!(raw.sees("dc=lab,dc=test"), (1, 0));
    assert_eq!(front.left_out("not-outstanding"), 4);
}

#[test]
fn silence_ends_by_the_limit_between_messages_and_inside_one_b_010() {
    let fake =
        evil(move |request| if request.id == 7 { Act::Hang } else { Act::Send(half_an_entry(9, 5000)) });
    let front = Front::of(&fake, "[ldap]\nidle-timeout = \"10s\"\n");
    let (mut silent, mut half) = (front.bound(), front.bound());
    silent.send(&evil_search(7));
    half.send(&evil_search(9));
    let ours = silent.must_answer();
    assert_eq!((ours.id, ours.code, silent.answer()), (0, Some(3), None));
    assert_eq!(rest(&half), half_an_entry(9, 5000));
    front.lab.waits_for_closed("idle", 2);
    front.lets_somebody_in();
}

/// A gate that the directory waits at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(open, PATIENCE, |open| !*open).unwrap());
    }
}

/// An entry of 64 MiB; what was written of it, so far as it was taken.
fn stream_much(stream: &mut TcpStream, id: u8) {
    const MUCH: u32 = 64 << 20;
    let block = vec![b'x'; 64 * 1024];
    let mut left = usize::try_from(MUCH).unwrap() - 14;
    let mut taken = stream.write_all(&half_an_entry(id, MUCH)).is_ok();
    while taken && left > 0 {
        let count = left.min(block.len());
        taken = stream.write_all(&block[..count]).is_ok();
        left -= count;
    }
    if taken {
        let _gone = stream.write_all(&done(id.into()));
    }
}

/// A client that has little room for what it does not read.
fn narrow(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn sixty_four_mebibytes_for_each_of_ten_who_do_not_read_cost_no_memory_and_hold_nobody_up_b_010() {
    let fake = evil(|_| talk(|stream| stream_much(stream, 7)));
    let front = Front::of(&fake, "[ldap]\nwrite-timeout = \"2s\"\n");
    front.lets_somebody_in();
    let before = front.lab.most_memory();
    let mut readers: Vec<TcpStream> = (0..11)
        .map(|_| {
            let mut stream = narrow(front.ldap);
            stream.write_all(&simple_bind(1, ANNA, &front.password())).unwrap();
            let mut answer = [0; 14];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer[9], 0, "{answer:02x?}");
            stream.write_all(&evil_search(7)).unwrap();
            stream
        })
        .collect();
    front.lets_somebody_in();
    // One of them reads after all, all of it, and gets all of it.
    let mut slow = readers.pop().unwrap();
    let (mut chunk, mut octets) = (vec![0; 1 << 20], 0);
    let end = (64 << 20) + 6 + done(7).len();
    while octets < end {
        let count = slow.read(&mut chunk).unwrap();
        assert!(count > 0, "it ended after {octets} of {end}");
        octets += count;
    }
    assert_eq!(octets, end);
    slow.write_all(&unbind(8)).unwrap();
    front.lab.waits_for_closed("reader-too-slow", 10);
    front.lets_somebody_in();
    let more = front.lab.most_memory() - before;
    assert!(more < 24 * 1024, "{more} KiB for 704 MiB of answers");
}

#[test]
fn large_messages_of_a_hundred_clients_have_one_bound_also_when_the_directory_takes_none_b_005() {
    with_many_files();
    let gate = Gate::default();
    let shut = gate.clone();
    let fake = evil(move |_| {
        let gate = shut.clone();
        talk(move |_| gate.pass())
    });
    let exemption = format!(
        "[[exemption]]\nname = \"machine\"\nclient = [\"wiki\"]\naccount = \"{ANNA}\"\nsource = [\"127.0.0.0/8\"]\n\
         may = [\"bind\", \"search\"]\nowner = \"web team\"\nreason = \"it looks people up\"\n"
    );
    let front = Front::without_codes(&fake, &exemption);
    let mut clients: Vec<Raw> = (0..100).map(|_| front.connect()).collect();
    for raw in &mut clients {
        assert_eq!(raw.bind(ANNA, "x"), 0);
        // The directory reads nothing behind this.
        raw.send(&evil_search(7));
    }
    let before = front.lab.most_memory();
    let large = Arc::new(search_with(8, &vec![b'x'; 4_000_000]));
    let send = |clients: &[Raw], octets: usize| {
        let start = |raw: &Raw| {
            let (mut stream, large) = (raw.socket().try_clone().unwrap(), large.clone());
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            std::thread::spawn(move || stream.write_all(&large[..octets]).is_ok())
        };
        clients.iter().map(start).collect::<Vec<_>>()
    };
    // Some are whole and wait for the directory, the rest are not.
    let (whole, part) = clients.split_at(35);
    let mut senders = send(whole, large.len());
    let received = "doorward_ldap_octets_total{outcome=\"received\",reason=\"\"} ";
    wait(|| front.lab.metric(received) > 35 * large.len(), || "they are not taken".into());
    senders.extend(send(part, large.len() - 1));
    let full = || front.lab.closed("memory-full");
    wait(|| full() >= 30, || format!("{}", full()));
    let mut other = front.connect();
    assert_eq!(other.bind(ANNA, "x"), 0, "small messages need none of it");
    assert_eq!(other.sees("dc=lab,dc=test"), (1, 0));
    gate.open();
    drop(clients);
    senders.into_iter().for_each(|sender| drop(sender.join()));
    let more = front.lab.most_memory() - before;
    assert!(more < 350 * 1024, "{more} KiB for 400 MiB");
    assert_eq!(other.sees("dc=lab,dc=test"), (1, 0));
}

// ---- the end of the program -------------------------------------------------------------------------------

#[test]
fn the_program_ends_in_time_whatever_its_connections_are_doing_b_029() {
    let gate = Gate::default();
    let shut = gate.clone();
    let stuck = Arc::new(AtomicBool::new(false));
    let hangs = stuck.clone();
    let fake = FakeDirectory::start(move |request| {
        let gate = shut.clone();
        match request.tag {
            op::BIND_REQUEST if hangs.load(Ordering::SeqCst) => talk(move |_| gate.pass()),
            op::SEARCH_REQUEST if request.holds(EVIL) && request.id == 7 => {
                talk(move |stream| stream_much(stream, 7))
            }
            op::SEARCH_REQUEST if request.holds(EVIL) && request.id == 8 => Act::Send(half_an_entry(8, 5000)),
            op::SEARCH_REQUEST if request.holds(EVIL) => Act::Hang,
            _ => honest(request),
        }
    });
    let front = Front::of(&fake, "[drain]\ntimeout = \"2s\"\n");
    let mut idle = [front.connect(), front.bound()];
    let mut half_asked = front.connect();
    half_asked.send(&evil_search(3)[..9]);
    let mut waiting = front.bound();
    waiting.send(&evil_search(3));
    let mut half_answered = front.bound();
    half_answered.send(&evil_search(8));
    assert!(half_answered.socket().peek(&mut [0; 1]).is_ok());
    let mut not_reading = front.bound();
    not_reading.send(&evil_search(7));
    assert!(not_reading.socket().peek(&mut [0; 1]).is_ok());
    stuck.store(true, Ordering::SeqCst);
    let mut pending = front.connect();
    pending.send(&[simple_bind(1, ANNA, &front.password()), evil_search(2)].concat());
    let asked = fake.count(op::BIND_REQUEST);
    wait(|| fake.count(op::BIND_REQUEST) > asked || front.lab.open() == 7, || "the bind is not asked".into());

    let begun = now();
    front.lab.signal("TERM");
    for raw in idle.iter_mut().chain([&mut half_asked, &mut waiting]) {
        let notice = raw.must_answer();
        assert_eq!((notice.id, notice.tag, notice.code), (0, op::EXTENDED_RESPONSE, Some(52)));
        assert!(raw.answer().is_none());
    }
    assert_eq!(rest(&half_answered), half_an_entry(8, 5000), "no notice inside an entry");
    let stopped = front.lab.wait_for_event("daemon.stopped");
    assert!(stopped.contains("\"cut_off\":1}"), "{stopped}");
    // Neither an answer nor anything that waited behind the bind.
    assert_eq!(rest(&pending), b"");
    assert!(now() - begun < Duration::from_secs(12), "drain is 2 s");
    gate.open();
}

#[test]
fn a_bind_that_is_pending_when_the_program_ends_is_answered_first_b_029() {
    let gate = Gate::default();
    let shut = gate.clone();
    let fake = FakeDirectory::start(move |request| match request.tag {
        op::BIND_REQUEST => {
            let (gate, yes) = (shut.clone(), result(request.id, op::BIND_RESPONSE, 0, ""));
            talk(move |stream| {
                gate.pass();
                stream.write_all(&yes).unwrap();
            })
        }
        _ => honest(request),
    });
    let front = Front::of(&fake, "");
    let mut idle = front.connect();
    let mut pending = front.connect();
    pending.send(&[simple_bind(1, ANNA, &front.password()), evil_search(2)].concat());
    wait(|| fake.count(op::BIND_REQUEST) == 1, || "the bind is not asked".into());
    front.lab.signal("TERM");
    assert_eq!(idle.must_answer().code, Some(52), "the end has begun");
    gate.open();
    let answer = pending.must_answer();
    assert_eq!((answer.id, answer.tag, answer.code), (1, op::BIND_RESPONSE, Some(0)));
    let answer = loop {
        let answer = pending.must_answer();
        if answer.id == 0 {
            break answer;
        }
    };
    assert_eq!((answer.code, pending.answer()), (Some(52), None));
    let stopped = front.lab.wait_for_event("daemon.stopped");
    assert!(stopped.contains("\"cut_off\":0}"), "{stopped}");
}

#[test]
fn whoever_hangs_up_in_the_middle_of_a_bind_has_shown_his_wrong_password_all_the_same_b_087() {
    let gate = Gate::default();
    let shut = gate.clone();
    let fake = FakeDirectory::start(move |request| match request.tag {
        op::BIND_REQUEST => {
            let (gate, no) = (shut.clone(), result(request.id, op::BIND_RESPONSE, 49, ""));
            talk(move |stream| {
                gate.pass();
                stream.write_all(&no).unwrap();
            })
        }
        _ => honest(request),
    });
    let front = Front::of(&fake, "[limits]\npassword = { free = 1 }\n");
    let mut raw = front.connect();
    raw.send(&simple_bind(1, ANNA, "wrong123456"));
    wait(|| fake.count(op::BIND_REQUEST) == 1, || "the bind is not asked".into());
    drop(raw);
    front.lab.waits_for_closed("hung-up", 1);
    gate.open();
    wait(|| front.lab.logins().len() == 1, || "the login is not recorded".into());
    assert_eq!(front.lab.last_reason(), "wrong-password");
    // It counts: the next one has to wait, and does not reach the directory.
    assert_eq!(front.connect().bind(ANNA, "wrong654321"), 49);
    assert_eq!((front.lab.logins().len(), fake.count(op::BIND_REQUEST)), (2, 1));
}

#[test]
fn binds_go_on_beside_an_answer_without_end_on_the_same_thread() {
    let over = Arc::new(AtomicBool::new(false));
    let end = over.clone();
    let fake = evil(move |_| {
        let end = end.clone();
        talk(move |stream| {
            let block = [anna(7), anna(7), anna(7), anna(7)].concat().repeat(64);
            while !end.load(Ordering::SeqCst) && stream.write_all(&block).is_ok() {}
            drop(stream.write_all(&done(7)));
        })
    });
    let lab = Front::prepared(&fake, "");
    lab.edit_config("[radius]\n", "[radius]\nworkers = 1\n");
    let front = Front::with_code(Front::run(lab));
    let mut reader = front.bound();
    reader.send(&evil_search(7));
    let reading = std::thread::spawn(move || {
        let mut entries = 0_u64;
        loop {
            match reader.must_answer() {
                answer if answer.tag == op::SEARCH_DONE => return entries,
                _ => entries += 1,
            }
        }
    });
    for _ in 0..5 {
        front.lets_somebody_in();
    }
    assert!(!reading.is_finished());
    over.store(true, Ordering::SeqCst);
    assert!(reading.join().unwrap() > 0);
}
