//! Bodies of the RADIUS fuzz targets. The targets in `fuzz/` and the property tests in
//! `tests/radius_codec.rs` call the same functions, so what the fuzzer looks for is looked for in every run.

use doorward::base::secret::Secret;
use doorward::wire::radius::attribute::vendor_attributes;
use doorward::wire::radius::authenticator::{Proof, SharedSecret};
use doorward::wire::radius::build::{ReplyBuilder, ReplyTo, RequestBuilder};
use doorward::wire::radius::describe::describe;
use doorward::wire::radius::dictionary::{MESSAGE_AUTHENTICATOR, PROXY_STATE, VENDOR_SPECIFIC};
use doorward::wire::radius::packet::{Code, HEADER_LEN, MAX_LEN, Packet};

fn secret() -> SharedSecret {
    SharedSecret::new(Secret::copied(b"fuzz")).unwrap()
}

/// Reads any bytes as a packet. What is accepted must be the sum of its parts, survive being written anew,
/// and get a reply that proves itself and carries exactly its Proxy-State attributes.
pub fn packet(bytes: &[u8]) {
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
    written_anew(&packet, &secret);
    replied(&packet, &secret);
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
