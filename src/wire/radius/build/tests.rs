use super::*;
use crate::wire::radius::authenticator::Proof;
use crate::wire::radius::dictionary::{PROXY_STATE, REPLY_MESSAGE, STATE, USER_NAME};
use crate::wire::radius::password::reveal;
use crate::wire::radius::vectors::secret;

fn request_with(proxy_states: &[u8]) -> ReplyTo {
    ReplyTo { identifier: 7, authenticator: *b"request-authenti", proxy_states: proxy_states.to_vec() }
}

#[test]
fn a_041_every_reply_has_message_authenticator_directly_behind_the_header() {
    let mut buffer = [0; MAX_LEN];
    let to = request_with(&[PROXY_STATE, 3, b'x']);
    let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessChallenge, &to).unwrap();
    reply.attribute(STATE, b"abc").unwrap();
    reply.text(REPLY_MESSAGE, "Code?").unwrap();
    let bytes = reply.sign(&secret("s")).unwrap();

    let packet = Packet::parse(bytes).unwrap();
    assert_eq!(&bytes[20..22], [MESSAGE_AUTHENTICATOR, 18]);
    assert_eq!((packet.code(), packet.identifier()), (Code::AccessChallenge, 7), "A-060");
    assert_eq!(secret("s").check_reply(&packet, &to.authenticator, true), Ok(()));
    assert!(secret("t").check_reply(&packet, &to.authenticator, true).is_err());
}

#[test]
fn a_061_proxy_states_come_back_unchanged_and_in_their_order() {
    let states = [&[PROXY_STATE, 4, 2, 2][..], &[PROXY_STATE, 2], &[PROXY_STATE, 3, 1]].concat();
    let to = request_with(&states);
    for code in [Code::AccessAccept, Code::AccessReject, Code::AccessChallenge] {
        let mut buffer = [0; MAX_LEN];
        let bytes = ReplyBuilder::new(&mut buffer, code, &to).unwrap().sign(&secret("s")).unwrap();
        assert_eq!(Packet::parse(bytes).unwrap().proxy_states(), states);
    }
}

#[test]
fn a_062_proxy_state_displaces_what_is_optional_and_is_never_cut() {
    let big = [&[PROXY_STATE, 255][..], &[9; 253]].concat().repeat(15);
    let to = request_with(&big);
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessReject, &to).unwrap();
    assert_eq!(reply.text(REPLY_MESSAGE, &"x".repeat(300)), Err(DoesNotFit));
    assert_eq!(reply.text(REPLY_MESSAGE, "short"), Ok(()));
    let packet = Packet::parse(reply.sign(&secret("s")).unwrap()).unwrap();
    assert_eq!(packet.proxy_states(), big);
    assert_eq!(packet.find(REPLY_MESSAGE), Some(&b"short"[..]), "and nothing of the text that did not fit");

    let too_big = request_with(&[0; MAX_LEN - HEADER_LEN - 17]);
    assert!(ReplyBuilder::new(&mut buffer, Code::AccessReject, &too_big).is_err());
}

#[test]
fn a_016_an_empty_attribute_is_never_sent() {
    let to = request_with(&[]);
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessAccept, &to).unwrap();
    reply.attribute(REPLY_MESSAGE, b"").unwrap();
    reply.text(REPLY_MESSAGE, "").unwrap();
    reply.vendor(9, 1, b"").unwrap();
    assert_eq!(reply.sign(&secret("s")).unwrap().len(), HEADER_LEN + 18);
}

#[test]
fn a_value_that_the_length_byte_cannot_count_is_refused() {
    let to = request_with(&[]);
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessAccept, &to).unwrap();
    assert_eq!(reply.attribute(25, &[1; 254]), Err(DoesNotFit));
    assert_eq!(reply.vendor(9, 1, &[1; 248]), Err(DoesNotFit));
    assert_eq!((reply.attribute(25, &[1; 253]), reply.vendor(9, 1, &[1; 247])), (Ok(()), Ok(())));
    assert!(Packet::parse(reply.sign(&secret("s")).unwrap()).is_ok());
}

#[test]
fn a_043_our_own_request_proves_itself_and_hides_its_password() {
    let mut buffer = [0; MAX_LEN];
    let secret = secret("s3cret");
    let mut request = RequestBuilder::new(&mut buffer, Code::AccessRequest, 9, [5; 16]).unwrap();
    request.attribute(USER_NAME, b"anna").unwrap();
    request.password(b"correct horse", &secret).unwrap();
    assert_eq!(request.password(&[b'x'; 129], &secret), Err(DoesNotFit));
    let packet = Packet::parse(request.sign(&secret).unwrap()).unwrap();
    assert_eq!(packet.bytes()[20], MESSAGE_AUTHENTICATOR);
    assert_eq!(secret.check_request(&packet), Proof::Valid);
    let hidden = packet.find(USER_PASSWORD).unwrap();
    assert_eq!(reveal(hidden, secret.raw(), packet.authenticator()).unwrap().expose(), b"correct horse");
}

#[test]
fn whole_attributes_are_copied_as_they_stand_or_not_at_all() {
    let to = request_with(&[]);
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessAccept, &to).unwrap();
    let good = [25, 4, 1, 2, 33, 2, 26, 9, 0, 0, 0, 9, 1, 3, b'x'];
    reply.raw(&good).unwrap();
    for bad in [&[25][..], &[25, 1], &[25, 5, 1, 2], &[25, 3, 1, 7], &[&[80, 18][..], &[0; 16]].concat()] {
        assert_eq!(reply.raw(bad), Err(DoesNotFit), "{bad:?}");
    }
    assert_eq!(reply.raw(&[25, 4, 1, 2].repeat(1020)), Err(DoesNotFit));
    let packet = Packet::parse(reply.sign(&secret("s")).unwrap()).unwrap();
    assert_eq!(packet.attribute_bytes()[18..], good);
}

#[test]
fn a_143_a_long_value_fills_all_of_its_attributes_but_the_last() {
    let to = request_with(&[]);
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessChallenge, &to).unwrap();
    assert_eq!(reply.long(79, &[1; 4096]), Err(DoesNotFit));
    reply.long(79, &[1; 600]).unwrap();
    let packet = Packet::parse(reply.sign(&secret("s")).unwrap()).unwrap();
    assert_eq!(packet.all(79).map(<[u8]>::len).collect::<Vec<_>>(), [253, 253, 94]);
}

#[test]
fn a_134_accounting_has_no_message_authenticator_in_either_direction() {
    let secret = secret("s");
    let (mut there, mut back) = ([0; MAX_LEN], [0; MAX_LEN]);
    let mut notice = NoticeBuilder::new(&mut there, Code::AccountingRequest, 3).unwrap();
    notice.attribute(40, &[0, 0, 0, 1]).unwrap();
    notice.vendor(9, 1, b"a=b").unwrap();
    notice.raw(&[PROXY_STATE, 3, 9]).unwrap();
    let request = Packet::parse(notice.sign(&secret).unwrap()).unwrap();
    assert!(secret.proves_notice(&request) && !request.has(MESSAGE_AUTHENTICATOR));

    let to = ReplyTo::from(&request);
    let reply = ReplyBuilder::new(&mut back, Code::AccountingResponse, &to).unwrap();
    let reply = Packet::parse(reply.sign(&secret).unwrap()).unwrap();
    assert_eq!(reply.attribute_bytes(), [PROXY_STATE, 3, 9]);
    assert_eq!(secret.check_reply(&reply, request.authenticator(), false), Ok(()));
}

#[test]
fn a_136_a_disconnect_request_proves_itself_twice_and_so_does_its_answer() {
    let secret = secret("s");
    for (code, answer) in [(Code::DisconnectRequest, Code::DisconnectAck), (Code::CoaRequest, Code::CoaNak)] {
        let (mut there, mut back) = ([0; MAX_LEN], [0; MAX_LEN]);
        let mut notice = NoticeBuilder::new(&mut there, code, 3).unwrap();
        notice.attribute(USER_NAME, b"anna").unwrap();
        let request = Packet::parse(notice.sign(&secret).unwrap()).unwrap();
        assert_eq!(request.bytes()[HEADER_LEN], MESSAGE_AUTHENTICATOR);
        assert!(secret.proves_notice(&request));

        let to = ReplyTo::from(&request);
        let reply = ReplyBuilder::new(&mut back, answer, &to).unwrap();
        let reply = Packet::parse(reply.sign(&secret).unwrap()).unwrap();
        assert_eq!(secret.check_reply(&reply, request.authenticator(), true), Ok(()));
    }
}
