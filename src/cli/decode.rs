//! `doorward decode`: a RADIUS packet in lines, with offsets.

use std::io::Read;
use std::path::PathBuf;

use crate::cli::exit::Failure;
use crate::cli::terminal::{say, secret_file};
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::describe::describe;
use crate::wire::radius::packet::MAX_LEN;

/// Longest input that is read: a packet in hexadecimal with blanks and line ends in plenty.
const MOST_INPUT: u64 = 64 * 1024;

/// Print a RADIUS packet with offsets. Passwords and secrets are not shown.
///
/// The packet is read from standard input as hexadecimal digits; blanks, colons and line ends do not count.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  xxd -p packet.bin | doorward decode --secret-file vpn-1.secret")]
pub(super) struct Args {
    /// File with the sender's shared secret: then authenticators are checked.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let secret = match &args.secret_file {
        Some(path) => Some(
            SharedSecret::new(secret_file(path)?)
                .map_err(|_| Failure::data(format!("{} holds no secret", path.display())))?,
        ),
        None => None,
    };
    let mut text = Vec::new();
    std::io::stdin().lock().take(MOST_INPUT).read_to_end(&mut text)?;
    let digits: Vec<u8> =
        text.iter().filter(|b| !b.is_ascii_whitespace() && **b != b':').map(u8::to_ascii_lowercase).collect();
    let packet = data_encoding::HEXLOWER
        .decode(&digits)
        .map_err(|error| Failure::data(format!("standard input is not hexadecimal: {error}")))?;
    let lines = describe(&packet, secret.as_ref())
        .map_err(|error| Failure::data(format!("not a RADIUS packet of at most {MAX_LEN} bytes: {error}")))?;
    if args.json {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| serde_json::json!({ "offset": line.offset, "name": line.name, "value": line.value }))
            .collect();
        return say(&serde_json::Value::from(lines).to_string());
    }
    lines.iter().try_for_each(|line| say(&line.to_string()))
}
