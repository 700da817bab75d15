//! How long the pieces of a login take, one thread, nothing else: `cargo bench --bench micro`, with a word for those
//! whose names hold it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub,
    reason = "a measurement: it ends with a word when something is not as it should be"
)]

mod crowd;
#[path = "../tests/support/lab.rs"]
mod lab;
#[allow(dead_code, reason = "shared with what counts instructions")]
mod pieces;
mod rules;
#[path = "../tests/support/store.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod store;

use std::cell::RefCell;

use divan::Bencher;
use divan::counter::ItemsCount;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(args = pieces::NAMES, min_time = 0.2, max_time = 1)]
fn piece(bencher: Bencher<'_, '_>, name: &str) {
    let piece = RefCell::new(pieces::piece(name));
    let count = piece.borrow().count();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| piece.borrow_mut().prepare())
        .bench_local_refs(|input| piece.borrow_mut().run(input));
}
