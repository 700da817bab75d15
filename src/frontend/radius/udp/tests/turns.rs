//! How one task shares itself out among the logins of its socket. These tests and the task have one thread together: what
//! a test sends without waiting is all there when the task looks.

use super::*;
use crate::base::clock::{ManualClock, UnixTime};
use crate::frontend::radius::udp::log_in as log_in_by;
use crate::frontend::radius::udp::tests::server::Device;
use crate::gateway::ports::Store;
use crate::wire::radius::build::RequestBuilder;
use crate::wire::radius::dictionary::USER_NAME;
use crate::wire::radius::packet::MAX_LEN;

/// Of somebody of this name, whom nobody knows; logins of one person wait for each other.
fn log_in_as(name: &str, identifier: u8, password: &[u8]) -> Vec<u8> {
    let mut buffer = [0; MAX_LEN];
    let authenticator = [identifier; 16];
    let mut request =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, identifier, authenticator).unwrap();
    request.attribute(USER_NAME, name.as_bytes()).unwrap();
    request.password(password, &secret("s3cret")).unwrap();
    request.sign(&secret("s3cret")).unwrap().to_vec()
}

async fn challenge(address: SocketAddr, device: &Device) -> Vec<u8> {
    let challenge = device.ask(address, &log_in(1, b"hunter2", &[])).await;
    Packet::parse(&challenge).unwrap().find(STATE).unwrap().to_vec()
}

#[tokio::test]
async fn a_login_that_panics_takes_nobody_down_and_its_device_may_ask_again() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    device.send(server.address, &log_in(1, b"hunter2123456", &[])).await;
    server.asked(1).await;
    for round in 1..=2 {
        device.send(server.address, &log_in_as("eve", 2, b"kaboom123456")).await;
        device.ask(server.address, &probe(9)).await;
        assert_eq!(server.count("dropped", "lost"), round);
        assert_eq!(server.count("dropped", "duplicate-in-work"), 0);
    }
    server.world.permits.add_permits(1);
    let (reply, _) = device.hear().await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    assert_eq!(server.front.gateway.admission().running(), 0, "no place is lost with it");
}

#[tokio::test]
async fn a_slow_directory_does_not_hold_up_others_on_the_same_thread() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    for identifier in 1..=50 {
        let packet = log_in_as(&format!("n{identifier}"), identifier, b"wrong123456");
        device.send(server.address, &packet).await;
    }
    server.asked(50).await;
    device.ask(server.address, &probe(99)).await;
    server.world.permits.add_permits(50);
    for _ in 1..=50 {
        device.hear().await;
    }
    assert_eq!(server.count("sent", "reject"), 50);
}

#[tokio::test]
async fn a_122_replies_to_questions_go_before_the_new_logins_that_came_before_them() {
    let server = Server::start("127.0.0.1:0", 1, 999);
    let device = server.device().await;
    let state = challenge(server.address, &device).await;
    for identifier in 10..30 {
        device.send(server.address, &log_in(identifier, b"wrong123456", &[])).await;
    }
    device.send(server.address, &log_in(2, b"123456", &[(STATE, &state)])).await;
    let (first, _) = device.hear().await;
    assert_eq!(Packet::parse(&first).unwrap().code(), Code::AccessAccept);
    for identifier in 10..30 {
        let (reply, _) = device.hear().await;
        assert_eq!(Packet::parse(&reply).unwrap().identifier(), identifier, "new logins keep their order");
    }
}

#[tokio::test]
async fn a_122_a_rush_of_new_logins_is_shed_and_a_reply_to_a_question_behind_it_is_not() {
    let server = Server::start("127.0.0.1:0", 1, 999);
    let listener = bind("127.0.0.1:0".parse().unwrap(), &homes(1)).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let mut desk = Desk::new(&listener, &server.front, log_in_by);
    desk.most_new = 10;
    let served = poll_fn(|cx| {
        desk.turn(cx);
        Poll::<()>::Pending
    });
    let rush = async {
        let device = server.device().await;
        let state = challenge(address, &device).await;
        for identifier in 10..60 {
            device.send(address, &log_in(identifier, b"wrong123456", &[])).await;
        }
        device.send(address, &log_in(2, b"123456", &[(STATE, &state)])).await;
        let (first, _) = device.hear().await;
        assert_eq!(Packet::parse(&first).unwrap().code(), Code::AccessAccept);
        for identifier in 10..20 {
            let (reply, _) = device.hear().await;
            assert_eq!(Packet::parse(&reply).unwrap().identifier(), identifier);
        }
        assert_eq!(server.count("dropped", "shed"), 40);
        assert_eq!(server.front.gateway.admission().running(), 0, "what was shed has no place");
        device.ask(address, &log_in(59, b"wrong123456", &[])).await;
    };
    tokio::select! {
        () = served => {}
        () = rush => {}
    }
}

/// A clock that is moved by hand, and a server that goes by it.
fn by_hand() -> (Arc<ManualClock>, Server) {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_800_000_000)));
    let server = Server::by(clock.clone(), "127.0.0.1:0", 1, (999, 100));
    (clock, server)
}

/// Takes up what was sent, and begins nothing of it.
async fn read<F: Future<Output = Ended>>(listener: &Listener, desk: &mut Desk<'_, F>) {
    listener.readable().await.unwrap();
    poll_fn(|cx| {
        desk.read(cx);
        Poll::Ready(())
    })
    .await;
}

async fn go_on<F: Future<Output = Ended>>(desk: &mut Desk<'_, F>) {
    poll_fn(|cx| {
        desk.go_on(cx, false);
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn those_who_begin_in_one_turn_know_the_same_which_is_what_was_written_before_it() {
    let (_clock, server) = by_hand();
    let listener = bind("127.0.0.1:0".parse().unwrap(), &homes(1)).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let mut desk = Desk::new(&listener, &server.front, log_in_by);
    let device = server.device().await;
    for identifier in 1..=3 {
        device.send(address, &log_in(identifier, b"hunter2123456", &[])).await;
    }
    read(&listener, &mut desk).await;
    assert_eq!((desk.new.len(), *server.world.asked.borrow()), (3, 0), "they wait for their turn");
    let written = server.world.moment();
    go_on(&mut desk).await;
    assert_eq!(*server.world.asked.borrow(), 3);
    let since = std::mem::take(&mut *server.world.since.lock().unwrap());
    assert!(since.len() == 3 && since.iter().all(|one| *one == since[0]), "{since:?}");
    assert!(since[0].0 > written.0, "{since:?}: what was written while they waited is known");
}

#[tokio::test]
async fn a_login_that_waited_until_its_device_gave_up_is_shed_and_its_code_is_still_good() {
    let (clock, server) = by_hand();
    let listener = bind("127.0.0.1:0".parse().unwrap(), &homes(1)).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let mut desk = Desk::new(&listener, &server.front, log_in_by);
    let device = server.device().await;
    let (patience, moment) = (radius_client("vpn").client.login_timeout, Duration::from_millis(1));
    let packet = log_in(2, b"hunter2123456", &[]);
    let waits =
        [(log_in(1, b"hunter2123456", &[]), patience - moment, 1), (packet.clone(), patience + moment, 1)];
    for (packet, waits, asked) in waits.into_iter().chain([(packet, Duration::ZERO, 2)]) {
        device.send(address, &packet).await;
        read(&listener, &mut desk).await;
        clock.advance(waits);
        go_on(&mut desk).await;
        assert_eq!(
            *server.world.asked.borrow(),
            asked,
            "{waits:?}: whoever is late asks nobody, and uses up nothing"
        );
        assert_eq!(server.count("dropped", "shed"), u64::from(packet[1] == 2));
        assert_eq!(server.front.gateway.admission().running(), 0);
    }
    for expected in [1, 2] {
        let (reply, _) = device.hear().await;
        let reply = Packet::parse(&reply).unwrap();
        assert_eq!(
            (reply.code(), reply.identifier()),
            (Code::AccessAccept, expected),
            "the next try is a new one"
        );
    }
}

#[tokio::test]
async fn a_060_answers_of_one_turn_go_each_to_its_device_from_the_address_it_asked() {
    let server = Server::start("0.0.0.0:0", 1, 999);
    let mut devices = Vec::new();
    for n in 1..=20u8 {
        let (device, to) = (server.device().await, SocketAddr::from(([127, 0, 0, n], server.address.port())));
        let packet = if n % 2 == 0 { probe(n) } else { log_in(n, b"hunter2123456", &[]) };
        device.send(to, &packet).await;
        devices.push((device, to, packet));
    }
    for (device, to, packet) in devices {
        let (reply, from) = device.hear().await;
        let (reply, packet) = (Packet::parse(&reply).unwrap(), Packet::parse(&packet).unwrap());
        assert_eq!((from, reply.identifier()), (to, packet.identifier()));
        assert_eq!(secret("s3cret").check_reply(&reply, packet.authenticator(), true), Ok(()));
    }
}
