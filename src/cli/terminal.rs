//! Reading from and writing to the one who typed the command.

use std::io::{self, BufRead, IsTerminal, Write};

use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::cli::exit::Failure;

/// Writes one line to standard output. A reader who went away ends the command.
pub(super) fn say(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Writes what went wrong to standard error; there is nobody to tell when that fails.
pub(super) fn complain(text: &str) {
    if !text.is_empty() {
        let _told = writeln!(io::stderr().lock(), "doorward: {text}");
    }
}

/// Asks for something that must not be seen. Without a terminal it is the next line of standard input, so
/// that scripts can hand it over without an argument that everybody sees.
pub(super) fn ask_secret(prompt: &str) -> Result<Secret, Failure> {
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password(prompt).map_err(Failure::from)?;
        return Ok(Secret::new(typed.into_bytes()));
    }
    let mut line = Zeroizing::new(String::new());
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(Failure::data(format!(
            "standard input ended where \"{}\" was to be answered",
            prompt.trim()
        )));
    }
    Ok(Secret::copied(line.trim_end_matches(['\r', '\n']).as_bytes()))
}

/// The secret in a file, without the line end behind it.
pub(super) fn secret_file(path: &std::path::Path) -> Result<Secret, Failure> {
    let bytes = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| Failure::no_input(format!("{}: {error}", path.display())))?;
    let end = bytes.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at.saturating_add(1));
    Ok(Secret::copied(bytes.get(..end).unwrap_or_default()))
}
