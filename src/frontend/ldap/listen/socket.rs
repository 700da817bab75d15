//! Listening sockets: one for each thread that serves.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

/// Connections that the system keeps until they are accepted.
const QUEUE: i32 = 1024;

/// Binds `address` with a listening socket for each of `homes`, the runtimes that will serve them; without any, nothing
/// is bound. The kernel spreads the connections among them, so that each is taken and served by one thread. An IPv6
/// address takes no IPv4 connections: each family is listed by itself.
///
/// # Errors
///
/// What the operating system says, such as an address in use.
pub fn bind(address: SocketAddr, homes: &[Handle]) -> io::Result<Vec<TcpListener>> {
    let shared = homes.len() > 1;
    if shared && address.port() != 0 {
        // Our sockets share the address among themselves. That another program shares it with us, and gets a part of
        // the connections, must not happen.
        drop(open(address, false)?);
    }
    let (mut address, mut all) = (address, Vec::with_capacity(homes.len()));
    for home in homes {
        let _here = home.enter();
        let listener = TcpListener::from_std(open(address, shared)?.into())?;
        // Where any port was asked for, all of them have the one that the first got.
        address = listener.local_addr()?;
        all.push(listener);
    }
    Ok(all)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the connections of the program before.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    prepare(&socket);
    socket.bind(&address.into())?;
    socket.listen(QUEUE)?;
    Ok(socket)
}

/// Small answers leave at once, and a peer that vanished is noticed by the kernel. Each connection has it from the socket
/// that it came to, and needs no calls of its own for it.
fn prepare(listener: &Socket) {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(120))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    // Improvements; a system that refuses one still has the limits on time.
    let _ = (listener.set_tcp_nodelay(true), listener.set_tcp_keepalive(&keepalive));
}
