//! The tables as written: their names, and the keys each of them may have.
//!
//! Every list here is what the reader of that table accepts; `conf/doorward.toml` and
//! `docs/configuration.md` name the same keys, and a test compares them.

use crate::directory::file::USER;

/// Tables that stand once and may be spread over several files; a later file wins, key by key.
pub const SINGLE: [(&str, &[&str]); 12] = [
    ("radius", RADIUS),
    ("accounting", ACCOUNTING),
    ("ldap", LDAP),
    ("store", STORE),
    ("keys", KEYS),
    ("subjects", SUBJECTS),
    ("audit", AUDIT),
    ("log", LOG),
    ("status", STATUS),
    ("limits", LIMITS),
    ("drain", DRAIN),
    ("geo", GEO),
];

/// Tables that stand any number of times; those of later files come after those of earlier ones.
pub const REPEATED: [(&str, &[&str]); 12] = [
    ("directory", DIRECTORY_LDAP),
    ("upstream", UPSTREAM),
    ("listener", LISTENER),
    ("client", CLIENT_RADIUS),
    ("network", NETWORK),
    ("window", WINDOW),
    ("calendar", CALENDAR),
    ("exemption", EXEMPTION),
    ("rule", RULE),
    ("on-fault", ON_FAULT),
    ("expect", EXPECT),
    ("reply", REPLY),
];

/// Tables inside tables, by the path to them.
pub const INNER: [(&str, &[&str]); 17] = [
    ("directory", DIRECTORY_FILE),
    ("directory.other-domain", OTHER_DOMAIN),
    ("client", CLIENT_LDAP),
    ("client.rewrite", CLIENT_REWRITE),
    ("subjects.pseudonym", PSEUDONYM),
    ("limits.password", LIMITS_PASSWORD),
    ("limits.factor", LIMITS_FACTOR),
    ("limits.codes-per-minute", LIMITS_CODES_PER_MINUTE),
    ("limits.spray", LIMITS_SPRAY),
    ("audit.network-prefix", NETWORK_PREFIX),
    ("window.hours", WINDOW_HOURS),
    ("rule.time", RULE_TIME),
    ("on-fault.then", FAULT_THEN),
    ("rule.then", RULE_THEN),
    ("reply.attributes", REPLY_ATTRIBUTE),
    ("secret", SECRET),
    ("user", USER),
];

/// `[radius]`
pub const RADIUS: &[&str] = &["listen", "workers", "answer-memory"];
/// `[accounting]`
pub const ACCOUNTING: &[&str] = &["listen", "relay", "session-life"];
/// `[ldap]`
pub const LDAP: &[&str] = &[
    "connections",
    "connections-per-source",
    "first-message-timeout",
    "message-timeout",
    "idle-timeout",
    "write-timeout",
    "message-size-before-bind",
    "message-size",
    "operations",
];
/// `[store]`
pub const STORE: &[&str] = &["path"];
/// `[keys]`
pub const KEYS: &[&str] = &["file"];
/// `[subjects]`
pub const SUBJECTS: &[&str] = &["pseudonym", "remember-networks"];
/// `subjects.pseudonym`
pub const PSEUDONYM: &[&str] = &["attribute"];
/// `[audit]`
pub const AUDIT: &[&str] = &["to", "network-prefix"];
/// `audit.network-prefix`
pub const NETWORK_PREFIX: &[&str] = &["v4", "v6"];
/// `[log]`
pub const LOG: &[&str] = &["level", "format"];
/// `[status]`
pub const STATUS: &[&str] = &["listen"];
/// `[limits]`
pub const LIMITS: &[&str] = &[
    "password",
    "factor",
    "codes-per-minute",
    "spray",
    "logins",
    "logins-per-client",
    "logins-per-second",
    "client-per-second",
    "source-per-minute",
    "source-at-once",
    "realm-per-minute",
    "subject-per-minute",
    "subject-at-once",
];
/// `limits.password`
pub const LIMITS_PASSWORD: &[&str] = &["free", "first-wait", "longest-wait"];
/// `limits.factor`
pub const LIMITS_FACTOR: &[&str] = &["free", "first-wait", "longest-wait", "per-day", "release-after"];
/// `limits.codes-per-minute`: the kinds of factors
pub const LIMITS_CODES_PER_MINUTE: &[&str] = &["totp", "hotp", "recovery"];
/// `limits.spray`
pub const LIMITS_SPRAY: &[&str] =
    &["window", "names-per-source", "names-per-password", "sources-per-name", "slowed-per-minute"];
/// `[drain]`
pub const DRAIN: &[&str] = &["timeout"];
/// `[[directory]]` of kind `active-directory` and `ldap`
pub const DIRECTORY_LDAP: &[&str] = &[
    "name",
    "kind",
    "servers",
    "site",
    "srv-domain",
    "port",
    "server-names",
    "dns-servers",
    "tls",
    "ca-file",
    "base-dn",
    "bind-dn",
    "bind-password",
    "server-timeout",
    "group-lookup",
    "domain",
    "netbios-domain",
    "upn-suffixes",
    "default-domain",
    "other-domain",
    "login-attributes",
    "user-class",
    "id-attribute",
    "group-base-dn",
    "group-member-attribute",
];
/// `[[directory.other-domain]]`
pub const OTHER_DOMAIN: &[&str] = &[
    "base-dn",
    "domain",
    "netbios-domain",
    "upn-suffixes",
    "servers",
    "site",
    "port",
    "server-names",
    "dns-servers",
    "ca-file",
    "bind-dn",
    "bind-password",
];
/// `[[directory]]` of kind `file`
pub const DIRECTORY_FILE: &[&str] = &["name", "kind", "path"];
/// `[[upstream]]`
pub const UPSTREAM: &[&str] = &[
    "name",
    "servers",
    "secret",
    "message-authenticator",
    "server-timeout",
    "status-server",
    "nas-identifier",
    "accounting-port",
];
/// `[[listener]]`
pub const LISTENER: &[&str] = &[
    "name",
    "protocol",
    "listen",
    "certificate",
    "key",
    "client-certificates",
    "client-ca-file",
    "plain-binds",
    "proxy-protocol-from",
];
/// `[[client]]` that speaks RADIUS
pub const CLIENT_RADIUS: &[&str] = &[
    "name",
    "groups",
    "order",
    "protocol",
    "addresses",
    "secret",
    "previous-secret",
    "directory",
    "primary",
    "upstream",
    "methods",
    "challenge-after-ms-chap",
    "eap-name",
    "pass-attributes",
    "administrative-attributes",
    "change-password",
    "new-password-prompt",
    "new-password-again-prompt",
    "new-password-refused",
    "code-entry",
    "code-digits",
    "code-separator",
    "prompt",
    "message-authenticator",
    "limit-proxy-state",
    "user-address-from",
    "login-timeout",
    "challenge-life",
    "reject-delay",
    "when-unable",
    "password-charset",
    "rewrite",
    "reply-rules",
    "without-reply-rule",
    "class",
    "disconnect-port",
];
/// `[[client]]` that speaks LDAP
pub const CLIENT_LDAP: &[&str] = &[
    "name",
    "groups",
    "order",
    "protocol",
    "addresses",
    "listeners",
    "certificates",
    "directory",
    "code-entry",
    "code-digits",
    "code-separator",
    "read-only",
    "search-references",
    "address-is",
    "external",
    "remember",
    "login-timeout",
    "reject-delay",
    "rewrite",
];
/// An entry of `client.rewrite`
pub const CLIENT_REWRITE: &[&str] =
    &["strip-prefix", "strip-suffix", "add-suffix", "pattern", "to", "expect"];
/// `[[exemption]]`
pub const EXEMPTION: &[&str] = &[
    "name",
    "client",
    "account",
    "source",
    "may",
    "owner",
    "reason",
    "valid-from",
    "valid-until",
    "kind",
    "alarm",
];
/// `rule.then`
pub const RULE_THEN: &[&str] = &["require", "require-all"];
/// `secret` and whatever else is read from elsewhere
pub const SECRET: &[&str] = &["file", "credential", "env"];
/// `[[rule]]`
pub const RULE: &[&str] = &[
    "name",
    "client",
    "client-group",
    "listener",
    "protocol",
    "directory",
    "subject",
    "group",
    "network",
    "country",
    "asn",
    "time",
    "calendar",
    "first-login",
    "new-network",
    "last-login-before",
    "first-credential",
    "enrolled",
    "any",
    "all",
    "not",
    "valid-from",
    "valid-until",
    "then",
    "grace-until",
    "offer",
    "shadow",
    "remember",
    "session-timeout",
    "reply",
    "say",
];
/// Entries of `any` and `all`, and `not`: the conditions of a rule
pub const CONDITIONS: &[&str] = &[
    "client",
    "client-group",
    "listener",
    "protocol",
    "directory",
    "subject",
    "group",
    "network",
    "country",
    "asn",
    "time",
    "calendar",
    "first-login",
    "new-network",
    "last-login-before",
    "first-credential",
    "enrolled",
    "any",
    "all",
    "not",
];
/// `[geo]`
pub const GEO: &[&str] = &["country", "asn"];
/// `[[network]]`
pub const NETWORK: &[&str] = &["name", "prefixes", "file"];
/// `[[window]]`
pub const WINDOW: &[&str] = &["name", "zone", "hours"];
/// An entry of `window.hours`
pub const WINDOW_HOURS: &[&str] = &["days", "from", "to"];
/// `[[calendar]]`
pub const CALENDAR: &[&str] = &["name", "zone", "days", "times", "file"];
/// `[[on-fault]]`
pub const ON_FAULT: &[&str] = &[
    "name",
    "owner",
    "reason",
    "client",
    "client-group",
    "group",
    "valid-from",
    "valid-until",
    "then",
    "within",
];
/// `on-fault.then`
pub const FAULT_THEN: &[&str] = &["use", "prompt"];
/// `[[expect]]`
pub const EXPECT: &[&str] = &[
    "name",
    "user",
    "subject",
    "group",
    "client",
    "listener",
    "from",
    "country",
    "asn",
    "at",
    "first-credential",
    "enrolled",
    "first-login",
    "new-network",
    "last-login-days",
    "then",
    "rule",
];
/// `rule.time`
pub const RULE_TIME: &[&str] = &["days", "from", "to", "zone"];
/// `[[reply]]`
pub const REPLY: &[&str] = &["name", "client", "group", "administrative", "attributes"];
/// An entry of `reply.attributes`
pub const REPLY_ATTRIBUTE: &[&str] =
    &["name", "value", "from", "before", "after", "allow", "take", "by-group", "every", "missing"];
