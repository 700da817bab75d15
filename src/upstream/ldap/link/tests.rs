use std::time::Duration;

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;
use crate::base::clock::{Clock, SystemClock};
use crate::wire::ldap::ber::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, Writer};
use crate::wire::ldap::message::{NOTICE_OF_DISCONNECTION, op};
use crate::wire::ldap::request::simple_bind;

fn message(id: u32, tag: u8, name: Option<&[u8]>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        message.nested(tag, |result| {
            result.integer(ENUMERATED, 0);
            result.bytes(OCTET_STRING, b"");
            result.bytes(OCTET_STRING, b"");
            name.into_iter().for_each(|name| result.bytes(0x8a, name));
        });
    });
    writer.finish().to_vec()
}

fn soon() -> Instant {
    Instant::from_std(SystemClock.now().steady) + Duration::from_secs(10)
}

/// A connection after an answered bind, and the server's end of it.
async fn bound() -> (Link, DuplexStream) {
    let (ours, mut theirs) = duplex(1 << 16);
    let mut link = Link::new(Box::new(ours), Home::here());
    let answer = message(1, op::BIND_RESPONSE, None);
    let server = async {
        assert!(theirs.read(&mut [0; 1024]).await.unwrap() > 0);
        theirs.write_all(&answer).await.unwrap();
    };
    let bind = link.ask(op::BIND_RESPONSE, soon(), |id| simple_bind(id, "cn=x", b"y"));
    let (asked, ()) = tokio::join!(bind, server);
    asked.unwrap();
    (link, theirs)
}

#[tokio::test]
async fn the_stream_that_is_handed_over_carries_every_octet_both_ways() {
    let (link, mut theirs) = bound().await;
    let mut ours = link.into_stream().unwrap();
    let octets: Vec<u8> = (0..40_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for _ in 0..2 {
        ours.write_all(&octets).await.unwrap();
        let mut got = vec![0; octets.len()];
        theirs.read_exact(&mut got).await.unwrap();
        assert_eq!(got, octets, "nothing was said before it, not even a goodbye");
        theirs.write_all(&octets).await.unwrap();
        ours.read_exact(&mut got).await.unwrap();
        assert_eq!(got, octets);
    }
    drop(theirs);
    assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_says_what_nobody_asked_for_keeps_its_stream() {
    let cases: [(&str, Vec<u8>); 6] = [
        ("the beginning of a message", vec![0x30, 0x20, 2, 1]),
        ("no LDAP", b"HTTP/1.1 400".to_vec()),
        ("an answer to nothing", message(77, op::SEARCH_DONE, None)),
        ("the same answer again", message(1, op::BIND_RESPONSE, None)),
        ("a notice that it ends", message(0, op::EXTENDED_RESPONSE, Some(NOTICE_OF_DISCONNECTION))),
        ("an answer and half of another", [message(77, op::SEARCH_DONE, None), vec![0x30]].concat()),
    ];
    for (what, said) in cases {
        for heard in [false, true] {
            let (mut link, mut theirs) = bound().await;
            theirs.write_all(&said).await.unwrap();
            assert!(!heard || link.is_over(), "{what}");
            assert!(link.into_stream().is_none(), "{what}, heard before: {heard}");
            let mut rest = Vec::new();
            theirs.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty(), "{what}: the connection ends");
        }
    }
}

#[tokio::test]
async fn a_connection_that_the_server_has_ended_gives_no_stream() {
    let (link, theirs) = bound().await;
    drop(theirs);
    assert!(link.into_stream().is_none());
}

#[tokio::test]
async fn a_connection_on_which_an_answer_may_still_come_gives_no_stream() {
    let (mut link, mut theirs) = bound().await;
    let request = link.ask(op::BIND_RESPONSE, soon(), |id| simple_bind(id, "cn=x", b"y"));
    tokio::select! {
        _ = request => panic!("nobody answers"),
        read = theirs.read_u8() => assert_eq!(read.unwrap(), 0x30, "the request has left"),
    }
    assert!(link.into_stream().is_none());
}

#[tokio::test]
async fn a_notice_of_something_unknown_is_passed_over_and_harms_nothing() {
    // RFC 4511 section 4.4: it is ignored when its name is not recognised.
    let (mut link, mut theirs) = bound().await;
    let notice = message(0, op::EXTENDED_RESPONSE, Some(b"1.2.3"));
    let server = async {
        theirs.read_u8().await.unwrap();
        theirs.write_all(&[notice, message(2, op::BIND_RESPONSE, None)].concat()).await.unwrap();
    };
    let bind = link.ask(op::BIND_RESPONSE, soon(), |id| simple_bind(id, "cn=x", b"y"));
    let (asked, ()) = tokio::join!(bind, server);
    assert_eq!(asked.unwrap().messages().count(), 1);
    assert!(link.into_stream().is_some());
}
