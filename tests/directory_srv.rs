//! Directories whose servers DNS names: which are asked, in which order, and whom we believe.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use doorward::gateway::ports::Directory;
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::FaultKind;
use support::authority::Authority;
use support::dns::{Dns, Mood};
use support::ldap::{Lab, Speaker, after, eventually, settle};
use support::samba::Samba;
use support::slapd::{PASSWORD, Slapd, free_port};

const CONTROLLERS: &str = "_ldap._tcp.dc._msdcs.lab.test";
const OF_THE_SITE: &str = "_ldap._tcp.Berlin._sites.dc._msdcs.lab.test";
const LDAPS: &str = "_ldaps._tcp.lab.test";
const LDAP: &str = "_ldap._tcp.lab.test";

/// A directory without servers.
struct Site {
    folder: tempfile::TempDir,
    dns: Dns,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), dns: Dns::start() };
        site.trust(&[Authority::new().pem()]);
        std::fs::write(site.path("password"), PASSWORD).unwrap();
        site
    }

    /// Of one or more running servers, trusted all of them.
    fn of(servers: &[&Slapd]) -> Self {
        let site = Self::new();
        site.trust(&servers.iter().map(|slapd| slapd.authority.pem()).collect::<Vec<_>>());
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn trust(&self, authorities: &[&str]) {
        std::fs::write(self.path("ca.pem"), authorities.join("\n")).unwrap();
    }

    fn table(&self, kind: &str, more: &str) -> String {
        let (domain, id) = match kind {
            "ldap" => ("srv-domain", "bind-dn = \"cn=service,dc=lab,dc=test\""),
            _ => ("domain", "bind-dn = \"CN=svc-doorward,CN=Users,DC=lab,DC=test\""),
        };
        format!(
            "name = \"lab\"\nkind = \"{kind}\"\n{domain} = \"LAB.test\"\nbase-dn = \"dc=lab,dc=test\"\n{id}\n\
             bind-password-file = {:?}\nca-file = {:?}\n{}\n{more}",
            self.path("password"),
            self.path("ca.pem"),
            self.dns.key()
        )
    }

    fn ldap(&self, more: &str) -> Lab {
        Lab::new(&self.table("ldap", more))
    }

    /// The servers as soon as there are any.
    fn found(&self, kind: &str, more: &str) -> Vec<String> {
        let lab = Lab::new(&self.table(kind, more));
        eventually("servers are found", || !servers(&lab).is_empty());
        servers(&lab)
    }
}

fn servers(lab: &Lab) -> Vec<String> {
    lab.directory.servers().unwrap().into_iter().map(|server| server.name.into()).collect()
}

fn showing(names: &[&str]) -> Option<Slapd> {
    Slapd::start_showing(&|authority| authority.server(names))
}

#[test]
fn domain_controllers_come_by_priority_and_those_of_the_site_before_all_others_b_095() {
    let site = Site::new();
    let records =
        [(10, 0, 389, "dc3.lab.test"), (0, 100, 389, "dc1.lab.test"), (5, 100, 389, "dc2.lab.test")];
    site.dns.service(CONTROLLERS, &records);
    let kind = "active-directory";
    assert_eq!(site.found(kind, ""), ["dc1.lab.test:636", "dc2.lab.test:636", "dc3.lab.test:636"]);
    assert_eq!(site.dns.asked(), [CONTROLLERS], "no site, no question for it");
    let start_tls = site.found(kind, "tls = \"starttls\"");
    assert_eq!(start_tls, ["dc1.lab.test:389", "dc2.lab.test:389", "dc3.lab.test:389"]);
    assert_eq!(site.found(kind, "port = 1636")[0], "dc1.lab.test:1636");

    let in_berlin = "site = \"Berlin\"";
    assert_eq!(site.found(kind, in_berlin), ["dc1.lab.test:636", "dc2.lab.test:636", "dc3.lab.test:636"]);
    site.dns.service(OF_THE_SITE, &[(90, 0, 389, "DC3.lab.test")]);
    assert_eq!(site.found(kind, in_berlin), ["dc3.lab.test:636", "dc1.lab.test:636", "dc2.lab.test:636"]);
}

#[test]
fn other_directories_have_a_record_for_tls_or_the_usual_port_of_it() {
    let site = Site::new();
    site.dns.service(LDAP, &[(0, 0, 1389, "ldap.lab.test")]);
    assert_eq!(site.found("ldap", ""), ["ldap.lab.test:636"]);
    assert_eq!(site.found("ldap", "tls = \"starttls\""), ["ldap.lab.test:1389"]);
    assert_eq!(site.found("ldap", "tls = \"starttls\"\nport = 390"), ["ldap.lab.test:390"]);
    site.dns.service(LDAPS, &[(0, 0, 1636, "ldap.lab.test")]);
    assert_eq!(site.found("ldap", ""), ["ldap.lab.test:1636"]);
    assert_eq!(site.found("ldap", "port = 637"), ["ldap.lab.test:637"]);
}

#[test]
fn people_log_in_through_servers_that_dns_names_and_the_next_one_serves_when_one_is_down() {
    let Some(mut first) = showing(&["dc1.lab.test"]) else { return };
    let Some(second) = showing(&["*.lab.test"]) else { return };
    let site = Site::of(&[&first, &second]);
    site.dns.hosts(&["dc1.lab.test", "dc2.lab.test"]);
    let records = [(2, 0, second.tls_port, "dc2.lab.test"), (1, 0, first.tls_port, "dc1.lab.test")];
    site.dns.service(LDAPS, &records);
    let lab = site.ldap("");
    assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct));
    assert_eq!(lab.log_in("anna", "wrong"), Ok(PrimaryOutcome::Wrong));
    first.stop();
    assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct), "the second server");
    let up: Vec<bool> = lab.directory.servers().unwrap().iter().map(|server| server.up).collect();
    assert_eq!(up, [false, true]);
}

#[test]
fn servers_come_and_go_at_run_time_and_nobody_who_is_bound_is_cut_off() {
    let Some(first) = showing(&["dc1.lab.test"]) else { return };
    let Some(second) = showing(&["dc2.lab.test"]) else { return };
    let site = Site::of(&[&first, &second]);
    site.dns.hosts(&["dc1.lab.test", "dc2.lab.test"]);
    site.dns.keeps(0);
    site.dns.service(LDAPS, &[(0, 0, first.tls_port, "dc1.lab.test")]);
    let lab = site.ldap("");
    let bound = lab.bound(&lab.account("anna"), PASSWORD);
    let (one, two) =
        (format!("dc1.lab.test:{}", first.tls_port), format!("dc2.lab.test:{}", second.tls_port));
    assert_eq!(servers(&lab), [&*one]);

    site.dns.service(LDAPS, &[(0, 0, second.tls_port, "dc2.lab.test")]);
    eventually("the new server is known", || servers(&lab) == [&*two]);
    assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct), "at the new server");
    let mut speaker = Speaker::new(&lab, bound);
    assert_eq!(speaker.who_am_i(), "dn:uid=anna,ou=people,dc=lab,dc=test", "at the old one");
    speaker.bare.give_back();

    let both = [(0, 0, second.tls_port, "dc2.lab.test"), (1, 0, first.tls_port, "dc1.lab.test")];
    site.dns.service(LDAPS, &both);
    eventually("both are known", || servers(&lab) == [&*two, &*one]);
}

#[test]
fn the_last_good_list_stays_while_dns_is_away_and_faults_say_so() {
    let Some(mut slapd) = showing(&["dc1.lab.test"]) else { return };
    let site = Site::of(&[&slapd]);
    site.dns.hosts(&["dc1.lab.test"]);
    site.dns.service(LDAPS, &[(0, 0, slapd.tls_port, "dc1.lab.test")]);
    let lab = site.ldap("");
    assert_eq!(lab.probe(), Ok(()));
    slapd.stop();
    site.dns.is(Mood::Failing(2));
    let port = site.dns.port;
    let said = format!(
        "; its servers are those of before: DNS at 127.0.0.1:{port} does not tell the servers of {LDAPS}: \
         the answer is an error: server failure; check dns-servers"
    );
    eventually("DNS is asked again", || lab.probe().unwrap_err().what.contains(&said));
    site.dns.is(Mood::Honest);
    site.dns.service(LDAPS, &[]);
    let gone = format!(
        "; its servers are those of before: DNS at 127.0.0.1:{port} knows no {LDAPS} and no {LDAP}; check the \
         domain's name"
    );
    eventually("the records are missed", || lab.probe().unwrap_err().what.contains(&gone));
    assert_eq!(servers(&lab), [format!("dc1.lab.test:{}", slapd.tls_port)]);
}

#[test]
fn a_site_that_cannot_be_asked_for_once_keeps_its_preference() {
    let site = Site::new();
    site.dns.keeps(0);
    site.dns.service(CONTROLLERS, &[(0, 0, 389, "dc1.lab.test"), (0, 0, 389, "dc2.lab.test")]);
    site.dns.service(OF_THE_SITE, &[(0, 0, 389, "dc2.lab.test")]);
    let lab = Lab::new(&site.table("active-directory", "site = \"Berlin\""));
    let preferred = ["dc2.lab.test:636", "dc1.lab.test:636"];
    eventually("servers are found", || servers(&lab) == preferred);
    site.dns.is(Mood::FailingFor("_sites"));
    let asked = || site.dns.asked().iter().filter(|name| **name == OF_THE_SITE.to_lowercase()).count();
    let before = asked();
    // A fault makes it ask again soon. When it asks for the second time, it has done with the first.
    eventually("the site is asked for twice", || lab.probe().is_err() && asked() > before + 1);
    assert_eq!(servers(&lab), preferred);
}

#[test]
fn servers_that_dns_does_not_name_yet_are_found_when_it_does() {
    let Some(slapd) = showing(&["dc1.lab.test"]) else { return };
    let site = Site::of(&[&slapd]);
    site.dns.hosts(&["dc1.lab.test"]);
    let lab = site.ldap("");
    let fault = lab.probe().unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
    let port = site.dns.port;
    let said = format!(
        "directory \"lab\": DNS at 127.0.0.1:{port} knows no {LDAPS} and no {LDAP}; check the domain's name, and \
         dns-servers: they must know the domain"
    );
    assert_eq!(fault.what, said);
    assert_eq!(lab.verify(None, PASSWORD).unwrap_err().kind, FaultKind::DirectoryUnreachable, "B-043");
    site.dns.service(LDAPS, &[(0, 0, slapd.tls_port, "dc1.lab.test")]);
    eventually("it is found", || lab.probe().is_ok());
    assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct));
}

#[test]
fn the_time_of_a_login_holds_for_dns_too_b_095() {
    let site = Site::new();
    site.dns.is(Mood::Silent);
    let lab = site.ldap("");
    let begin = after(Duration::ZERO);
    let fault = lab.find_within("anna", Duration::from_millis(300)).unwrap_err();
    assert!(after(Duration::ZERO) < begin + Duration::from_secs(3), "it waited for DNS");
    assert!(fault.what.contains("DNS did not name its servers in time"), "{fault}");
}

#[test]
fn whom_dns_names_is_believed_only_with_a_certificate_of_the_domain_b_073() {
    // (names in the certificate, the name that DNS gives, server-names, what is said)
    let outside = "its name comes from DNS and lies outside of the domain, and its certificate is not for the domain; \
                   list its name in server-names if it is one of yours, and mend DNS if not";
    type Case<'a> = (&'a [&'a str], &'a str, &'a str, Result<(), &'a str>);
    let cases: [Case<'_>; 10] = [
        (&["dc1.lab.test"], "dc1.lab.test", "", Ok(())),
        (&["lab.test"], "dc1.lab.test", "", Ok(())),
        (&["evil.example.net"], "evil.example.net", "", Err(outside)),
        (&["evil-lab.test"], "evil-lab.test", "", Err(outside)),
        (&["dc2.lab.test"], "dc1.lab.test", "", Err("write the server as its certificate names it")),
        (&["dc1.example.net", "lab.test"], "dc1.example.net", "", Ok(())),
        (&["dc1.example.net"], "dc1.example.net", "*.example.net", Ok(())),
        (&["dc1.example.net"], "dc1.example.net", "dc1.example.net", Ok(())),
        (&["dc1.lab.test"], "dc1.lab.test", "*.example.net", Err("names no server for _ldaps._tcp.lab.test")),
        (
            &["lab.test"],
            "dc1.example.net",
            "*.example.net",
            Err("write the server as its certificate names it"),
        ),
    ];
    for (names, target, pinned, expected) in cases {
        let Some(slapd) = showing(names) else { return };
        let site = Site::of(&[&slapd]);
        site.dns.hosts(&[target]);
        for (tls, record, port) in [("ldaps", LDAPS, slapd.tls_port), ("starttls", LDAP, slapd.port)] {
            site.dns.service(record, &[(0, 0, port, target)]);
            let key =
                if pinned.is_empty() { String::new() } else { format!("server-names = [\"{pinned}\"]\n") };
            let lab = site.ldap(&format!("{key}tls = \"{tls}\""));
            let (probed, case) = (lab.probe(), format!("{names:?} as {target}, {pinned:?}, {tls}"));
            match expected {
                Ok(()) => {
                    assert_eq!(probed, Ok(()), "{case}");
                    assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct), "{case}");
                    assert_eq!(lab.log_in("anna", "wrong"), Ok(PrimaryOutcome::Wrong), "{case}");
                }
                Err(said) => {
                    let fault = probed.unwrap_err();
                    let said = said.replace("_ldaps", record.split('.').next().unwrap());
                    assert!(fault.what.contains(&said), "{case}: {fault}");
                    assert_eq!(fault.kind, FaultKind::DirectoryUnreachable, "{case}");
                }
            }
        }
    }
}

#[test]
fn an_authority_that_nobody_trusts_vouches_for_no_server_that_dns_names_b_071() {
    let Some(slapd) = showing(&["dc1.lab.test", "lab.test"]) else { return };
    let site = Site::new();
    site.dns.hosts(&["dc1.lab.test"]);
    site.dns.service(LDAPS, &[(0, 0, slapd.tls_port, "dc1.lab.test")]);
    let fault = site.ldap("").probe().unwrap_err();
    assert!(fault.what.contains("check ca-file"), "{fault}");
}

#[test]
fn an_old_certificate_is_no_better_for_having_come_through_dns_b_071() {
    let show = |authority: &Authority| {
        authority.server_but(&["dc1.lab.test"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1))
    };
    let Some(slapd) = Slapd::start_showing(&show) else { return };
    let site = Site::of(&[&slapd]);
    site.dns.hosts(&["dc1.lab.test"]);
    site.dns.service(LDAPS, &[(0, 0, slapd.tls_port, "dc1.lab.test")]);
    let fault = site.ldap("").probe().unwrap_err();
    assert!(fault.what.contains("the server needs a new certificate"), "{fault}");
}

/// Octets behind an id: an answer with one question, for what follows.
fn answer(counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let counts = counts.map(u16::to_be_bytes).concat();
    [&[0x81, 0x80], &counts[..], rest].concat()
}

#[test]
fn what_no_honest_dns_would_say_ends_in_a_fault_and_is_over_when_dns_is_honest_again() {
    let Some(slapd) = showing(&["dc1.lab.test"]) else { return };
    let site = Site::of(&[&slapd]);
    site.dns.hosts(&["dc1.lab.test"]);
    site.dns.service(LDAPS, &[(0, 0, slapd.tls_port, "dc1.lab.test")]);
    let asked: Vec<u8> = [&b"\x06_ldaps\x04_tcp\x03lab\x04test\0"[..], &[0, 33, 0, 1]].concat();
    let record = |data: &[u8], length: u16| {
        [&asked[..], &[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60], &length.to_be_bytes(), data].concat()
    };
    let itself = [&asked[..], &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]].concat();
    for (what, octets) in [
        ("nothing", Vec::new()),
        ("half a header", vec![0x81]),
        ("a name that points to itself", answer([1, 1, 0, 0], &[0xc0, 12, 0, 33, 0, 1])),
        ("a target that points to itself", answer([1, 1, 0, 0], &record(&[0, 0, 0, 0, 1, 133, 0xc0, 48], 8))),
        ("a target behind the end", answer([1, 1, 0, 0], &record(&[0, 0, 0, 0, 1, 133, 63, b'a'], 8))),
        ("a length behind the end", answer([1, 1, 0, 0], &record(&[0, 0], 60_000))),
        ("more records than there are", answer([1, u16::MAX, 0, 0], &asked)),
        ("an alias of itself", answer([1, 1, 0, 0], &itself)),
        ("no server", answer([1, 1, 0, 0], &record(&[0, 0, 0, 0, 1, 133, 0], 7))),
        ("zeros", vec![0; 1000]),
        ("noise", (0..1000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()),
    ] {
        site.dns.is(Mood::Saying(octets));
        let lab = site.ldap("");
        let fault = lab.find_within("anna", Duration::from_millis(1500)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::DirectoryUnreachable, "{what}: {fault}");
        assert!(servers(&lab).is_empty(), "{what}");
        site.dns.is(Mood::Honest);
    }
    assert_eq!(site.ldap("").probe(), Ok(()));
}

#[test]
fn of_hundreds_of_servers_the_most_wanted_are_used() {
    let site = Site::new();
    let names: Vec<String> = (0..800).map(|number| format!("dc{number}.lab.test")).collect();
    let mut records: Vec<_> = (0..).zip(&names).map(|(number, name)| (number, 0, 389, &**name)).collect();
    records.reverse();
    records.insert(0, (0, 0, 389, "."));
    records.insert(0, (0, 0, 389, "10.0.0.1"));
    records.insert(0, (0, 0, 0, "dc0.lab.test"));
    // Too many for a datagram, so they come over TCP.
    site.dns.service(CONTROLLERS, &records);
    let found = site.found("active-directory", "");
    assert_eq!((found.len(), &*found[0], &*found[31]), (32, "dc0.lab.test:636", "dc31.lab.test:636"));
}

#[test]
fn an_address_that_leads_nowhere_leaves_time_for_the_next_one() {
    let Some(slapd) = showing(&["dc1.lab.test"]) else { return };
    let site = Site::of(&[&slapd]);
    site.dns.host("dc1.lab.test", "::1".parse().unwrap());
    site.dns.host("dc1.lab.test", "127.0.0.1".parse().unwrap());
    site.dns.service(LDAPS, &[(0, 0, free_port(), "dc0.lab.test"), (1, 0, slapd.tls_port, "dc1.lab.test")]);
    assert_eq!(site.ldap("").probe(), Ok(()), "IPv6 is refused, and dc0 has no address at all");
}

#[test]
fn servers_that_dns_names_need_no_table_of_their_own() {
    let site = Site::new();
    for kind in ["ldap", "active-directory"] {
        assert!(!settle(&site.table(kind, "")).unwrap().sends_passwords_readable());
        let plain = settle(&site.table(kind, "").replace("ca-file", "tls = \"none\"\nca-file")).unwrap_err();
        assert!(
            plain.iter().any(|problem| problem.what.contains("known by their certificates alone")),
            "B-073"
        );
    }
}

#[test]
fn samba_is_found_as_active_directory_is_b_073() {
    let Some(samba) = Samba::start() else { return };
    let site = Site::new();
    site.trust(&[samba.authority.pem()]);
    std::fs::write(site.path("password"), support::samba::PASSWORD).unwrap();
    site.dns.host("dc1.lab.test", samba.address.into());
    site.dns.service(CONTROLLERS, &[(0, 100, 389, "dc1.lab.test")]);
    for tls in ["ldaps", "starttls"] {
        let lab = Lab::new(&site.table("active-directory", &format!("site = \"Berlin\"\ntls = \"{tls}\"")));
        assert_eq!(lab.log_in("anna", support::samba::PASSWORD), Ok(PrimaryOutcome::Correct), "{tls}");
        assert_eq!(lab.log_in("anna", "wrong"), Ok(PrimaryOutcome::Wrong), "{tls}");
    }
}

#[test]
fn a_check_shows_the_servers_that_were_found_and_what_is_wrong_with_them() {
    let Some(mut slapd) = showing(&["dc1.lab.test"]) else { return };
    let site = Site::of(&[&slapd]);
    site.dns.hosts(&["dc1.lab.test"]);
    site.dns.service(LDAPS, &[(0, 0, slapd.tls_port, "dc1.lab.test")]);
    for name in ["password", "secret"] {
        let _gone_or_never_there = std::fs::remove_file(site.path(name));
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(site.path(name));
        file.unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    }
    let directory = site.table("ldap", "").replace("bind-password-file = ", "bind-password.file = ");
    let settings = format!(
        "[keys]\nfile = \"keys\"\n[store]\npath = \"store.db\"\n[[directory]]\n{directory}\n[[client]]\n\
         name = \"vpn\"\naddresses = [\"192.0.2.1\"]\nsecret.file = \"secret\"\ndirectory = \"lab\"\n\
         [[rule]]\nname = \"nobody\"\nthen = \"refuse\"\n"
    );
    std::fs::write(site.path("doorward.toml"), settings).unwrap();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(site.path("doorward.toml")).args(words).output().unwrap()
    };
    assert!(run(&["key", "generate"]).status.success());
    let server = format!("directory \"lab\": dc1.lab.test:{}", slapd.tls_port);
    let good = run(&["check", "--connect"]);
    let (said, complained) = (String::from_utf8_lossy(&good.stdout), String::from_utf8_lossy(&good.stderr));
    assert!(said.starts_with(&format!("{server}\n")), "{said}{complained}");
    slapd.stop();
    let bad = run(&["check", "--connect"]);
    let (said, complained) = (String::from_utf8_lossy(&bad.stdout), String::from_utf8_lossy(&bad.stderr));
    assert!(said.starts_with(&format!("{server} (down)\n")), "{said}{complained}");
    assert!(complained.contains(&format!("{server}: connect: connection refused")), "{complained}");
    assert_eq!(bad.status.code(), Some(69), "unavailable");
}
