use super::*;
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
    let (_, _, Manner::ActiveDirectory(domain)) = settings.unwrap().into_parts() else { panic!("kind") };
    assert_eq!((&*domain.domain, domain.netbios.as_deref()), ("corp.example", Some("corp")));
    assert_eq!(domain.suffixes, ["mail.example".into()]);
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
    let (access, _, _) = settings.unwrap().into_parts();
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
    for (kind, lines, what, about) in cases {
        let said = with(kind, lines).unwrap_err();
        assert_eq!(said, [(format!("directory \"corp\": {what}"), about.to_owned())], "{lines}");
    }
}

#[test]
fn passwords_are_readable_only_without_tls_and_beyond_this_machine() {
    assert!(with("ldap", "servers = [\"dc1\"]").unwrap().sends_passwords_readable());
    assert!(!with("ldap", "servers = [\"localhost\", \"[::1]:99\"]").unwrap().sends_passwords_readable());
}
