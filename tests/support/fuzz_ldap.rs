//! Bodies of the LDAP fuzz targets. The targets in `fuzz/` and the property tests in
//! `tests/ldap_codec.rs` call the same functions, so what the fuzzer looks for is looked for in every run.

use doorward::wire::ldap::answer;
use doorward::wire::ldap::ask::{
    Asked, Bind, Compared, ExtendedRequest, Method, Modified, Request, SaslPlain, abandoned, attribute_type,
};
use doorward::wire::ldap::ber::{OCTET_STRING, Reader, SEQUENCE};
use doorward::wire::ldap::dn::{Dn, escape, prepared};
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE, cut};
use doorward::wire::ldap::message::{
    Entry, ExtendedResponse, LdapResult, MAX_CONTROLS, MAX_MESSAGE_ID, Message, PAGED_RESULTS, op,
    page_cookie,
};
use doorward::wire::ldap::passage::{Ended, Passage, Piece};
use doorward::wire::ldap::request::{
    Page, Scope, Search, Selection, abandon, search, simple_bind, start_tls,
};
use doorward::wire::ldap::result::{ResultCode, bind_data};

/// Longest message in [`stream`]; small, so that a short input meets the limit.
const LIMIT: usize = 4096;

/// Either side sends anything, in pieces of any size: they do not change what is read, memory stays within
/// the limit, every reader survives, and what passes through is what came in.
pub(crate) fn stream(piece: u8, stream: &[u8]) {
    let piece = usize::from(piece).max(1);
    let in_pieces = messages(stream, piece);
    let at_once = messages(stream, CHUNK);
    assert_eq!(in_pieces, at_once, "the network's pieces are no boundaries");
    let through = passage(stream, piece);
    assert_eq!(through, passage(stream, stream.len().max(1)), "nor are they in passing");
    for ((id, tag, bytes), whole) in through.messages.iter().zip(&at_once.0) {
        assert_eq!(bytes, whole, "both cut at the same places");
        if let Ok(message) = Message::read(whole) {
            assert_eq!((message.id, message.operation.tag), (*id, *tag), "the head was not misread");
        }
    }
    if let Some(refused) = at_once.0.get(through.messages.len()) {
        assert!(through.broken && Message::read(refused).is_err(), "what does not pass is no message");
    }
}

/// What came through a passage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Through {
    /// Number, tag and octets of the messages that came whole.
    pub(crate) messages: Vec<(u32, u8, Vec<u8>)>,
    /// All octets that came out.
    pub(crate) joined: Vec<u8>,
    /// The stream ended in nonsense.
    pub(crate) broken: bool,
}

/// Lets a stream through in pieces of this size. What comes out joined is what went in, but for a head that
/// is incomplete at its end.
pub(crate) fn passage(stream: &[u8], piece: usize) -> Through {
    let mut passage = Passage::new(LIMIT as u64);
    let mut through = Through { messages: Vec::new(), joined: Vec::new(), broken: false };
    let (mut message, mut open) = ((0, 0, Vec::new()), false);
    for received in stream.chunks(piece) {
        let fed = passage.feed(received, |piece| {
            let (bytes, ends) = match piece {
                Piece::Begins { id, tag, bytes, whole } => {
                    assert!(!open, "a message begins in another one");
                    message = (id, tag, Vec::new());
                    (bytes, whole)
                }
                Piece::Continues { bytes, ends } => {
                    assert!(open, "a message goes on that has not begun");
                    (bytes, ends)
                }
            };
            assert!(!bytes.is_empty());
            message.2.extend_from_slice(bytes);
            through.joined.extend_from_slice(bytes);
            open = !ends;
            if ends {
                through.messages.push(message.clone());
            }
            Ok::<(), std::convert::Infallible>(())
        });
        if fed.is_err() {
            through.broken = true;
            assert!(matches!(passage.feed(b"0", |_| Err(())), Err(Ended::Broken(_))), "once broken, broken");
            break;
        }
    }
    assert!(stream.starts_with(&through.joined), "octets came out that did not go in");
    if !through.broken {
        let held = stream.len() - through.joined.len();
        assert!(held < 38 && (held == 0 || !open), "more than a head is held");
        assert_eq!(passage.is_between_messages(), held == 0 && !open);
    }
    through
}

/// The messages in a stream, and whether it ended in nonsense.
fn messages(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let mut inbox = Inbox::new(LIMIT);
    let mut found = Vec::new();
    for chunk in stream.chunks(piece) {
        inbox.push(chunk).unwrap();
        loop {
            match inbox.take() {
                Ok(Some(whole)) => {
                    message(whole);
                    found.push(whole.to_vec());
                }
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(inbox.waiting() < LIMIT, "what waits is less than one message");
    }
    (found, false)
}

/// Any octets as one message: whatever is accepted is one whole frame, and all that is read out of it lies
/// inside it.
pub(crate) fn message(whole: &[u8]) {
    let Ok(message) = Message::read(whole) else { return };
    assert!(message.id <= MAX_MESSAGE_ID);
    assert_eq!(cut(whole, whole.len()), Ok(Some(whole.len())), "the framer agrees");
    let inside = |part: &[u8]| whole.as_ptr_range().contains(&part.as_ptr()) || part.is_empty();
    assert!(inside(message.operation.whole) && inside(message.operation.body));
    if let Ok(result) = LdapResult::read(&message.operation) {
        assert!(inside(result.matched) && inside(result.diagnostic));
        let _hint = bind_data(result.diagnostic);
    }
    if let Ok(response) = ExtendedResponse::read(&message.operation) {
        assert_eq!(LdapResult::read(&message.operation), Ok(response.result));
        assert!(response.name.is_none_or(inside) && response.value.is_none_or(inside));
    }
    client(&message);
    let controls = message.controls().take_while(Result::is_ok).flatten();
    assert!(controls.inspect(|c| assert!(inside(c.oid))).count() <= MAX_CONTROLS);
    if let Ok(Some(control)) = message.control(PAGED_RESULTS) {
        assert_eq!(control.oid, PAGED_RESULTS.as_bytes());
        assert!(control.value.is_none_or(|value| page_cookie(value).map_or(true, inside)));
    }
    if let Ok(entry) = Entry::read(&message.operation) {
        let mut octets = entry.dn.len();
        for attribute in entry.attributes().flatten() {
            let _part = attribute.range();
            octets += attribute.values().flatten().map(<[u8]>::len).sum::<usize>();
        }
        assert!(octets <= whole.len(), "nothing is read twice");
    }
}

/// Any message as the request of a client, whatever its tag says: all that is read lies inside it, and every
/// answer to it is a message that says what it must.
fn client(message: &Message<'_>) {
    let operation = &message.operation;
    let range = operation.whole.as_ptr_range();
    let inside = |part: &[u8]| range.contains(&part.as_ptr()) || part.is_empty();
    if let Ok(bind) = Bind::read(operation) {
        assert!(inside(bind.name));
        match bind.method {
            Method::Simple(password) => assert!(inside(password)),
            Method::Sasl { mechanism, credentials } => {
                assert!(inside(mechanism) && credentials.is_none_or(inside));
                if let Some(plain) = credentials.and_then(SaslPlain::read) {
                    let joined = [plain.authzid, plain.authcid, plain.password].join(&0);
                    assert_eq!(Some(&joined[..]), credentials);
                }
            }
            Method::Sicily(_) | Method::Other(_) => {}
        }
    }
    if let Ok(asked) = Asked::read(operation) {
        assert!(inside(asked.base) && asked.attributes().flatten().all(inside));
        if let Ok(names) = asked.filter_attributes(64) {
            assert!(names.clone().all(|name| inside(name) && inside(attribute_type(name))));
            let deeper = asked.filter_attributes(usize::MAX).map(Iterator::count);
            assert_eq!(deeper, Ok(names.count()));
        } else {
            assert!(!asked.is_presence_of_object_class());
        }
    }
    assert!(Compared::read(operation).map_or(true, |read| inside(read.entry) && inside(read.attribute)));
    assert!(ExtendedRequest::read(operation).map_or(true, |read| inside(read.name)));
    assert!(
        Modified::read(operation)
            .map_or(true, |mut read| read.changes.all(|c| c.map_or(true, |c| inside(c.attribute))))
    );
    assert!(abandoned(operation).map_or(true, |id| id <= MAX_MESSAGE_ID));
    let request = Request::of(operation.tag);
    if let Some(tag) = request.answer() {
        assert!(request.may_be_answered_by(tag));
        let answer = answer::result(message.id, tag, ResultCode::BUSY, "later");
        let answer = Message::read(&answer).unwrap();
        assert_eq!((answer.id, answer.operation.tag), (message.id, tag));
        assert_eq!(LdapResult::read(&answer.operation).unwrap().code, ResultCode::BUSY);
    }
}

/// Any octets as name, password, filter value and page cookie of what we send: each arrives as the one value
/// it was, wherever it stands (B-041, B-100).
pub(crate) fn request(bytes: &[u8]) {
    let Some((id, value)) = bytes.split_first_chunk::<4>() else { return };
    let id = u32::from_be_bytes(*id) & MAX_MESSAGE_ID;
    let name = String::from_utf8_lossy(value);
    match simple_bind(id, &name, value) {
        None => assert!(value.is_empty() || value.contains(&0)),
        Some(sent) => {
            let mut bind = operation(&sent, id, op::BIND_REQUEST);
            assert_eq!(bind.element().unwrap().integer(), Ok(3));
            assert_eq!(bind.expect(OCTET_STRING).unwrap().body, name.as_bytes());
            assert_eq!(bind.expect(0x80).unwrap().body, value);
            assert!(bind.is_empty());
        }
    }
    let filter = Filter::And(vec![Filter::Equal("uid", value), Filter::Not(Box::new(Filter::Present("cn")))]);
    let page = Some(Page { size: id, cookie: value });
    let sent = search(
        id,
        &Search {
            base: &name,
            scope: Scope::Subtree,
            size_limit: id,
            time_limit: id,
            filter: &filter,
            attributes: &Selection::of(["cn"]),
            page,
        },
    );
    let mut query = operation(&sent, id, op::SEARCH_REQUEST);
    assert_eq!(query.expect(OCTET_STRING).unwrap().body, name.as_bytes());
    for _ in 0..5 {
        query.element().unwrap();
    }
    let mut and = query.enter(0xa0).unwrap();
    let mut equal = and.enter(0xa3).unwrap();
    assert_eq!(equal.expect(OCTET_STRING).unwrap().body, b"uid");
    assert_eq!(equal.expect(OCTET_STRING).unwrap().body, value);
    assert!(equal.is_empty());
    and.enter(0xa2).unwrap();
    assert!(and.is_empty(), "no value becomes a condition");
    query.enter(SEQUENCE).unwrap();
    assert!(query.is_empty());
    let control = Message::read(&sent).unwrap().control(PAGED_RESULTS).unwrap().unwrap();
    assert_eq!(page_cookie(control.value.unwrap()), Ok(value));
    operation(&start_tls(id), id, op::EXTENDED_REQUEST);
    assert_eq!(Message::read(&abandon(id, id)).unwrap().operation.tag, op::ABANDON_REQUEST);
}

/// The inside of a message that we wrote; it must be one whole frame.
fn operation(sent: &[u8], id: u32, tag: u8) -> Reader<'_> {
    assert_eq!(cut(sent, MAX_MESSAGE), Ok(Some(sent.len())));
    let message = Message::read(sent).unwrap();
    assert_eq!((message.id, message.operation.tag), (id, tag));
    message.operation.enter().unwrap()
}

/// Any text as a distinguished name: no panic; an escaped value stays one value; equality is not fooled.
pub(crate) fn name(text: &str) {
    if let Ok(name) = text.parse::<Dn>() {
        assert!(name.is_under(&name));
        assert_eq!(text.parse::<Dn>().as_ref(), Ok(&name));
        if name.depth() > 0 {
            let below: Dn = format!("cn=x,{text}").parse().unwrap();
            assert_eq!(below.depth(), name.depth() + 1);
            assert!(below.is_under(&name) && !name.is_under(&below), "B-103");
        }
    }
    if text.len() < 1000 {
        let name: Dn = format!("cn={},dc=org", escape(text)).parse().unwrap();
        assert_eq!(name.depth(), 2);
        assert_eq!(name.leaf().as_deref(), Some(prepared(text).as_str()));
        let upper: Dn = format!("CN = {} , DC=ORG", escape(text)).parse().unwrap();
        assert_eq!(upper, name);
    }
}
