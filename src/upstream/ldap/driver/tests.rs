use std::time::Duration;

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;
use crate::base::clock::{Clock, SystemClock};
use crate::upstream::ldap::connection::Connection;
use crate::wire::ldap::answer;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::request::{Scope, Search, Selection, search};
use crate::wire::ldap::result::ResultCode;

fn soon() -> Instant {
    Instant::from_std(SystemClock.now().steady) + Duration::from_secs(10)
}

fn look(id: u32, name: &str) -> Vec<u8> {
    let filter = Filter::Equal("uid", name.as_bytes());
    let request = Search {
        base: "dc=x",
        scope: Scope::Subtree,
        size_limit: 1,
        time_limit: 0,
        filter: &filter,
        attributes: &Selection::of([]),
        page: None,
    };
    search(id, &request)
}

fn done(id: u32) -> Vec<u8> {
    answer::result(id, op::SEARCH_DONE, ResultCode::SUCCESS, "")
}

/// The requests that one read brings.
async fn read_at_once(theirs: &mut DuplexStream) -> Vec<u32> {
    let mut chunk = vec![0; CHUNK];
    let count = theirs.read(&mut chunk).await.unwrap();
    let mut inbox = Inbox::new(MAX_MESSAGE);
    inbox.push(&chunk[..count]).unwrap();
    let mut ids = Vec::new();
    while let Some(whole) = inbox.take().unwrap() {
        ids.push(Message::read(whole).unwrap().id);
    }
    assert_eq!(inbox.waiting(), 0, "whole messages");
    ids
}

#[tokio::test]
async fn searches_that_wait_leave_together_and_each_gets_its_own_answer_in_whatever_order() {
    let (ours, mut theirs) = duplex(1 << 16);
    let connection = Connection::start(Box::new(ours));
    let ask =
        |name: &'static str| connection.request(op::SEARCH_DONE, soon(), move |id| Some(look(id, name)));
    let server = async {
        let ids = read_at_once(&mut theirs).await;
        assert_eq!(ids, [1, 2, 3], "one write for all of them");
        let entry = answer::entry(2, "uid=b,dc=x", &[("uid", vec!["b"])], false);
        theirs.write_all(&[done(3), entry, done(1), done(2)].concat()).await.unwrap();
    };
    let (a, b, c, ()) = tokio::join!(ask("a"), ask("b"), ask("c"), server);
    let ids = |answer: Result<Answer, Broken>| -> Vec<u32> {
        answer.unwrap().messages().map(|message| message.unwrap().id).collect()
    };
    assert_eq!((ids(a), ids(b), ids(c)), (vec![1], vec![2, 2], vec![3]));
}

#[tokio::test]
async fn what_is_asked_while_a_write_is_stuck_waits_and_leaves_when_the_peer_reads_again() {
    let (ours, mut theirs) = duplex(16);
    let connection = Connection::start(Box::new(ours));
    let ask =
        |name: &'static str| connection.request(op::SEARCH_DONE, soon(), move |id| Some(look(id, name)));
    let server = async {
        let mut inbox = Inbox::new(MAX_MESSAGE);
        let mut answered = 0;
        while answered < 2 {
            let mut chunk = [0; 5];
            let count = theirs.read(&mut chunk).await.unwrap();
            inbox.push(&chunk[..count]).unwrap();
            while let Some(whole) = inbox.take().unwrap() {
                answered += 1;
                theirs.write_all(&done(Message::read(whole).unwrap().id)).await.unwrap();
            }
        }
    };
    let (a, b, ()) = tokio::join!(ask("a"), ask("b"), server);
    assert!(a.is_ok() && b.is_ok());
}

#[tokio::test]
async fn a_connection_without_handles_says_goodbye_behind_what_was_asked() {
    let (ours, mut theirs) = duplex(1 << 16);
    let connection = Connection::start(Box::new(ours));
    drop(connection);
    let mut all = Vec::new();
    theirs.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, *unbind(MAX_MESSAGE_ID));
}
