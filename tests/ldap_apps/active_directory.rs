//! ldap-utils through the gateway in front of Active Directory, for which Samba stands.

use data_encoding::BASE64;

use crate::gateway::{Gateway, Wish};
use crate::support::ldap_app::{Ldap, Outcome, Tls, said};
use crate::support::ldap_utils::LdapUtils;
use crate::support::samba::{ADMINISTRATOR_PASSWORD, PASSWORD, Samba};
use crate::through::{PATIENT, PROTECTED};

const USERS: &str = "CN=Users,DC=lab,DC=test";
const ANNA: &str = "CN=anna,CN=Users,DC=lab,DC=test";

/// A client that gets no references to other servers, and an account that is exempt at it.
const FORGE: &str = r#"
[[client]]
name = "forge"
protocol = "ldap"
listeners = ["ldaps"]
directory = "staff"
reject-delay = "0s"
search-references = "drop"

[[exemption]]
name = "tools"
client = ["forge"]
account = "CN=carl,CN=Users,DC=lab,DC=test"
source = ["127.0.0.1"]
may = ["bind", "search"]
owner = "web team"
reason = "the wiki looks people up as itself"
"#;

/// The gateway in front of a domain. Whoever comes by LDAPS is the client "forge".
type Domain = Gateway<Samba>;

impl Domain {
    fn start_domain() -> Option<Self> {
        let tables = format!("{FORGE}{PATIENT}");
        let wish = Wish { client: "listeners = [\"ldap\"]", tables: &tables, ..Wish::default() };
        Some(Self::in_front_of(Samba::start()?, &wish))
    }

    /// The tools, whose names people type as they like.
    fn tools(&self, tls: Tls) -> Option<LdapUtils> {
        let port = if tls == Tls::Ldaps { self.ldaps.port() } else { self.ldap.port() };
        LdapUtils::start(&Ldap {
            tls,
            ca_file: self.ca_file(),
            user_dn_template: "%s".to_owned(),
            ..Ldap::readable(port)
        })
    }

    /// From now on a password may be changed on the day on which it was set.
    fn lets_change_passwords_at_once(&self) {
        let administrator = LdapUtils::start(&Ldap {
            host: self.slapd.address.to_string(),
            tls: Tls::Ldaps,
            ca_file: self.slapd.ca_file(),
            user_dn_template: "%s@lab.test".to_owned(),
            ..Ldap::readable(636)
        });
        let ldif = "dn: DC=lab,DC=test\nchangetype: modify\nreplace: minPwdAge\nminPwdAge: 0\n";
        let output =
            administrator.unwrap().tool("ldapmodify", "Administrator", ADMINISTRATOR_PASSWORD, &[], ldif);
        assert!(output.status.success(), "{}", said(&output));
    }

    /// A password and anna's next code.
    fn typed(&self, password: &str) -> String {
        format!("{password}{}", self.code("anna"))
    }
}

/// The values of an attribute in what ldapsearch says, in base 64 where they are.
fn values<'a>(answer: &'a str, attribute: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(attribute)?.trim_start_matches(':').strip_prefix(' ');
    answer.lines().filter_map(value).collect()
}

#[test]
fn every_form_of_a_name_gets_in_with_an_unused_code_and_nothing_less_b_081() {
    let Some(domain) = Domain::start_domain() else { return };
    for tls in PROTECTED {
        let Some(tools) = domain.tools(tls) else { return };
        let code = |name: &str, typed: &str| {
            let output = tools.tool("ldapwhoami", name, typed, &[], "");
            (output.status.code(), said(&output).trim().to_lowercase())
        };
        let is_anna = (Some(0), format!("dn:{ANNA}").to_lowercase());
        for name in [
            "anna",
            "LAB\\anna",
            "anna@lab.test",
            "Anna.K@mail.test",
            ANNA,
            "cn=ANNA, cn=users, dc=LAB,dc=test",
        ] {
            let right = domain.typed(PASSWORD);
            assert_eq!(code(name, &right), is_anna, "{name}");
            assert_eq!(code(name, &right).0, Some(49), "{name}: a used code");
            assert_eq!(code(name, PASSWORD).0, Some(49), "{name}: no code");
            // Not at both listeners: more than twenty wrong codes on a day lock the factor.
            if tls == Tls::Ldaps {
                let wrong = format!("{PASSWORD}{}", domain.wrong_code("anna"));
                assert_eq!(code(name, &wrong).0, Some(49), "{name}: a wrong code");
            }
            assert_eq!(code(name, &domain.typed("wrong")).0, Some(49), "{name}: a wrong password");
        }
        let typed = format!("{PASSWORD}{}", domain.code("müller"));
        assert_eq!(code("LAB\\müller", &typed).0, Some(0));
    }
    let subjects: std::collections::BTreeSet<_> =
        domain.lab.logins().iter().map(|record| record["subject"].to_string()).collect();
    assert_eq!(subjects.len(), 2, "anna and müller, B-050");
}

#[test]
fn searches_bring_pages_binary_values_ranges_and_references_as_the_domain_sends_them() {
    let Some(domain) = Domain::start_domain() else { return };
    let (Some(tools), Some(dropping)) = (domain.tools(Tls::StartTls), domain.tools(Tls::Ldaps)) else {
        return;
    };
    let ask = |tools: &LdapUtils, args: &[&str]| {
        let args = [&["-LLL", "-o", "ldif-wrap=no"], args].concat();
        let output = tools.tool("ldapsearch", "LAB\\anna", &domain.typed(PASSWORD), &args, "");
        assert!(output.status.success(), "{args:?} {}", said(&output));
        said(&output)
    };
    let search = |args: &[&str]| ask(&tools, args);
    let sorted = |answer: &str| {
        let mut names: Vec<_> = values(answer, "dn").into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };

    let whole = sorted(&search(&["-b", USERS, "(objectClass=*)", "1.1"]));
    let paged = search(&["-b", USERS, "-E", "pr=7/noprompt", "(objectClass=*)", "1.1"]);
    assert_eq!(sorted(&paged), whole);
    assert!(whole.len() > 21, "several pages of seven: {}", whole.len());

    let guid = search(&["-b", ANNA, "-s", "base", "(objectClass=*)", "objectGUID"]);
    let guid = BASE64.decode(values(&guid, "objectGUID")[0].as_bytes()).unwrap();
    let escaped: String = guid.iter().map(|octet| format!("\\{octet:02x}")).collect();
    let found = search(&["-b", "DC=lab,DC=test", &format!("(objectGUID={escaped})"), "1.1"]);
    assert_eq!(values(&found, "dn"), [ANNA]);

    let ranged = search(&["-b", ANNA, "-s", "base", "(objectClass=*)", "objectClass;range=0-1"]);
    assert_eq!(values(&ranged, "objectClass;range=0-1").len(), 2, "{ranged}");
    let rest = search(&["-b", ANNA, "-s", "base", "(objectClass=*)", "objectClass;range=2-*"]);
    assert_eq!(values(&rest, "objectClass;range=2-*").len(), 2, "{rest}");

    let root = search(&["-b", "", "-s", "base", "(objectClass=*)", "subschemaSubentry"]);
    let schema = "CN=Aggregate,CN=Schema,CN=Configuration,DC=lab,DC=test";
    assert_eq!(values(&root, "subschemaSubentry"), [schema], "the domain's own word");

    let from_the_top = ["-b", "DC=lab,DC=test", "(sAMAccountName=anna)", "1.1"];
    let (passed, dropped) = (search(&from_the_top), ask(&dropping, &from_the_top));
    assert_eq!((values(&passed, "dn"), values(&dropped, "dn")), (vec![ANNA], vec![ANNA]));
    assert!(passed.contains("://lab.test/CN=Configuration,DC=lab,DC=test"), "{passed}");
    assert!(!dropped.contains("://"), "{dropped}");
}

#[test]
fn people_write_what_the_domain_lets_them_and_change_their_own_password() {
    let Some(domain) = Domain::start_domain() else { return };
    let Some(tools) = domain.tools(Tls::Ldaps) else { return };
    let run = |name: &str, password: &str, args: &[&str], input: &str| {
        let output = tools.tool(name, "anna@lab.test", &domain.typed(password), args, input);
        (output.status.code(), said(&output))
    };
    let phone = |dn: &str| {
        let ldif = format!("dn: {dn}\nchangetype: modify\nreplace: telephoneNumber\ntelephoneNumber: 4711\n");
        run("ldapmodify", PASSWORD, &[], &ldif).0
    };
    assert_eq!(phone(ANNA), Some(0), "her own entry");
    assert_eq!(phone(&format!("CN=carl,{USERS}")), Some(50), "the domain's own answer");
    assert_eq!(run("ldapcompare", PASSWORD, &[ANNA, "telephoneNumber:4711"], "").0, Some(6), "compareTrue");
    assert_eq!(run("ldapcompare", PASSWORD, &[ANNA, "telephoneNumber:1"], "").0, Some(5), "compareFalse");
    assert_eq!(run("ldapcompare", PASSWORD, &[ANNA, "unicodePwd:guess"], "").0, Some(50), "B-049");

    // MS-ADTS 3.1.1.3.1.5: the old one deleted and the new one added, in quotes and UTF-16.
    let quoted = |password: &str| {
        let octets: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
        BASE64.encode(&octets)
    };
    let change = |bind: &str, old: &str, new: &str| {
        let ldif = format!(
            "dn: {ANNA}\nchangetype: modify\ndelete: unicodePwd\nunicodePwd:: {}\n-\nadd: unicodePwd\n\
             unicodePwd:: {}\n",
            quoted(old),
            quoted(new)
        );
        run("ldapmodify", bind, &[], &ldif).0
    };
    domain.lets_change_passwords_at_once();
    let new = "Another.horse.2";
    assert_eq!(change(PASSWORD, "wrong", new), Some(19), "constraintViolation is the domain's word for it");
    assert_eq!(change(PASSWORD, PASSWORD, new), Some(0));
    assert_eq!(run("ldapwhoami", new, &[], "").0, Some(0));
    let (code, said) = run("ldappasswd", new, &["-a", new, "-s", "Third.horse.3"], "");
    assert!(code == Some(1) && said.contains("Protocol error (2)"), "this domain does not know it: {said}");
}

#[test]
fn an_exempt_account_is_the_same_whatever_form_its_name_has_and_only_at_its_client_b_047() {
    let Some(domain) = Domain::start_domain() else { return };
    let (Some(forge), Some(wiki)) = (domain.tools(Tls::Ldaps), domain.tools(Tls::StartTls)) else { return };
    for name in ["LAB\\carl", "carl@lab.test", "cn=carl,cn=users,dc=lab,dc=test"] {
        let output = forge.tool("ldapsearch", name, PASSWORD, &["-b", ANNA, "(cn=anna)", "1.1"], "");
        assert!(output.status.success(), "{name}: {}", said(&output));
        assert_eq!(wiki.login(name, PASSWORD), Outcome::Refused, "{name}");
    }
    let ldif =
        format!("dn: CN=carl,{USERS}\nchangetype: modify\nreplace: telephoneNumber\ntelephoneNumber: 1\n");
    assert_eq!(forge.tool("ldapmodify", "LAB\\carl", PASSWORD, &[], &ldif).status.code(), Some(50));
}
