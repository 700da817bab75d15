//! The least that a directory can be: a process that answers binds and searches out of its head, so that neither its
//! work nor its disk is in our figures.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use doorward::wire::ldap::answer;
use doorward::wire::ldap::ask::{Asked, Bind, Method};
use doorward::wire::ldap::frame::{CHUNK, Inbox};
use doorward::wire::ldap::message::{Message, op};
use doorward::wire::ldap::result::ResultCode;
use doorward::wire::radius::build::{ReplyBuilder, ReplyTo};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{load, people};

/// The word on the command line that makes this program a directory.
pub const DIRECTORY: &str = "--directory";
/// Below this base every search finds as many entries, of as many octets, as the base's first name says.
pub const MANY: &str = "ou=many,dc=lab,dc=test";
/// The account of the application itself.
pub const SERVICE: &str = "cn=service,dc=lab,dc=test";

/// The word that makes it a RADIUS server which accepts everybody.
pub const UPSTREAM: &str = "--upstream";

/// Such a directory; it ends when this is dropped.
pub struct Responder {
    _child: Again,
    pub address: SocketAddr,
}

impl Responder {
    pub fn start() -> Self {
        let (child, address) = Again::start(DIRECTORY);
        Self { _child: child, address }
    }
}

/// A process that accepts every Access-Request; it ends when this is dropped.
pub struct RadiusResponder {
    _child: Again,
    pub address: SocketAddr,
}

impl RadiusResponder {
    pub fn start() -> Self {
        let (child, address) = Again::start(UPSTREAM);
        Self { _child: child, address }
    }
}

/// This program once more, as something else that says first where it listens.
pub struct Again(Child);

impl Again {
    pub fn start(word: &str) -> (Self, SocketAddr) {
        let program = std::env::current_exe().unwrap();
        let mut child =
            Command::new(program).arg(word).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line.trim().parse().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What the RADIUS server does.
pub fn accept() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("{}", socket.local_addr().unwrap());
    let (secret, mut request) = (load::secret(), [0; MAX_LEN]);
    loop {
        let (length, from) = socket.recv_from(&mut request).unwrap();
        let packet = Packet::parse(&request[..length]).unwrap();
        let mut buffer = [0; MAX_LEN];
        let to = ReplyTo::from(&packet);
        let reply = ReplyBuilder::new(&mut buffer, Code::AccessAccept, &to).unwrap();
        // Whoever has gone meanwhile does not wait for it.
        let _gone = socket.send_to(reply.sign(&secret).unwrap(), from);
    }
}

/// What the process does.
pub fn respond() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(converse(stream));
        }
    });
}

async fn converse(mut stream: TcpStream) {
    let (mut inbox, mut out) = (Inbox::new(CHUNK), Vec::new());
    let mut chunk = vec![0; 2048];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        inbox.push(&chunk[..count]).unwrap();
        while let Some(whole) = inbox.take().unwrap() {
            let many = answer(whole, &mut out);
            if out.is_empty() {
                return;
            }
            if let Some((entry, count)) = many
                && send_many(&mut stream, &entry, count).await.is_err()
            {
                return;
            }
        }
        if stream.write_all(&out).await.is_err() {
            return;
        }
        out.clear();
    }
}

/// Puts the answer into `out`, or gives the entry that is to be sent so often before it. Nothing at all is the end.
fn answer(whole: &[u8], out: &mut Vec<u8>) -> Option<(Vec<u8>, usize)> {
    let message = Message::read(whole).unwrap();
    let (id, operation) = (message.id, message.operation);
    match operation.tag {
        op::BIND_REQUEST => {
            let bind = Bind::read(&operation).unwrap();
            let right =
                matches!(bind.method, Method::Simple(password) if password == people::PASSWORD.as_bytes());
            let code = if right { ResultCode::SUCCESS } else { ResultCode::INVALID_CREDENTIALS };
            out.extend(answer::bind(id, code, ""));
            None
        }
        op::SEARCH_REQUEST => {
            let asked = Asked::read(&operation).unwrap();
            let base = std::str::from_utf8(asked.base).unwrap();
            let done = answer::result(id, op::SEARCH_DONE, ResultCode::SUCCESS, "");
            let many = base.strip_suffix(MANY).map(|first| {
                let (count, octets) =
                    first.trim_start_matches("cn=").trim_end_matches(',').split_once('x')?;
                Some((large(id, octets.parse().ok()?), count.parse().ok()?))
            });
            out.extend(account(id, base, operation.body).unwrap_or_default());
            out.extend(done);
            many.flatten()
        }
        _ => None,
    }
}

async fn send_many(stream: &mut TcpStream, entry: &[u8], count: usize) -> std::io::Result<()> {
    const AT_ONCE: usize = 64 * 1024;
    let block = entry.repeat((AT_ONCE / entry.len()).clamp(1, count));
    let mut left = entry.len() * count;
    while left > 0 {
        let now = left.min(block.len());
        stream.write_all(&block[..now]).await?;
        left -= now;
    }
    Ok(())
}

/// An entry whose message has about so many octets.
fn large(id: u32, octets: usize) -> Vec<u8> {
    let dn = "cn=one of many,ou=many,dc=lab,dc=test";
    let fill = "x".repeat(octets.saturating_sub(dn.len() + 40));
    answer::entry(id, dn, &[("description", vec![&*fill])], false)
}

/// The person whose name stands in the base or in the filter, or the service account.
fn account(id: u32, base: &str, body: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"user0";
    let length = people::name(0).len();
    let at = body.windows(NAME.len()).position(|window| window == NAME);
    let (dn, uid, uuid) = match at {
        Some(at) => {
            let uid = std::str::from_utf8(&body[at..at + length]).unwrap();
            (people::dn(uid), uid, people::entry_uuid(uid[4..].parse().unwrap()))
        }
        None if base == SERVICE => (SERVICE.to_owned(), "service", people::entry_uuid(9_999_999)),
        None => return None,
    };
    let attributes = [
        ("entryUUID", vec![&*uuid]),
        ("uid", vec![uid]),
        ("modifyTimestamp", vec!["20260101000000Z"]),
        ("memberOf", vec!["cn=VPN Users,ou=groups,dc=lab,dc=test", "cn=staff,ou=groups,dc=lab,dc=test"]),
    ];
    Some(answer::entry(id, &dn, &attributes, false))
}
