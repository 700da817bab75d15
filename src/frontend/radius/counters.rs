//! What is counted instead of logged: everything that a stranger can cause.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::frontend::words::{add, words};
use crate::gateway::admit::Refused;
use crate::wire::radius::packet::ParseError;

words! {
    /// Why a datagram, or the answer to it, was dropped without a word.
    Dropped {
        /// No client has this address.
        UnknownClient = "unknown-client",
        ///
        TooShort = "too-short",
        ///
        BadLength = "bad-length",
        ///
        Truncated = "truncated",
        ///
        BadAttribute = "bad-attribute",
        ///
        TooManyAttributes = "too-many-attributes",
        /// a wrong size.
        BadAttributeSize = "bad-attribute-size",
        /// twice what may stand once.
        RepeatedAttribute = "repeated-attribute",
        /// Neither Access-Request nor Status-Server.
        UnexpectedCode = "unexpected-code",
        /// Message-Authenticator is required and missing.
        Unsigned = "message-authenticator-missing",
        /// Message-Authenticator fits neither secret.
        WrongSignature = "message-authenticator-wrong",
        /// Proxy-State without Message-Authenticator.
        UnsignedProxyState = "proxy-state-unsigned",
        /// EAP-Message without Message-Authenticator.
        UnsignedEap = "eap-unsigned",
        /// EAP-Message that holds no EAP packet which a device may send.
        BadEap = "eap-malformed",
        /// It has passed more proxies than there can be.
        ProxyLoop = "proxy-loop",
        /// A request that would be refused if it proved who sent it.
        UnsignedUnusable = "unusable-unsigned",
        /// The same request is being worked on.
        InWork = "duplicate-in-work",
        /// Status-Server too often.
        ProbedTooOften = "status-server-too-often",
        /// No place left to remember one more running request.
        Busy = "busy",
        /// More new logins came than get done, or this one waited for its turn until its device gave up; replies to
        /// questions go before them.
        Shed = "shed",
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
        /// The device has sent a new request under the same identifier meanwhile.
        Superseded = "superseded",
        /// The answer came after the time that the device waits.
        Late = "late",
        /// We could not find out, and the client is to try its next server.
        Unable = "unable",
        /// An accounting record that says neither what happened nor to which session.
        AccountingUnusable = "accounting-unusable",
        /// The request's Proxy-State leaves no room for an answer.
        DoesNotFit = "does-not-fit",
        /// What the upstream said has not the form that this device needs.
        NotOurs = "upstream-unusable",
        /// The login ended by a fault of the program; the device hears nothing.
        Lost = "lost",
        /// The operating system did not take the answer.
        NotSent = "not-sent",
    }
}

words! {
    /// Why a request got Access-Reject without a login having begun.
    Refusal {
        /// More than one way to log in.
        TwoMethods = "two-methods",
        /// No way to log in.
        NoMethod = "no-method",
        /// A password, which this client is set not to send.
        Pap = "pap",
        /// CHAP, which cannot be held against a directory's hashes, where no upstream may be asked.
        Chap = "chap",
        /// MS-CHAP, likewise.
        MsChap = "ms-chap",
        /// ARAP.
        Arap = "arap",
        /// EAP, likewise.
        Eap = "eap",
        /// CHAP, MS-CHAP or EAP in a form that it must not have.
        Malformed = "method-malformed",
        /// A new password by MS-CHAP.
        NewPassword = "new-password",
        /// EAP asks us, as if the device were the server.
        EapRequest = "eap-request",
        /// EAP goes on with what we know nothing of.
        EapWithoutState = "eap-without-state",
        /// CHAP or MS-CHAP in reply to a question.
        ProofWithState = "proof-with-state",
        /// Service-Type Authorize-Only or Call-Check.
        ServiceType = "service-type",
        /// No User-Name, or none that can be a name (B-105).
        BadName = "bad-name",
        /// A password with a NUL inside.
        NulInPassword = "nul-in-password",
        /// A password that is no text: the device uses another character set, or another secret.
        PasswordNotText = "password-not-text",
        /// A State that we never gave out.
        ForeignState = "foreign-state",
    }
}

words! {
    /// What was sent.
    Sent {
        /// Access-Accept.
        Accept = "accept",
        /// Access-Reject.
        Reject = "reject",
        /// Access-Challenge.
        Challenge = "challenge",
        /// The answer to Status-Server.
        Status = "status",
        /// Accounting-Response.
        Accounting = "accounting",
        /// An earlier answer once more.
        Repeated = "repeated",
    }
}

impl From<ParseError> for Dropped {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::TooShort(_) => Self::TooShort,
            ParseError::BadLength(_) => Self::BadLength,
            ParseError::Truncated { .. } => Self::Truncated,
            ParseError::BadAttribute { .. } => Self::BadAttribute,
            ParseError::TooManyAttributes => Self::TooManyAttributes,
            ParseError::BadSize { .. } => Self::BadAttributeSize,
            ParseError::Repeated { .. } => Self::RepeatedAttribute,
        }
    }
}

impl From<Refused> for Dropped {
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

/// The counters of the RADIUS front end, shared by all its sockets, each of which counts on a sheet of its own: cores that
/// write to the same memory wait for each other at every datagram.
#[derive(Debug, Default)]
pub struct Counters {
    own: Sheet,
    /// Those of the sockets.
    sheets: Mutex<Vec<Arc<Self>>>,
}

/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Sheet {
    received: AtomicU64,
    sent: [AtomicU64; Sent::ALL.len()],
    dropped: [AtomicU64; Dropped::ALL.len()],
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Default for Sheet {
    fn default() -> Self {
        Self {
            received: AtomicU64::new(0),
            sent: [const { AtomicU64::new(0) }; _],
            dropped: [const { AtomicU64::new(0) }; _],
            refused: [const { AtomicU64::new(0) }; _],
        }
    }
}

impl Sheet {
    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        std::iter::once(&self.received).chain(&self.sent).chain(&self.dropped).chain(&self.refused)
    }

    /// Adds what stands on another one.
    fn take_over(&self, other: &Self) {
        for (ours, theirs) in self.all().zip(other.all()) {
            ours.fetch_add(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Counters {
    /// Counters for one more socket, which are in all figures of these.
    #[must_use]
    pub fn of_a_socket(&self) -> Arc<Self> {
        let more = Arc::new(Self::default());
        let mut sheets = self.sheets();
        // What closed sockets have counted stays.
        sheets.retain(|sheet| {
            let is_open = Arc::strong_count(sheet) > 1;
            if !is_open {
                self.own.take_over(&sheet.own);
            }
            is_open
        });
        sheets.push(Arc::clone(&more));
        drop(sheets);
        more
    }

    fn sheets(&self) -> MutexGuard<'_, Vec<Arc<Self>>> {
        self.sheets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `of` gives of all sheets together.
    fn sum(&self, of: impl Fn(&Sheet) -> u64) -> u64 {
        let sheets = self.sheets();
        sheets.iter().map(|one| of(&one.own)).fold(of(&self.own), u64::saturating_add)
    }

    fn each<T: Copy>(&self, words: &[T], of: impl Fn(&Sheet) -> &[AtomicU64]) -> Vec<(T, u64)> {
        let count =
            |at: usize| self.sum(|sheet| of(sheet).get(at).map_or(0, |count| count.load(Ordering::Relaxed)));
        words.iter().enumerate().map(|(at, word)| (*word, count(at))).collect()
    }

    /// A datagram came.
    pub fn received(&self) {
        self.own.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Something was dropped.
    pub fn dropped(&self, why: Dropped) {
        add(&self.own.dropped, why as usize);
    }

    /// A request was refused.
    pub fn refused(&self, why: Refusal) {
        add(&self.own.refused, why as usize);
    }

    /// Something was sent.
    pub fn sent(&self, what: Sent) {
        add(&self.own.sent, what as usize);
    }

    /// Everything as (what was done, why, how often), for the metrics page.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut all = vec![("received", "", self.all_received())];
        all.extend(self.all_dropped().map(|(why, count)| ("dropped", why.code(), count)));
        all.extend(self.all_refused().map(|(why, count)| ("refused", why.code(), count)));
        all.extend(self.all_sent().map(|(what, count)| ("sent", what.code(), count)));
        all
    }

    /// Datagrams that came.
    #[must_use]
    pub fn all_received(&self) -> u64 {
        self.sum(|sheet| sheet.received.load(Ordering::Relaxed))
    }

    /// How often each reason led to silence.
    pub fn all_dropped(&self) -> impl Iterator<Item = (Dropped, u64)> + use<> {
        self.each(Dropped::ALL, |sheet| &sheet.dropped).into_iter()
    }

    /// How often each reason led to Access-Reject without a login.
    pub fn all_refused(&self) -> impl Iterator<Item = (Refusal, u64)> + use<> {
        self.each(Refusal::ALL, |sheet| &sheet.refused).into_iter()
    }

    /// How often each kind of answer was sent.
    pub fn all_sent(&self) -> impl Iterator<Item = (Sent, u64)> + use<> {
        self.each(Sent::ALL, |sheet| &sheet.sent).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_sockets_count_is_in_the_figures_of_all() {
        let all = Counters::default();
        let (one, other) = (all.of_a_socket(), all.of_a_socket());
        all.dropped(Dropped::Late);
        one.dropped(Dropped::Late);
        other.received();
        other.sent(Sent::Accept);
        let late = all.all_dropped().find(|(why, _)| *why == Dropped::Late);
        let accepted = all.all_sent().find(|(what, _)| *what == Sent::Accept);
        assert_eq!(late, Some((Dropped::Late, 2)));
        assert_eq!((all.all_received(), accepted), (1, Some((Sent::Accept, 1))));
        assert_eq!(one.all_received(), 0);
        drop((one, other));
        let _another = all.of_a_socket();
        assert_eq!((all.all_received(), all.sheets().len()), (1, 1), "of those that were closed too");
        assert_eq!(all.all_dropped().find(|(why, _)| *why == Dropped::Late), late);
    }

    #[test]
    fn every_reason_has_a_counter_and_a_word_of_its_own() {
        let counters = Counters::default();
        for why in Dropped::ALL {
            counters.dropped(*why);
        }
        for why in Refusal::ALL {
            counters.refused(*why);
        }
        for what in Sent::ALL {
            counters.sent(*what);
        }
        assert!(counters.all_dropped().all(|(_, count)| count == 1));
        assert!(counters.all_refused().all(|(_, count)| count == 1));
        assert!(counters.all_sent().all(|(_, count)| count == 1));
        assert_eq!(counters.all_dropped().count(), Dropped::ALL.len());
        assert_eq!(counters.all().len(), 1 + Dropped::ALL.len() + Refusal::ALL.len() + Sent::ALL.len());
        let words: HashSet<_> = Dropped::ALL.iter().map(|d| d.code()).collect();
        assert_eq!(words.len(), Dropped::ALL.len());
        let words: HashSet<_> = Refusal::ALL.iter().map(|d| d.code()).collect();
        assert_eq!(words.len(), Refusal::ALL.len());
    }
}
