//! FreeRADIUS' PAM module `pam_radius_auth`: a login of a Unix machine that asks a RADIUS server.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::ldap_app::{PATIENCE, installed, run, said};
use crate::support::sssd::own_mounts;
use crate::support::{missing, peer};

/// A machine whose logins the module decides.
pub struct PamRadius {
    folder: TempDir,
    pamtester: PathBuf,
}

/// How a login ended.
pub struct End {
    pub accepted: bool,
    /// What the person saw: questions, and how it ended.
    pub screen: String,
}

impl PamRadius {
    /// One that asks `server`, with which it shares `secret`, and waits so many seconds; `None` when the module is not installed, or nobody
    /// may have mounts of his own.
    pub fn ask(server: SocketAddr, secret: &str, seconds: u8) -> Option<Self> {
        let pamtester = peer("pamtester")?;
        let Some(module) = installed("/usr/lib/*/security/pam_radius_auth.so") else {
            missing("pam_radius_auth is not installed");
            return None;
        };
        own_mounts()?;
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("server");
        // A blank would end the secret.
        assert!(!secret.contains(' '), "a secret for pam_radius has no blanks");
        std::fs::write(&settings, format!("{server} {secret} {seconds}\n")).unwrap();
        std::fs::set_permissions(&settings, PermissionsExt::from_mode(0o600)).unwrap();
        let service = format!(
            "auth required {} conf={} retry=0\naccount required pam_permit.so\n",
            module.display(),
            settings.display()
        );
        std::fs::create_dir(folder.path().join("pam.d")).unwrap();
        std::fs::write(folder.path().join("pam.d/doorward-lab"), service).unwrap();
        Some(Self { folder, pamtester })
    }

    /// A person logs in and types these lines, one after each question.
    pub fn log_in(&self, user: &str, typed: &[&str]) -> End {
        let mut apart = own_mounts().unwrap();
        apart.env("LC_ALL", "C").args(["sh", "-c", APART, "sh"]).arg(self.folder.path().join("pam.d"));
        apart.arg(PATIENCE.as_secs().to_string()).arg(&self.pamtester).arg(user);
        let lines: String = typed.iter().flat_map(|line| [*line, "\n"]).collect();
        let screen = said(&run(&mut apart, &lines));
        End { accepted: screen.contains("successfully authenticated"), screen }
    }
}

/// The machine's own services stay what they are.
const APART: &str = "mount --make-rprivate / && mount --bind \"$1\" /etc/pam.d && \
                     exec timeout \"$2\" \"$3\" doorward-lab \"$4\" authenticate";
