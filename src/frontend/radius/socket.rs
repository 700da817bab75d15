//! One UDP socket: bound as often as there are tasks for it, read many datagrams at a time, answered from the address
//! that was asked.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::net::addr::SocketAddrArg;
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use rustix::net::{MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, recvfrom, sendmmsg, sendto};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;

use crate::base::clock::{Clock, Now};
use crate::frontend::radius::session::Outgoing;

/// Asked of the kernel for what arrives while we work; it may give less.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// Buffers for one call to the kernel.
const BATCH: usize = 8;
/// Calls to the kernel before replies get their turn.
const BATCHES_IN_A_ROW: usize = 16;
/// The kernel may join datagrams of one sender; this much fits into one buffer.
const BUFFER: usize = 65_535;

/// A socket that is bound but not read yet.
#[derive(Debug)]
pub struct Listener {
    name: Arc<str>,
    socket: UdpSocket,
    manner: Manner,
}

/// How datagrams come and leave.
#[derive(Debug)]
enum Manner {
    /// There is this one address: whatever comes was sent to it, and leaves from it by itself.
    One(IpAddr),
    /// On any address of the host. The kernel says to which one each datagram was sent, and is told from which one each
    /// reply leaves, which makes either dearer.
    Any(UdpSocketState),
}

impl Manner {
    fn of(address: SocketAddr, socket: &UdpSocket) -> io::Result<Self> {
        if address.ip().is_unspecified() {
            return UdpSocketState::new(socket.into()).map(Self::Any);
        }
        match address {
            SocketAddr::V4(_) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE)?,
            SocketAddr::V6(_) => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::PROBE)?,
        }
        Ok(Self::One(address.ip()))
    }
}

/// Binds `address` with a socket for each of `homes`, the runtimes that will serve them, one behind the other; without
/// any, nothing is bound. The kernel spreads the senders among them; the packets of one sender always come to the same
/// one. An IPv6 address takes no IPv4 packets: each family is listed by itself.
///
/// The kernel does not fragment what these sockets send: a reply that is longer than the path's MTU, which
/// takes more than a kilobyte of Proxy-State, is not sent and counted as `not-sent`.
///
/// # Errors
///
/// What the operating system says, such as an address in use.
pub fn bind(address: SocketAddr, homes: &[Handle]) -> io::Result<Vec<Listener>> {
    let shared = homes.len() > 1;
    let name: Arc<str> = address.to_string().into();
    let (mut address, mut all) = (address, Vec::with_capacity(homes.len()));
    for home in homes {
        let _here = home.enter();
        let listener = Listener::open(name.clone(), address, shared)?;
        // Where any port was asked for, all of them have the one that the first got.
        address = listener.local_addr()?;
        all.push(listener);
    }
    Ok(all)
}

/// Room for what one call to the kernel brings; the default has none. What was never written to takes no memory.
#[derive(Default)]
pub(super) struct Buffers([Vec<u8>; BATCH]);

impl Buffers {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| vec![0; BUFFER]))
    }
}

/// A datagram as the socket gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram<'a> {
    /// From whom.
    pub(super) peer: SocketAddr,
    /// To which of our addresses.
    pub(super) local: Option<IpAddr>,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
}

impl Listener {
    fn open(name: Arc<str>, address: SocketAddr, shared: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if shared {
            socket.set_reuse_port(true)?;
        }
        socket.set_nonblocking(true)?;
        // The kernel gives what net.core.rmem_max allows, without an error.
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let given = socket.recv_buffer_size()?;
        if given < RECEIVE_BUFFER {
            tracing::info!(event = "radius.buffer", %address, given, wanted = RECEIVE_BUFFER, "the kernel gave a smaller receive buffer; raise net.core.rmem_max against bursts");
        }
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let manner = Manner::of(address, &socket)?;
        Ok(Self { name, socket, manner })
    }

    /// What rules call it: the address that was asked for.
    pub(super) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it listens; the port is known even if 0 was asked for.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits until there is something to read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Hands what has arrived to `take`, with the time at which it came, but not for ever: others want their turn.
    pub(super) fn read(
        &self,
        buffers: &mut Buffers,
        clock: &dyn Clock,
        mut take: impl FnMut(Now, Datagram<'_>),
    ) -> io::Result<()> {
        for _ in 0..BATCHES_IN_A_ROW {
            if !self.receive(buffers, clock, &mut take)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands what one call to the kernel brings to `take`; or the task of `cx` is woken when something comes.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut Buffers,
        clock: &dyn Clock,
        take: impl FnMut(Now, Datagram<'_>),
    ) -> Poll<io::Result<()>> {
        ready!(self.socket.poll_recv_ready(cx))?;
        Poll::Ready(self.receive(buffers, clock, take).map(|_more| ()))
    }

    /// Hands a few datagrams that are there to `take`; `false` when nothing more is there.
    fn receive(
        &self,
        buffers: &mut Buffers,
        clock: &dyn Clock,
        take: impl FnMut(Now, Datagram<'_>),
    ) -> io::Result<bool> {
        match &self.manner {
            Manner::One(local) => self.receive_singly(*local, buffers, clock, take),
            Manner::Any(state) => self.receive_batch(state, buffers, clock, take),
        }
    }

    /// One after the other, which is no dearer than many at once as long as nothing but the sender is asked for.
    fn receive_singly(
        &self,
        local: IpAddr,
        buffers: &mut Buffers,
        clock: &dyn Clock,
        mut take: impl FnMut(Now, Datagram<'_>),
    ) -> io::Result<bool> {
        let [buffer, ..] = &mut buffers.0;
        let mut now = None;
        let received = self.socket.try_io(Interest::READABLE, || {
            for _ in 0..BATCH {
                let (length, _, peer) = recvfrom(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT)?;
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                if let (Some(peer), Some(bytes)) = (peer, buffer.get(..length)) {
                    let now = *now.get_or_insert_with(|| clock.now());
                    take(now, Datagram { peer, local: Some(local), bytes });
                }
            }
            Ok(())
        });
        match received {
            Ok(()) => Ok(true),
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// As many as one call to the kernel brings.
    fn receive_batch(
        &self,
        state: &UdpSocketState,
        buffers: &mut Buffers,
        clock: &dyn Clock,
        mut take: impl FnMut(Now, Datagram<'_>),
    ) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices = buffers.0.each_mut().map(|buffer| IoSliceMut::new(buffer));
        let socket = &self.socket;
        let mut count = 0;
        let received = socket.try_io(Interest::READABLE, || {
            count = state.recv(socket.into(), &mut slices, &mut metas)?;
            // The kernel gives fewer than were asked for when it has no more. Said so, it need not be asked again.
            if count < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if let Err(fault) = received
            && fault.kind() != io::ErrorKind::WouldBlock
        {
            return Err(fault);
        }
        if count == 0 {
            return Ok(false);
        }
        let now = clock.now();
        for (buffer, meta) in buffers.0.iter().zip(&metas).take(count) {
            let joined = buffer.get(..meta.len).unwrap_or_default();
            let empty = joined.is_empty().then_some(joined);
            for bytes in joined.chunks(meta.stride.max(1)).chain(empty) {
                take(now, Datagram { peer: meta.addr, local: meta.dst_ip, bytes });
            }
        }
        Ok(count == BATCH)
    }

    /// Sends all `packets` in their order, and says of which the kernel did not take.
    pub(super) fn send_all(&self, packets: &[Outgoing], mut failed: impl FnMut(&Outgoing, io::Error)) {
        match (&self.manner, packets) {
            (Manner::One(_), [_, _, ..]) => self.send_batch(packets, failed),
            _ => packets.iter().for_each(|packet| {
                if let Err(fault) = self.send(packet.peer, packet.local, &packet.bytes) {
                    failed(packet, fault);
                }
            }),
        }
    }

    /// In as few calls to the kernel as there can be. One call ends before the first packet that is not taken, and the
    /// next one says why.
    fn send_batch(&self, packets: &[Outgoing], mut failed: impl FnMut(&Outgoing, io::Error)) {
        let socket = &self.socket;
        let peers: Vec<_> = packets.iter().map(|packet| packet.peer.as_any()).collect();
        let slices: Vec<_> = packets.iter().map(|packet| [IoSlice::new(&packet.bytes)]).collect();
        let mut controls: Vec<_> = packets.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let parts = peers.iter().zip(&slices).zip(&mut controls);
        let mut headers: Vec<_> =
            parts.map(|((to, of), with)| MMsgHdr::new_with_addr(to, of, with)).collect();
        let mut done = 0;
        while let (Some(rest), Some(packet)) = (headers.get_mut(done..), packets.get(done)) {
            let sent = socket.try_io(Interest::WRITABLE, || Ok(sendmmsg(socket, rest, SendFlags::DONTWAIT)?));
            match sent {
                Ok(count) => done = done.saturating_add(count.max(1)),
                Err(fault) => {
                    failed(packet, fault);
                    done = done.saturating_add(1);
                }
            }
        }
    }

    /// Sends a packet to `peer` from `local`, the address that was asked.
    pub(super) fn send(&self, peer: SocketAddr, local: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        let socket = &self.socket;
        match &self.manner {
            Manner::One(_) => socket.try_io(Interest::WRITABLE, || {
                sendto(socket, bytes, SendFlags::DONTWAIT, &peer)?;
                Ok(())
            }),
            Manner::Any(state) => {
                let (destination, src_ip) = (peer, local);
                let transmit =
                    Transmit { destination, ecn: None, contents: bytes, segment_size: None, src_ip };
                socket.try_io(Interest::WRITABLE, || state.try_send(socket.into(), &transmit))
            }
        }
    }
}
