//! A directory that answers whatever a test tells it to, right or wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::ldap::ber::{ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, Writer};
use doorward::wire::ldap::frame::cut;
use doorward::wire::ldap::message::{Message, PAGED_RESULTS, op};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which connection, from 0.
    pub connection: usize,
    /// Its message id.
    pub id: u32,
    /// Its operation's tag.
    pub tag: u8,
    /// Its operation's inside.
    pub body: Vec<u8>,
    /// All of it, octet for octet.
    pub whole: Vec<u8>,
}

impl Request {
    /// The first name in it: of a bind who, of a search where.
    pub fn name(&self) -> String {
        let mut reader = Reader::new(&self.body);
        if self.tag == op::BIND_REQUEST {
            reader.expect(INTEGER).unwrap();
        }
        String::from_utf8(reader.expect(OCTET_STRING).unwrap().body.to_vec()).unwrap()
    }

    /// Whether these octets stand anywhere in it.
    pub fn holds(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// What it does about a request.
pub enum Act {
    /// Sends these octets.
    Send(Vec<u8>),
    /// Nothing, and keeps the connection.
    Hang,
    /// Ends the connection.
    Close,
    /// Whatever else can be done to a connection. Nothing more is read from it meanwhile.
    Talk(Box<dyn FnOnce(&mut TcpStream) + Send>),
}

/// It ends with the test.
pub struct FakeDirectory {
    pub port: u16,
    seen: Arc<Seen>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    over: Arc<AtomicBool>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    more: Condvar,
}

impl FakeDirectory {
    /// Listens on a free port of 127.0.0.1 and answers each request with what `answer` says.
    pub fn start(answer: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        Self::start_with_greeting(Vec::new(), answer)
    }

    /// The same, but speaks first.
    pub fn start_with_greeting(
        greeting: Vec<u8>,
        answer: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, open, over) = <(Arc<Seen>, Arc<Mutex<Vec<TcpStream>>>, Arc<AtomicBool>)>::default();
        let fake = Self { port, seen: seen.clone(), open: open.clone(), over: over.clone() };
        let (answer, count) = (Arc::new(answer), AtomicUsize::new(0));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_nodelay(true).unwrap();
                open.lock().unwrap().push(stream.try_clone().unwrap());
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (answer, seen, greeting) = (answer.clone(), seen.clone(), greeting.clone());
                thread::spawn(move || converse(stream, number, &greeting, &*answer, &seen));
            }
        });
        fake
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Waits for the request with this place among those that `wanted` fits, from 0, at most 30 s.
    pub fn wait_for(&self, place: usize, wanted: impl Fn(&Request) -> bool) -> Request {
        let until = SystemClock.now().steady + Duration::from_secs(30);
        let mut requests = self.seen.requests.lock().unwrap();
        loop {
            if let Some(request) = requests.iter().filter(|request| wanted(request)).nth(place) {
                return request.clone();
            }
            let left = until.saturating_duration_since(SystemClock.now().steady);
            assert!(!left.is_zero(), "the request never came; {} others did", requests.len());
            requests = self.seen.more.wait_timeout(requests, left).unwrap().0;
        }
    }

    /// Says something on one connection.
    pub fn say_to(&self, connection: usize, octets: &[u8]) {
        // A copy, since the other side may take its time.
        let mut stream = self.open.lock().unwrap().get(connection).unwrap().try_clone().unwrap();
        let _heard_or_not = stream.write_all(octets);
    }

    /// The requests of one kind so far.
    pub fn count(&self, tag: u8) -> usize {
        self.requests().iter().filter(|request| request.tag == tag).count()
    }

    /// Says something on all connections that are open now, without being asked.
    pub fn say(&self, octets: &[u8]) {
        for stream in self.open.lock().unwrap().iter_mut() {
            let _ = stream.write_all(octets);
        }
    }

    /// Says something on the connection of the last bind, unless connections were ended.
    pub fn say_to_last_bound(&self, octets: &[u8]) {
        let bind = self.requests().into_iter().rfind(|request| request.tag == op::BIND_REQUEST).unwrap();
        let mut open = self.open.lock().unwrap();
        open.get_mut(bind.connection).unwrap().write_all(octets).unwrap();
    }

    /// Ends all connections that are open now.
    pub fn hang_up(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for FakeDirectory {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.hang_up();
    }
}

fn converse(
    mut stream: TcpStream,
    connection: usize,
    greeting: &[u8],
    answer: &dyn Fn(&Request) -> Act,
    seen: &Seen,
) {
    let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
    let _ = stream.write_all(greeting);
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        buffer.extend(chunk.iter().take(count));
        while let Ok(Some(length)) = cut(&buffer, 1 << 20) {
            let whole: Vec<u8> = buffer.drain(..length).collect();
            let message = Message::read(&whole).unwrap();
            let operation = message.operation;
            let request = Request {
                connection,
                id: message.id,
                tag: operation.tag,
                body: operation.body.to_vec(),
                whole: whole.clone(),
            };
            seen.requests.lock().unwrap().push(request.clone());
            seen.more.notify_all();
            match answer(&request) {
                Act::Send(bytes) => drop(stream.write_all(&bytes)),
                Act::Hang => {}
                Act::Talk(talk) => talk(&mut stream),
                Act::Close => return drop(stream.shutdown(Shutdown::Both)),
            }
        }
    }
}

fn message(id: u32, tag: u8, inside: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        message.nested(tag, inside);
    });
    writer.finish().to_vec()
}

/// An answer that is nothing but a result.
pub fn result(id: u32, tag: u8, code: u32, text: &str) -> Vec<u8> {
    message(id, tag, |result| {
        result.integer(ENUMERATED, i64::from(code));
        result.bytes(OCTET_STRING, b"");
        result.bytes(OCTET_STRING, text.as_bytes());
    })
}

/// The end of a page (RFC 2696); an empty cookie ends the last one.
pub fn end_of_page(id: u32, cookie: &[u8]) -> Vec<u8> {
    let mut value = Writer::default();
    value.nested(SEQUENCE, |page| {
        page.integer(INTEGER, 0);
        page.bytes(OCTET_STRING, cookie);
    });
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        message.nested(op::SEARCH_DONE, |result| {
            result.integer(ENUMERATED, 0);
            result.bytes(OCTET_STRING, b"");
            result.bytes(OCTET_STRING, b"");
        });
        message.nested(0xa0, |controls| {
            controls.nested(SEQUENCE, |control| {
                control.bytes(OCTET_STRING, PAGED_RESULTS.as_bytes());
                control.bytes(OCTET_STRING, &value.finish());
            });
        });
    });
    writer.finish().to_vec()
}

/// A Notice of Disconnection.
pub fn notice(code: u32) -> Vec<u8> {
    message(0, op::EXTENDED_RESPONSE, |notice| {
        notice.integer(ENUMERATED, i64::from(code));
        notice.bytes(OCTET_STRING, b"");
        notice.bytes(OCTET_STRING, b"");
        notice.bytes(0x8a, b"1.3.6.1.4.1.1466.20036");
    })
}

/// One entry.
pub fn entry(id: u32, dn: &str, attributes: &[(&str, &[&[u8]])]) -> Vec<u8> {
    message(id, op::SEARCH_ENTRY, |entry| {
        entry.bytes(OCTET_STRING, dn.as_bytes());
        entry.nested(SEQUENCE, |list| {
            for (name, values) in attributes {
                list.nested(SEQUENCE, |attribute| {
                    attribute.bytes(OCTET_STRING, name.as_bytes());
                    attribute
                        .nested(SET, |set| values.iter().for_each(|value| set.bytes(OCTET_STRING, value)));
                });
            }
        });
    })
}
