//! A RADIUS server that plays a script: what it does with each request is up to the test.

#![allow(clippy::indexing_slicing, reason = "test code")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::{Buffer, ReplyBuilder, ReplyTo};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

/// How long a test waits for something that must come.
pub const SOON: Duration = Duration::from_secs(10);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Came {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
}

impl Came {
    pub fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).unwrap()
    }

    /// A signed reply with these attributes.
    pub fn reply(&self, code: Code, attributes: &[(u8, &[u8])], secret: &SharedSecret) -> Vec<u8> {
        reply(&ReplyTo::from(&self.packet()), code, attributes, secret)
    }
}

pub fn reply(to: &ReplyTo, code: Code, attributes: &[(u8, &[u8])], secret: &SharedSecret) -> Vec<u8> {
    let mut buffer: Buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, code, to).unwrap();
    for (kind, value) in attributes {
        reply.attribute(*kind, value).unwrap();
    }
    reply.sign(secret).unwrap().to_vec()
}

/// The same reply without its first attribute, Message-Authenticator; its Response Authenticator fits.
pub fn unsigned(mut reply: Vec<u8>, to: &Came, secret: &SharedSecret) -> Vec<u8> {
    assert_eq!(reply[20], 80);
    reply.drain(20..38);
    let length = u16::try_from(reply.len()).unwrap();
    reply[2..4].copy_from_slice(&length.to_be_bytes());
    let authenticator = secret.response_authenticator(&reply, to.packet().authenticator());
    reply[4..20].copy_from_slice(&authenticator);
    reply
}

pub fn shared(text: &str) -> SharedSecret {
    SharedSecret::new(Secret::copied(text.as_bytes())).unwrap()
}

/// What is sent back for one request, in this order.
type Script = Box<dyn FnMut(&Came) -> Vec<Vec<u8>> + Send>;

pub struct RadiusServer {
    pub address: SocketAddr,
    socket: Arc<UdpSocket>,
    script: Arc<Mutex<Script>>,
    came: Receiver<Came>,
    thread: Option<JoinHandle<()>>,
}

impl RadiusServer {
    /// Starts on a free port of loopback.
    pub fn start(script: impl FnMut(&Came) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), script)
    }

    pub fn start_at(at: SocketAddr, script: impl FnMut(&Came) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = Arc::new(UdpSocket::bind(at).unwrap());
        let address = socket.local_addr().unwrap();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let (to, came) = channel();
        let thread = {
            let (socket, script) = (socket.clone(), script.clone());
            std::thread::spawn(move || serve(&socket, &script, &to))
        };
        Self { address, socket, script, came, thread: Some(thread) }
    }

    /// From now on it does this.
    pub fn play(&self, script: impl FnMut(&Came) -> Vec<Vec<u8>> + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// The next request that came.
    pub fn next(&self) -> Came {
        self.came.recv_timeout(SOON).unwrap()
    }

    /// Everything that came and was not taken by [`RadiusServer::next`].
    pub fn all(&self) -> Vec<Came> {
        self.came.try_iter().collect()
    }

    /// Sends something without being asked.
    pub fn send(&self, bytes: &[u8], to: SocketAddr) {
        self.socket.send_to(bytes, to).unwrap();
    }
}

fn serve(socket: &UdpSocket, script: &Mutex<Script>, to: &Sender<Came>) {
    let mut buffer = [0; 8192];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if from == socket.local_addr().unwrap() {
            return;
        }
        let came = Came { bytes: buffer[..length].to_vec(), from };
        let replies = (script.lock().unwrap())(&came);
        let _test_is_over = to.send(came);
        for reply in replies {
            let _gone = socket.send_to(&reply, from);
        }
    }
}

impl Drop for RadiusServer {
    fn drop(&mut self) {
        // A datagram from itself ends it.
        let _ended = self.socket.send_to(b"", self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
