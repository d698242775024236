//! The program: which allocator it uses, and that arguments become an exit code.

use std::process::ExitCode;

/// Worth 40 % of the CPU of the consume path and up to 75 % of the send path, which allocate and free in different threads.
/// The `override` feature gives it to librdkafka's C code too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kafka_eventhubs_bridge::cli::main()
}
