//! The program: everything but its allocator is the library's.

use std::process::ExitCode;

/// Filing an order is many small allocations: in a profile the system's allocator was a sixth
/// of its cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hotline::cli::main()
}
