//! The connection that a right password leaves: whose it is, who may speak on it, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward::base::clock::SystemClock;
use doorward::base::random::SystemRandom;
use doorward::base::secret::Secret;
use doorward::directory::ldap::LdapDirectory;
use doorward::gateway::ports::{After, Directory};
use doorward::login::step::PrimaryOutcome;
use doorward::upstream::ldap::Bound;
use doorward::wire::ldap::message::op;
use doorward::wire::ldap::result::ResultCode;
use support::fake_directory::{Act, FakeDirectory, Request, entry, notice, result};
use support::ldap::{Lab, Speaker, after, eventually, login, settle};
use support::slapd::{PASSWORD, Slapd};
use tokio::io::AsyncReadExt;

const ANNA: &str = "uid=Anna,dc=lab,dc=test";
const RIGHT: &str = "right";

/// Everybody who is looked for is found, and one password is right.
fn honest(request: &Request) -> Act {
    match request.tag {
        op::SEARCH_REQUEST => {
            // With its length in front, since "ben" is part of an attribute's name as well.
            let (dn, uid) = if request.holds("\x03ben") {
                ("uid=Ben,dc=lab,dc=test", b"ben".as_slice())
            } else {
                (ANNA, b"anna".as_slice())
            };
            let mut answer = entry(request.id, dn, &[("entryUUID", &[uid]), ("uid", &[uid])]);
            answer.extend(result(request.id, op::SEARCH_DONE, 0, ""));
            Act::Send(answer)
        }
        op::BIND_REQUEST => {
            let code = if request.holds(RIGHT) { 0 } else { 49 };
            Act::Send(result(request.id, op::BIND_RESPONSE, code, ""))
        }
        _ => Act::Hang,
    }
}

/// The same, and behind the answer to every bind it says something more.
fn talkative(more: Vec<u8>) -> impl Fn(&Request) -> Act + Send + Sync {
    move |request| match honest(request) {
        Act::Send(answer) if request.tag == op::BIND_REQUEST => Act::Send([answer, more.clone()].concat()),
        other => other,
    }
}

fn table(fake: &FakeDirectory) -> String {
    format!(
        "name = \"lab\"\nkind = \"ldap\"\nservers = [\"127.0.0.1:{}\"]\nbase-dn = \"dc=lab,dc=test\"\ntls = \"none\"\n\
         server-timeout = 2\n",
        fake.port
    )
}

fn lab(fake: &FakeDirectory) -> Lab {
    Lab::new(&table(fake))
}

/// The connections that binds came on, in order.
fn bind_connections(fake: &FakeDirectory) -> Vec<usize> {
    let binds = fake.requests().into_iter().filter(|request| request.tag == op::BIND_REQUEST);
    binds.map(|request| request.connection).collect()
}

#[test]
fn only_a_right_password_of_somebody_who_goes_on_leaves_a_connection_b_045() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    let right = lab.go_on(Some(&anna), RIGHT).unwrap();
    assert_eq!((right.outcome, right.session.is_some()), (PrimaryOutcome::Correct, true));
    assert_eq!(fake.count(op::BIND_REQUEST), 1, "one login, one bind");
    for (account, password, outcome) in [
        (Some(&anna), "wrong", PrimaryOutcome::Wrong),
        (Some(&anna), "", PrimaryOutcome::Wrong),
        (Some(&anna), "right\0", PrimaryOutcome::Wrong),
        (None, RIGHT, PrimaryOutcome::Wrong),
    ] {
        let verified = lab.go_on(account, password).unwrap();
        assert_eq!((verified.outcome, verified.session.is_none()), (outcome, true), "{password:?}");
    }
    let (secret, until) = (Secret::copied(RIGHT.as_bytes()), after(Duration::from_secs(10)));
    let checked = lab.block_on(lab.directory.verify(Some(&anna), &secret, After::Nothing, until)).unwrap();
    assert!(checked.outcome == PrimaryOutcome::Correct && checked.session.is_none());
}

#[test]
fn a_connection_knows_the_name_that_the_directory_gave_and_its_server() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let bound = lab.bound(&lab.account("anna"), RIGHT);
    assert_eq!((bound.name(), bound.server().port), (ANNA, fake.port));
    assert!(!format!("{bound:?}").contains("Anna"), "no name in a log");
    let bare = bound.into_stream().unwrap();
    assert_eq!((bare.name(), bare.server().port), (ANNA, fake.port));
    assert!(!format!("{bare:?}").contains("Anna"), "no name in a log");
}

#[test]
fn what_is_given_back_serves_the_bind_of_somebody_else_and_nothing_before_it() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let (anna, ben) = (lab.account("anna"), lab.account("ben"));
    // Once watched, once spoken on.
    let bound = lab.bound(&anna, RIGHT);
    lab.block_on(async { bound.give_back() });
    let mut speaker = Speaker::new(&lab, lab.bound(&ben, RIGHT));
    assert_eq!(speaker.look_at("uid=ben"), (true, ResultCode::SUCCESS));
    let bare = speaker.bare;
    lab.block_on(async { bare.give_back() });
    assert_eq!(lab.verify(Some(&anna), "wrong"), Ok(PrimaryOutcome::Wrong));
    let connections = bind_connections(&fake);
    assert_eq!(connections.len(), 3);
    let own = connections.first().copied().unwrap();
    assert!(connections.iter().all(|connection| *connection == own), "one connection: {connections:?}");
    let said: Vec<_> = fake
        .requests()
        .into_iter()
        .filter(|request| request.connection == own)
        .map(|request| request.tag)
        .collect();
    assert_eq!(said, [op::BIND_REQUEST, op::BIND_REQUEST, op::SEARCH_REQUEST, op::BIND_REQUEST]);
}

#[test]
fn what_is_not_given_back_serves_nobody_else() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    let first = lab.bound(&anna, RIGHT);
    let second = lab.bound(&anna, RIGHT);
    drop(first);
    eventually("the server is told", || fake.count(op::UNBIND_REQUEST) == 1);
    let bare = second.into_stream().unwrap();
    drop(bare);
    drop(lab.bound(&anna, RIGHT));
    let mut connections = bind_connections(&fake);
    connections.dedup();
    assert_eq!(connections.len(), 3, "{connections:?}");
}

#[test]
fn a_connection_that_the_server_ends_while_nobody_speaks_is_noticed() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    let mut bound = lab.bound(&anna, RIGHT);
    assert!(!bound.is_closed());
    fake.hang_up();
    eventually("the end is noticed", || bound.is_closed());
    assert!(bound.into_stream().is_none());
    // One that goes back dead is not used again, and neither is one whose end the holder of the bare stream saw.
    let mut bound = lab.bound(&anna, RIGHT);
    fake.hang_up();
    eventually("the end is noticed", || bound.is_closed());
    lab.block_on(async { bound.give_back() });
    let mut bare = lab.bound(&anna, RIGHT).into_stream().unwrap();
    fake.hang_up();
    assert_eq!(lab.block_on(bare.read(&mut [0; 16])).unwrap(), 0);
    lab.block_on(async { bare.give_back() });
    assert_eq!(lab.log_in("anna", RIGHT), Ok(PrimaryOutcome::Correct));
    let connections = bind_connections(&fake);
    assert_eq!(connections.len(), 4, "no bind was lost on a dead connection: {connections:?}");
}

#[test]
fn a_server_that_speaks_out_of_turn_loses_the_connection_b_029() {
    let sayings: [(&str, Vec<u8>); 5] = [
        ("a notice that it ends", notice(52)),
        ("half a message", vec![0x30, 0x20, 2, 1]),
        ("no LDAP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("an entry that nobody asked for", entry(1000, ANNA, &[("uid", &[b"anna"])])),
        ("a length without end", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
    ];
    for (what, said) in sayings {
        // Behind the answer, in one piece with it.
        let at_once = FakeDirectory::start(talkative(said.clone()));
        let early = lab(&at_once);
        let anna = early.account("anna");
        let bound = early.bound(&anna, RIGHT);
        assert!(bound.into_stream().is_none(), "{what}");
        // While nobody speaks. Half a message may still become a whole one, so there it is nothing to see.
        if what != "half a message" {
            let later = FakeDirectory::start(honest);
            let late = lab(&later);
            let mut bound = late.bound(&anna, RIGHT);
            later.say(&said);
            eventually(what, || bound.is_closed());
            assert!(bound.into_stream().is_none(), "{what}");
            assert_eq!(late.log_in("anna", RIGHT), Ok(PrimaryOutcome::Correct), "{what}");
        }
    }
}

#[test]
fn octets_left_unread_end_the_connection_instead_of_reaching_the_next_bind() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    let mut bare = lab.bound(&anna, RIGHT).into_stream().unwrap();
    // An answer that says yes to whatever bind comes next.
    fake.say(&result(1, op::BIND_RESPONSE, 0, ""));
    assert_eq!(lab.block_on(bare.read_u8()).unwrap(), 0x30);
    lab.block_on(async { bare.give_back() });
    assert_eq!(lab.verify(Some(&anna), "wrong"), Ok(PrimaryOutcome::Wrong));
    assert_eq!(bind_connections(&fake).len(), 2);
    let connections = bind_connections(&fake);
    assert_ne!(connections.first(), connections.last(), "another connection");
}

#[test]
fn a_connection_outlives_its_directory_but_does_not_go_back_to_it() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    let start =
        async { LdapDirectory::start(settle(&table(&fake)).unwrap(), Arc::new(SystemClock), &SystemRandom) };
    let other = lab.block_on(start).unwrap();
    let (secret, until) = (Secret::copied(RIGHT.as_bytes()), after(Duration::from_secs(10)));
    let verified = lab.block_on(other.verify(Some(&anna), &secret, After::GoOn, until)).unwrap();
    let bound: Bound = verified.session.unwrap().open().unwrap();
    // As a reload does.
    drop(other);
    let mut speaker = Speaker::new(&lab, bound);
    assert_eq!(speaker.look_at("uid=anna"), (true, ResultCode::SUCCESS));
    let bare = speaker.bare;
    lab.block_on(async { bare.give_back() });
    assert_eq!(lab.log_in("anna", RIGHT), Ok(PrimaryOutcome::Correct));
    let connections = bind_connections(&fake);
    assert_ne!(connections.first(), connections.last());
}

#[test]
fn a_hundred_connections_may_wait_while_others_log_in() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    let mut waiting: Vec<Bound> = (0..100).map(|_| lab.bound(&anna, RIGHT)).collect();
    assert_eq!(lab.log_in("anna", RIGHT), Ok(PrimaryOutcome::Correct), "only binds that run are limited");
    assert!(waiting.iter_mut().all(|bound| !bound.is_closed()));
}

#[test]
fn more_binds_at_once_than_there_may_be_connections_wait_for_their_turn_and_all_are_answered() {
    let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = running.clone();
    let fake = FakeDirectory::start(move |request| match honest(request) {
        Act::Send(answer) if request.tag == op::BIND_REQUEST => {
            let (now, most) = (&seen.0, &seen.1);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Whoever else is asked already is under way.
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            Act::Send(answer)
        }
        other => other,
    });
    let lab = lab(&fake);
    let anna = Arc::new(lab.account("anna"));
    let bind = |number: u32| {
        let (directory, anna) = (lab.directory.clone(), anna.clone());
        lab.spawn(async move {
            let password = if number.is_multiple_of(2) { RIGHT } else { "wrong" };
            let (secret, until) = (Secret::copied(password.as_bytes()), after(Duration::from_secs(10)));
            let verified = directory.verify(Some(&anna), &secret, After::Nothing, until).await.unwrap();
            (number, verified.outcome)
        })
    };
    let all: Vec<_> = (0..300).map(bind).collect();
    for one in all {
        let (number, outcome) = lab.block_on(one).unwrap();
        let expected = if number.is_multiple_of(2) { PrimaryOutcome::Correct } else { PrimaryOutcome::Wrong };
        assert_eq!(outcome, expected, "everybody gets his own answer");
    }
    let mut connections = bind_connections(&fake);
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(fake.count(op::BIND_REQUEST), 300, "nobody is asked about twice");
    assert!(connections.len() <= 64 && running.1.load(Ordering::SeqCst) <= 64, "{connections:?}");
}

#[test]
fn a_thread_takes_the_bind_connection_of_another_when_it_has_none_and_searches_on_its_own() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&fake);
    let anna = lab.account("anna");
    assert_eq!(lab.verify(Some(&anna), RIGHT), Ok(PrimaryOutcome::Correct));
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (secret, until) = (Secret::copied(RIGHT.as_bytes()), after(Duration::from_secs(10)));
    let verified = other.block_on(lab.directory.verify(Some(&anna), &secret, After::Nothing, until)).unwrap();
    assert_eq!(verified.outcome, PrimaryOutcome::Correct);
    let binds = bind_connections(&fake);
    assert!(binds.len() == 2 && binds.first() == binds.last(), "{binds:?}");
    for _ in 0..2 {
        let found = other.block_on(lab.directory.find(&login("anna"), after(Duration::from_secs(10))));
        assert!(found.unwrap().is_some());
    }
    let searches = fake.requests().into_iter().filter(|request| request.tag == op::SEARCH_REQUEST);
    let searches: Vec<usize> = searches.map(|request| request.connection).collect();
    assert!(
        matches!(&*searches, [first, second, third] if first != second && second == third),
        "{searches:?}"
    );
    // The thread ends, and with it what it has made: the others go on.
    drop(other);
    assert_eq!(lab.log_in("anna", RIGHT), Ok(PrimaryOutcome::Correct));
}

#[test]
fn an_answer_of_a_mebibyte_arrives_octet_for_octet() {
    let value: Vec<u8> =
        (0..1_u32 << 20).map(|number| number.to_le_bytes().iter().fold(7, |a, b| a ^ b)).collect();
    let sent = value.clone();
    let fake = FakeDirectory::start(move |request| match request.tag {
        op::SEARCH_REQUEST if request.holds("photo") => {
            let mut answer = entry(request.id, ANNA, &[("photo", &[&sent, b"", b"\0"])]);
            answer.extend(result(request.id, op::SEARCH_DONE, 0, ""));
            Act::Send(answer)
        }
        _ => honest(request),
    });
    let lab = lab(&fake);
    let mut speaker = Speaker::new(&lab, lab.bound(&lab.account("anna"), RIGHT));
    let (answer, code) = speaker.read("photo", &["photo"]);
    assert_eq!(code, ResultCode::SUCCESS);
    assert_eq!(answer, entry(1001, ANNA, &[("photo", &[&value, b"", b"\0"])]));
}

/// What only anna may read.
const HERS: &str =
    "database monitor\naccess to * by dn.exact=\"uid=anna,ou=people,dc=lab,dc=test\" read by * none";

#[test]
fn searches_run_as_the_person_and_the_next_one_on_the_connection_is_somebody_else_b_048() {
    let Some(slapd) = Slapd::start_with(HERS) else { return };
    let folder = slapd.ca_file().parent().unwrap().to_owned();
    std::fs::write(folder.join("password"), format!("{PASSWORD}\n")).unwrap();
    for (tls, port) in [("none", slapd.port), ("starttls", slapd.port), ("ldaps", slapd.tls_port)] {
        let ca = if tls == "none" { String::new() } else { format!("ca-file = {:?}\n", slapd.ca_file()) };
        let lab = Lab::new(&format!(
            "name = \"lab\"\nkind = \"ldap\"\nservers = [\"127.0.0.1:{port}\"]\ntls = \"{tls}\"\n{ca}\
             base-dn = \"dc=lab,dc=test\"\nbind-dn = \"cn=service,dc=lab,dc=test\"\nbind-password-file = {:?}\n",
            folder.join("password")
        ));
        let (anna, ben) = (lab.account("anna"), lab.account("müller"));
        for round in 0..3 {
            let mut speaker = Speaker::new(&lab, lab.bound(&anna, PASSWORD));
            assert_eq!(speaker.who_am_i(), "dn:uid=anna,ou=people,dc=lab,dc=test", "{tls} {round}");
            assert_eq!(speaker.look_at("cn=monitor"), (true, ResultCode::SUCCESS), "{tls} {round}");
            assert!(!speaker.look_at("cn=service,dc=lab,dc=test").0, "not as the service account");
            let bare = speaker.bare;
            lab.block_on(async { bare.give_back() });
            let mut speaker = Speaker::new(&lab, lab.bound(&ben, PASSWORD));
            assert!(speaker.who_am_i().to_lowercase().contains(" ben,ou=people"), "{tls} {round}");
            assert!(!speaker.look_at("cn=monitor").0, "{tls} {round}: nothing of anna is left");
            let bare = speaker.bare;
            lab.block_on(async { bare.give_back() });
            assert_eq!(lab.verify(Some(&anna), "wrong"), Ok(PrimaryOutcome::Wrong));
        }
    }
}
