//! All that is known of one subject, and the few bytes in which memory keeps it.

use rusqlite::{Connection, Result};

use crate::base::clock::UnixTime;
use crate::gateway::ports::{Counted, SubjectDigest};
use crate::login::factor::{Enrolment, EnrolmentId, FactorKind, OtpAlgorithm, Parameters, Sealed};
use crate::login::identity::Pseudonym;
use crate::login::step::{History, Record};
use crate::login::throttle::Failures;
use crate::store::sqlite::bytes::{Put, Take};
use crate::store::sqlite::changes::{
    Changes, code, counted, further, length, put_failures, put_networks, put_progress, take_failures,
    take_networks, take_progress,
};
use crate::store::sqlite::{history, rows};

/// Bytes that hardly anybody takes more of.
const USUAL: usize = 256;

/// The first half of the keyed digest of an account. The tables have all of it; so that memory finds somebody half of such a
/// digest is enough (RFC 2104 section 5): that two accounts share it is out of reach, by chance and for whoever has not the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HalfDigest {
    key_id: u32,
    half: [u8; 16],
}

impl HalfDigest {
    pub(super) fn of(digest: &SubjectDigest) -> Self {
        let (half, _) = digest.digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Self { key_id: digest.key_id, half: *half }
    }

    /// Its bytes, which are spread evenly.
    pub(super) const fn half(&self) -> &[u8; 16] {
        &self.half
    }
}

/// One subject.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) digest: HalfDigest,
    pub(super) history: History,
    pub(super) enrolments: Vec<Enrolment>,
    pub(super) failures: Vec<(Counted, Failures)>,
}

impl Known {
    /// What the tables say, in one state of them; `None` of somebody unknown.
    pub(super) fn load(db: &Connection, who: &Pseudonym) -> Result<Option<Self>> {
        // Kept prepared: to read what these mean takes as long as to do it.
        db.prepare_cached("BEGIN")?.execute([])?;
        let loaded = Self::load_parts(db, who);
        db.prepare_cached("COMMIT")?.execute([])?;
        loaded
    }

    fn load_parts(db: &Connection, who: &Pseudonym) -> Result<Option<Self>> {
        let Some((digest, history)) = history::history_of(db, who)? else { return Ok(None) };
        let (enrolments, failures) = (rows::enrolments_of(db, who)?, rows::failures_of(db, who)?);
        Ok(Some(Self { digest, history, enrolments, failures }))
    }

    pub(super) fn apply(&mut self, changes: &Changes) {
        for (id, progress) in &changes.progress {
            if let Some(one) = self.enrolments.iter_mut().find(|one| one.id == *id) {
                one.progress = further(&one.progress, progress);
            }
        }
        for (what, failures) in &changes.failures {
            self.set_failures(*what, *failures);
        }
        self.history.last_day = changes.last_day.or(self.history.last_day);
        if let Some(networks) = &changes.networks {
            self.history.networks.clone_from(networks);
            self.history.has_networks = !networks.is_empty();
        }
    }

    pub(super) fn failures_in(&self, what: Counted) -> Option<Failures> {
        self.failures.iter().find(|(one, _)| *one == what).map(|(_, failures)| *failures)
    }

    pub(super) fn set_failures(&mut self, what: Counted, failures: Option<Failures>) {
        self.failures.retain(|(one, _)| *one != what);
        self.failures.extend(failures.map(|failures| (what, failures)));
    }

    pub(super) fn into_record(self) -> Record {
        let mut record = Record { enrolments: self.enrolments, history: self.history, ..Record::default() };
        for (what, failures) in self.failures {
            match what {
                Counted::Password => record.password = Some(failures),
                Counted::FamiliarPassword => record.familiar_password = Some(failures),
                Counted::Directory => record.directory = Some(failures),
                Counted::Unproven => record.unproven = Some(failures),
                Counted::Factor(kind) => record.codes.push((kind, failures)),
            }
        }
        record.codes.sort_unstable_by_key(|(kind, _)| *kind);
        record
    }

    /// In few bytes of their own.
    pub(super) fn packed(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(USUAL);
        self.pack(&mut out);
        out
    }

    /// In few bytes.
    pub(super) fn pack(&self, out: &mut Vec<u8>) {
        out.number(self.digest.key_id.into());
        out.extend_from_slice(&self.digest.half);
        let time = |at: Option<UnixTime>| at.map(|at| at.0);
        out.maybe(time(self.history.first_seen));
        out.maybe(time(self.history.valid_from));
        out.maybe(time(self.history.valid_until));
        out.maybe(self.history.last_day);
        put_networks(out, &self.history.networks);
        out.number(length(&self.failures));
        for (what, failures) in &self.failures {
            out.push(code(*what));
            put_failures(out, failures);
        }
        out.number(length(&self.enrolments));
        for one in &self.enrolments {
            out.extend_from_slice(&one.id.0);
            out.extend_from_slice(&parameters(one.parameters));
            out.number(one.sealed.key_id.into());
            out.counted(&one.sealed.bytes);
            put_progress(out, &one.progress);
            out.signed(one.created.0);
        }
    }

    /// The way back.
    pub(super) fn unpack(packed: &[u8]) -> Option<Self> {
        let mut from = Take(packed);
        let digest = HalfDigest { key_id: from.small()?, half: from.array()? };
        let mut history = History {
            first_seen: from.maybe()?.map(UnixTime),
            valid_from: from.maybe()?.map(UnixTime),
            valid_until: from.maybe()?.map(UnixTime),
            last_day: from.maybe()?,
            networks: take_networks(&mut from)?,
            ..History::default()
        };
        history.has_networks = !history.networks.is_empty();
        let mut failures = Vec::new();
        for _ in 0..from.number()? {
            failures.push((counted(from.byte()?)?, take_failures(&mut from)?));
        }
        let many: usize = from.small()?;
        // What was packed here is no longer than this; whatever else it is, it must not take memory.
        let mut enrolments = Vec::with_capacity(many.min(packed.len()));
        for _ in 0..many {
            enrolments.push(Enrolment {
                id: EnrolmentId(from.array()?),
                parameters: take_parameters(from.array()?)?,
                sealed: Sealed { key_id: from.small()?, bytes: from.counted()?.into() },
                progress: take_progress(&mut from)?,
                created: UnixTime(from.signed()?),
            });
        }
        Some(Self { digest, history, enrolments, failures })
    }

    /// The digest in what was packed.
    pub(super) fn digest_in(packed: &[u8]) -> Option<HalfDigest> {
        let mut from = Take(packed);
        Some(HalfDigest { key_id: from.small()?, half: from.array()? })
    }
}

const fn parameters(parameters: Parameters) -> [u8; 4] {
    match parameters {
        Parameters::Totp { algorithm, digits, period } => {
            let hash = match algorithm {
                OtpAlgorithm::Sha1 => 1,
                OtpAlgorithm::Sha256 => 2,
                OtpAlgorithm::Sha512 => 3,
            };
            [code(Counted::Factor(FactorKind::Totp)), hash, digits, period]
        }
        Parameters::Hotp { digits } => [code(Counted::Factor(FactorKind::Hotp)), 0, digits, 0],
        Parameters::Recovery => [code(Counted::Factor(FactorKind::Recovery)), 0, 0, 0],
    }
}

fn take_parameters([kind, hash, digits, period]: [u8; 4]) -> Option<Parameters> {
    Some(match counted(kind)? {
        Counted::Factor(FactorKind::Totp) => {
            let algorithm = match hash {
                1 => OtpAlgorithm::Sha1,
                2 => OtpAlgorithm::Sha256,
                3 => OtpAlgorithm::Sha512,
                _ => return None,
            };
            Parameters::Totp { algorithm, digits, period }
        }
        Counted::Factor(FactorKind::Hotp) => Parameters::Hotp { digits },
        Counted::Factor(FactorKind::Recovery) => Parameters::Recovery,
        Counted::Password | Counted::FamiliarPassword | Counted::Directory | Counted::Unproven => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::factor::Progress;
    use crate::login::step::KnownNetwork;

    fn known() -> Known {
        let enrolment = |n: u8, parameters| Enrolment {
            id: EnrolmentId([n; 16]),
            parameters,
            sealed: Sealed { key_id: 70_000, bytes: [n; 49].into() },
            progress: Progress { last: 60_000_000, drift: -1, used: 7, last_used: Some(UnixTime(9)) },
            created: UnixTime(1_800_000_000_000),
        };
        let totp = |algorithm| Parameters::Totp { algorithm, digits: 6, period: 30 };
        Known {
            digest: HalfDigest::of(&SubjectDigest { key_id: 1, digest: [5; 32] }),
            history: History {
                first_seen: Some(UnixTime(5)),
                valid_until: Some(UnixTime(-5)),
                last_day: Some(20_000),
                has_networks: true,
                networks: vec![KnownNetwork { key_id: 2, digest: [6; 32], day: 20_000 }],
                ..History::default()
            },
            enrolments: vec![
                enrolment(1, totp(OtpAlgorithm::Sha1)),
                enrolment(2, totp(OtpAlgorithm::Sha256)),
                enrolment(3, totp(OtpAlgorithm::Sha512)),
                enrolment(4, Parameters::Hotp { digits: 8 }),
                enrolment(5, Parameters::Recovery),
            ],
            failures: Counted::ALL
                .into_iter()
                .map(|what| (what, Failures { row: 9, ..Failures::NONE }))
                .collect(),
        }
    }

    fn packed(known: &Known) -> Vec<u8> {
        let mut out = Vec::new();
        known.pack(&mut out);
        out
    }

    #[test]
    fn what_is_packed_is_unpacked_and_its_digest_is_found_without_that() {
        let packed = packed(&known());
        assert_eq!(format!("{:?}", Known::unpack(&packed).unwrap()), format!("{:?}", known()));
        assert_eq!(Known::digest_in(&packed), Some(known().digest));
        for end in 0..packed.len() {
            assert!(Known::unpack(&packed[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn somebody_with_a_generator_and_a_network_takes_less_than_a_hundred_and_sixty_bytes() {
        let mut one = known();
        one.enrolments.truncate(1);
        one.failures.clear();
        let packed = packed(&one);
        assert!(packed.len() < 160, "{}", packed.len());
    }
}
