//! Plays the application: binds over LDAP, so that a gateway can be tried without one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::cli::exit::Failure;
use crate::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE};
use crate::wire::ldap::message::{LdapResult, Message, op};
use crate::wire::ldap::request::simple_bind;
use crate::wire::ldap::result::ResultCode;

/// Binds at `server` on a connection of its own and in the open, which a gateway takes from its own machine alone.
///
/// # Errors
///
/// A failure when there is no answer within `patience`, or none that can be understood.
pub(super) fn bind(
    server: SocketAddr,
    name: &str,
    password: &[u8],
    patience: Duration,
) -> Result<ResultCode, Failure> {
    let request =
        simple_bind(1, name, password).ok_or_else(|| Failure::software("nobody sends such a bind"))?;
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(&request)?;
    let garbled =
        |flaw: &dyn std::fmt::Display| Failure::unavailable(format!("the answer is no LDAP: {flaw}"));
    let mut inbox = Inbox::new(MAX_MESSAGE);
    let mut chunk = [0; CHUNK];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(Failure::unavailable("the gateway closed the connection"));
        }
        inbox.push(chunk.get(..count).unwrap_or_default()).map_err(|bad| garbled(&bad))?;
        let Some(whole) = inbox.take().map_err(|bad| garbled(&bad))? else { continue };
        let message = Message::read(whole).map_err(|flaw| garbled(&flaw))?;
        let result = LdapResult::read(&message.operation).map_err(|flaw| garbled(&flaw))?;
        if message.operation.tag != op::BIND_RESPONSE {
            return Err(Failure::unavailable(format!(
                "instead of an answer to the bind came: {}",
                result.code
            )));
        }
        return Ok(result.code);
    }
}
