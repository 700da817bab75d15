//! A DNS server of a test's own: SRV, A and AAAA over UDP and TCP, and whatever a hostile one would say.

#![allow(clippy::indexing_slicing, reason = "test code")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// Longest answer over UDP; a longer one must be fetched over TCP.
const DATAGRAM: usize = 1232;

/// A record of a service: priority, weight, port, target.
pub type Service<'a> = (u16, u16, u16, &'a str);

/// How it answers.
#[derive(Clone)]
pub enum Mood {
    /// As its zone says.
    Honest,
    /// Not at all.
    Silent,
    /// With this error, for instance 2 for SERVFAIL.
    Failing(u8),
    /// With an error to questions for names that hold this text, and honestly otherwise.
    FailingFor(&'static str),
    /// With these octets behind the two of the question's id.
    Saying(Vec<u8>),
}

/// It ends with the test.
pub struct Dns {
    pub port: u16,
    zone: Arc<Mutex<Zone>>,
    over: Arc<AtomicBool>,
}

struct Zone {
    records: HashMap<(String, u16), Vec<Vec<u8>>>,
    ttl: u32,
    mood: Mood,
    asked: Vec<String>,
}

impl Dns {
    /// Knows nothing yet.
    pub fn start() -> Self {
        // The port must be free for both.
        let bound = (0..20).find_map(|_| {
            let udp = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
            let port = udp.local_addr().unwrap().port();
            Some((port, udp, TcpListener::bind(("127.0.0.1", port)).ok()?))
        });
        let (port, udp, tcp) = bound.unwrap();
        let zone = Zone { records: HashMap::new(), ttl: 600, mood: Mood::Honest, asked: Vec::new() };
        let (zone, over) = (Arc::new(Mutex::new(zone)), Arc::new(AtomicBool::new(false)));
        let dns = Self { port, zone: zone.clone(), over: over.clone() };
        let (datagrams, ended) = (zone.clone(), over.clone());
        thread::spawn(move || {
            let mut question = [0; 4096];
            while let Ok((count, from)) = udp.recv_from(&mut question) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                if let Some(answer) = datagrams.lock().unwrap().answer(&question[..count], DATAGRAM) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let zone = zone.clone();
                thread::spawn(move || serve(stream, &zone));
            }
        });
        dns
    }

    /// The key of a configuration that makes a directory ask it.
    pub fn key(&self) -> String {
        format!("dns-servers = [\"127.0.0.1:{}\"]", self.port)
    }

    /// The records of a service, in place of those that were there; without any there is no such name.
    pub fn service(&self, name: &str, services: &[Service<'_>]) {
        let records = services.iter().map(|(priority, weight, port, target)| {
            let mut data: Vec<u8> = [priority, weight, port].iter().flat_map(|n| n.to_be_bytes()).collect();
            data.extend(name_octets(target));
            data
        });
        self.set(name, SRV, records.collect());
    }

    /// Servers are at 127.0.0.1 under these names.
    pub fn hosts(&self, names: &[&str]) {
        names.iter().for_each(|name| self.host(name, Ipv4Addr::LOCALHOST.into()));
    }

    /// The address of a host.
    pub fn host(&self, name: &str, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.set(name, A, vec![address.octets().into()]),
            IpAddr::V6(address) => self.set(name, AAAA, vec![address.octets().into()]),
        }
    }

    fn set(&self, name: &str, kind: u16, records: Vec<Vec<u8>>) {
        let key = (name.to_lowercase(), kind);
        let mut zone = self.zone.lock().unwrap();
        if records.is_empty() {
            zone.records.remove(&key);
        } else {
            zone.records.insert(key, records);
        }
    }

    /// How long answers may be kept, from now on.
    pub fn keeps(&self, seconds: u32) {
        self.zone.lock().unwrap().ttl = seconds;
    }

    /// How it answers from now on.
    pub fn is(&self, mood: Mood) {
        self.zone.lock().unwrap().mood = mood;
    }

    /// The names it was asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.zone.lock().unwrap().asked.clone()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let wake = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let _ = wake.send_to(&[0], ("127.0.0.1", self.port));
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, zone: &Mutex<Zone>) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            return;
        }
        let answer = zone.lock().unwrap().answer(&question, usize::from(u16::MAX));
        let Some(answer) = answer else { return };
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        if stream.write_all(&[&length[..], &answer[..]].concat()).is_err() {
            return;
        }
    }
}

impl Zone {
    fn answer(&mut self, question: &[u8], longest: usize) -> Option<Vec<u8>> {
        let (name, end) = read_name(question)?;
        let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().unwrap());
        let asked = question.get(12..end + 4)?;
        self.asked.push(name.clone());
        let id = question.get(..2)?;
        let error = match &self.mood {
            Mood::Silent => return None,
            Mood::Saying(octets) => return Some([id, octets].concat()),
            Mood::Failing(code) => Some(*code),
            Mood::FailingFor(part) => name.contains(part).then_some(2),
            Mood::Honest => None,
        };
        if let Some(code) = error {
            return Some([id, &[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0], asked].concat());
        }
        let none = Vec::new();
        let records = self.records.get(&(name.clone(), kind)).unwrap_or(&none);
        let known = self.records.keys().any(|(other, _)| *other == name);
        let code = if known { 0 } else { 3 };
        let mut answers: Vec<u8> = Vec::new();
        for data in records {
            answers.extend(self.record(&name_octets(&name), kind, data));
        }
        let (mut more, mut extra) = (Vec::new(), 0_u16);
        for data in records.iter().filter(|_| kind == SRV) {
            let target = text_of(&data[6..]);
            for data in self.records.get(&(target.to_lowercase(), A)).unwrap_or(&none) {
                more.extend(self.record(&name_octets(&target), A, data));
                extra += 1;
            }
        }
        let count = u16::try_from(records.len()).unwrap();
        let whole = |flags: u8, count: u16, extra: u16, rest: &[u8]| {
            let counts = [1, count, 0, extra].map(u16::to_be_bytes).concat();
            [id, &[0x85 | flags, 0x80 | code], &counts, asked, rest].concat()
        };
        let answer = whole(0, count, extra, &[answers, more].concat());
        Some(if answer.len() > longest { whole(2, 0, 0, &[]) } else { answer })
    }

    fn record(&self, name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [name, &kind.to_be_bytes(), &[0, 1], &self.ttl.to_be_bytes(), &length, data].concat()
    }
}

fn name_octets(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut octets: Vec<u8> =
        labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    octets.push(0);
    octets
}

fn text_of(mut octets: &[u8]) -> String {
    let mut labels = Vec::new();
    while let [length @ 1..=63, rest @ ..] = octets {
        let (label, rest) = rest.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).into_owned());
        octets = rest;
    }
    labels.join(".")
}

/// The name of the question in lower case, and where it ends.
fn read_name(question: &[u8]) -> Option<(String, usize)> {
    let name = text_of(question.get(12..)?);
    let end = 12 + name_octets(&name).len();
    Some((name.to_lowercase(), end))
}
