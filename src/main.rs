//! Command line → one call → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorward::cli::main()
}
