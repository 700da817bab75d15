//! Real sockets on the loopback interface, the real gateway, and a world of one user behind it.

mod radclient;
mod server;
mod turns;
mod world;

use std::net::SocketAddr;

use tokio::time::timeout;

use super::*;
use crate::frontend::radius::clients::RadiusClient;
use crate::frontend::radius::lab::{radius_client, request, secret, signed_with};
use crate::frontend::radius::socket::bind;
use crate::frontend::radius::udp::tests::server::{Server, homes};
use crate::wire::radius::dictionary::{PROXY_STATE, STATE};
use crate::wire::radius::packet::{Code, Packet};

const PATIENCE: Duration = Duration::from_secs(10);

fn table(client: RadiusClient) -> ClientTable {
    let mut table = ClientTable::default();
    table.add(client, ["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]).map_err(|(p, _)| p).unwrap();
    table
}

fn log_in(identifier: u8, password: &[u8], extra: &[(u8, &[u8])]) -> Vec<u8> {
    signed_with(&secret("s3cret"), Code::AccessRequest, identifier, identifier, Some(password), extra)
}

fn probe(identifier: u8) -> Vec<u8> {
    signed_with(&secret("s3cret"), Code::StatusServer, identifier, 1, None, &[])
}

#[tokio::test]
async fn a_login_with_a_question_and_a_code_ends_in_an_accept() {
    let server = Server::start("127.0.0.1:0", 1, 9);
    let device = server.device().await;
    let challenge = device.ask(server.address, &log_in(1, b"hunter2", &[(PROXY_STATE, b"p")])).await;
    let challenge = Packet::parse(&challenge).unwrap();
    assert_eq!(challenge.code(), Code::AccessChallenge);
    assert_eq!(challenge.find(PROXY_STATE), Some(&b"p"[..]));
    let state = challenge.find(STATE).unwrap();
    let accept = device.ask(server.address, &log_in(2, b"123456", &[(STATE, state)])).await;
    assert_eq!(Packet::parse(&accept).unwrap().code(), Code::AccessAccept);
    let again = device.ask(server.address, &log_in(3, b"123456", &[(STATE, state)])).await;
    assert_eq!(Packet::parse(&again).unwrap().code(), Code::AccessReject, "A-069: a state works once");
}

#[tokio::test]
async fn a_password_with_its_code_behind_it_is_accepted_at_once() {
    let server = Server::start("127.0.0.1:0", 1, 9);
    let device = server.device().await;
    let reply = device.ask(server.address, &log_in(1, b"hunter2123456", &[])).await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    let reply = device.ask(server.address, &log_in(2, b"hunter1123456", &[])).await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessReject);
}

#[tokio::test]
async fn a_060_on_a_wildcard_the_answer_leaves_from_the_address_that_was_asked() {
    let server = Server::start("0.0.0.0:0", 1, 9);
    let device = server.device().await;
    for host in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
        let to = SocketAddr::from((host, server.address.port()));
        device.ask(to, &probe(host[3])).await;
        device.ask(to, &log_in(host[3], b"wrong123456", &[])).await;
    }
}

#[tokio::test]
async fn a_060_ipv6_is_served_as_well_by_address_and_by_wildcard() {
    for address in ["[::1]:0", "[::]:0"] {
        let server = Server::start(address, 1, 9);
        let device = server.device().await;
        let to = SocketAddr::new("::1".parse().unwrap(), server.address.port());
        let reply = device.ask(to, &log_in(1, b"hunter2123456", &[])).await;
        assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept, "{address}");
    }
}

#[tokio::test]
async fn both_families_can_be_bound_to_one_port() {
    let server = Server::start("0.0.0.0:0", 1, 0);
    let v6: SocketAddr = format!("[::]:{}", server.address.port()).parse().unwrap();
    assert!(bind(v6, &homes(1)).is_ok());
    assert!(bind(server.address, &homes(1)).is_err(), "the address is taken");
}

#[tokio::test]
async fn a_112_copies_of_a_slow_login_ask_the_directory_once() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    let packet = log_in(1, b"wrong123456", &[]);
    for _ in 0..3 {
        device.send(server.address, &packet).await;
    }
    server.asked(1).await;
    // The socket's task takes packets in their order: when the probe is answered, the copies were seen.
    device.ask(server.address, &probe(9)).await;
    server.world.permits.add_permits(1);
    let (first, _) = device.hear().await;
    assert_eq!(device.ask(server.address, &packet).await, first, "A-111");
    assert_eq!(*server.world.asked.borrow(), 1);
    assert_eq!(server.count("dropped", "duplicate-in-work"), 2);
}

#[tokio::test]
async fn a_flood_of_garbage_is_counted_and_does_not_disturb_a_login() {
    let server = Server::start("127.0.0.1:0", 1, 9);
    let device = server.device().await;
    for n in 0..100u8 {
        device.send(server.address, &vec![n; usize::from(n)]).await;
    }
    device.ask(server.address, &probe(1)).await;
    let reply = device.ask(server.address, &log_in(1, b"hunter2123456", &[])).await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    let dropped: u64 = server.front.counters().all_dropped().map(|(_, count)| count).sum();
    assert_eq!(dropped, 100, "all of them, the empty one too");
}

#[tokio::test]
async fn a_123_without_a_place_a_device_hears_nothing_and_may_try_again() {
    let server = Server::with("127.0.0.1:0", 1, 0, 1);
    let device = server.device().await;
    device.send(server.address, &log_in(1, b"wrong123456", &[])).await;
    server.asked(1).await;
    let second = log_in(2, b"wrong123456", &[]);
    device.send(server.address, &second).await;
    device.ask(server.address, &probe(9)).await;
    assert_eq!(server.count("dropped", "admission-client-full"), 1);
    server.world.permits.add_permits(2);
    device.hear().await;
    device.ask(server.address, &second).await;
}

#[tokio::test]
async fn a_reload_answers_what_runs_with_the_old_secret_and_what_comes_with_the_new() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    let old = log_in(1, b"wrong123456", &[]);
    device.send(server.address, &old).await;
    server.asked(1).await;
    server.front.reload(table(RadiusClient { secret: secret("new"), ..radius_client("vpn") }));
    device.send(server.address, &request(2, 2, &[])).await;
    server.world.permits.add_permits(1);
    let (reply, _) = device.hear().await;
    let reply = Packet::parse(&reply).unwrap();
    let authenticator = *Packet::parse(&old).unwrap().authenticator();
    assert_eq!(secret("s3cret").check_reply(&reply, &authenticator, true), Ok(()));
    let alive = signed_with(&secret("new"), Code::StatusServer, 3, 3, None, &[]);
    device.send(server.address, &alive).await;
    let (reply, _) = device.hear().await;
    assert_eq!(secret("new").check_reply(&Packet::parse(&reply).unwrap(), &[3; 16], true), Ok(()));
    assert_eq!(server.count("dropped", "message-authenticator-wrong"), 1, "the old secret is gone");
}

#[tokio::test]
async fn stopping_lets_running_logins_end_and_reads_no_more() {
    let mut server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    device.send(server.address, &log_in(1, b"wrong123456", &[])).await;
    server.asked(1).await;
    server.stop.send_replace(true);
    server.world.permits.add_permits(1);
    let (reply, _) = device.hear().await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessReject);
    let task = server.tasks.remove(0);
    assert_eq!(timeout(PATIENCE, task).await.unwrap().unwrap(), 0, "nobody was cut off");
    assert!(bind(server.address, &homes(1)).is_ok(), "the socket is closed");
}

#[tokio::test]
async fn stopping_says_how_many_logins_were_cut_off() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let (stop, stopped) = watch::channel(false);
    let listener = bind("127.0.0.1:0".parse().unwrap(), &homes(1)).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(listener.serve(server.front.clone(), stopped, Duration::ZERO));
    let device = server.device().await;
    device.send(address, &log_in(1, b"wrong123456", &[])).await;
    server.asked(1).await;
    drop(stop);
    assert_eq!(timeout(PATIENCE, task).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn several_sockets_share_one_address() {
    let server = Server::start("127.0.0.1:0", 3, 99);
    assert_eq!(server.tasks.len(), 3);
    for n in 1..=20 {
        let device = server.device().await;
        let reply = device.ask(server.address, &log_in(n, b"hunter2123456", &[])).await;
        assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    }
    assert_eq!(server.count("sent", "accept"), 20);
}

#[tokio::test]
async fn a_packet_that_the_kernel_does_not_take_keeps_no_other_from_leaving() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let listener = bind(address.parse().unwrap(), &homes(1)).unwrap().remove(0);
        let device = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        device.send_to(b"?", ("127.0.0.1", port)).await.unwrap();
        listener.readable().await.unwrap();
        let (here, nowhere) = (device.local_addr().unwrap(), "[::1]:9".parse().unwrap());
        let local = Some(IpAddr::from([127, 0, 0, 1]));
        let to = |peer: SocketAddr, text: &str| Outgoing { peer, local, bytes: text.as_bytes().into() };
        let packets = [to(here, "first"), to(nowhere, "lost"), to(nowhere, "lost"), to(here, "last")];
        let mut failed = Vec::new();
        listener.send_all(&packets, |packet, _| failed.push(packet.peer));
        assert_eq!(failed, [nowhere, nowhere], "{address}");
        for text in ["first", "last"] {
            let mut buffer = [0; 16];
            let (length, _) = timeout(PATIENCE, device.recv_from(&mut buffer)).await.unwrap().unwrap();
            assert_eq!(&buffer[..length], text.as_bytes(), "{address}");
        }
    }
}
