//! A connection to a server that takes its time.

#![allow(clippy::indexing_slicing, reason = "test code")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Listens on a free port of 127.0.0.1 and passes everything on, each piece later than it came. It ends when this is
/// dropped, and its connections with it.
pub struct Slow {
    pub port: u16,
    end: Arc<End>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

#[derive(Default)]
struct End {
    over: AtomicBool,
    lock: Mutex<()>,
    told: Condvar,
}

impl End {
    /// Lets time pass, unless it is over.
    fn pause(&self, time: Duration) {
        let guard = self.lock.lock().unwrap();
        let is_on = |_: &mut ()| !self.over.load(Ordering::SeqCst);
        drop(self.told.wait_timeout_while(guard, time, is_on).unwrap());
    }
}

impl Slow {
    /// In front of a port of 127.0.0.1, each piece of what its server says later by `delay`.
    pub fn before(server: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (end, streams) = <(Arc<End>, Arc<Mutex<Vec<TcpStream>>>)>::default();
        let slow = Self { port, end: end.clone(), streams: streams.clone() };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if end.over.load(Ordering::SeqCst) {
                    return;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                streams.lock().unwrap().extend(both);
                for (from, to, delay) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), Duration::ZERO),
                    (server, client, delay),
                ] {
                    let end = end.clone();
                    thread::spawn(move || pass(from, to, delay, &end));
                }
            }
        });
        slow
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration, end: &End) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        end.pause(delay);
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.end.over.store(true, Ordering::SeqCst);
        drop(self.end.lock.lock().unwrap());
        self.end.told.notify_all();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
