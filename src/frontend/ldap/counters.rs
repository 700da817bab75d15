//! What is counted instead of logged: everything that a stranger can cause (A-023, B-010).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::frontend::words::{add, read, words, zeros};
use crate::gateway::admit::Refused;
use crate::wire::ldap::ask::Request;
use crate::wire::ldap::result::ResultCode;

words! {
    /// How a connection ended, or why there was none.
    Closed {
        /// The client said so.
        Unbind = "unbind",
        /// The client was gone.
        HungUp = "hung-up",
        /// The client sent what is no LDAP, or a message that cannot be read (B-006).
        Malformed = "malformed",
        /// A message id that is zero, or that belongs to an operation that still runs (B-007).
        MessageId = "message-id",
        /// An operation that is no request, or one that nobody may send before a bind or with his rights (B-006).
        UnknownOperation = "unknown-operation",
        /// A message longer than allowed (B-003).
        MessageTooLong = "message-too-long",
        /// Too much was sent behind a bind that was not answered yet (B-022).
        QueueFull = "queue-full",
        /// Octets in the open behind a request for TLS (B-026).
        PlaintextBehindStartTls = "plaintext-behind-start-tls",
        /// TLS did not come about.
        Handshake = "handshake",
        /// No client may come from there.
        UnknownClient = "unknown-client",
        /// No header of a balancer where there must be one, or one that is none.
        ProxyHeader = "proxy-header",
        /// All places for connections are taken.
        ConnectionsFull = "connections-full",
        /// All places for connections from that address are taken.
        SourceFull = "source-full",
        /// Unfinished messages of all connections took all the memory there is for them.
        MemoryFull = "memory-full",
        /// No whole message in the time for the first one.
        FirstMessageLate = "first-message-late",
        /// A message was begun and not ended in time.
        MessageLate = "message-late",
        /// Nothing happened for too long.
        Idle = "idle",
        /// The client did not take its answers.
        ReaderTooSlow = "reader-too-slow",
        /// The hours of the rule that let the person in are over.
        TimeOver = "time-over",
        /// The directory ended the connection behind it, or broke the protocol.
        DirectoryLost = "directory-lost",
        /// The program ends, or the settings changed.
        Shutdown = "shutdown",
        /// A fault of the program.
        Fault = "fault",
    }
}

words! {
    /// Why a request was refused without anybody having been asked.
    Refusal {
        /// A password without TLS (B-028).
        NotEncrypted = "not-encrypted",
        /// A bind without name and password (B-040).
        Anonymous = "anonymous",
        /// A name and an empty password (B-041).
        EmptyPassword = "empty-password",
        /// A password longer than any.
        PasswordTooLong = "password-too-long",
        /// A name that cannot be one (B-105).
        BadName = "bad-name",
        /// Another version of the protocol than 3 (B-023).
        Version = "version",
        /// A way to bind that is not offered (B-060, B-065).
        Mechanism = "mechanism",
        /// No certificate that tells which client, or for SASL EXTERNAL which one person it is (B-063).
        NoCertificate = "no-certificate",
        /// A wish to act as somebody else (B-062, B-063, B-009).
        OtherIdentity = "other-identity",
        /// A critical control at what we answer ourselves (B-009).
        CriticalControl = "critical-control",
        /// A request whose inside cannot be read (B-006).
        Malformed = "malformed",
        /// TLS where it cannot begin (B-026).
        StartTls = "start-tls",
        /// An extended operation that is not offered (B-033).
        NotOffered = "not-offered",
        /// Something that only those may do who are bound (B-020).
        NotBound = "not-bound",
        /// Something that needs a directory, and there is none behind this bind.
        NoDirectory = "no-directory",
        /// A change, and the client may only read (B-012).
        ReadOnly = "read-only",
        /// More than the exemption allows (B-047).
        BeyondExemption = "beyond-exemption",
        /// An attribute that holds passwords, keys or seeds (B-049).
        SecretAttribute = "secret-attribute",
        /// A filter nested too deeply (B-004).
        FilterTooDeep = "filter-too-deep",
        /// A filter that compares every attribute and names none (B-049).
        FilterNamesNone = "filter-names-none",
        /// A change of a password without TLS, or after a remembered login (B-031).
        PasswordChange = "password-change",
        /// Too many operations wait for their answers (B-010).
        TooManyOperations = "too-many-operations",
        /// What an exempt account does could not be recorded.
        NotRecorded = "not-recorded",
        /// All places for logins are taken.
        AdmissionFull = "admission-full",
        /// All of this client's places for logins are taken.
        AdmissionClientFull = "admission-client-full",
        /// This client asks too often.
        AdmissionClientRate = "admission-client-rate",
        /// This user address asks too often.
        AdmissionSourceRate = "admission-source-rate",
        /// Too many logins of this user address run.
        AdmissionSourceFull = "admission-source-full",
        /// Names of this realm come too often.
        AdmissionRealmRate = "admission-realm-rate",
        /// All clients together ask too often.
        AdmissionRate = "admission-rate",
        /// So much waits for the store that only those who have begun go on.
        AdmissionStoreBehind = "admission-store-behind",
    }
}

words! {
    /// How a bind was answered: the name of its result code.
    Bound {
        /// 0.
        Success = "success",
        /// 2.
        ProtocolError = "protocol-error",
        /// 7.
        AuthMethodNotSupported = "auth-method-not-supported",
        /// 12.
        UnavailableCriticalExtension = "unavailable-critical-extension",
        /// 13.
        ConfidentialityRequired = "confidentiality-required",
        /// 48.
        InappropriateAuthentication = "inappropriate-authentication",
        /// 49.
        InvalidCredentials = "invalid-credentials",
        /// 51.
        Busy = "busy",
        /// 52.
        Unavailable = "unavailable",
        /// 53.
        UnwillingToPerform = "unwilling-to-perform",
        /// Any other.
        Other = "other",
    }
}

words! {
    /// What a client asked for.
    Operation {
        /// BindRequest.
        Bind = "bind",
        /// UnbindRequest.
        Unbind = "unbind",
        /// SearchRequest.
        Search = "search",
        /// ModifyRequest.
        Modify = "modify",
        /// AddRequest.
        Add = "add",
        /// DelRequest.
        Delete = "delete",
        /// ModifyDNRequest.
        ModifyDn = "modify-dn",
        /// CompareRequest.
        Compare = "compare",
        /// AbandonRequest.
        Abandon = "abandon",
        /// ExtendedRequest.
        Extended = "extended",
        /// Anything else.
        Unknown = "unknown",
    }
}

words! {
    /// Why a message of the directory was left out.
    Skipped {
        /// Nothing with its id waits for an answer: it never did, was abandoned, or was answered.
        NotOutstanding = "not-outstanding",
        /// It answers another kind of operation.
        WrongAnswer = "wrong-answer",
        /// It refers to another server, and this client is not to hear of them (B-051).
        Reference = "reference",
    }
}

impl From<Request> for Operation {
    fn from(request: Request) -> Self {
        match request {
            Request::Bind => Self::Bind,
            Request::Unbind => Self::Unbind,
            Request::Search => Self::Search,
            Request::Modify => Self::Modify,
            Request::Add => Self::Add,
            Request::Delete => Self::Delete,
            Request::ModifyDn => Self::ModifyDn,
            Request::Compare => Self::Compare,
            Request::Abandon => Self::Abandon,
            Request::Extended => Self::Extended,
            Request::Unknown => Self::Unknown,
        }
    }
}

impl From<ResultCode> for Bound {
    fn from(code: ResultCode) -> Self {
        match code {
            ResultCode::SUCCESS => Self::Success,
            ResultCode::PROTOCOL_ERROR => Self::ProtocolError,
            ResultCode::AUTH_METHOD_NOT_SUPPORTED => Self::AuthMethodNotSupported,
            ResultCode::UNAVAILABLE_CRITICAL_EXTENSION => Self::UnavailableCriticalExtension,
            ResultCode::CONFIDENTIALITY_REQUIRED => Self::ConfidentialityRequired,
            ResultCode::INAPPROPRIATE_AUTHENTICATION => Self::InappropriateAuthentication,
            ResultCode::INVALID_CREDENTIALS => Self::InvalidCredentials,
            ResultCode::BUSY => Self::Busy,
            ResultCode::UNAVAILABLE => Self::Unavailable,
            ResultCode::UNWILLING_TO_PERFORM => Self::UnwillingToPerform,
            ResultCode(_) => Self::Other,
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::AdmissionFull,
            Refused::ClientFull => Self::AdmissionClientFull,
            Refused::ClientRate => Self::AdmissionClientRate,
            Refused::SourceRate => Self::AdmissionSourceRate,
            Refused::SourceFull => Self::AdmissionSourceFull,
            Refused::RealmRate => Self::AdmissionRealmRate,
            Refused::Rate => Self::AdmissionRate,
            Refused::StoreBehind => Self::AdmissionStoreBehind,
        }
    }
}

/// The counters of the LDAP front end, shared by all its connections.
#[derive(Debug)]
pub struct Counters {
    opened: AtomicU64,
    received_octets: AtomicU64,
    sent_octets: AtomicU64,
    closed: Box<[AtomicU64]>,
    operations: Box<[AtomicU64]>,
    refused: Box<[AtomicU64]>,
    bound: Box<[AtomicU64]>,
    skipped: Box<[AtomicU64]>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            opened: AtomicU64::new(0),
            received_octets: AtomicU64::new(0),
            sent_octets: AtomicU64::new(0),
            closed: zeros(Closed::ALL.len()),
            operations: zeros(Operation::ALL.len()),
            refused: zeros(Refusal::ALL.len()),
            bound: zeros(Bound::ALL.len()),
            skipped: zeros(Skipped::ALL.len()),
        }
    }
}

impl Counters {
    /// A connection came.
    pub fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection ended.
    pub fn closed(&self, why: Closed) {
        add(&self.closed, why as usize);
    }

    /// A client asked for this.
    pub fn operation(&self, what: Operation) {
        add(&self.operations, what as usize);
    }

    /// A request was refused.
    pub fn refused(&self, why: Refusal) {
        add(&self.refused, why as usize);
    }

    /// A bind was answered.
    pub fn bound(&self, code: ResultCode) {
        add(&self.bound, Bound::from(code) as usize);
    }

    /// A message of the directory was left out.
    pub fn skipped(&self, why: Skipped) {
        add(&self.skipped, why as usize);
    }

    /// So many octets came from clients, TLS not counted.
    pub fn received_octets(&self, count: u64) {
        self.received_octets.fetch_add(count, Ordering::Relaxed);
    }

    /// So many octets went to clients, TLS not counted.
    pub fn sent_octets(&self, count: u64) {
        self.sent_octets.fetch_add(count, Ordering::Relaxed);
    }

    /// Connections that came.
    #[must_use]
    pub fn all_opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Octets that came from clients and that went to them.
    #[must_use]
    pub fn all_octets(&self) -> (u64, u64) {
        (self.received_octets.load(Ordering::Relaxed), self.sent_octets.load(Ordering::Relaxed))
    }

    /// How often each cause ended a connection.
    pub fn all_closed(&self) -> impl Iterator<Item = (Closed, u64)> + '_ {
        read(Closed::ALL, &self.closed)
    }

    /// How often each operation was asked for.
    pub fn all_operations(&self) -> impl Iterator<Item = (Operation, u64)> + '_ {
        read(Operation::ALL, &self.operations)
    }

    /// How often each cause led to a refusal.
    pub fn all_refused(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        read(Refusal::ALL, &self.refused)
    }

    /// How often binds were answered with each code.
    pub fn all_bound(&self) -> impl Iterator<Item = (Bound, u64)> + '_ {
        read(Bound::ALL, &self.bound)
    }

    /// How often each cause kept a message of the directory from the client.
    pub fn all_skipped(&self) -> impl Iterator<Item = (Skipped, u64)> + '_ {
        read(Skipped::ALL, &self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn distinct(words: &[&'static str]) {
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "{words:?}");
    }

    #[test]
    fn every_word_has_a_counter_and_is_another_one_than_the_rest_of_its_set() {
        let counters = Counters::default();
        Closed::ALL.iter().for_each(|word| counters.closed(*word));
        Operation::ALL.iter().for_each(|word| counters.operation(*word));
        Refusal::ALL.iter().for_each(|word| counters.refused(*word));
        Skipped::ALL.iter().for_each(|word| counters.skipped(*word));
        assert!(counters.all_closed().all(|(_, count)| count == 1));
        assert!(counters.all_operations().all(|(_, count)| count == 1));
        assert!(counters.all_refused().all(|(_, count)| count == 1));
        assert!(counters.all_skipped().all(|(_, count)| count == 1));
        distinct(&Closed::ALL.iter().map(|word| word.code()).collect::<Vec<_>>());
        distinct(&Operation::ALL.iter().map(|word| word.code()).collect::<Vec<_>>());
        distinct(&Refusal::ALL.iter().map(|word| word.code()).collect::<Vec<_>>());
        distinct(&Bound::ALL.iter().map(|word| word.code()).collect::<Vec<_>>());
        distinct(&Skipped::ALL.iter().map(|word| word.code()).collect::<Vec<_>>());
    }

    #[test]
    fn each_result_of_a_bind_is_counted_under_its_own_name_and_strange_ones_together() {
        let counters = Counters::default();
        let codes = [0, 2, 7, 12, 13, 48, 49, 51, 52, 53, 80];
        codes.iter().for_each(|code| counters.bound(ResultCode(*code)));
        assert_eq!(codes.len(), Bound::ALL.len());
        assert!(counters.all_bound().all(|(_, count)| count == 1));
    }

    #[test]
    fn octets_are_counted_for_each_direction() {
        let counters = Counters::default();
        counters.received_octets(3);
        counters.sent_octets(5);
        counters.opened();
        assert_eq!((counters.all_octets(), counters.all_opened()), ((3, 5), 1));
    }

    #[test]
    fn every_refusal_of_admission_has_its_word() {
        let words: Vec<_> = Refused::ALL.map(|refused| Refusal::from(refused).code()).to_vec();
        let expected: Vec<_> = Refused::ALL.map(|refused| format!("admission-{}", refused.code())).to_vec();
        assert_eq!(words, expected);
    }
}
