//! Command line → one call → exit code.

use std::process::ExitCode;

/// A login allocates and frees some dozens of times, on every core at once; with the system's allocator that was a quarter
/// of its time (docs/dependencies.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doorward::cli::main()
}
