//! The other end of CHAP, MS-CHAP and MS-CHAPv2: what a peer that knows the password computes (RFC 1994,
//! RFC 2433, RFC 2759, RFC 3079). The product itself never hashes for these methods; it relays them.

use des::cipher::{BlockCipherEncrypt, KeyInit};
use md4::{Digest, Md4};
use sha1::Sha1;

/// One MS-CHAPv2 login, from the side of the peer.
pub(crate) struct Peer {
    /// The name as it is hashed: without a domain.
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) identifier: u8,
    /// What the device asked.
    pub(crate) challenge: [u8; 16],
    /// What the peer asks the server.
    pub(crate) peer_challenge: [u8; 16],
}

impl Peer {
    pub(crate) fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            identifier: 7,
            challenge: *b"challenge-of-nas",
            peer_challenge: *b"challenge-to-srv",
        }
    }

    /// Value of MS-CHAP2-Response.
    pub(crate) fn response(&self) -> [u8; 50] {
        let mut value = [0; 50];
        value[0] = self.identifier;
        value[2..18].copy_from_slice(&self.peer_challenge);
        value[26..].copy_from_slice(&self.nt_response());
        value
    }

    /// MS-CHAP-Challenge and MS-CHAP2-Response as whole attributes.
    pub(crate) fn attributes(&self) -> Vec<u8> {
        [vendor(11, &self.challenge), vendor(25, &self.response())].concat()
    }

    /// Value of the MS-CHAP2-Success by which the peer knows the server.
    pub(crate) fn success(&self) -> Vec<u8> {
        let first = sha1(&[
            &md4(&nt_hash(&self.password)),
            &self.nt_response(),
            b"Magic server to client signing constant",
        ]);
        let proof = sha1(&[&first, &self.challenge_hash(), b"Pad to make it do more than one iteration"]);
        let text = format!("S={}", data_encoding::HEXUPPER.encode(&proof));
        [&[self.identifier], text.as_bytes()].concat()
    }

    /// What the device must get as MS-MPPE-Send-Key: the key that the peer receives with.
    pub(crate) fn device_sends(&self) -> [u8; 16] {
        self.start_key("On the client side, this is the receive key; on the server side, it is the send key.")
    }

    /// What the device must get as MS-MPPE-Recv-Key: the key that the peer sends with.
    pub(crate) fn device_receives(&self) -> [u8; 16] {
        self.start_key("On the client side, this is the send key; on the server side, it is the receive key.")
    }

    pub(crate) fn nt_response(&self) -> [u8; 24] {
        challenge_response(&self.challenge_hash(), &nt_hash(&self.password))
    }

    fn challenge_hash(&self) -> [u8; 8] {
        let hash = sha1(&[&self.peer_challenge, &self.challenge, self.name.as_bytes()]);
        hash[..8].try_into().unwrap()
    }

    fn master_key(&self) -> [u8; 16] {
        let hash =
            sha1(&[&md4(&nt_hash(&self.password)), &self.nt_response(), b"This is the MPPE Master Key"]);
        hash[..16].try_into().unwrap()
    }

    fn start_key(&self, side: &str) -> [u8; 16] {
        let hash = sha1(&[&self.master_key(), &[0; 40], side.as_bytes(), &[0xf2; 40]]);
        hash[..16].try_into().unwrap()
    }
}

/// MS-CHAP-Challenge and MS-CHAP-Response of the first version as whole attributes, with the NT response
/// alone, as peers of this century send it.
pub(crate) fn first_version(password: &str, identifier: u8, challenge: &[u8; 8]) -> Vec<u8> {
    let mut value = [0; 50];
    value[0] = identifier;
    value[1] = 1;
    value[26..].copy_from_slice(&challenge_response(challenge, &nt_hash(password)));
    [vendor(11, challenge), vendor(1, &value)].concat()
}

/// CHAP-Challenge and CHAP-Password as whole attributes (RFC 1994 section 4.1).
pub(crate) fn chap(password: &str, identifier: u8, challenge: &[u8; 16]) -> Vec<u8> {
    let response = chap_response(password, identifier, challenge);
    [&[60, 18][..], challenge, &[3, 19, identifier], &response].concat()
}

/// What a CHAP peer answers.
pub(crate) fn chap_response(password: &str, identifier: u8, challenge: &[u8]) -> [u8; 16] {
    use md5::Md5;
    let mut hash = Md5::new();
    hash.update([identifier]);
    hash.update(password);
    hash.update(challenge);
    hash.finalize().into()
}

/// Three encryptions of the challenge under the hash, filled up to 21 bytes (RFC 2433 section A.4).
pub(crate) fn challenge_response(challenge: &[u8; 8], hash: &[u8; 16]) -> [u8; 24] {
    let mut keys = [0; 21];
    keys[..16].copy_from_slice(hash);
    let mut response = [0; 24];
    for (key, out) in keys.as_chunks::<7>().0.iter().zip(response.as_chunks_mut::<8>().0) {
        let mut block = (*challenge).into();
        des::Des::new(&with_parity(key).into()).encrypt_block(&mut block);
        out.copy_from_slice(&block);
    }
    response
}

/// MD4 over the password in UTF-16 (RFC 2433 section A.2).
pub(crate) fn nt_hash(password: &str) -> [u8; 16] {
    md4(&password.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}

/// Seven bits in each byte; the eighth is not looked at.
fn with_parity(key: &[u8; 7]) -> [u8; 8] {
    let bits = key.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    std::array::from_fn(|n| u8::try_from(bits >> (49 - 7 * n) & 0x7f).unwrap() << 1)
}

fn md4(bytes: &[u8]) -> [u8; 16] {
    Md4::digest(bytes).into()
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// An attribute of Microsoft as a whole Vendor-Specific.
pub(crate) fn vendor(kind: u8, value: &[u8]) -> Vec<u8> {
    let inner = u8::try_from(value.len() + 2).unwrap();
    [&[26, inner + 6, 0, 0, 1, 55, kind, inner][..], value].concat()
}

mod vectors {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXUPPER.decode(text.as_bytes()).unwrap()
    }

    fn peer() -> Peer {
        Peer {
            name: "User".into(),
            password: "clientPass".into(),
            identifier: 0,
            challenge: hex("5B5D7C7D7B3F2F3E3C2C602132262628").try_into().unwrap(),
            peer_challenge: hex("21402324255E262A28295F2B3A337C7E").try_into().unwrap(),
        }
    }

    #[test]
    fn the_peer_computes_what_rfc_2759_section_9_2_says() {
        let peer = peer();
        assert_eq!(nt_hash("clientPass")[..], hex("44EBBA8D5312B8D611474411F56989AE"));
        assert_eq!(peer.nt_response()[..], hex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"));
        assert_eq!(peer.success(), b"\0S=407A5589115FD0D6209F510FE9C04566932CDA56");
        assert_eq!(peer.response()[2..18], peer.peer_challenge);
    }

    #[test]
    fn the_peer_derives_the_keys_of_rfc_3079_section_3_5() {
        let peer = peer();
        assert_eq!(peer.master_key()[..], hex("FDECE3717A8C838CB388E527AE3CDD31"));
        assert_eq!(peer.device_sends()[..], hex("8B7CDC149B993A1BA118CB153F56DCCB"));
        assert_eq!(peer.device_receives()[..], hex("D5F0E9521E3EA9589645E86051C82226"));
    }

    #[test]
    fn the_peer_of_the_first_version_answers_as_rfc_2433_appendix_b_says() {
        let challenge = hex("102DB5DF085D3041").try_into().unwrap();
        let response = challenge_response(&challenge, &nt_hash("MyPw"));
        assert_eq!(response[..], hex("4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61"));
    }
}
