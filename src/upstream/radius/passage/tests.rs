use proptest::prelude::*;

use super::*;
use crate::base::secret::Secret;
use crate::wire::radius::build::{Buffer, ReplyBuilder, ReplyTo, RequestBuilder};
use crate::wire::radius::hidden::Salts;
use crate::wire::radius::packet::MAX_LEN;

const AUTHENTICATOR: [u8; 16] = *b"device's request";
const FROM: Which =
    Which(std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1812));

fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(Secret::copied(text.as_bytes())).unwrap()
}

fn vsa(vendor: u32, kind: u8, value: &[u8]) -> Vec<u8> {
    let inner = u8::try_from(value.len() + 2).unwrap();
    [&[26, inner + 6][..], &vendor.to_be_bytes(), &[kind, inner], value].concat()
}

/// A device's request with these attributes and a password.
fn forwarded(attributes: &[u8], password: Option<&[u8]>, name: Option<&str>) -> Forwarded {
    let mut buffer: Buffer = [0; MAX_LEN];
    let mut request = RequestBuilder::new(&mut buffer, Code::AccessRequest, 1, AUTHENTICATOR).unwrap();
    request.raw(attributes).unwrap();
    if let Some(password) = password {
        request.password(password, &secret("device")).unwrap();
    }
    let bytes = request.sign(&secret("device")).unwrap();
    Forwarded::read(&Packet::parse(bytes).unwrap(), name)
}

fn response(code: Code, attributes: &[u8]) -> Response {
    let to = ReplyTo { identifier: 1, authenticator: AUTHENTICATOR, proxy_states: Vec::new() };
    let mut buffer: Buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, code, &to).unwrap();
    reply.raw(attributes).unwrap();
    Response::new(reply.sign(&secret("upstream")).unwrap().into(), AUTHENTICATOR)
}

const NAMED: [u8; 12] = [1, 6, b'a', b'n', b'n', b'a', 32, 6, b'v', b'p', b'n', b'1'];

#[test]
fn a_170_a_172_attributes_go_on_whole_and_in_order_and_what_is_between_neighbours_does_not() {
    let cisco = vsa(9, 1, b"ip:source-ip=192.0.2.1");
    let kept = [&NAMED[..], &[31, 5, b'1', b'.', b'1'], &cisco, &[200, 3, 7], &[31, 4, b'2', b'2']].concat();
    let between = [&[24, 6, 1, 2, 3, 4][..], &[33, 4, 9, 9], &[33, 3, 8]].concat();
    let all = [&between[..], &kept].concat();
    let forwarded = forwarded(&all, Some(b"secret"), None);
    assert_eq!(*forwarded.attributes(true, None, "doorward"), kept);
    assert!(!forwarded.has_proof());
}

#[test]
fn what_only_a_server_may_say_does_not_go_on() {
    let mut all = NAMED.to_vec();
    for kind in [11, 18, 25, 27, 28, 29] {
        all.extend([kind, 6, 0, 0, 0, 1]);
    }
    for kind in [2, 7, 8, 10, 12, 16, 17, 26] {
        all.extend(vsa(311, kind, &[0; 4]));
    }
    let other = vsa(9, 26, b"of another vendor");
    all.extend(&other);
    let kept = [&NAMED[..], &other].concat();
    assert_eq!(*forwarded(&all, None, None).attributes(true, None, ""), kept);
}

#[test]
fn what_of_microsofts_cannot_be_read_here_is_read_by_no_server_either() {
    // A response behind which a stray byte stands, and one that runs over the end.
    let mut stray = vsa(311, 25, &[1; 50]);
    stray.push(0);
    stray[1] += 1;
    let mut long = vsa(311, 27, &[1; 68]);
    long[7] += 1;
    for broken in [stray, long] {
        let all = [&NAMED[..], &broken].concat();
        assert_eq!(*forwarded(&all, Some(b"x"), None).attributes(true, None, ""), NAMED);
        let response = response(Code::AccessAccept, &broken);
        let fault = Answered::read(&response, FROM, &secret("upstream")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::UpstreamConfusing, "it might have been a key");
    }
}

#[test]
fn a_reply_full_of_small_pieces_takes_up_no_more_than_they_do() {
    let one = [&[26, 254, 0, 0, 0, 9][..], &[1, 2].repeat(124)].concat();
    let response = response(Code::AccessAccept, &one.repeat(15));
    let answered = Answered::read(&response, FROM, &secret("upstream")).unwrap();
    assert_eq!(answered.pieces().len(), 15 * 124);
    let kept: usize = answered.pieces().iter().map(|piece| piece.whole.capacity()).sum();
    assert!(kept <= 15 * 124 * 16, "{kept}");
}

#[test]
fn a_171_the_upstream_gets_its_own_state_and_a_device_without_a_name_gets_ours() {
    let request = forwarded(&NAMED[..6], Some(b"x"), None);
    let sent = request.attributes(true, Some(b"of the upstream"), "doorward");
    let packet_state: Vec<_> = Attributes::new(&sent, 0).filter(|a| a.kind == 24).map(|a| a.value).collect();
    assert_eq!(packet_state, [b"of the upstream"]);
    assert!(sent.ends_with(b"\x20\x0adoorward"));
    let named = forwarded(&NAMED, Some(b"x"), None).attributes(true, None, "doorward");
    assert_eq!(*named, NAMED, "the device's own name is kept");
}

#[test]
fn a_095_chap_without_a_challenge_takes_the_request_authenticator_with_it() {
    let chap = [&NAMED[..], &[3, 19], &[7; 17]].concat();
    let request = forwarded(&chap, None, None);
    let expected = [&chap[..], &[60, 18], &AUTHENTICATOR].concat();
    assert_eq!(*request.attributes(false, None, ""), expected);
    assert!(request.has_proof());
    let with = [&chap[..], &[60, 6, 1, 2, 3, 4]].concat();
    assert_eq!(*forwarded(&with, None, None).attributes(false, None, ""), with, "its own is kept as it is");
}

#[test]
fn a_012_a_password_goes_on_alone() {
    let proofs = [
        [&[3, 19][..], &[7; 17]].concat(),
        vec![60, 6, 1, 2, 3, 4],
        vec![79, 7, 2, 1, 0, 5, 1],
        vsa(311, 11, &[1; 16]),
        vsa(311, 25, &[1; 50]),
    ];
    let all = [&NAMED[..], &proofs.concat()].concat();
    let request = forwarded(&all, None, None);
    assert_eq!(*request.attributes(true, None, ""), NAMED);
    assert_eq!(*request.attributes(false, None, ""), all);
    assert!(request.is_eap());
}

#[test]
fn a_098_a_rewritten_name_goes_on_only_where_no_proof_was_made_over_the_typed_one() {
    let plain = forwarded(&NAMED, Some(b"x"), Some("anna@example.org")).attributes(true, None, "");
    assert!(plain.starts_with(b"\x01\x12anna@example.org\x20"), "in the place of the typed one");
    let proven = [&NAMED[..], &vsa(311, 25, &[1; 50])].concat();
    let request = forwarded(&proven, None, Some("anna@example.org"));
    assert_eq!(*request.attributes(false, None, ""), proven);
}

#[test]
fn a_102_keys_and_passwords_are_opened_with_the_secret_they_came_under() {
    let upstream = secret("upstream");
    let mut salts = Salts::new([1, 2]);
    let key =
        crate::wire::radius::hidden::hide(&[7; 32], salts.draw(), upstream.raw(), &AUTHENTICATOR).unwrap();
    let tunnel =
        crate::wire::radius::hidden::hide(b"tunnel", salts.draw(), upstream.raw(), &AUTHENTICATOR).unwrap();
    let tunnel = [&[69, u8::try_from(tunnel.len()).unwrap() + 3, 1][..], &tunnel].concat();
    let attributes = [vsa(311, 16, &key), tunnel, vec![25, 4, 1, 2], vec![24, 3, 9], vec![33, 3, 1]].concat();
    let response = response(Code::AccessAccept, &attributes);
    let answered = Answered::read(&response, FROM, &upstream).unwrap();
    let kinds: Vec<_> = answered.pieces().iter().map(|piece| (piece.vendor(), piece.kind())).collect();
    assert_eq!(
        kinds,
        [(Some(311), 16), (None, 69), (None, 25)],
        "State and Proxy-State are not for the device"
    );
    assert_eq!(answered.pieces()[0].opened().unwrap().plain().expose(), [7; 32]);
    assert_eq!(answered.pieces()[1].opened().unwrap().plain().expose(), b"tunnel");
    assert_eq!((answered.find(None, 25), answered.state()), (Some(&[1, 2][..]), Some(&[9][..])));
    assert_eq!(answered.pieces()[2].whole(), [25, 4, 1, 2]);
}

#[test]
fn a_key_that_does_not_open_is_a_fault_and_not_an_accept_without_it() {
    let response = response(Code::AccessAccept, &vsa(311, 17, &[1; 7]));
    let fault = Answered::read(&response, FROM, &secret("upstream")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamConfusing);
}

#[test]
fn several_pieces_of_a_vendor_come_apart_and_a_broken_one_stays_whole() {
    let two = [26, 14, 0, 0, 0, 9, 1, 4, b'a', b'b', 2, 4, b'c', b'd'];
    let broken = [26, 9, 0, 0, 0, 9, 1, 9, b'a'];
    let response = response(Code::AccessAccept, &[&two[..], &broken].concat());
    let answered = Answered::read(&response, FROM, &secret("upstream")).unwrap();
    let wholes: Vec<_> = answered.pieces().iter().map(|piece| piece.whole().to_vec()).collect();
    assert_eq!(wholes, [vsa(9, 1, b"ab"), vsa(9, 2, b"cd"), broken.to_vec()]);
    assert_eq!((answered.find(Some(9), 2), answered.pieces()[2].vendor()), (Some(&b"cd"[..]), None));
}

#[test]
fn neither_shows_what_is_inside() {
    let request = forwarded(&NAMED, Some(b"x"), None);
    let response = response(Code::AccessAccept, &[25, 8, b's', b'e', b'c', b'r', b'e', b't']);
    let answered = Answered::read(&response, FROM, &secret("upstream")).unwrap();
    let shown = format!("{request:?} {answered:?} {:?} {response:?}", answered.pieces());
    assert!(!shown.contains("anna") && !shown.contains("115"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_attributes_come_nothing_of_ours_or_of_servers_goes_on(
        pieces in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 1..60)), 0..20),
    ) {
        let mut all = Vec::new();
        let once = |kind: u8| [1, 2, 3, 24, 80].contains(&kind);
        for (kind, value) in pieces.iter().filter(|(kind, _)| !once(*kind)) {
            append(&mut all, *kind, value);
        }
        let request = forwarded(&all, None, None);
        let sent = request.attributes(false, None, "doorward");
        let mut walk = Attributes::new(&sent, 0);
        while let Some(attribute) = walk.step().expect("whole attributes") {
            prop_assert!(![2, 24, 33, 80, 11, 18, 25, 27, 28, 29].contains(&attribute.kind));
        }
    }

    #[test]
    fn whatever_an_upstream_answers_comes_apart_into_whole_attributes_or_is_a_fault(
        pieces in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 1..60)), 0..20),
        vendor: bool,
    ) {
        let mut all = Vec::new();
        for (kind, value) in pieces.iter().filter(|(kind, _)| ![1, 2, 3, 24, 80].contains(kind)) {
            if vendor {
                all.extend(vsa(311, *kind, value));
            } else {
                append(&mut all, *kind, value);
            }
        }
        let response = response(Code::AccessAccept, &all);
        if let Ok(answered) = Answered::read(&response, FROM, &secret("upstream")) {
            let wholes: Vec<u8> = answered.pieces().iter().flat_map(Piece::whole).copied().collect();
            let mut walk = Attributes::new(&wholes, 0);
            while walk.step().expect("whole attributes").is_some() {}
            let kept = Attributes::new(&all, 0).filter(|attribute| attribute.kind != 33);
            prop_assert_eq!(wholes, kept.flat_map(|attribute| attribute.whole.to_vec()).collect::<Vec<u8>>());
        }
    }
}
