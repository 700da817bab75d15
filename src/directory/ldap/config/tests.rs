use super::*;
use crate::directory::ldap::active_directory::PlainNames;
use crate::directory::ldap::config::servers::endpoint;

fn settle(toml: &str) -> Result<LdapSettings, Vec<(String, String)>> {
    let config: LdapConfig = toml::from_str(toml).unwrap();
    let mut problems = Vec::new();
    let read = |path: &Path| match path.to_str() {
        Some("password") => Ok(b"secret\r\n".to_vec()),
        Some("empty") => Ok(b"\n".to_vec()),
        Some("ca.pem") => Ok(b"no PEM".to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let settings = config.settle(&read, &mut problems);
    let about = |problem: &Problem| toml.get(problem.at.clone().unwrap()).unwrap().to_owned();
    let said: Vec<_> = problems.iter().map(|problem| (problem.what.clone(), about(problem))).collect();
    if said.is_empty() { Ok(settings.unwrap()) } else { Err(said) }
}

/// A table that is fine, but for `lines`, which go before what is not written in them.
fn with(kind: &str, lines: &str) -> Result<LdapSettings, Vec<(String, String)>> {
    let rest = ["servers = [\"127.0.0.1\"]", "base-dn = \"DC=corp,DC=example\"", "tls = \"none\""];
    let written = |key: &str| lines.lines().any(|line| line.split(' ').next() == Some(key));
    let missing = rest.into_iter().filter(|line| !written(line.split(' ').next().unwrap()));
    let missing = missing.collect::<Vec<_>>().join("\n");
    settle(&format!("name = \"corp\"\nkind = \"{kind}\"\n{lines}\n{missing}\n"))
}

#[test]
fn a_small_table_is_enough() {
    for kind in ["active-directory", "ldap"] {
        assert_eq!(with(kind, "").unwrap().name(), "corp");
    }
}

#[test]
fn settings_tell_where_accounts_are_and_how_they_are_asked() {
    for (kind, is_active_directory) in [("active-directory", true), ("ldap", false)] {
        let settings = with(kind, "base-dn = \"OU=All, DC=corp,DC=example\"").unwrap();
        assert_eq!(settings.base_dn(), "OU=All, DC=corp,DC=example");
        assert_eq!(settings.is_active_directory(), is_active_directory);
    }
}

#[test]
fn the_domain_comes_from_the_base_and_names_lose_their_case() {
    let settings = with("active-directory", "netbios-domain = \"CORP\"\nupn-suffixes = [\"@Mail.Example\"]");
    let Manner::ActiveDirectory(domains, _) = settings.unwrap().into_manner() else { panic!("kind") };
    let [realm] = &*domains.realms else { panic!("one domain") };
    assert_eq!((&*realm.domain, realm.netbios.as_deref()), ("corp.example", Some("corp")));
    assert_eq!(realm.suffixes, ["mail.example".into()]);
    assert_eq!(domains.plain, PlainNames::In(0));
}

#[test]
fn servers_are_hosts_with_or_without_a_port() {
    let server = |text| endpoint(text, 636).map(|endpoint| endpoint.to_string());
    assert_eq!(server("dc1.corp.example").as_deref(), Some("dc1.corp.example:636"));
    assert_eq!(server("192.0.2.7:3269").as_deref(), Some("192.0.2.7:3269"));
    assert_eq!(server("[2001:db8::1]").as_deref(), Some("[2001:db8::1]:636"));
    assert_eq!(server("[2001:db8::1]:389").as_deref(), Some("[2001:db8::1]:389"));
    for bad in [
        "",
        ":636",
        "host:",
        "host:0",
        "host:65536",
        "::1",
        "[::1",
        "[::1]x",
        "[host]:1",
        "ldaps://host",
        "a b",
        "höst",
    ] {
        assert_eq!(server(bad), None, "{bad}");
    }
}

#[test]
fn the_line_end_of_a_password_file_is_not_part_of_the_password() {
    let settings = with("ldap", "bind-dn = \"cn=x\"\nbind-password-file = \"password\"");
    let Manner::Plain(_, servers) = settings.unwrap().into_manner() else { panic!("kind") };
    let (access, _) = *servers;
    assert_eq!(access.service.unwrap().password, Secret::copied(b"secret"));
}

#[test]
fn every_mistake_is_said_about_the_text_that_makes_it() {
    let cases = [
        ("ldap", "servers = [\"ldaps://dc1\"]", "\"ldaps://dc1\" is not a server", "[\"ldaps://dc1\"]"),
        ("ldap", "servers = []", "servers has 0 entries, it may have 1 to 8", "[]"),
        ("ldap", "base-dn = \"corp\"", "base-dn is not a distinguished name", "\"corp\""),
        (
            "active-directory",
            "base-dn = \"O=corp\"",
            "base-dn does not tell the domain's DNS name",
            "\"O=corp\"",
        ),
        ("ldap", "bind-dn = \"cn=x\"", "bind-dn without a password", "\"cn=x\""),
        ("ldap", "bind-password-file = \"password\"", "a password without bind-dn", "\"password\""),
        (
            "ldap",
            "bind-dn = \"cn=x\"\nbind-password-file = \"empty\"",
            "the service account's password is empty or holds a NUL",
            "\"empty\"",
        ),
        ("ldap", "ca-file = \"ca.pem\"", "ca-file has no effect without TLS", "\"ca.pem\""),
        (
            "ldap",
            "tls = \"ldaps\"\nca-file = \"ca.pem\"",
            "no trusted certificates were found in the file",
            "\"ca.pem\"",
        ),
        (
            "ldap",
            "tls = \"ldaps\"\nca-file = \"none.pem\"",
            "ca-file cannot be read: entity not found",
            "\"none.pem\"",
        ),
        ("ldap", "id-attribute = \"a;b\"", "id-attribute is not an attribute's name", "\"a;b\""),
        (
            "ldap",
            "login-attributes = [\"uid\", \"a=b\"]",
            "\"a=b\" is not an attribute's name",
            "[\"uid\", \"a=b\"]",
        ),
        ("ldap", "login-attributes = []", "login-attributes is empty", "[]"),
        ("ldap", "group-base-dn = \"dc=x\"", "group-base-dn has no effect here", "\"dc=x\""),
        (
            "ldap",
            "group-lookup = \"token-groups\"",
            "this group-lookup is for kind = \"active-directory\"",
            "\"token-groups\"",
        ),
        ("ldap", "netbios-domain = \"x\"", "netbios-domain has no effect here", "\"x\""),
        (
            "active-directory",
            "group-lookup = \"member\"",
            "this group-lookup is for kind = \"ldap\"",
            "\"member\"",
        ),
        ("active-directory", "id-attribute = \"x\"", "id-attribute has no effect here", "\"x\""),
        ("ldap", "server-timeout = 31", "server-timeout is 31 s, it may be 1 to 30 s", "31"),
    ];
    said_about(&cases);
}

#[test]
fn every_mistake_about_active_directory_is_said_about_the_text_that_makes_it() {
    said_about(&[
        (
            "active-directory",
            "login-attributes = [\"mail\", \"cn\"]",
            "\"cn\" is not what people log in with in Active Directory",
            "[\"mail\", \"cn\"]",
        ),
        ("active-directory", "login-attributes = []", "login-attributes is empty", "[]"),
        (
            "active-directory",
            "servers = [\"dc1:3269\"]",
            "port 3269 is that of the global catalogue, which does not know all groups",
            "[\"dc1:3269\"]",
        ),
        ("active-directory", "default-domain = \"any\"", "default-domain has no effect here", "\"any\""),
    ]);
}

/// Kind, lines, what is said, and about which text.
fn said_about(cases: &[(&str, &str, &str, &str)]) {
    for (kind, lines, what, about) in cases {
        let said = with(kind, lines).unwrap_err();
        assert_eq!(said, [(format!("directory \"corp\": {what}"), (*about).to_owned())], "{lines}");
    }
}

#[test]
fn passwords_are_readable_only_without_tls_and_beyond_this_machine() {
    assert!(with("ldap", "servers = [\"dc1\"]").unwrap().sends_passwords_readable());
    assert!(!with("ldap", "servers = [\"localhost\", \"[::1]:99\"]").unwrap().sends_passwords_readable());
}

/// A directory of three domains; `own` are lines of the first, `third` those of the last.
fn three(own: &str, third: &str) -> Result<LdapSettings, Vec<(String, String)>> {
    settle(&format!(
        "name = \"corp\"\nkind = \"active-directory\"\ntls = \"none\"\nservers = [\"127.0.0.1\"]\nbase-dn = \"DC=corp,DC=example\"\n\
         netbios-domain = \"CORP\"\nbind-dn = \"svc@corp.example\"\nbind-password-file = \"password\"\n{own}\n\
         [[other-domain]]\nbase-dn = \"DC=eu,DC=corp,DC=example\"\nservers = [\"127.0.0.2\"]\nnetbios-domain = \"EU\"\n\
         [[other-domain]]\nservers = [\"127.0.0.3\"]\n{third}\n"
    ))
}

const OTHER: &str = "base-dn = \"DC=other,DC=test\"\nupn-suffixes = [\"mail.test\"]";

fn parts(settings: LdapSettings) -> (crate::directory::ldap::active_directory::Settings, Vec<Access>) {
    let Manner::ActiveDirectory(settings, servers) = settings.into_manner() else { panic!("kind") };
    (settings, servers.into_iter().map(|(access, _)| access).collect())
}

#[test]
fn further_domains_have_names_of_their_own_and_the_rest_from_their_directory() {
    let third = format!("{OTHER}\nbind-dn = \"svc@other.test\"\nbind-password-file = \"password\"");
    let settings = three("default-domain = \"EU\"", &third).unwrap();
    let bases = ["DC=corp,DC=example", "DC=eu,DC=corp,DC=example", "DC=other,DC=test"];
    assert_eq!(settings.base_dns().collect::<Vec<_>>(), bases);
    assert!(!settings.changes_passwords(), "not without TLS");
    let (settings, access) = parts(settings);
    assert_eq!(settings.plain, PlainNames::In(1));
    let domains: Vec<_> =
        settings.realms.iter().map(|realm| (&*realm.domain, realm.netbios.as_deref())).collect();
    assert_eq!(
        domains,
        [("corp.example", Some("corp")), ("eu.corp.example", Some("eu")), ("other.test", None)]
    );
    assert_eq!(settings.realms[2].suffixes, ["mail.test".into()]);
    let services: Vec<_> = access.iter().map(|access| &*access.service.as_ref().unwrap().name).collect();
    assert_eq!(services, ["svc@corp.example", "svc@corp.example", "svc@other.test"]);
}

#[test]
fn a_bare_name_can_belong_to_any_domain_when_that_is_said_b_082() {
    let (settings, _) = parts(three("default-domain = \"any\"", OTHER).unwrap());
    assert_eq!(settings.plain, PlainNames::Anywhere);
}

#[test]
fn mistakes_about_several_domains_are_said_once_and_where_they_are() {
    let own = "\"DC=corp,DC=example\"";
    let cases = [
        ("", OTHER, "there are several domains and no default-domain", own),
        ("default-domain = \"de\"", OTHER, "default-domain is none of the domains", "\"de\""),
        (
            "default-domain = \"any\"",
            "base-dn = \"dc=EU, dc=corp, dc=example\"\ndomain = \"eu2.test\"",
            "two domains have the same base-dn",
            "\"dc=EU, dc=corp, dc=example\"",
        ),
        (
            "default-domain = \"any\"",
            "base-dn = \"DC=other,DC=test\"\nnetbios-domain = \"corp\"",
            "two domains have the same NetBIOS name",
            "\"corp\"",
        ),
        (
            "default-domain = \"any\"",
            "base-dn = \"DC=other,DC=test\"\ndomain = \"CORP.example\"",
            "two domains have the same DNS name",
            "\"CORP.example\"",
        ),
        (
            "default-domain = \"any\"",
            "base-dn = \"DC=other,DC=test\"\nbind-dn = \"x\"",
            "bind-dn without a password",
            "\"x\"",
        ),
        (
            "default-domain = \"any\"\nserver-timeout = 31",
            OTHER,
            "server-timeout is 31 s, it may be 1 to 30 s",
            "31",
        ),
    ];
    for (own, third, what, about) in cases {
        let said = three(own, third).unwrap_err();
        assert_eq!(said, [(format!("directory \"corp\": {what}"), about.to_owned())], "{own} {third}");
    }
}

#[test]
fn a_plain_directory_has_no_further_domains_and_cannot_change_passwords() {
    let said = settle(
        "name = \"corp\"\nkind = \"ldap\"\ntls = \"none\"\nservers = [\"127.0.0.1\"]\nbase-dn = \"dc=x\"\n[[other-domain]]\nbase-dn = \"dc=y\"",
    );
    assert_eq!(
        said.unwrap_err(),
        [("directory \"corp\": other-domain has no effect here".to_owned(), "\"dc=y\"".to_owned())]
    );
    assert!(!with("ldap", "tls = \"ldaps\"").unwrap().changes_passwords());
    let service = "bind-dn = \"cn=x\"\nbind-password-file = \"password\"";
    assert!(with("active-directory", &format!("tls = \"ldaps\"\n{service}")).unwrap().changes_passwords());
    assert!(!with("active-directory", "tls = \"ldaps\"").unwrap().changes_passwords(), "nobody asks");
}

#[test]
fn attributes_are_asked_for_once_in_whatever_letter_case() {
    let names = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<Box<str>>>();
    for kind in ["active-directory", "ldap"] {
        let settings = with(kind, "").unwrap().with_attributes(names(&["department", "Title"]));
        let settings = settings.with_attributes(names(&["DEPARTMENT", "title", "mail"]));
        let wanted = match settings.into_manner() {
            Manner::ActiveDirectory(settings, _) => settings.wanted,
            Manner::Plain(settings, _) => settings.wanted,
        };
        assert_eq!(wanted, names(&["department", "Title", "mail"]), "{kind}");
    }
}
