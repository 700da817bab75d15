//! By an upstream RADIUS server: the device's credential goes there as it came, and its answer is read for what it
//! means.

use std::net::SocketAddr;
use std::time::Instant;

use async_trait::async_trait;

use crate::gateway::ports::ServerState;
use crate::gateway::ports::upstream::{Question, Upstream};
use crate::login::identity::LoginName;
use crate::login::relay::{Heard, Held, Said};
use crate::login::step::PrimaryOutcome;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::radius::passage::{Answered, Forwarded};
use crate::upstream::radius::{Kind, Request, Servers, Standing, Status};
use crate::wire::radius::dictionary::{EAP_MESSAGE, ERROR_CAUSE, MICROSOFT, USER_NAME};
use crate::wire::radius::eap::{EapCode, EapPacket};
use crate::wire::radius::mschap::{ErrorCode, error_code};
use crate::wire::radius::packet::Code;

/// MS-CHAP-Error (RFC 2548 section 2.1.5).
const MS_CHAP_ERROR: u8 = 2;

/// An upstream that speaks RADIUS. Its passage is [`Forwarded`], what it answers is [`Answered`].
pub struct Relay {
    servers: Servers,
}

impl Relay {
    /// Asks these servers.
    #[must_use]
    pub const fn new(servers: Servers) -> Self {
        Self { servers }
    }

    /// How its servers are doing, in the order of preference.
    pub fn status(&self) -> impl Iterator<Item = Status> + '_ {
        self.servers.status()
    }

    fn fault(&self, kind: FaultKind, what: &str) -> Fault {
        Fault::new(kind, format!("upstream \"{}\": {what}", self.servers.name()))
    }

    /// What an answer means.
    fn meaning(&self, answered: &Answered, is_eap: bool) -> Result<Said, Fault> {
        match answered.code() {
            Code::AccessAccept => {
                if is_eap {
                    self.check_eap(answered, EapCode::Success)?;
                }
                let name = answered.find(None, USER_NAME).and_then(|name| LoginName::parse(name).ok());
                Ok(Said::Yes { name })
            }
            Code::AccessReject => Ok(Said::No(refusal(answered))),
            Code::AccessChallenge => {
                if is_eap {
                    self.check_eap(answered, EapCode::Request)?;
                }
                Ok(Said::More)
            }
            // Protocol-Error (RFC 7930); no other code answers an Access-Request.
            _ => {
                let cause = answered.find(None, ERROR_CAUSE).and_then(|value| value.try_into().ok());
                let cause = cause.map_or(0, u32::from_be_bytes);
                let server = answered.from().address();
                Err(self.fault(
                    FaultKind::UpstreamConfusing,
                    &format!("{server} answered with Protocol-Error, error-cause {cause}; look into its log"),
                ))
            }
        }
    }

    /// There is an EAP packet, and what it says is what the packet around it says (A-146, RFC 3579 section 2.6.3). An
    /// accept without one could even be unsigned, for only EAP is never taken so.
    fn check_eap(&self, answered: &Answered, expected: EapCode) -> Result<(), Fault> {
        let pieces = answered.pieces().iter().filter(|piece| piece.is(None, EAP_MESSAGE));
        let joined: Vec<u8> = pieces.flat_map(|piece| piece.value()).copied().collect();
        match EapPacket::read(joined) {
            Ok(packet) if packet.code() == expected => Ok(()),
            Ok(_) | Err(_) => {
                let server = answered.from().address();
                let what = format!(
                    "{server} answered EAP without an EAP packet, or with one that says something else than the RADIUS packet around it; look into its log"
                );
                Err(self.fault(FaultKind::UpstreamConfusing, &what))
            }
        }
    }
}

/// Why an upstream says no, as far as it tells.
fn refusal(answered: &Answered) -> PrimaryOutcome {
    match answered.find(Some(MICROSOFT), MS_CHAP_ERROR).and_then(error_code) {
        Some(ErrorCode::OutsideHours) => PrimaryOutcome::OutsideHours,
        Some(ErrorCode::Disabled) => PrimaryOutcome::Disabled,
        Some(ErrorCode::PasswordExpired) => PrimaryOutcome::PasswordExpired,
        Some(ErrorCode::NoDialIn) => PrimaryOutcome::Restricted,
        Some(ErrorCode::Authentication | ErrorCode::ChangingPassword) | None => PrimaryOutcome::Wrong,
    }
}

#[async_trait]
impl Upstream for Relay {
    async fn ask(&self, question: Question<'_>, until: Instant) -> Result<Heard, Fault> {
        let internal = |what| self.fault(FaultKind::Internal, what);
        let Some(forwarded) = question.passage.get::<Forwarded>() else {
            return Err(internal("the device's request is not one of RADIUS"));
        };
        if question.password.is_none() && !forwarded.has_proof() {
            return Err(internal("there is nothing to check: neither a password nor another proof"));
        }
        let earlier = match question.earlier.map(|held| held.get::<Answered>()) {
            Some(None) => return Err(internal("what it answered before was not kept")),
            Some(Some(answered)) => Some(answered),
            None => None,
        };
        let state = earlier.and_then(Answered::state);
        let with_password = question.password.is_some();
        let attributes = forwarded.attributes(with_password, state, self.servers.nas_identifier());
        let request = Request { kind: Kind::Access, attributes: &attributes, password: question.password };
        let stay = earlier.map(Answered::from);
        let (response, which) = self.servers.ask(&request, stay, until).await?;
        let answered = Answered::read(&response, which, self.servers.secret())?;
        let said = self.meaning(&answered, !with_password && forwarded.is_eap())?;
        Ok(Heard { said, held: Held::new(answered) })
    }

    async fn probe(&self, until: Instant) -> Result<Vec<ServerState>, Fault> {
        match tokio::time::timeout_at(until.into(), self.servers.probe()).await {
            Ok(probed) => {
                let answers = probed?.into_iter();
                Ok(answers.map(|(server, answers)| state(server.address(), answers)).collect())
            }
            Err(_) => {
                Err(self.fault(FaultKind::UpstreamUnreachable, "no server gave a sign of life in time"))
            }
        }
    }

    fn servers(&self) -> Vec<ServerState> {
        let all = self.status();
        all.map(|server| state(server.address, server.standing != Standing::Down)).collect()
    }
}

fn state(address: SocketAddr, up: bool) -> ServerState {
    ServerState { name: address.to_string().into(), up }
}
