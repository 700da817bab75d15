//! Accounts that nobody sits behind: which are exempt, from where, for what (B-047).

use std::net::IpAddr;
use std::path::Path;

use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::message::op;
use doorward::wire::ldap::request::Scope;

use crate::BASE;
use crate::gateway::{Gateway, Wish};
use crate::raw_ldap::{Raw, message};
use crate::support::missing;
use crate::support::slapd::{PASSWORD, Slapd};

const SERVICE: &str = "cn=service,dc=lab,dc=test";

impl<D> Gateway<D> {
    pub(crate) fn connect_from(&self, source: &str) -> Raw {
        let source: IpAddr = source.parse().unwrap();
        Raw::plain_from(source, self.ldaps).encrypt(&self.lab.path("gateway-ca.pem"))
    }

    fn operations(&self) -> Vec<[String; 3]> {
        let audit = self.lab.audit();
        let operations = audit.iter().filter(|record| record["event"] == "exempt-operation");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        operations.map(|r| [text(&r["stage"]), text(&r["outcome"]), text(&r["reason"])]).collect()
    }
}

#[test]
fn an_exemption_holds_for_its_client_and_its_network_alone_b_047() {
    let tables = "[[client]]\nname = \"forge\"\nprotocol = \"ldap\"\naddresses = [\"127.0.0.3\"]\ndirectory = \"staff\"\n\
         reject-delay = \"0s\"\n[[exemption]]\nname = \"wiki-service\"\nclient = [\"wiki\"]\n\
         account = \"cn=service,dc=lab,dc=test\"\nsource = [\"127.0.0.2\", \"127.0.0.3\"]\nmay = [\"bind\", \"search\"]\nowner = \"web team\"\nreason = \"it looks people up\"\n";
    let Some(gateway) = Gateway::start_as(&Wish { tables, ..Wish::default() }) else { return };
    assert_eq!(gateway.connect_from("127.0.0.2").bind(SERVICE, PASSWORD), 0);
    assert_eq!(gateway.connect_from("127.0.0.1").bind(SERVICE, PASSWORD), 49, "another network");
    assert_eq!(gateway.connect_from("127.0.0.3").bind(SERVICE, PASSWORD), 49, "another client");
    assert_eq!(gateway.connect_from("127.0.0.2").bind(SERVICE, "wrong horse"), 49, "the password counts");
    let logins = gateway.lab.logins();
    let told =
        |key: &str| logins.iter().map(|r| r[key].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>();
    assert_eq!(told("exemption"), ["wiki-service", "", "", "wiki-service"]);
    assert_eq!(told("missed_exemption"), ["", "wiki-service", "wiki-service", ""]);
    let listed = gateway.lab.must(&["policy", "exemptions"], "");
    assert!(listed.contains("used-elsewhere") || listed.contains("elsewhere at client forge"), "{listed}");
    assert!(listed.contains("from 127.0.0.2"), "{listed}");
}

/// Accounts that look like the service account, all with the same password.
const NEIGHBOURS: [&str; 6] = [
    "cn=service,ou=x,dc=lab,dc=test",
    "cn=service2,dc=lab,dc=test",
    "cn=xservice,dc=lab,dc=test",
    "cn=servic,dc=lab,dc=test",
    "cn=service\\2cdc\\3dlab,dc=lab,dc=test",
    "cn=service\\2cdc\\3dlab\\2cdc\\3dtest,ou=x,dc=lab,dc=test",
];

fn with_neighbours() -> Option<Gateway> {
    let slapd = Slapd::start_open("")?;
    let entry = |dn: &&str| {
        let cn = dn.split(',').next().unwrap().trim_start_matches("cn=");
        let cn = cn.replace("\\2c", ",").replace("\\3d", "=");
        format!(
            "dn: {dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: {cn}\n\
             userPassword: {PASSWORD}\n\n"
        )
    };
    let others = "dn: ou=x,dc=lab,dc=test\nobjectClass: organizationalUnit\nou: x\n\n\
                  dn: uid=service,ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\nuid: service\n\
                  cn: service\nsn: S\nuserPassword: correct horse\n\n";
    assert!(slapd.add(&format!("{others}{}", NEIGHBOURS.iter().map(entry).collect::<String>())));
    let tables = "[limits]\nsubject-per-minute = 1000\n";
    let wish = Wish { exempt: Some("[\"bind\", \"search\"]"), tables, ..Wish::default() };
    Some(Gateway::in_front_of(slapd, &wish))
}

#[test]
fn the_account_is_exempt_however_its_name_is_spelled_b_047() {
    let Some(gateway) = with_neighbours() else { return };
    for spelling in [
        SERVICE,
        "CN=SERVICE , DC=Lab,DC=TEST",
        "2.5.4.3=service,0.9.2342.19200300.100.1.25=lab,dc=test",
        "cn=\\73ervice;dc=lab;dc=test",
    ] {
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(spelling, PASSWORD), 0, "{spelling}");
        assert_eq!(raw.who_am_i().to_lowercase(), format!("dn:{SERVICE}"), "{spelling}");
    }
    let subjects: std::collections::BTreeSet<_> =
        gateway.lab.logins().iter().map(|record| record["subject"].to_string()).collect();
    assert_eq!(subjects.len(), 1, "one account");
    // A directory may take other signs or encodings for the same name; then it is the same account.
    for name in [
        "cn=\u{17f}ervice,dc=lab,dc=test",
        "cn=se\u{200b}rvice,dc=lab,dc=test",
        "cn=ser\u{1d20}ice,dc=lab,dc=test",
        "cn=#040773657276696365,dc=lab,dc=test",
    ] {
        let mut raw = gateway.connect();
        let code = raw.bind(name, PASSWORD);
        let who = if code == 0 { format!("dn:{SERVICE}") } else { String::new() };
        assert_eq!(raw.who_am_i().to_lowercase(), who, "{name}: {code}");
    }
}

#[test]
fn no_account_that_is_only_like_it_is_exempt_b_047() {
    let Some(gateway) = with_neighbours() else { return };
    let others = [
        "service",
        "uid=service,ou=people,dc=lab,dc=test",
        "cn=service,dc=lab,dc=test,dc=lab,dc=test",
        "cn=service+cn=service2,dc=lab,dc=test",
        "cn=service,dc=lab",
        "cn=service\\,dc=lab\\,dc=test",
        "cn=service\\00,dc=lab,dc=test",
        "cn=service*,dc=lab,dc=test",
    ];
    for name in NEIGHBOURS.into_iter().chain(others) {
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(name, PASSWORD), 49, "{name}");
        assert_eq!(raw.sees(BASE), (0, 50), "{name}");
    }
    let logins = gateway.lab.logins();
    assert!(logins.iter().all(|record| record["outcome"] == "reject" && record["exemption"].is_null()));
    // Those that are there have no generator; the password was right, and it was not enough.
    let not_enrolled = logins.iter().filter(|record| record["reason"] == "not-enrolled").count();
    assert!(not_enrolled > NEIGHBOURS.len(), "{:?}", gateway.reasons());
}

#[test]
fn an_account_that_may_only_bind_searches_nothing_and_each_try_is_recorded_b_047() {
    let Some(gateway) = Gateway::start_as(&Wish { exempt: Some("[\"bind\"]"), ..Wish::default() }) else {
        return;
    };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(SERVICE, PASSWORD), 0);
    assert_eq!(raw.sees(BASE), (0, 50));
    assert_eq!(raw.extended("1.3.6.1.4.1.4203.1.11.1").code, Some(50), "a password change");
    assert_eq!(
        raw.who_am_i(),
        format!("dn:{SERVICE}"),
        "what is answered here is no operation of the directory"
    );
    let refused = |stage: &str| [stage.to_owned(), "reject".to_owned(), "beyond-exemption".to_owned()];
    assert_eq!(gateway.operations(), [refused("search"), refused("extended")]);
}

#[test]
fn everything_that_an_exempt_account_does_is_recorded_b_047() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(SERVICE, PASSWORD), 0);
    assert_eq!(raw.sees(BASE).1, 0);
    let compare = |id| {
        message(id, |writer| {
            writer.nested(op::COMPARE_REQUEST, |compare| {
                compare.bytes(4, crate::ANNA.as_bytes());
                compare.nested(0x30, |assertion| {
                    assertion.bytes(4, b"sn");
                    assertion.bytes(4, b"A");
                });
            });
        })
    };
    assert_eq!(raw.ask(compare).code, Some(6), "compareTrue");
    assert_eq!(raw.search(BASE, Scope::Base, &Filter::Present("userPassword"), &[])[0].code, Some(50));
    let change: [(u8, &[u8]); 4] = [
        (op::MODIFY_REQUEST, b"\x04\x00\x30\x00"),
        (op::ADD_REQUEST, b"\x04\x00\x30\x00"),
        (op::DELETE_REQUEST, b"dc=test"),
        (op::MODIFY_DN_REQUEST, b"\x04\x00\x04\x00\x01\x01\x00"),
    ];
    for (tag, body) in change {
        assert_eq!(raw.ask(|id| message(id, |writer| writer.bytes(tag, body))).code, Some(50));
    }
    let done = |stage: &str| [stage, "done", "allowed"].map(str::to_owned);
    let refused = |stage: &str, why: &str| [stage, "reject", why].map(str::to_owned);
    let beyond = |stage: &str| refused(stage, "beyond-exemption");
    let expected = [
        done("search"),
        done("compare"),
        refused("search", "secret-attribute"),
        beyond("modify"),
        beyond("add"),
        beyond("delete"),
        beyond("modify-dn"),
    ];
    assert_eq!(gateway.operations(), expected);
    for record in gateway.lab.audit().iter().filter(|record| record["event"] == "exempt-operation") {
        assert_eq!((&record["exemption"], &record["source"]), (&"wiki-service".into(), &"127.0.0.1".into()));
        assert_eq!(record["attempt"], gateway.lab.logins()[0]["attempt"], "it tells which login it came of");
        assert!(!record.to_string().contains("cn="), "and no names: {record}");
    }
    let told = gateway.lab.must(&["policy", "exemptions", "--json"], "");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let one = &told["exemptions"][0];
    assert_eq!((&one["exemption"], &one["binds"]["count"]), (&"wiki-service".into(), &1.into()), "{told}");
    assert_eq!((&one["operations"]["count"], &one["refused"]["count"]), (&2.into(), &5.into()), "{told}");
    assert_eq!(one["sources"][0]["source"], "127.0.0.1", "{told}");
}

#[test]
fn operations_that_an_exempt_account_sends_together_are_each_recorded_and_answered_b_047() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    let delete = message(4, |writer| writer.bytes(op::DELETE_REQUEST, SERVICE.as_bytes()));
    let together = [
        crate::simple_bind(1, SERVICE, PASSWORD),
        crate::subtree(2),
        crate::subtree(3),
        delete,
        crate::subtree(5),
    ];
    raw.send(&together.concat());
    let mut ended = std::collections::BTreeMap::new();
    while ended.len() < 5 {
        let answer = raw.must_answer();
        if let Some(code) = answer.code {
            ended.insert(answer.id, code);
        }
    }
    assert_eq!(ended.into_iter().collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 0), (4, 50), (5, 0)]);
    let operations = gateway.operations();
    let told: Vec<_> = operations.iter().map(|[stage, outcome, _]| (&**stage, &**outcome)).collect();
    let search = ("search", "done");
    assert_eq!(told, [search, search, ("delete", "reject"), search], "as they came");
}

#[test]
fn what_cannot_be_recorded_is_not_done_and_nobody_is_let_in_d_117() {
    if !Path::new("/dev/full").exists() {
        missing("there is no /dev/full here");
        return;
    }
    let Some(gateway) = Gateway::start() else { return };
    let (mut service, mut anna) = (gateway.connect(), gateway.connect());
    assert_eq!(service.bind(SERVICE, PASSWORD), 0);
    assert_eq!(anna.bind("anna", &gateway.password("anna")), 0);
    let audit = gateway.lab.path("audit.jsonl");
    gateway.lab.edit_config(audit.to_str().unwrap(), "/dev/full");
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_event("daemon.reloaded");
    assert_eq!(service.sees(BASE), (0, 52), "nothing is passed on");
    let ids = [service.next_id(), service.next_id()];
    service.send(&ids.map(crate::subtree).concat());
    for id in ids {
        let answer = service.must_answer();
        assert_eq!((answer.id, answer.code), (id, Some(52)), "each of those that come together");
    }
    assert_eq!(anna.sees(BASE).1, 0, "a person has shown a second factor");
    assert_eq!(gateway.connect().bind(SERVICE, PASSWORD), 52);
    assert_eq!(gateway.connect().bind("anna", &gateway.password("anna")), 52);
    assert!(gateway.lab.page("/health").starts_with("HTTP/1.1 503"));
    gateway.lab.edit_config("/dev/full", audit.to_str().unwrap());
    gateway.lab.signal("HUP");
    gateway
        .lab
        .wait_for(|line| line.contains("\"event\":\"daemon.reloaded\"") && line.contains("\"reloads\":2"));
    assert_eq!(service.sees(BASE).1, 0, "it recovers");
    assert_eq!(gateway.count("ldap_operations", "refused", "not-recorded"), 3);
}

#[test]
fn an_exemption_that_is_taken_away_ends_what_it_let_in_b_047() {
    let Some(gateway) = Gateway::start() else { return };
    let (mut service, mut anna) = (gateway.connect(), gateway.connect());
    assert_eq!(service.bind(SERVICE, PASSWORD), 0);
    assert_eq!(service.sees(BASE).1, 0);
    assert_eq!(anna.bind("anna", &gateway.password("anna")), 0);
    gateway.lab.edit_config("source = [\"127.0.0.0/8\"]\nmay", "source = [\"192.0.2.0/24\"]\nmay");
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_event("daemon.reloaded");
    let id = service.next_id();
    service.send(&crate::subtree(id));
    let answer = service.must_answer();
    assert_ne!(answer.code, Some(0), "{answer:?}");
    assert_ne!(answer.tag, op::SEARCH_ENTRY, "{answer:?}");
    assert_eq!(gateway.connect().bind(SERVICE, PASSWORD), 49);
}
