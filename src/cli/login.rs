//! `doorward login`: plays the appliance against a running gateway, prompts included.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use crate::base::text::safe;
use crate::cli::appliance::{Appliance, Said};
use crate::cli::exit::Failure;
use crate::cli::terminal::{ask_secret, say, secret_file};
use crate::wire::radius::authenticator::SharedSecret;

/// More questions than this in one login are a mistake of the server.
const MOST_QUESTIONS: u32 = 16;

/// Log in as an appliance would, and answer its questions.
///
/// Password and codes are asked for; without a terminal they are read from standard input, one a line.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  doorward login --server 127.0.0.1:1812 --secret-file /etc/doorward/vpn-1.secret --user alice"
)]
pub(super) struct Args {
    /// Where the gateway listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1812")]
    server: String,
    /// File with the secret shared with the gateway.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// Login name.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The address the user is said to come from (Calling-Station-Id).
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// Seconds one try waits.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=300))]
    timeout: u16,
    /// Tries with the same packet.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    tries: u8,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let secret = SharedSecret::new(secret_file(&args.secret_file)?)
        .map_err(|_| Failure::data(format!("{} holds no secret", args.secret_file.display())))?;
    let appliance = Appliance {
        server: resolve(&args.server)?,
        secret,
        from: args.from,
        timeout: Duration::from_secs(args.timeout.into()),
        tries: args.tries.into(),
    };
    let password = ask_secret("Password: ")?;
    let mut said = appliance.ask(&args.user, password.expose(), None)?;
    for _ in 0..MOST_QUESTIONS {
        let Said::Challenge(text, state) = said else { return tell(&said, args.json) };
        let answer = ask_secret(&format!("{} ", safe(&text)))?;
        said = appliance.ask(&args.user, answer.expose(), Some(&state))?;
    }
    Err(Failure::unavailable(format!("more than {MOST_QUESTIONS} questions in one login")))
}

fn resolve(server: &str) -> Result<SocketAddr, Failure> {
    let mut addresses = server.to_socket_addrs().map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => {
            Failure::usage(format!("--server {server}: say HOST:PORT, as in 127.0.0.1:1812 or [::1]:1812"))
        }
        _ => Failure::unavailable(format!("--server {server}: the name was not found: {error}")),
    })?;
    addresses
        .next()
        .ok_or_else(|| Failure::unavailable(format!("--server {server}: the name has no address")))
}

fn tell(said: &Said, json: bool) -> Result<(), Failure> {
    let (word, text) = match said {
        Said::Accept => ("accept", String::new()),
        Said::Reject(text) => ("reject", safe(text).to_string()),
        Said::Challenge(..) => ("challenge", String::new()),
        Said::Nothing => ("nothing", String::new()),
    };
    if json {
        say(&serde_json::json!({ "outcome": word, "text": text }).to_string())?;
    }
    match said {
        Said::Accept if json => Ok(()),
        Said::Accept => say("Access-Accept"),
        Said::Reject(_) if json => Err(Failure::refused("")),
        Said::Reject(_) if text.is_empty() => Err(Failure::refused("Access-Reject")),
        Said::Reject(_) => Err(Failure::refused(format!("Access-Reject: {text}"))),
        Said::Challenge(..) | Said::Nothing => Err(Failure::unavailable(
            "no valid answer: is the gateway running, is this machine one of its clients, and is the secret the same?",
        )),
    }
}
