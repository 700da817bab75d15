//! Exit codes, as sysexits.h names them, and what is said on the way out.

use std::fmt;
use std::process::ExitCode;

use crate::login::verdict::{Fault, FaultKind};

/// Why a command ends without success.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Something was found, and is told already.
    pub(super) const fn differs() -> Self {
        Self { code: 1, text: String::new() }
    }

    /// The command was used wrongly.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self { code: 64, text: text.into() }
    }

    /// What was given in is not what it should be: a packet, a code, a seed.
    pub(super) fn data(text: impl Into<String>) -> Self {
        Self { code: 65, text: text.into() }
    }

    /// A file to read is not there.
    pub(super) fn no_input(text: impl Into<String>) -> Self {
        Self { code: 66, text: text.into() }
    }

    /// The user, subject or enrolment is not known.
    pub(super) fn no_user(text: impl Into<String>) -> Self {
        Self { code: 67, text: text.into() }
    }

    /// Something that is needed does not answer.
    pub(super) fn unavailable(text: impl Into<String>) -> Self {
        Self { code: 69, text: text.into() }
    }

    /// A mistake of ours.
    pub(super) fn software(text: impl Into<String>) -> Self {
        Self { code: 70, text: text.into() }
    }

    /// The operating system refused something.
    pub(super) fn system(text: impl Into<String>) -> Self {
        Self { code: 71, text: text.into() }
    }

    /// A file cannot be made.
    pub(super) fn cannot_create(text: impl Into<String>) -> Self {
        Self { code: 73, text: text.into() }
    }

    /// The login was refused: what was asked for is not permitted.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self { code: 77, text: text.into() }
    }

    /// The configuration is wrong.
    pub(super) fn config(text: impl Into<String>) -> Self {
        Self { code: 78, text: text.into() }
    }

    /// Whether it is [`Failure::no_user`].
    pub(super) const fn is_no_user(&self) -> bool {
        self.code == 67
    }

    /// The code for the shell.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // A reader who has seen enough, as in "| head", is no news to anybody.
        let text =
            if error.kind() == std::io::ErrorKind::BrokenPipe { String::new() } else { error.to_string() };
        Self { code: 74, text }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::KeyMissing => Self::config(fault.what),
            _ => Self::unavailable(fault.what),
        }
    }
}
