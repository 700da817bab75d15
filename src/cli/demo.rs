//! `doorward demo`: a gateway with throwaway settings, and logins before the reader's eyes.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, SystemClock};
use crate::base::random::{self, Random, SystemRandom};
use crate::base::secret::Secret;
use crate::cli::appliance::{Appliance, Said};
use crate::cli::application;
use crate::cli::desk::{Desk, shown, with_desk, wrong};
use crate::cli::enrol::{failure, qr};
use crate::cli::exit::Failure;
use crate::cli::terminal::say;
use crate::daemon::logging::{self, Format};
use crate::daemon::{self, Daemon, keys};
use crate::gateway::ports::Naming;
use crate::gateway::ports::provision::{Label, Shown};
use crate::login::factor::{OtpAlgorithm, Parameters};
use crate::store::seal::KeyRing;
use crate::wire::ldap::result::ResultCode;
use crate::wire::radius::authenticator::SharedSecret;

/// The demonstration's one user.
const USER: &str = "alice";
/// And her password.
const PASSWORD: &str = "correct horse battery staple";

/// Start a gateway with throwaway settings and show logins over RADIUS and LDAP.
///
/// Everything lies in a temporary folder and on loopback. It keeps running until interrupted, so that more
/// logins can be tried by hand.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward demo --once && echo it works")]
pub(super) struct Args {
    /// End after the shown logins; success means that they went as they should.
    #[arg(long)]
    once: bool,
    /// Port of the gateway; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

/// The temporary folder; it goes when this is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Does it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let folder = folder(args.port)?;
    let config = folder.0.join("doorward.toml");
    let app = enrolled(&config)?;
    let settings = daemon::load(&config).map_err(|problems| wrong(&problems))?.0;
    let log = logging::start(tracing::Level::WARN, Format::Text);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let gateway =
        runtime.block_on(Daemon::start(config, settings, log)).map_err(|stopped| unstarted(&stopped))?;
    let server = gateway.addresses().first().copied().ok_or_else(|| Failure::software("no address"))?;
    let ldap = gateway.ldap_addresses().first().copied().ok_or_else(|| Failure::software("no address"))?;
    let running = runtime.spawn(gateway.live());
    let used = show_logins(&folder.0, server, &app)?;
    show_binds(ldap, &app, used)?;
    if args.once {
        return say("\nThe logins went as they should.");
    }
    show_commands(&folder.0, server, ldap)?;
    let ended = runtime.block_on(running).map_err(|error| Failure::software(error.to_string()))?;
    ended.map_err(|stopped| unstarted(&stopped))
}

fn unstarted(stopped: &daemon::Stopped) -> Failure {
    Failure::unavailable(stopped.to_string())
}

/// Settings, user, secret and keys in a folder of their own.
fn folder(port: u16) -> Result<Folder, Failure> {
    let name: [u8; 8] = random::bytes(&SystemRandom).map_err(|error| Failure::system(error.to_string()))?;
    let path = std::env::temp_dir().join(format!("doorward-demo-{}", data_encoding::HEXLOWER.encode(&name)));
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&path)?;
    let folder = Folder(path);
    let secret: [u8; 20] =
        random::bytes(&SystemRandom).map_err(|error| Failure::system(error.to_string()))?;
    private(&folder.0.join("vpn.secret"), data_encoding::BASE32_NOPAD.encode(&secret).as_bytes())?;
    let hash = crate::directory::file::hash_password(&Secret::copied(PASSWORD.as_bytes()), &SystemRandom)
        .map_err(|error| Failure::system(error.to_string()))?;
    let user = format!(
        "[[user]]\nid = \"6f1c2a52-0d7f-4b53-9d3e-2f7a54b1c001\"\nname = \"{USER}\"\npassword = \"{hash}\"\ngroups = [\"vpn users\"]\n"
    );
    private(&folder.0.join("users.toml"), user.as_bytes())?;
    private(&folder.0.join("doorward.toml"), settings(&folder.0, port).as_bytes())?;
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let ring = KeyRing::generate(random).map_err(|error| Failure::system(error.to_string()))?;
    keys::write(&folder.0.join("keys"), &ring, true)?;
    Ok(folder)
}

fn private(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text)?)
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        r#"[radius]
listen = ["127.0.0.1:{port}"]
[store]
path = "{folder}/doorward.db"
[keys]
file = "{folder}/keys"
[audit]
to = "{folder}/audit.jsonl"
[[directory]]
name = "people"
kind = "file"
path = "{folder}/users.toml"
[[client]]
name = "vpn"
addresses = ["127.0.0.0/8"]
secret = {{ file = "{folder}/vpn.secret" }}
directory = "people"
code-entry = ["separator", "challenge"]
code-separator = ","
[ldap]
connections = 100
connections-per-source = 100
[[listener]]
name = "ldap"
protocol = "ldap"
listen = ["127.0.0.1:0"]
plain-binds = "loopback"
[[client]]
name = "wiki"
protocol = "ldap"
addresses = ["127.0.0.0/8"]
directory = "people"
"#
    )
}

/// Alice's app.
type App = totp_rs::Totp;

/// Enrols alice and shows what she would scan. The code of the step before proves her app, so that the
/// present one is left for the login that is shown.
fn enrolled(config: &Path) -> Result<App, Failure> {
    with_desk(config, async |desk: &Desk| {
        let account = desk.account(None, USER).await?;
        let who = desk.stock.names.subject(account).await?.pseudonym;
        let parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 };
        let label = Label { issuer: "Doorward demo", account: USER };
        let enrolling = desk.enrolling();
        let begun = enrolling.begin(&who, parameters, &label).await.map_err(failure)?;
        let Shown::Generator { uri, seed } = begun.shown() else { return Err(Failure::software("no seed")) };
        say("One user of a throwaway gateway:\n")?;
        say(&format!("  name      {USER}\n  password  {PASSWORD}\n  TOTP seed {}\n", shown(seed)))?;
        say(&qr(shown(uri))?)?;
        let app = App::from_url(shown(uri)).map_err(|error| Failure::software(error.to_string()))?;
        let before = seconds(desk).saturating_sub(30);
        let code = Secret::copied(app.generate(before).to_string().as_bytes());
        enrolling.confirm(&begun, &code, false).await.map_err(failure)?;
        Ok(app)
    })
}

fn seconds(desk: &Desk) -> u64 {
    u64::try_from(desk.stock.clock.now().unix.seconds()).unwrap_or(0)
}

/// Returns the time of the code that was used up.
fn show_logins(folder: &Path, server: SocketAddr, app: &App) -> Result<u64, Failure> {
    let secret = crate::cli::terminal::secret_file(&folder.join("vpn.secret"))?;
    let secret = SharedSecret::new(secret).map_err(|_| Failure::software("no secret"))?;
    let vpn = Appliance { server, secret, from: None, timeout: Duration::from_secs(10), tries: 3 };
    let at = u64::try_from(SystemClock.now().unix.seconds()).unwrap_or(0);
    let code = app.generate(at).to_string();
    say(&format!("A VPN appliance asks the gateway at {server} over RADIUS:\n"))?;
    let first = login(&vpn, &code)?;
    if first != Said::Accept {
        return Err(Failure::software(format!("the login should have been accepted, but: {first:?}")));
    }
    say("\nSomebody who looked over her shoulder tries the same code again:\n")?;
    match login(&vpn, &code)? {
        Said::Reject(_) => Ok(at),
        other => Err(Failure::software(format!("the used code should have been rejected, but: {other:?}"))),
    }
}

/// An application that only speaks LDAP. The code is the app's next one, since the present one is used up; a phone
/// whose clock is half a minute ahead would show it now.
fn show_binds(server: SocketAddr, app: &App, used: u64) -> Result<(), Failure> {
    let code = app.generate(used.saturating_add(30)).to_string();
    say(&format!(
        "\nA wiki asks the gateway at {server} over LDAP; people type the code behind the password:\n"
    ))?;
    let typed = format!("{PASSWORD}{code}");
    for (password, expected) in [
        (PASSWORD, ResultCode::INVALID_CREDENTIALS),
        (&typed, ResultCode::SUCCESS),
        (&typed, ResultCode::INVALID_CREDENTIALS),
    ] {
        say(&format!("  -> BindRequest   name {USER}, simple \"{password}\""))?;
        let code = application::bind(server, USER, password.as_bytes(), Duration::from_secs(10))?;
        say(&format!("  <- BindResponse  {code}"))?;
        if code != expected {
            return Err(Failure::software(format!("{expected} was expected")));
        }
    }
    Ok(())
}

fn login(vpn: &Appliance, code: &str) -> Result<Said, Failure> {
    say(&format!("  -> Access-Request    User-Name {USER}, User-Password \"{PASSWORD}\""))?;
    let asked = vpn.ask(USER, PASSWORD.as_bytes(), None)?;
    let Said::Challenge(text, state) = asked else {
        return Err(Failure::software(format!("a question was expected, but: {asked:?}")));
    };
    say(&format!("  <- Access-Challenge  \"{text}\""))?;
    say(&format!("  -> Access-Request    User-Name {USER}, User-Password {code}, State"))?;
    let said = vpn.ask(USER, code.as_bytes(), Some(&state))?;
    say(match &said {
        Said::Accept => "  <- Access-Accept",
        Said::Reject(_) => "  <- Access-Reject",
        Said::Challenge(..) | Said::Nothing => "  <- nothing that was expected",
    })?;
    Ok(said)
}

fn show_commands(folder: &Path, server: SocketAddr, ldap: SocketAddr) -> Result<(), Failure> {
    let secret = folder.join("vpn.secret");
    let (folder, secret) = (folder.display(), secret.display());
    say(&format!(
        r#"
Try it yourself, in another terminal (each code is good once; the next comes within 30 seconds):

  doorward login --server {server} --secret-file {secret} --user {USER}

  echo 'User-Name={USER},User-Password="{PASSWORD},CODE",Message-Authenticator=0x00' \
      | radclient -x {server} auth "$(cat {secret})"

  ldapwhoami -x -H ldap://{ldap} -D {USER} -w '{PASSWORD}'CODE

  doorward --config {folder}/doorward.toml audit
  doorward --config {folder}/doorward.toml explain --client vpn --user {USER}

Ctrl-C ends the gateway and removes {folder}."#
    ))
}
