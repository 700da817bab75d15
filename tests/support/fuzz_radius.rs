//! Bodies of the RADIUS fuzz targets. The targets in `fuzz/` and the property tests in
//! `tests/radius_codec.rs` call the same functions, so what the fuzzer looks for is looked for in every run.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::{Clock, ManualClock, UnixTime};
use doorward::base::secret::Secret;
use doorward::frontend::radius::clients::{ClientTable, MessageAuthenticator, RadiusClient};
use doorward::frontend::radius::counters::{Counters, Dropped};
use doorward::frontend::radius::method::Way;
use doorward::frontend::radius::passing::{Passed, Passing};
use doorward::frontend::radius::session::{Action, Session, Ticket};
use doorward::frontend::radius::translate::{Arrival, Fresh};
use doorward::gateway::drive::{Ended, Reply};
use doorward::login::attempt::ChallengeId;
use doorward::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use doorward::login::relay::Held;
use doorward::login::step::Prompt;
use doorward::login::verdict::{FaultKind, Reason};
use doorward::upstream::radius::Which as Server;
use doorward::upstream::radius::passage::Answered;
use doorward::wire::radius::attribute::vendor_attributes;
use doorward::wire::radius::authenticator::{Proof, SharedSecret};
use doorward::wire::radius::build::{ReplyBuilder, ReplyTo, RequestBuilder};
use doorward::wire::radius::chap::Chap;
use doorward::wire::radius::describe::describe;
use doorward::wire::radius::dictionary::{
    CHAP_PASSWORD, CLASS, EAP_MESSAGE, FILTER_ID, MESSAGE_AUTHENTICATOR, MICROSOFT, MS_CHAP_CHALLENGE,
    MS_CHAP_ERROR, MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE, MS_CHAP2_SUCCESS, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY,
    PROMPT, PROXY_STATE, REPLY_MESSAGE, SESSION_TIMEOUT, STATE, USER_NAME, VENDOR_SPECIFIC,
    is_administrative,
};
use doorward::wire::radius::eap::Eap;
use doorward::wire::radius::hidden::{Salts, Scheme, hide};
use doorward::wire::radius::mschap::{MsChap, Success, error_code};
use doorward::wire::radius::packet::{Code, HEADER_LEN, MAX_LEN, Packet};

fn secret() -> SharedSecret {
    SharedSecret::new(Secret::copied(b"fuzz")).unwrap()
}

/// Reads any bytes as a packet. What is accepted must be the sum of its parts, survive being written anew,
/// and get a reply that proves itself and carries exactly its Proxy-State attributes.
pub(crate) fn packet(bytes: &[u8]) {
    let Ok(packet) = Packet::parse(bytes) else {
        assert!(describe(bytes, None).is_err());
        return;
    };
    let sum: Vec<u8> = packet.attributes().flat_map(|a| a.whole.to_vec()).collect();
    assert_eq!(sum, packet.attribute_bytes(), "the attributes fill the packet");
    let pieces = packet.all(VENDOR_SPECIFIC).filter_map(vendor_attributes).flatten().count();
    assert!(pieces <= MAX_LEN / 2);
    let secret = secret();
    assert!(!describe(bytes, Some(&secret)).unwrap().is_empty());
    read_further(&packet, &secret);
    written_anew(&packet, &secret);
    replied(&packet, &secret);
}

/// Everything that reads inside a packet: logins of all methods, hidden values, who may be given what.
fn read_further(packet: &Packet<'_>, secret: &SharedSecret) {
    if let Ok(Some(Eap::Message(eap))) = Eap::read(packet) {
        let joined: Vec<u8> = packet.all(EAP_MESSAGE).flatten().copied().collect();
        assert!(joined.starts_with(eap.bytes()));
    }
    if let Ok(Some(login)) = MsChap::read(packet) {
        assert!(matches!(login.challenge.len(), 8 | 16));
    }
    if let Ok(Some(login)) = Chap::read(packet) {
        assert!(login.challenge.len() >= 5);
    }
    let _proven: bool = secret.proves_notice(packet);
    assert_eq!(packet.proxies_passed(), packet.all(PROXY_STATE).count());
    for attribute in packet.attributes() {
        let _given: bool = is_administrative(&attribute);
        if attribute.kind == VENDOR_SPECIFIC {
            vendor_attributes(attribute.value)
                .into_iter()
                .flatten()
                .for_each(|piece| opened(piece.value, secret));
        } else {
            opened(attribute.value, secret);
        }
    }
}

/// What can be opened can be hidden again, so that it opens to the same.
fn opened(value: &[u8], secret: &SharedSecret) {
    let mut salts = Salts::new([7, 7]);
    let _error = error_code(value);
    let _success = Success::read(value);
    for scheme in [Scheme::Salted, Scheme::TaggedSalted, Scheme::Keys] {
        if let Ok(opened) = scheme.open(value, secret.raw(), &[9; 16]) {
            let again = opened.hide(&mut salts, secret.raw(), &[9; 16]).unwrap();
            assert_eq!(scheme.open(&again, secret.raw(), &[9; 16]), Ok(opened));
        }
    }
}

fn written_anew(packet: &Packet<'_>, secret: &SharedSecret) {
    let mut buffer = [0; MAX_LEN];
    let begun =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, packet.identifier(), *packet.authenticator());
    let mut request = begun.unwrap();
    let own: Vec<_> =
        packet.attributes().filter(|a| a.kind != MESSAGE_AUTHENTICATOR && !a.value.is_empty()).collect();
    if own.iter().any(|a| request.attribute(a.kind, a.value).is_err()) {
        return;
    }
    let again = request.sign(secret).unwrap();
    let again = match Packet::parse(again) {
        Ok(again) => again,
        // One more attribute than came in may be one too many.
        Err(error) => return assert_eq!((error.code(), own.len()), ("too-many-attributes", 200)),
    };
    assert_eq!(secret.check_request(&again), Proof::Valid);
    let kept: Vec<_> = again.attributes().skip(1).map(|a| (a.kind, a.value)).collect();
    assert_eq!(kept, own.iter().map(|a| (a.kind, a.value)).collect::<Vec<_>>());
}

fn replied(packet: &Packet<'_>, secret: &SharedSecret) {
    let to = ReplyTo::from(packet);
    let mut buffer = [0; MAX_LEN];
    let Ok(reply) = ReplyBuilder::new(&mut buffer, Code::AccessReject, &to) else {
        let states: usize = packet.all(PROXY_STATE).map(|value| value.len() + 2).sum();
        assert!(states > MAX_LEN - HEADER_LEN - 18, "there was room");
        return;
    };
    let bytes = reply.sign(secret).unwrap();
    let reply = match Packet::parse(bytes) {
        Ok(reply) => reply,
        Err(error) => {
            return assert_eq!((error.code(), packet.all(PROXY_STATE).count()), ("too-many-attributes", 200));
        }
    };
    assert_eq!(bytes[HEADER_LEN], MESSAGE_AUTHENTICATOR);
    assert_eq!(secret.check_reply(&reply, packet.authenticator(), true), Ok(()));
    assert!(reply.all(PROXY_STATE).eq(packet.all(PROXY_STATE)));
}

/// Drives a session by a script: packets of all kinds, copies, forgeries, answers in any order, time that
/// jumps. Whatever happens, every answer proves itself to the request it belongs to, no copy begins a second
/// login, and nothing unproven begins one where proof is demanded.
pub(crate) fn session(script: &[u8]) {
    let mut play = Play::new();
    let mut rest = script;
    while let Some((&what, tail)) = rest.split_first() {
        let (argument, tail) = tail.split_at(tail.len().min(usize::from(what >> 4)));
        rest = tail;
        match what & 7 {
            0 => play.receive(argument, false),
            1 => play.log_in(argument, true),
            2 => play.log_in(argument, false),
            3 => play.repeat(),
            4 | 5 => play.answer(argument),
            6 => play.forge(argument),
            _ => play.clock.advance(Duration::from_secs(argument.iter().map(|b| u64::from(*b)).sum())),
        }
        play.check();
    }
}

/// One of the ways to log in, or something like it, with `tail` where the device has a say.
fn show(request: &mut RequestBuilder<'_>, way: u8, tail: &[u8]) {
    let shown = match way {
        0..=2 => request.password(tail, &secret()),
        3 => request.attribute(CHAP_PASSWORD, &sized(tail, 17)),
        4 => request
            .vendor(MICROSOFT, MS_CHAP_CHALLENGE, &[1; 16])
            .and_then(|()| request.vendor(MICROSOFT, MS_CHAP2_RESPONSE, &sized(tail, 50))),
        5 => request
            .vendor(MICROSOFT, MS_CHAP_CHALLENGE, &[1; 8])
            .and_then(|()| request.vendor(MICROSOFT, MS_CHAP_RESPONSE, &sized(tail, 50))),
        6 => {
            let length = u16::try_from(tail.len() + 5).unwrap().to_be_bytes();
            let message = [&[2, 41, length[0], length[1], 1][..], tail].concat();
            request.attribute(EAP_MESSAGE, &message)
        }
        _ => request.attribute(EAP_MESSAGE, tail),
    };
    shown.unwrap();
}

fn sized(tail: &[u8], length: usize) -> Vec<u8> {
    let mut value = tail.to_vec();
    value.resize(length, 7);
    value
}

fn passing() -> Passing {
    let names = ["Class", "Filter-Id", "User-Name", "Reply-Message", "Tunnel-Password"];
    Passing { list: names.map(|name| Passed::named(name).unwrap()).to_vec(), administrative: true }
}

/// What an upstream says, with everything in it that only an accept may have, and `tail`.
fn answered(code: Code, tail: &[u8]) -> Held {
    let to = ReplyTo { identifier: 1, authenticator: [9; 16], proxy_states: Vec::new() };
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, code, &to).unwrap();
    for (n, kind) in [MS_MPPE_SEND_KEY, MS_MPPE_RECV_KEY].into_iter().enumerate() {
        let salt = Salts::new([0, u8::try_from(n).unwrap()]).draw();
        let key = hide(tail, salt, secret().raw(), &[9; 16]).unwrap();
        reply.vendor(MICROSOFT, kind, &key).unwrap();
    }
    reply.vendor(MICROSOFT, MS_CHAP2_SUCCESS, b"\x01S=").unwrap();
    for kind in [CLASS, FILTER_ID, USER_NAME, REPLY_MESSAGE, STATE] {
        reply.attribute(kind, &sized(tail, 20)).unwrap();
    }
    if tail.len() % 2 == 1 {
        reply.attribute(EAP_MESSAGE, &sized(tail, 30)).unwrap();
    }
    let bytes = reply.sign(&secret()).unwrap();
    let server = Server::at(([192, 0, 2, 40], 1812).into());
    Held::new(Answered::of(&Packet::parse(bytes).unwrap(), &[9; 16], server, &secret()).unwrap())
}

struct Play {
    session: Session,
    clients: ClientTable,
    clock: ManualClock,
    counters: Arc<Counters>,
    received: u64,
    required: bool,
    last: Option<Vec<u8>>,
    waiting: Vec<(Ticket, Vec<u8>)>,
}

impl Play {
    fn new() -> Self {
        let client = Client {
            name: "vpn".into(),
            directory: "main".into(),
            primary: PrimaryKind::Upstream,
            upstream: Some("nps".into()),
            entry: CodeEntry { challenge: true, typed: Typed::Nothing },
            prompt: "Code?".into(),
            can: Capabilities { prompts: true, prompts_relayed: false, tells_address: true },
            login_timeout: Duration::from_secs(30),
            challenge_life: Duration::from_secs(60),
            reject_delay: Duration::ZERO,
            when_unable: WhenUnable::Reject,
            remember: None,
            ..Client::new("", "")
        };
        let client = RadiusClient {
            message_authenticator: MessageAuthenticator::Auto,
            ways: Way::WORDS.map(|(_, way)| way).to_vec(),
            passing: passing(),
            ..RadiusClient::new(Arc::new(client), secret())
        };
        let mut clients = ClientTable::default();
        clients.add(client, ["10.0.0.1".parse().unwrap()]).map_err(|(prefix, _)| prefix).unwrap();
        let counters = Arc::new(Counters::default());
        Self {
            session: Session::new(counters.clone()),
            clients,
            clock: ManualClock::at(UnixTime::from_seconds(1_800_000_000)),
            counters,
            received: 0,
            required: false,
            last: None,
            waiting: Vec::new(),
        }
    }

    /// `genuine`: the packet was signed with the right secret.
    fn receive(&mut self, bytes: &[u8], genuine: bool) {
        let arrival = Arrival {
            now: self.clock.now(),
            local: None,
            listener: &Arc::from("0.0.0.0:1812"),
            peer: ([10, 0, 0, 1], 4000).into(),
            bytes,
            fresh: Fresh::new([1; 26]),
        };
        self.received += 1;
        match self.session.on_datagram(&self.clients, &arrival) {
            Action::Drop(_) => {}
            Action::Send(reply) | Action::Refuse(_, reply) => {
                assert!(genuine || !self.required, "an answer to nobody");
                proves_itself(&reply, bytes);
            }
            Action::Begin(ticket, _) | Action::Resume(ticket, _, _) => {
                assert!(genuine || !self.required, "a login of nobody");
                let copy = self.session.on_datagram(&self.clients, &arrival);
                self.received += 1;
                assert!(matches!(copy, Action::Drop(Dropped::InWork)), "{copy:?}");
                self.waiting.push((ticket, bytes.to_vec()));
            }
        }
        // EAP and Status-Server are signed by devices that sign nothing else.
        let shows = |p: Packet<'_>| p.code() == Code::AccessRequest && !p.has(EAP_MESSAGE);
        self.required |= genuine && Packet::parse(bytes).is_ok_and(shows);
        self.last = Some(bytes.to_vec());
    }

    fn log_in(&mut self, argument: &[u8], sign: bool) {
        let at = |n: usize| argument.get(n).copied().unwrap_or(0);
        let mut buffer = [0; MAX_LEN];
        let code = if at(2) == 1 { Code::StatusServer } else { Code::AccessRequest };
        // Different requests have different authenticators, as with real devices.
        let mut hasher = DefaultHasher::new();
        argument.hash(&mut hasher);
        let half = hasher.finish().to_be_bytes();
        let mut authenticator = [sign.into(); 16];
        authenticator[..8].copy_from_slice(&half);
        let mut request = RequestBuilder::new(&mut buffer, code, at(0) % 4, authenticator).unwrap();
        request.attribute(USER_NAME, b"anna").unwrap();
        show(&mut request, at(1) % 8, argument.get(3..).unwrap_or_default());
        for n in 0..at(2) % 7 {
            request.attribute(PROXY_STATE, &[n]).unwrap();
        }
        if at(2) % 3 == 2 {
            request.attribute(STATE, ChallengeId([at(1); 16]).text().as_bytes()).unwrap();
        }
        let signed = request.sign(&secret()).unwrap().to_vec();
        if sign {
            return self.receive(&signed, true);
        }
        let mut bare = signed;
        bare.drain(HEADER_LEN..HEADER_LEN + 18);
        let length = u16::try_from(bare.len()).unwrap();
        bare[2..4].copy_from_slice(&length.to_be_bytes());
        self.receive(&bare, false);
    }

    fn repeat(&mut self) {
        if let Some(last) = self.last.clone() {
            let packet = Packet::parse(&last);
            let genuine = packet.is_ok_and(|p| secret().check_request(&p) == Proof::Valid);
            self.receive(&last, genuine);
        }
    }

    fn forge(&mut self, argument: &[u8]) {
        let Some(mut forged) = self.last.clone().filter(|last| !last.is_empty()) else { return };
        for (n, byte) in argument.iter().enumerate() {
            let at = (n * 37 + usize::from(*byte)) % forged.len();
            forged[at] ^= byte | 1;
        }
        let genuine = Packet::parse(&forged).is_ok_and(|p| secret().check_request(&p) == Proof::Valid);
        self.receive(&forged, genuine);
    }

    fn answer(&mut self, argument: &[u8]) {
        if self.waiting.is_empty() {
            return;
        }
        let at = |n: usize| argument.get(n).copied().unwrap_or(0);
        let (ticket, request) = self.waiting.remove(usize::from(at(0)) % self.waiting.len());
        let now = self.clock.now();
        let reply = match at(1) % 4 {
            0 => Reply::Reject(Reason::WrongCode),
            1 => {
                let relay = (at(3) % 2 == 1).then(|| answered(Code::AccessChallenge, argument));
                Reply::Ask(ChallengeId([at(2); 16]), Prompt { text: "Code?".into(), relay })
            }
            2 => Reply::Unable(FaultKind::ALL[usize::from(at(2)) % FaultKind::ALL.len()]),
            _ => return self.session.forget(&ticket, Dropped::Unable),
        };
        // Even where they should not be there at all, they stay here.
        let held = answered(Code::AccessAccept, argument);
        let ended = Ended {
            reply,
            session: None,
            who: None,
            held: Some(held),
            badge: Some(b"badge".as_slice().into()),
        };
        if let Some(out) = self.session.on_reply(&ticket, now, &ended) {
            proves_itself(&out.bytes, &request);
        }
    }

    fn check(&self) {
        assert!(self.session.waiting() <= self.waiting.len());
        assert_eq!(self.counters.all_received(), self.received);
    }
}

fn proves_itself(reply: &[u8], request: &[u8]) {
    let (request, reply) = (Packet::parse(request).unwrap(), Packet::parse(reply).unwrap());
    assert_eq!(secret().check_reply(&reply, request.authenticator(), true), Ok(()));
    assert_eq!(reply.identifier(), request.identifier());
    assert_eq!(reply.bytes()[HEADER_LEN], MESSAGE_AUTHENTICATOR);
    assert!(reply.all(PROXY_STATE).eq(request.all(PROXY_STATE)));
    no_gifts(&reply, request.has(EAP_MESSAGE));
    assert!(
        reply.code() != Code::AccessAccept || request.code() == Code::StatusServer,
        "nobody granted this"
    );
}

/// Nobody was let in, so nothing of what only an accept may say has gone out, and EAP is answered
/// with EAP alone.
fn no_gifts(reply: &Packet<'_>, in_eap: bool) {
    if reply.code() == Code::AccessAccept {
        assert!(reply.attributes().all(|a| matches!(a.kind, MESSAGE_AUTHENTICATOR | PROXY_STATE)));
        return;
    }
    for attribute in reply.attributes() {
        let fits = match attribute.kind {
            MESSAGE_AUTHENTICATOR | PROXY_STATE => true,
            EAP_MESSAGE => in_eap,
            REPLY_MESSAGE => !in_eap,
            STATE | PROMPT | SESSION_TIMEOUT => reply.code() == Code::AccessChallenge,
            VENDOR_SPECIFIC => reply.vendor(MICROSOFT, MS_CHAP_ERROR).next().is_some(),
            _ => false,
        };
        assert!(fits, "{} in {:?}", attribute.kind, reply.code());
    }
    for kind in [MS_MPPE_SEND_KEY, MS_MPPE_RECV_KEY, MS_CHAP2_SUCCESS] {
        assert_eq!(reply.vendor(MICROSOFT, kind).next(), None);
    }
    assert!(reply.code() != Code::AccessReject || reply.has(EAP_MESSAGE) == in_eap, "A-146");
}
