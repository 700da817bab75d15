//! `doorward enrol`: sets a second factor up.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use fast_qr::QRBuilder;

use crate::cli::desk::{Desk, Who, shown, with_desk};
use crate::cli::exit::Failure;
use crate::cli::terminal::{ask_secret, complain, say, secret_file};
use crate::config::settings::ClientSettings;
use crate::gateway::ports::provision::{Label, Shown};
use crate::login::client::Typed;
use crate::login::factor::{OtpAlgorithm, Parameters};
use crate::login::identity::Pseudonym;
use crate::subjects::enrol::CannotEnrol;

/// A mistyped code may be repeated this often.
const TRIES: usize = 3;

/// Set a second factor up for a user.
///
/// A new generator is shown as a QR code and as text, once, and counts only after one correct code of it
/// was typed. Without a terminal that code is read from standard input.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  doorward enrol totp --user alice\n  doorward enrol recovery --user alice"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An app that makes a new code every 30 or 60 seconds.
    #[command(after_help = "Example:\n  doorward enrol totp --user alice --digits 6")]
    Totp {
        #[command(flatten)]
        generator: Generator,
        /// The hash; many apps know only sha1.
        #[arg(long, value_enum, default_value_t = Algorithm::Sha1)]
        algorithm: Algorithm,
        /// Seconds a code lasts: 30 or 60.
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        period: u8,
    },
    /// A device that makes a new code at the press of a button.
    #[command(after_help = "Example:\n  doorward enrol hotp --user alice --seed-file token.seed --counter 0")]
    Hotp {
        #[command(flatten)]
        generator: Generator,
        /// The next counter of a device that brings its own seed.
        #[arg(long, value_name = "N", default_value_t = 0, requires = "seed_file")]
        counter: u32,
    },
    /// Ten codes on paper, each good once; a set from before no longer counts.
    #[command(after_help = "Example:\n  doorward enrol recovery --user alice > alice.txt")]
    Recovery {
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, clap::Args)]
struct Generator {
    #[command(flatten)]
    who: Who,
    /// Digits of a code: 6 to 8.
    #[arg(long, value_name = "N", default_value_t = 6)]
    digits: u8,
    /// File with the seed of a device that brings its own, in base 32; it counts at once.
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// Forget the user's other generators of this kind.
    #[arg(long, conflicts_with = "seed_file")]
    replace: bool,
    /// Who asks for the codes, as the app shows it.
    #[arg(long, value_name = "TEXT", default_value = "Doorward")]
    issuer: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    with_desk(config, async |desk: &Desk| match &args.what {
        What::Recovery { who } => recovery(desk, who).await,
        What::Totp { generator, algorithm, period } => {
            let algorithm = match algorithm {
                Algorithm::Sha1 => OtpAlgorithm::Sha1,
                Algorithm::Sha256 => OtpAlgorithm::Sha256,
                Algorithm::Sha512 => OtpAlgorithm::Sha512,
            };
            if !matches!(algorithm, OtpAlgorithm::Sha1) || generator.digits != 6 || *period != 30 {
                complain(
                    "some apps take no notice of algorithm, digits or period; try yours before you go on",
                );
            }
            let parameters = Parameters::Totp { algorithm, digits: generator.digits, period: *period };
            generated(desk, generator, parameters, 0).await
        }
        What::Hotp { generator, counter } => {
            generated(desk, generator, Parameters::Hotp { digits: generator.digits }, i64::from(*counter))
                .await
        }
    })
}

async fn recovery(desk: &Desk, who: &Who) -> Result<(), Failure> {
    let who = desk.subject(who).await?;
    let codes = desk.enrolling().recovery_codes(&who).await.map_err(failure)?;
    codes.iter().try_for_each(|code| say(shown(code)))
}

async fn generated(
    desk: &Desk,
    args: &Generator,
    parameters: Parameters,
    counter: i64,
) -> Result<(), Failure> {
    let who = desk.subject(&args.who).await?;
    let other = |client: &&ClientSettings| matches!(client.login.entry.typed, Typed::Appended { digits } if digits != args.digits);
    if let Some(client) = desk.settings.clients.iter().find(other) {
        complain(&format!(
            "client \"{}\" takes codes of another length behind the password: see its code-digits",
            client.login.name
        ));
    }
    // The name in the app is what was typed here: the user knows it, and it is kept nowhere.
    let account = args.who.user.as_deref().unwrap_or(who.as_str());
    let label = Label { issuer: &args.issuer, account };
    if let Some(path) = &args.seed_file {
        let seed = secret_file(path)?;
        let imported =
            desk.enrolling().import(&who, parameters, &seed, counter, &label).await.map_err(failure)?;
        if imported.weak {
            complain("the seed has less than 128 bits; replace the device when you can");
        }
        return say(&format!("enrolled: {} of subject {who}", imported.id));
    }
    prove(desk, &who, parameters, &label, args.replace).await
}

async fn prove(
    desk: &Desk,
    who: &Pseudonym,
    parameters: Parameters,
    label: &Label<'_>,
    replace: bool,
) -> Result<(), Failure> {
    let enrolling = desk.enrolling();
    let begun = enrolling.begin(who, parameters, label).await.map_err(failure)?;
    if let Shown::Generator { uri, seed } = begun.shown() {
        say(&qr(shown(uri))?)?;
        say(shown(uri))?;
        say(&format!("seed: {}", shown(seed)))?;
    }
    for tried in 1..=TRIES {
        let typed = ask_secret("A code from the app: ")?;
        match enrolling.confirm(&begun, &typed, replace).await {
            Ok(id) => return say(&format!("enrolled: {id} of subject {who}")),
            Err(CannotEnrol::WrongCode) if tried < TRIES => complain(&CannotEnrol::WrongCode.to_string()),
            Err(error) => return Err(failure(error)),
        }
    }
    Err(failure(CannotEnrol::WrongCode))
}

/// A QR code in half blocks, light on dark as a camera wants it.
pub(super) fn qr(text: &str) -> Result<String, Failure> {
    let code = QRBuilder::new(text).build().map_err(|error| Failure::data(format!("no QR code: {error}")))?;
    Ok(code.to_str())
}

pub(super) fn failure(error: CannotEnrol) -> Failure {
    match error {
        CannotEnrol::UnknownSubject => Failure::no_user(error.to_string()),
        CannotEnrol::Unable(fault) => fault.into(),
        CannotEnrol::WrongCode
        | CannotEnrol::Provision(_)
        | CannotEnrol::NotAGenerator
        | CannotEnrol::TooMany
        | CannotEnrol::SameSeed
        | CannotEnrol::Counter => Failure::data(error.to_string()),
    }
}
