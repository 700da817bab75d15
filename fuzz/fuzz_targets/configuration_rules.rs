//! Tables of rules, networks, hours, calendars, exemptions and expectations made of bytes.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_configuration.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod fuzz_configuration;

/// Beside the build, one for each process.
static SITE: LazyLock<fuzz_configuration::Site> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/site");
    fuzz_configuration::Site::new(&folder.join(std::process::id().to_string()))
});

fuzz_target!(|bytes: &[u8]| {
    let _accepted = SITE.rules(bytes);
});
