use super::*;
use std::net::UdpSocket;
use std::sync::Mutex;

use crate::base::clock::{SystemClock, UnixTime};
use crate::base::random::SeededRandom;
use crate::base::secret::Secret;
use crate::frontend::radius::lab::{radius_client, secret};
use crate::gateway::ports::sessions::SessionKey;
use crate::login::attempt::AttemptId;
use crate::login::identity::Pseudonym;
use crate::store::seal::KeyRing;
use crate::wire::radius::build::{ReplyBuilder, ReplyTo};
use crate::wire::radius::dictionary::{CALLING_STATION_ID, MESSAGE_AUTHENTICATOR, USER_NAME};
use crate::wire::radius::packet::{MAX_LEN, Packet};

const ID: &[u8] = &[ACCT_SESSION_ID, 4, b's', b'1'];
const NAME: &[u8] = &[USER_NAME, 6, b'a', b'n', b'n', b'a'];
const FROM: &[u8] = &[CALLING_STATION_ID, 4, b'1', b'2'];
const BOX: &[u8] = &[NAS_IDENTIFIER, 4, b'f', b'w'];

/// What a scripted device answers: code and cause, from the last on; nothing when there is none left.
type Script = Vec<(Code, Option<u32>)>;

/// A device that answers as its script says, with `key`, and keeps what it was told: the kinds of attributes.
struct Device {
    port: u16,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn device(mut script: Script, key: &'static str) -> Device {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let told: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seen = told.clone();
    std::thread::spawn(move || {
        let (key, ours) = (secret(key), secret("s3cret"));
        while let Some((code, cause)) = script.pop() {
            let mut bytes = [0; MAX_LEN];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            let packet = Packet::parse(&bytes[..length]).unwrap();
            assert_eq!(packet.code(), Code::DisconnectRequest);
            assert!(ours.proves_notice(&packet), "the authenticator is that of accounting, A-136");
            seen.lock().unwrap().push(packet.attributes().map(|attribute| attribute.kind).collect());
            let mut buffer = [0; MAX_LEN];
            let to = ReplyTo::from(&packet);
            let mut reply = ReplyBuilder::new(&mut buffer, code, &to).unwrap();
            if let Some(cause) = cause {
                reply.attribute(ERROR_CAUSE, &cause.to_be_bytes()).unwrap();
            }
            socket.send_to(reply.sign(&key).unwrap(), from).unwrap();
        }
    });
    Device { port, told }
}

struct Lab {
    ring: KeyRing,
    port: Option<u16>,
}

impl Lab {
    fn new(port: Option<u16>) -> Self {
        Self { ring: KeyRing::generate(Arc::new(SeededRandom::new(3))).unwrap(), port }
    }

    fn session(&self, client: &str, address: [u8; 4], marks: &[&[u8]]) -> OpenSession {
        let key = SessionKey { client: client.into(), device: [1; 16], session: [2; 16] };
        let address = std::net::Ipv4Addr::from(address).to_ipv6_mapped().octets();
        let plain = Secret::new([&address, &marks.concat()[..]].concat());
        let marks = self.ring.seal(Place::Session(&key.place()), &plain).unwrap();
        let (pseudonym, attempt) = (Pseudonym::new("p1").unwrap(), AttemptId([1; 8]));
        OpenSession { key, pseudonym, attempt, marks, since: UnixTime(0), heard: UnixTime(0) }
    }

    fn end(&self, session: &OpenSession) -> Fate {
        let mut client = radius_client("fw");
        client.disconnect_port = self.port;
        let mut clients = ClientTable::default();
        clients.add(client, ["127.0.0.0/8".parse().unwrap()]).unwrap();
        let pace =
            Pace { first: Duration::from_millis(40), copies: 3, ..Pace::new(Duration::from_millis(400)) };
        let vault = Arc::new(self.ring.clone());
        let random = Arc::new(SeededRandom::new(5));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let devices = Devices::new(clients, vault, Arc::new(SystemClock), random);
            devices.with_rhythm(pace, Duration::from_millis(20)).end(session).await
        })
    }
}

/// What becomes of anna's session at a device with this script, and what the device was told.
fn scripted(script: Script, marks: &[&[u8]]) -> (Fate, Vec<Vec<u8>>) {
    let device = device(script, "s3cret");
    let lab = Lab::new(Some(device.port));
    let fate = lab.end(&lab.session("fw", [127, 0, 0, 1], marks));
    let told = device.told.lock().unwrap().clone();
    (fate, told)
}

#[test]
fn a_136_a_device_is_told_who_it_is_and_which_session_it_is_signed_and_dated() {
    let (fate, told) = scripted(vec![(Code::DisconnectAck, None)], &[BOX, ID, NAME, FROM]);
    assert_eq!(fate, Fate::Ended);
    let expected = [
        MESSAGE_AUTHENTICATOR,
        NAS_IDENTIFIER,
        ACCT_SESSION_ID,
        USER_NAME,
        CALLING_STATION_ID,
        EVENT_TIMESTAMP,
    ];
    assert_eq!(told, [expected]);
}

#[test]
fn a_136_a_device_that_said_no_name_of_its_own_is_named_by_its_address() {
    let (fate, told) = scripted(vec![(Code::DisconnectAck, None)], &[ID]);
    assert_eq!(fate, Fate::Ended);
    assert_eq!(told, [[MESSAGE_AUTHENTICATOR, NAS_IP_ADDRESS, ACCT_SESSION_ID, EVENT_TIMESTAMP]]);
}

#[test]
fn a_138_a_session_that_the_device_does_not_know_is_over() {
    let (fate, told) = scripted(vec![(Code::DisconnectNak, Some(503))], &[BOX, ID]);
    assert_eq!((fate, told.len()), (Fate::Gone, 1));
}

#[test]
fn a_138_what_a_device_does_not_take_is_left_out_the_second_time() {
    for cause in [401, 404, 407, 503] {
        let script = vec![(Code::DisconnectAck, None), (Code::DisconnectNak, Some(cause))];
        let (fate, told) = scripted(script, &[BOX, ID, NAME, FROM]);
        assert_eq!(fate, Fate::Ended, "{cause}");
        assert_eq!(
            told[1],
            [MESSAGE_AUTHENTICATOR, NAS_IDENTIFIER, ACCT_SESSION_ID, EVENT_TIMESTAMP],
            "{cause}"
        );
    }
}

#[test]
fn a_138_a_refusal_is_told_in_words_and_not_repeated() {
    let (fate, told) = scripted(vec![(Code::DisconnectNak, Some(501))], &[BOX, ID]);
    let Fate::Refused(why) = fate else { panic!("{fate:?}") };
    assert!(why.ends_with("refused: Administratively-Prohibited (501)"), "{why}");
    assert_eq!(told.len(), 1);
    let (fate, _) = scripted(vec![(Code::DisconnectNak, Some(999))], &[BOX, ID]);
    assert!(fate.why().unwrap().ends_with("refused: cause 999"), "{fate:?}");
}

#[test]
fn a_139_what_a_device_cannot_do_now_it_is_told_again() {
    let no = (Code::DisconnectNak, Some(506));
    let (fate, told) =
        scripted(vec![(Code::DisconnectAck, None), (Code::DisconnectNak, None), no], &[BOX, ID]);
    assert_eq!((fate, told.len()), (Fate::Ended, 3));
    let (fate, told) = scripted(vec![no; 50], &[BOX, ID]);
    assert!(matches!(&fate, Fate::Refused(why) if why.contains("Resources-Unavailable (506)")), "{fate:?}");
    assert!((3..20).contains(&told.len()), "with longer and longer pauses, and not for ever: {}", told.len());
}

#[test]
fn a_139_silence_is_told_with_what_to_look_at() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let lab = Lab::new(Some(silent.local_addr().unwrap().port()));
    let fate = lab.end(&lab.session("fw", [127, 0, 0, 1], &[BOX, ID]));
    let Fate::Silent(why) = &fate else { panic!("{fate:?}") };
    assert!(why.contains("no answer to 3 copies") && why.contains("takes orders"), "{why}");
}

#[test]
fn an_answer_that_another_secret_signed_is_none() {
    let device = device(vec![(Code::DisconnectAck, None); 3], "another");
    let lab = Lab::new(Some(device.port));
    let fate = lab.end(&lab.session("fw", [127, 0, 0, 1], &[BOX, ID]));
    let Fate::Silent(why) = &fate else { panic!("{fate:?}") };
    assert!(why.contains("compare the client's secret"), "{why}");
}

#[test]
fn a_device_is_not_told_where_its_client_is_not_or_takes_no_orders() {
    let lab = Lab::new(Some(9));
    for session in [
        lab.session("fw", [10, 0, 0, 1], &[BOX, ID]),
        lab.session("another", [127, 0, 0, 1], &[BOX, ID]),
        OpenSession { marks: lab.session("fw", [127, 0, 0, 1], &[]).marks, ..moved(&lab) },
    ] {
        assert_eq!(lab.end(&session).code(), "not-told", "{session:?}");
    }
    let lab = Lab::new(None);
    let fate = lab.end(&lab.session("fw", [127, 0, 0, 1], &[BOX, ID]));
    assert!(matches!(&fate, Fate::NotTold(why) if why.contains("disconnect-port")), "{fate:?}");
}

/// A session under another key, whose marks were sealed for the first.
fn moved(lab: &Lab) -> OpenSession {
    let session = lab.session("fw", [127, 0, 0, 1], &[]);
    OpenSession { key: SessionKey { session: [3; 16], ..session.key }, ..session }
}
