//! What logins ask the store to do, one subject each.

use crate::base::clock::UnixTime;
use crate::gateway::ports::{Counted, SubjectDigest, WrongPassword};
use crate::login::factor::{FactorOutcome, Mark, Proof, Try};
use crate::login::throttle::Limits;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::floor::Floor;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::rows;
use crate::store::sqlite::settle::Case;

/// Something to do.
#[derive(Debug)]
pub(super) enum Deed {
    Settle {
        tries: Vec<Try>,
        now: UnixTime,
        limits: Limits,
        standing: Proof,
    },
    CountWrongPassword {
        now: UnixTime,
        how: WrongPassword,
    },
    ForgetFailures {
        what: Counted,
        release: bool,
    },
    NoteLogin {
        day: i64,
        network: Option<SubjectDigest>,
        keep_days: u32,
    },
    ForgetNetworksBut {
        key: u32,
    },
    /// Nothing; to see whether something could be.
    Probe,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Settled(FactorOutcome),
    Nothing,
    Changed(bool),
    Removed(u64),
}

impl Deed {
    /// What we do, for a fault.
    pub(super) const fn doing(&self) -> &'static str {
        match self {
            Self::Settle { .. } => "cannot settle a code",
            Self::CountWrongPassword { .. } => "cannot count a wrong password",
            Self::ForgetFailures { .. } => "cannot forget failures",
            Self::NoteLogin { .. } => "cannot note a login",
            Self::ForgetNetworksBut { .. } => "cannot forget networks",
            Self::Probe => "cannot write to the store",
        }
    }

    /// Does it.
    pub(super) fn run(&self, case: &mut Case, floor: &Floor, readers: &Readers) -> Result<Done, Fault> {
        Ok(match self {
            Self::Settle { tries, now, limits, standing } => {
                Done::Settled(case.settle(tries, *now, limits, *standing, floor))
            }
            Self::CountWrongPassword { now, how } => {
                case.count_wrong_password(*now, how);
                Done::Nothing
            }
            Self::ForgetFailures { what, release } => Done::Changed(case.forget_failures(*what, *release)),
            Self::NoteLogin { day, network, keep_days } => {
                // What an older key made would outlive its rotation (F-018).
                let newest = match network {
                    Some(_) => readers.read(self.doing(), rows::newest_key)?,
                    None => 0,
                };
                case.note_login(*day, network.filter(|network| network.key_id >= newest), *keep_days);
                Done::Nothing
            }
            Self::ForgetNetworksBut { key } => Done::Removed(case.forget_networks_but(*key)),
            Self::Probe => Done::Nothing,
        })
    }

    /// What comes of it for somebody unknown.
    pub(super) fn run_for_nobody(&self) -> Result<Done, Fault> {
        match self {
            Self::Settle { tries, .. } if tries.is_empty() => Ok(Done::Settled(FactorOutcome::Wrong)),
            Self::ForgetFailures { .. } => Ok(Done::Changed(false)),
            Self::ForgetNetworksBut { .. } => Ok(Done::Removed(0)),
            Self::Probe => Ok(Done::Nothing),
            Self::Settle { .. } | Self::CountWrongPassword { .. } | Self::NoteLogin { .. } => {
                Err(Fault::new(FaultKind::Internal, "the subject is unknown"))
            }
        }
    }

    /// Whether it must be on the disk before it is told: what is not bound to time has no floor
    /// ([`Floor`]), and what somebody in charge did must not be undone by a loss of power.
    pub(super) fn waits_for_disk(&self, done: Done) -> bool {
        match (self, done) {
            (Self::Settle { tries, .. }, Done::Settled(FactorOutcome::Confirmed(_))) => {
                tries.iter().any(|one| matches!(one.mark, Some(Mark::Counter(_) | Mark::Index(_))))
            }
            (Self::ForgetFailures { release, .. }, _) => *release,
            (Self::ForgetNetworksBut { .. }, _) => true,
            _ => false,
        }
    }
}
