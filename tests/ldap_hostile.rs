//! Directories that are slow, dead, broken or evil: what a login gets, and what they never get.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::base::secret::Secret;
use doorward::gateway::ports::{After, Directory};
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::FaultKind;
use doorward::wire::ldap::message::{Message, PAGED_RESULTS, op, page_cookie};
use support::fake_directory::{Act, FakeDirectory, Request, end_of_page, entry, notice, result};
use support::ldap::{Lab, after, login};

const ANNA: &str = "uid=anna,dc=lab,dc=test";

/// A directory as it should be: everybody is anna, and every password is right.
fn honest(request: &Request) -> Act {
    match request.tag {
        op::SEARCH_REQUEST => {
            let mut answer = entry(request.id, ANNA, &[("entryUUID", &[b"id"]), ("uid", &[b"anna"])]);
            answer.extend(result(request.id, op::SEARCH_DONE, 0, ""));
            Act::Send(answer)
        }
        op::BIND_REQUEST => Act::Send(result(request.id, op::BIND_RESPONSE, 0, "")),
        _ => Act::Hang,
    }
}

fn table(servers: &[&FakeDirectory], more: &str) -> String {
    let servers: Vec<String> = servers.iter().map(|fake| format!("\"127.0.0.1:{}\"", fake.port)).collect();
    format!(
        "name = \"lab\"\nkind = \"ldap\"\nservers = [{}]\nbase-dn = \"dc=lab,dc=test\"\nserver-timeout = 1\n{}",
        servers.join(", "),
        if more.contains("tls =") { more.to_owned() } else { format!("tls = \"none\"\n{more}") }
    )
}

fn lab(servers: &[&FakeDirectory]) -> Lab {
    Lab::new(&table(servers, ""))
}

#[test]
fn a_server_that_never_answers_costs_its_share_of_the_time_and_the_next_one_answers_b_095() {
    let (slow, good) = (FakeDirectory::start(|_| Act::Hang), FakeDirectory::start(honest));
    let lab = lab(&[&slow, &good]);
    assert!(lab.find_within("anna", Duration::from_secs(5)).unwrap().is_some());
    let asked = slow.count(op::SEARCH_REQUEST);
    // It is known to be down now, so nobody else waits for it: far less than its share is enough.
    for _ in 0..20 {
        assert!(lab.find_within("anna", Duration::from_millis(800)).unwrap().is_some());
    }
    assert!(slow.count(op::SEARCH_REQUEST) <= asked + 1, "only its watcher may ask");
}

#[test]
fn the_deadline_of_a_login_holds_when_nobody_answers_b_095() {
    let slow = FakeDirectory::start(|_| Act::Hang);
    let lab = lab(&[&slow, &slow, &slow]);
    let begun = after(Duration::ZERO);
    let fault = lab.find_within("anna", Duration::from_millis(500)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[test]
fn one_slow_search_does_not_hold_up_the_others_on_its_connection() {
    let fake =
        FakeDirectory::start(|request| if request.holds("sloth") { Act::Hang } else { honest(request) });
    let lab = lab(&[&fake]);
    lab.account("anna");
    let directory = lab.directory.clone();
    let slow = lab.spawn(async move { directory.find(&login("sloth"), after(Duration::from_secs(5))).await });
    for _ in 0..10 {
        assert!(lab.find_within("anna", Duration::from_millis(800)).unwrap().is_some());
    }
    let fault = lab.block_on(slow).unwrap().unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
    assert!(fake.requests().iter().all(|request| request.connection == 0), "one connection for all searches");
}

#[test]
fn a_bind_without_an_answer_is_a_fault_and_no_other_server_sees_the_password_b_087() {
    let mute = |request: &Request| if request.tag == op::BIND_REQUEST { Act::Hang } else { honest(request) };
    let (first, second) = (FakeDirectory::start(mute), FakeDirectory::start(honest));
    let lab = lab(&[&first, &second]);
    let anna = lab.account("anna");
    let secret = Secret::copied(b"correct horse");
    let verified = lab.directory.verify(Some(&anna), &secret, After::Nothing, after(Duration::from_secs(1)));
    assert_eq!(lab.block_on(verified).unwrap_err().kind, FaultKind::DirectoryUnreachable);
    assert_eq!((first.count(op::BIND_REQUEST), second.count(op::BIND_REQUEST)), (1, 0));
}

#[test]
fn a_bind_whose_connection_breaks_is_a_fault_and_not_a_wrong_password() {
    let rude = |request: &Request| if request.tag == op::BIND_REQUEST { Act::Close } else { honest(request) };
    let (first, second) = (FakeDirectory::start(rude), FakeDirectory::start(honest));
    let lab = lab(&[&first, &second]);
    let anna = lab.account("anna");
    assert_eq!(lab.verify(Some(&anna), "x").unwrap_err().kind, FaultKind::DirectoryUnreachable);
    assert_eq!((first.count(op::BIND_REQUEST), second.count(op::BIND_REQUEST)), (1, 0));
}

#[test]
fn a_wrong_password_at_the_first_server_is_not_tried_at_the_second_b_087() {
    let no = |request: &Request| match request.tag {
        op::BIND_REQUEST => Act::Send(result(request.id, op::BIND_RESPONSE, 49, "")),
        _ => honest(request),
    };
    let (first, second) = (FakeDirectory::start(no), FakeDirectory::start(honest));
    let lab = lab(&[&first, &second]);
    assert_eq!(lab.log_in("anna", "x"), Ok(PrimaryOutcome::Wrong));
    assert_eq!((first.count(op::BIND_REQUEST), second.count(op::BIND_REQUEST)), (1, 0));
}

#[test]
fn connections_that_died_unnoticed_are_made_again_once_b_094() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&[&fake]);
    for _ in 0..5 {
        assert_eq!(lab.log_in("anna", "right"), Ok(PrimaryOutcome::Correct));
        fake.hang_up();
    }
}

#[test]
fn a_server_that_comes_back_is_asked_again() {
    let sick = Arc::new(AtomicBool::new(true));
    let seen = sick.clone();
    let first = FakeDirectory::start(
        move |request| {
            if seen.load(Ordering::SeqCst) { Act::Close } else { honest(request) }
        },
    );
    let second = FakeDirectory::start(honest);
    let lab = lab(&[&first, &second]);
    lab.account("anna");
    sick.store(false, Ordering::SeqCst);
    let deadline = after(Duration::from_secs(20));
    let answered = || first.requests().iter().filter(|request| request.holds("anna")).count();
    let before = answered();
    while answered() == before {
        assert!(after(Duration::ZERO) < deadline, "the first server is never asked again");
        lab.account("anna");
    }
}

#[test]
fn a_notice_of_disconnection_is_unavailable_and_never_a_wrong_password_b_029() {
    let fake = FakeDirectory::start(|request| match request.tag {
        op::BIND_REQUEST => Act::Send(notice(52)),
        _ => honest(request),
    });
    let lab = lab(&[&fake]);
    let anna = lab.account("anna");
    let fault = lab.verify(Some(&anna), "x").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
    assert!(fault.what.ends_with("the server ended the connection: unavailable (52)"), "{fault}");
}

#[test]
fn a_directory_that_says_yes_to_nobody_lets_nobody_in() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&[&fake]);
    assert_eq!(lab.verify(None, "x"), Ok(PrimaryOutcome::Wrong));
    let asked = fake.requests();
    assert_eq!(
        asked.iter().filter(|request| request.tag == op::BIND_REQUEST).count(),
        1,
        "the same work, D-100"
    );
    assert!(asked.iter().all(|request| request.name().ends_with(",dc=lab,dc=test")));
}

#[test]
fn no_bind_is_ever_sent_without_a_password_or_without_a_name_b_041() {
    let fake = FakeDirectory::start(|request| match request.tag {
        op::SEARCH_REQUEST => {
            let nameless = entry(request.id, "", &[("entryUUID", &[b"id"])]);
            Act::Send([nameless, result(request.id, op::SEARCH_DONE, 0, "")].concat())
        }
        _ => honest(request),
    });
    let lab = lab(&[&fake]);
    let nameless = lab.account("anna");
    assert_eq!(lab.verify(Some(&nameless), "x"), Ok(PrimaryOutcome::Wrong));
    assert_eq!(lab.verify(None, ""), Ok(PrimaryOutcome::Wrong));
    assert_eq!(lab.verify(None, "x\0"), Ok(PrimaryOutcome::Wrong));
    assert_eq!(fake.count(op::BIND_REQUEST), 0);
}

#[test]
fn malformed_and_endless_answers_are_a_confused_directory_and_we_live_on_b_001() {
    let mut nested = Vec::new();
    for _ in 0..8_000 {
        let length = u32::try_from(nested.len()).unwrap().to_be_bytes();
        nested = [&[0x30, 0x84][..], &length, &nested].concat();
    }
    let in_entry =
        [&[0x30, 0x84, 0, 0, 0xbb, 0x89, 2, 1, 1, 0x64, 0x84, 0, 0, 0xbb, 0x80][..], &nested].concat();
    let answers: Vec<Vec<u8>> = vec![
        nested,
        [in_entry, result(1, op::SEARCH_DONE, 0, "")].concat(),
        vec![0x30, 0x84, 0xc0, 0, 0, 0, 2, 1, 1],
        vec![0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5],
        vec![0x30, 0x80, 2, 1, 1, 0x65, 7],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        result(1, op::BIND_RESPONSE, 0, ""),
        result(0, op::SEARCH_DONE, 0, ""),
        [0x30, 7, 2, 1, 1, 0x65, 2, 10, 1].to_vec(),
        [0x30, 10, 2, 1, 1, 0x65, 5, 10, 1, 0, 4, 9].to_vec(),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let fake = FakeDirectory::start(move |_| Act::Send(answer.clone()));
        let fault = lab(&[&fake]).find("anna").unwrap_err();
        assert_eq!(fault.kind, FaultKind::DirectoryConfusing, "answer {number}: {fault}");
    }
}

#[test]
fn entries_without_end_stop_at_the_limit() {
    let fake =
        FakeDirectory::start(|request| Act::Send(entry(request.id, ANNA, &[("x", &[b"y"])]).repeat(5_000)));
    let fault = lab(&[&fake]).find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryConfusing);
    assert!(fault.what.contains("more than 4096 messages"), "{fault}");
}

#[test]
fn an_answer_to_another_request_is_not_taken_for_ours() {
    let fake = FakeDirectory::start(|request| match request.tag {
        op::BIND_REQUEST => Act::Send(result(request.id + 7, op::BIND_RESPONSE, 0, "")),
        _ => honest(request),
    });
    let lab = lab(&[&fake]);
    let anna = lab.account("anna");
    let secret = Secret::copied(b"x");
    let verified =
        lab.directory.verify(Some(&anna), &secret, After::Nothing, after(Duration::from_millis(500)));
    assert_eq!(lab.block_on(verified).unwrap_err().kind, FaultKind::DirectoryConfusing);
}

#[test]
fn a_distinguished_name_is_asked_for_alone_and_only_under_our_base_b_103() {
    let fake = FakeDirectory::start(honest);
    let lab = lab(&[&fake]);
    assert!(lab.find_dn("uid=anna,dc=xlab,dc=test").unwrap().is_none());
    assert!(lab.find_dn("anna").unwrap().is_none());
    assert_eq!(fake.requests().len(), 0, "nobody was asked");
    assert_eq!(lab.find_dn("UID=anna,DC=lab,DC=test").unwrap().unwrap().handle.as_ref(), ANNA);
    let asked = fake.requests().pop().unwrap();
    assert_eq!(asked.name(), "UID=anna,DC=lab,DC=test");
    assert_eq!(
        asked.body.get(asked.name().len() + 2..).unwrap().get(..3),
        Some(&[10, 1, 0][..]),
        "the entry alone"
    );
}

#[test]
fn what_a_server_says_to_a_distinguished_name_is_an_account_nobody_or_a_fault_b_052() {
    type Entries = &'static [(&'static str, &'static [&'static str])];
    const VALUE: &[&[u8]] = &[b"x"];
    let cases: [(&str, u32, Entries, Result<bool, FaultKind>); 11] = [
        ("the account", 0, &[(ANNA, &["entryUUID", "uid"])], Ok(true)),
        ("an application's own account", 0, &[(ANNA, &["entryUUID"])], Ok(true)),
        ("an entry of another tree", 0, &[("uid=anna,dc=evil,dc=test", &["entryUUID", "uid"])], Ok(false)),
        ("an entry without a name", 0, &[("", &["entryUUID", "uid"])], Ok(false)),
        ("an entry that is no account", 0, &[(ANNA, &["cn"])], Ok(false)),
        ("nothing", 0, &[], Ok(false)),
        ("no such entry", 32, &[], Ok(false)),
        ("not a name", 34, &[], Ok(false)),
        ("another server's entry", 10, &[], Ok(false)),
        ("an account whose id we may not read", 0, &[(ANNA, &["uid"])], Err(FaultKind::DirectoryRefusedUs)),
        (
            "two accounts",
            0,
            &[(ANNA, &["entryUUID", "uid"]), (ANNA, &["entryUUID", "uid"])],
            Err(FaultKind::UnclearAccount),
        ),
    ];
    for (what, code, entries, expected) in cases {
        let fake = FakeDirectory::start(move |request| {
            let mut answer = Vec::new();
            for (dn, names) in entries {
                let values: Vec<_> = names.iter().map(|name| (*name, VALUE)).collect();
                answer.extend(entry(request.id, dn, &values));
            }
            answer.extend(result(request.id, op::SEARCH_DONE, code, ""));
            Act::Send(answer)
        });
        let found = lab(&[&fake]).find_dn(ANNA);
        assert_eq!(found.map(|found| found.is_some()).map_err(|fault| fault.kind), expected, "{what}");
    }
    for code in [1, 50, 51, 52, 80] {
        let fake =
            FakeDirectory::start(move |request| Act::Send(result(request.id, op::SEARCH_DONE, code, "")));
        assert!(lab(&[&fake]).find_dn(ANNA).is_err(), "result {code} is no \"nobody\"");
    }
}

#[test]
fn a_referral_is_not_followed_and_is_not_a_wrong_password_b_051() {
    let fake = FakeDirectory::start(|request| match request.tag {
        op::BIND_REQUEST => Act::Send(result(request.id, op::BIND_RESPONSE, 10, "ldap://evil.test/")),
        _ => honest(request),
    });
    let lab = lab(&[&fake]);
    let fault = lab.log_in("anna", "x").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
    assert!(!fault.what.contains("evil"), "{fault}");
}

#[test]
fn a_refused_service_account_is_not_tried_again_by_the_next_logins() {
    let fake = FakeDirectory::start(|request| match request.tag {
        op::BIND_REQUEST => Act::Send(result(request.id, op::BIND_RESPONSE, 49, "")),
        _ => honest(request),
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    let more = format!("bind-dn = \"cn=service\"\nbind-password-file = {:?}", file.path());
    let lab = Lab::new(&table(&[&fake], &more));
    for _ in 0..5 {
        let fault = lab.find("anna").unwrap_err();
        assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
        assert!(fault.what.contains("refused the service account with invalidCredentials (49)"), "{fault}");
    }
    assert_eq!(fake.count(op::BIND_REQUEST), 1, "its own directory must not lock it");
}

#[test]
fn without_starttls_nothing_is_sent_that_anyone_could_read_b_072() {
    let refusals: [fn(&Request) -> Act; 4] = [
        |request| Act::Send(result(request.id, op::EXTENDED_RESPONSE, 2, "no TLS here")),
        |request| Act::Send(result(request.id, op::BIND_RESPONSE, 0, "")),
        |request| Act::Send([result(request.id, op::EXTENDED_RESPONSE, 0, ""), notice(0)].concat()),
        |_| Act::Close,
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), support::authority::Authority::new().pem()).unwrap();
    for refusal in refusals {
        let fake = FakeDirectory::start(refusal);
        let more = format!(
            "tls = \"starttls\"\nca-file = {:?}\nbind-dn = \"cn=service\"\nbind-password-file = {:?}",
            ca.path(),
            file.path()
        );
        let lab = Lab::new(&table(&[&fake], &more));
        assert!(lab.find("anna").is_err());
        assert!(lab.verify(None, "correct horse").is_err());
        let requests = fake.requests();
        assert!(!requests.is_empty() && requests.iter().all(|request| request.tag == op::EXTENDED_REQUEST));
    }
}

/// An account whose memberships come in parts; `next` tells which part follows one.
fn in_parts(parts: &'static [(&'static str, &'static str)]) -> impl Fn(&Request) -> Act + Send + Sync {
    move |request| {
        let part = parts.iter().rev().find(|(asked, _)| request.holds(asked)).map(|(_, answer)| *answer);
        let Some(description) = part.filter(|_| request.tag == op::SEARCH_REQUEST) else {
            return honest(request);
        };
        let group = format!("cn=group of {},dc=lab,dc=test", description.replace([';', '='], " "));
        let mut answer = entry(
            request.id,
            ANNA,
            &[("entryUUID", &[b"id"]), ("memberOf", &[]), (description, &[group.as_bytes()])],
        );
        answer.extend(result(request.id, op::SEARCH_DONE, 0, ""));
        Act::Send(answer)
    }
}

#[test]
fn values_that_come_in_parts_are_all_read_b_091() {
    let fake = FakeDirectory::start(in_parts(&[
        ("memberOf", "memberOf;range=0-0"),
        ("range=1-*", "MEMBEROF;range=1-1"),
        ("range=2-*", "memberof;range=2-*"),
    ]));
    let groups = lab(&[&fake]).account("anna").groups;
    let leaves: Vec<&str> =
        groups.iter().filter(|group| !group.starts_with("cn=")).map(AsRef::as_ref).collect();
    assert_eq!(
        leaves,
        ["group of memberof range 0-0", "group of memberof range 1-1", "group of memberof range 2-*"]
    );
}

#[test]
fn values_in_parts_that_never_end_are_a_fault_and_not_a_shorter_list() {
    let fake = FakeDirectory::start(in_parts(&[
        ("memberOf", "memberOf;range=0-0"),
        ("range=", "memberOf;range=0-0"),
    ]));
    let fault = lab(&[&fake]).find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryConfusing);
    assert!(fault.what.contains("does not end"), "{fault}");
}

/// A server that gives too many groups for one answer; `next` says which cookie follows one.
fn in_pages(
    next: impl Fn(&[u8]) -> Option<&'static [u8]> + Send + Sync,
) -> impl Fn(&Request) -> Act + Send + Sync {
    move |request| {
        if request.tag != op::SEARCH_REQUEST || !request.holds("member") || request.holds("memberOf") {
            return honest(request);
        }
        if request.holds("cn=group") {
            return Act::Send(result(request.id, op::SEARCH_DONE, 0, ""));
        }
        let message = Message::read(&request.whole).unwrap();
        let Some(control) = message.control(PAGED_RESULTS).unwrap() else {
            return Act::Send(result(request.id, op::SEARCH_DONE, 4, "size limit"));
        };
        let cookie = page_cookie(control.value.unwrap()).unwrap();
        let group = format!("cn=group {},dc=lab,dc=test", String::from_utf8_lossy(cookie));
        let Some(next) = next(cookie) else {
            return Act::Send(result(request.id, op::SEARCH_DONE, 4, "not even so"));
        };
        let mut answer = entry(request.id, &group, &[]);
        answer.extend(end_of_page(request.id, next));
        Act::Send(answer)
    }
}

fn member_lab(fake: &FakeDirectory) -> Lab {
    Lab::new(&table(&[fake], "group-lookup = \"member\"\n"))
}

#[test]
fn more_groups_than_a_server_gives_at_once_are_read_page_by_page_b_092() {
    let fake = FakeDirectory::start(in_pages(|cookie| {
        Some(match cookie {
            b"" => &b"one"[..],
            b"one" => b"two",
            _ => b"",
        })
    }));
    let groups = member_lab(&fake).account("anna").groups;
    let leaves: Vec<&str> =
        groups.iter().filter(|group| !group.starts_with("cn=")).map(AsRef::as_ref).collect();
    assert_eq!(leaves, ["group", "group one", "group two"]);
}

#[test]
fn a_result_that_stays_incomplete_or_never_ends_is_a_fault_b_092() {
    let incomplete = FakeDirectory::start(in_pages(|cookie| cookie.is_empty().then_some(&b"one"[..])));
    let fault = member_lab(&incomplete).find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryConfusing);
    assert!(fault.what.contains("a search in pages with sizeLimitExceeded (4)"), "{fault}");
    let endless = FakeDirectory::start(in_pages(|_| Some(b"again")));
    let fault = member_lab(&endless).find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryConfusing, "{fault}");
    assert!(endless.count(op::SEARCH_REQUEST) < 60, "{}", endless.count(op::SEARCH_REQUEST));
}

#[test]
fn a_server_is_told_how_long_somebody_waits_b_090() {
    let fake = FakeDirectory::start(honest);
    lab(&[&fake]).find_within("anna", Duration::from_secs(7)).unwrap();
    let request = fake.requests().into_iter().find(|request| request.tag == op::SEARCH_REQUEST).unwrap();
    // Base, scope, aliases and size limit go before it (RFC 4511 section 4.5.1).
    let mut reader = doorward::wire::ldap::ber::Reader::new(&request.body);
    for _ in 0..4 {
        reader.element().unwrap();
    }
    let seconds = reader.element().unwrap().integer().unwrap();
    assert!((1..=8).contains(&seconds), "{seconds}");
}

#[test]
fn a_login_in_a_hurry_does_not_give_a_server_a_bad_name() {
    let late = |request: &Request| if request.holds("sloth") { Act::Hang } else { honest(request) };
    let (first, second) = (FakeDirectory::start(late), FakeDirectory::start(honest));
    let lab = lab(&[&first, &second]);
    lab.account("anna");
    for _ in 0..3 {
        assert!(lab.find_within("sloth", Duration::from_millis(50)).is_err());
        assert!(lab.account("anna").groups.is_empty());
    }
    assert_eq!(second.requests().len(), 0, "the first server was never given up");
}

#[test]
fn many_unfinished_answers_together_stay_within_one_limit() {
    // Each search is given three mebibytes and no end; a hundred of them would be three hundred.
    let fake = FakeDirectory::start(|request| {
        let value = vec![b'x'; 1 << 20];
        Act::Send(entry(request.id, ANNA, &[("x", &[&value])]).repeat(3))
    });
    let lab = lab(&[&fake]);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let directory = lab.directory.clone();
            lab.spawn(async move { directory.find(&login("anna"), after(Duration::from_secs(5))).await })
        })
        .collect();
    let faults: Vec<_> = tasks.into_iter().map(|task| lab.block_on(task).unwrap().unwrap_err()).collect();
    assert!(faults.iter().any(|fault| fault.kind == FaultKind::DirectoryConfusing), "{faults:?}");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kibibytes: usize = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kibibytes < 400 * 1024, "{peak}");
}
