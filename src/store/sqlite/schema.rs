//! The tables, and what each column is for. A test compares this list with the schema (F-001).

/// Marks a file as ours: "Door".
pub(super) const APPLICATION_ID: i32 = 0x446f_6f72;

/// The steps from an empty file to today's schema. Step n leads from version n to n + 1; a step that was
/// released is never changed.
pub(super) const MIGRATIONS: &[&str] =
    &[VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7];

/// One column of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether it is personal data by itself, linked to a pseudonym, or neither.
    pub nature: Nature,
    /// When it goes.
    pub kept: &'static str,
}

/// What a column says about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Unreadable without the key file.
    Sealed,
    /// Belongs to a pseudonym; names nobody.
    Pseudonymous,
    /// About nobody.
    Plain,
}

const fn field(
    table: &'static str,
    column: &'static str,
    nature: Nature,
    purpose: &'static str,
    kept: &'static str,
) -> Field {
    Field { table, column, purpose, nature, kept }
}

const SUBJECT: &str = "until the subject is forgotten";
const ENROLMENT: &str = "until the enrolment is revoked or replaced";
const SESSION: &str = "until the session ends or is silent for too long, or the subject is forgotten";
const NETWORK: &str = "until it was not seen for remember-networks, 16 newer ones came, its key was replaced, or the \
                       subject is forgotten";
const FAILURE: &str = "until the lock is released or the subject is forgotten";

/// Every column of the store (F-001).
pub const INVENTORY: &[Field] = {
    use Nature::{Plain, Pseudonymous, Sealed};
    &[
        field("subject", "pseudonym", Pseudonymous, "anonymous id of the account", SUBJECT),
        field("subject", "digest_key", Plain, "which key made the digest", SUBJECT),
        field(
            "subject",
            "digest",
            Sealed,
            "keyed digest of directory and immutable id; finds it again",
            SUBJECT,
        ),
        field("subject", "identity_key", Plain, "which key sealed the identity", SUBJECT),
        field("subject", "identity", Sealed, "directory, immutable id and name; the only way back", SUBJECT),
        field(
            "subject",
            "created",
            Pseudonymous,
            "when the account was first seen, Unix milliseconds",
            SUBJECT,
        ),
        field("subject", "valid_from", Pseudonymous, "it may not log in before", SUBJECT),
        field("subject", "valid_until", Pseudonymous, "it may not log in any more at this time", SUBJECT),
        field("subject", "last_day", Pseudonymous, "day on which it was let in last", SUBJECT),
        field("known_network", "pseudonym", Pseudonymous, "who was let in from there", NETWORK),
        field("known_network", "digest_key", Plain, "which key made the digest", NETWORK),
        field(
            "known_network",
            "digest",
            Sealed,
            "keyed digest of subject and network (/24 or /64); tells a usual place from a new one",
            NETWORK,
        ),
        field("known_network", "day", Pseudonymous, "day on which it was let in from there last", NETWORK),
        field("enrolment", "pseudonym", Pseudonymous, "whose it is", ENROLMENT),
        field("enrolment", "id", Pseudonymous, "its own name, 16 random bytes", ENROLMENT),
        field("enrolment", "kind", Pseudonymous, "totp, hotp or recovery", ENROLMENT),
        field("enrolment", "algorithm", Plain, "hash of a time-based code", ENROLMENT),
        field("enrolment", "digits", Plain, "length of a code", ENROLMENT),
        field("enrolment", "period", Plain, "length of a time step in seconds", ENROLMENT),
        field("enrolment", "seed_key", Plain, "which key sealed the seed", ENROLMENT),
        field(
            "enrolment",
            "seed",
            Sealed,
            "seed of the codes, or salted hashes of recovery codes",
            ENROLMENT,
        ),
        field(
            "enrolment",
            "last",
            Pseudonymous,
            "last step or counter that was used; stops replays",
            ENROLMENT,
        ),
        field("enrolment", "drift", Pseudonymous, "how many steps its clock is ahead of ours", ENROLMENT),
        field("enrolment", "used", Pseudonymous, "which recovery codes are used up, one bit each", ENROLMENT),
        field("enrolment", "last_used", Pseudonymous, "when it last let somebody in", ENROLMENT),
        field("enrolment", "created", Pseudonymous, "when it was set up", ENROLMENT),
        field("failure", "pseudonym", Pseudonymous, "who failed", FAILURE),
        field(
            "failure",
            "what",
            Pseudonymous,
            "password, familiar-password, directory, unproven, totp, hotp or recovery",
            FAILURE,
        ),
        field("failure", "streak", Pseudonymous, "failures in a row; slows guessing down", FAILURE),
        field("failure", "wait_until", Pseudonymous, "no further try before this", FAILURE),
        field("failure", "day", Pseudonymous, "which day the next column counts", FAILURE),
        field("failure", "today", Pseudonymous, "failures on that day", FAILURE),
        field("failure", "locked", Pseudonymous, "an administrator or time must release it", FAILURE),
        field("failure", "last", Pseudonymous, "when the last one came, Unix milliseconds", FAILURE),
        field(
            "signing_client",
            "name",
            Plain,
            "a client that has shown that it signs its requests, by its name in the configuration",
            "as long as the store",
        ),
        field(
            "session",
            "client",
            Plain,
            "the client that it is at, by its name in the configuration",
            SESSION,
        ),
        field(
            "session",
            "device",
            Plain,
            "digest of what tells one device of the client from another",
            SESSION,
        ),
        field("session", "session", Plain, "digest of the device's own name for the session", SESSION),
        field("session", "pseudonym", Pseudonymous, "whose it is", SESSION),
        field("session", "attempt", Pseudonymous, "the login that it began with", SESSION),
        field("session", "marks_key", Plain, "which key sealed the next column", SESSION),
        field("session", "marks", Sealed, "what the device must hear to end it, the name among it", SESSION),
        field("session", "since", Pseudonymous, "when we first heard of it, Unix milliseconds", SESSION),
        field("session", "heard", Pseudonymous, "when we last heard of it", SESSION),
        field("open_sessions", "one", Plain, "the table has one row", "as long as the store"),
        field("open_sessions", "amount", Plain, "number of open sessions", "as long as the store"),
        field("newest_key", "one", Plain, "the table has one row", "as long as the store"),
        field(
            "newest_key",
            "number",
            Plain,
            "newest key that a digest was made with; stops whoever lacks it from giving out second ids",
            "as long as the store",
        ),
        field("journal", "one", Plain, "the table has one row", "as long as the store"),
        field(
            "journal",
            "store",
            Plain,
            "random; tells the journals of stores apart",
            "as long as the store",
        ),
        field(
            "journal",
            "generation",
            Plain,
            "which journal was folded into the tables last",
            "as long as the store",
        ),
        field("journal", "folded", Plain, "how much of it was", "as long as the store"),
        field(
            "journal",
            "newest",
            Plain,
            "time of the latest login in the tables, anybody's, Unix milliseconds",
            "as long as the store",
        ),
        field(
            "journal",
            "used_until",
            Plain,
            "codes of up to this time count as used, for everybody, after a loss of power",
            "as long as the store",
        ),
        field(
            "journal",
            "used_around",
            Plain,
            "and codes of around this time, where the clock came back with an earlier one",
            "as long as the store",
        ),
        field("tally", "what", Plain, "name of a table", "as long as the store"),
        field(
            "tally",
            "amount",
            Plain,
            "number of its rows, so that nobody has to count them",
            "as long as the store",
        ),
    ]
};

/// `WITHOUT ROWID`: what belongs to a subject lies together, so a login reads one page of each table.
const VERSION_1: &str = "
CREATE TABLE subject (
    pseudonym    TEXT PRIMARY KEY,
    digest_key   INTEGER NOT NULL,
    digest       BLOB NOT NULL CHECK (length(digest) = 32),
    identity_key INTEGER NOT NULL,
    identity     BLOB NOT NULL,
    created      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX subject_digest ON subject (digest, digest_key);

CREATE TABLE enrolment (
    pseudonym TEXT NOT NULL REFERENCES subject (pseudonym) ON DELETE CASCADE,
    id        BLOB NOT NULL CHECK (length(id) = 16),
    kind      TEXT NOT NULL CHECK (kind IN ('totp', 'hotp', 'recovery')),
    algorithm TEXT CHECK (algorithm IN ('sha1', 'sha256', 'sha512')),
    digits    INTEGER CHECK (digits BETWEEN 6 AND 8),
    period    INTEGER CHECK (period BETWEEN 1 AND 255),
    seed_key  INTEGER NOT NULL,
    seed      BLOB NOT NULL,
    last      INTEGER NOT NULL CHECK (last >= -1),
    drift     INTEGER NOT NULL CHECK (drift BETWEEN -2 AND 2),
    used      INTEGER NOT NULL CHECK (used BETWEEN 0 AND 4294967295),
    last_used INTEGER,
    created   INTEGER NOT NULL,
    PRIMARY KEY (pseudonym, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX enrolment_id ON enrolment (id);

CREATE TABLE failure (
    pseudonym  TEXT NOT NULL REFERENCES subject (pseudonym) ON DELETE CASCADE,
    what       TEXT NOT NULL CHECK (what IN ('password', 'totp', 'hotp', 'recovery')),
    streak     INTEGER NOT NULL CHECK (streak BETWEEN 0 AND 4294967295),
    wait_until INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    today      INTEGER NOT NULL CHECK (today BETWEEN 0 AND 4294967295),
    locked     INTEGER NOT NULL CHECK (locked IN (0, 1)),
    PRIMARY KEY (pseudonym, what)
) STRICT, WITHOUT ROWID;
";

/// Counting a million rows takes a tenth of a second and reads all of an index; a health page asks often.
const VERSION_2: &str = "
CREATE TABLE tally (
    what   TEXT PRIMARY KEY CHECK (what IN ('subject', 'enrolment')),
    amount INTEGER NOT NULL CHECK (amount >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO tally SELECT 'subject', count(*) FROM subject;
INSERT INTO tally SELECT 'enrolment', count(*) FROM enrolment;

CREATE TRIGGER subject_comes AFTER INSERT ON subject BEGIN
    UPDATE tally SET amount = amount + 1 WHERE what = 'subject';
END;
CREATE TRIGGER subject_goes AFTER DELETE ON subject BEGIN
    UPDATE tally SET amount = amount - 1 WHERE what = 'subject';
END;
CREATE TRIGGER enrolment_comes AFTER INSERT ON enrolment BEGIN
    UPDATE tally SET amount = amount + 1 WHERE what = 'enrolment';
END;
CREATE TRIGGER enrolment_goes AFTER DELETE ON enrolment BEGIN
    UPDATE tally SET amount = amount - 1 WHERE what = 'enrolment';
END;
";

/// A client in mode `auto` that has signed once must sign for ever, restarts included.
const VERSION_3: &str = "
CREATE TABLE signing_client (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
";

/// A process whose key file is older than the store finds nobody and would take everybody for new.
const VERSION_4: &str = "
CREATE TABLE newest_key (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL CHECK (number >= 0)
) STRICT;

INSERT INTO newest_key SELECT 1, coalesce(max(digest_key), 0) FROM subject;

CREATE TRIGGER subject_has_key AFTER INSERT ON subject BEGIN
    UPDATE newest_key SET number = NEW.digest_key WHERE number < NEW.digest_key;
END;
CREATE TRIGGER subject_changes_key AFTER UPDATE OF digest_key ON subject BEGIN
    UPDATE newest_key SET number = NEW.digest_key WHERE number < NEW.digest_key;
END;
";

/// Sessions that devices keep open for people we let in.
const VERSION_5: &str = "
CREATE TABLE session (
    client    TEXT NOT NULL,
    device    BLOB NOT NULL CHECK (length(device) = 16),
    session   BLOB NOT NULL CHECK (length(session) = 16),
    pseudonym TEXT NOT NULL REFERENCES subject (pseudonym) ON DELETE CASCADE,
    attempt   BLOB NOT NULL CHECK (length(attempt) = 8),
    marks_key INTEGER NOT NULL,
    marks     BLOB NOT NULL,
    since     INTEGER NOT NULL,
    heard     INTEGER NOT NULL,
    PRIMARY KEY (client, device, session)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_subject ON session (pseudonym);
CREATE INDEX session_heard ON session (heard);

CREATE TABLE open_sessions (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    amount INTEGER NOT NULL CHECK (amount >= 0)
) STRICT;

INSERT INTO open_sessions VALUES (1, 0);

CREATE TRIGGER session_comes AFTER INSERT ON session BEGIN
    UPDATE open_sessions SET amount = amount + 1;
END;
CREATE TRIGGER session_goes AFTER DELETE ON session BEGIN
    UPDATE open_sessions SET amount = amount - 1;
END;
";

/// When somebody may log in, and when and where from he did; failures by the place that they came from.
///
/// When an older failure came is known to the day alone: the end of that day, so that no lock opens early.
const VERSION_6: &str = "
ALTER TABLE subject ADD COLUMN valid_from INTEGER;
ALTER TABLE subject ADD COLUMN valid_until INTEGER;
ALTER TABLE subject ADD COLUMN last_day INTEGER;

CREATE TABLE known_network (
    pseudonym  TEXT NOT NULL REFERENCES subject (pseudonym) ON DELETE CASCADE,
    digest_key INTEGER NOT NULL,
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    day        INTEGER NOT NULL,
    PRIMARY KEY (pseudonym, digest, digest_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE counted_failure (
    pseudonym  TEXT NOT NULL REFERENCES subject (pseudonym) ON DELETE CASCADE,
    what       TEXT NOT NULL CHECK (what IN ('password', 'familiar-password', 'directory', 'unproven',
                                             'totp', 'hotp', 'recovery')),
    streak     INTEGER NOT NULL CHECK (streak BETWEEN 0 AND 4294967295),
    wait_until INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    today      INTEGER NOT NULL CHECK (today BETWEEN 0 AND 4294967295),
    locked     INTEGER NOT NULL CHECK (locked IN (0, 1)),
    last       INTEGER NOT NULL,
    PRIMARY KEY (pseudonym, what)
) STRICT, WITHOUT ROWID;

INSERT INTO counted_failure
    SELECT pseudonym, what, streak, wait_until, day, today, locked, (day + 1) * 86400000 FROM failure;
DROP TABLE failure;
ALTER TABLE counted_failure RENAME TO failure;
";

/// What logins write goes into a journal first: how far that is folded, and which codes count as used because a part of it
/// may have been lost.
const VERSION_7: &str = "
CREATE TABLE journal (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    store       BLOB NOT NULL CHECK (length(store) = 16),
    generation  INTEGER NOT NULL CHECK (generation >= 0),
    folded      INTEGER NOT NULL CHECK (folded >= 0),
    newest      INTEGER NOT NULL,
    used_until  INTEGER,
    used_around INTEGER
) STRICT;

INSERT INTO journal VALUES (1, randomblob(16), 0, 0, 0, NULL, NULL);
";
