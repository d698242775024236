//! The program: which allocator it uses and how, and that arguments become an exit code.

use std::process::ExitCode;

/// Worth 40 % of the CPU of the consume path and up to 75 % of the send path, which allocate and free in different threads.
/// The `override` feature gives it to librdkafka's C code too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Commits memory as it is needed instead of a gibibyte ahead. Then freed memory is used again before memory that was never
/// touched, which halves what a full load holds beyond its budget, at no cost that could be measured. The variable
/// `MIMALLOC_ARENA_EAGER_COMMIT` still wins.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod commit_on_demand {
    use std::ffi::{c_int, c_long};

    /// `mi_option_arena_eager_commit`; its number is part of mimalloc's interface.
    const ARENA_EAGER_COMMIT: c_int = 4;

    unsafe extern "C" {
        safe fn mi_option_set_default(option: c_int, value: c_long);
    }

    extern "C" fn set() {
        mi_option_set_default(ARENA_EAGER_COMMIT, 0);
    }

    // Before anything allocates, because the option is read with the first allocation: long before `main`.
    // SAFETY: the section holds pointers to functions, which the loader calls once, on the only thread there is.
    #[used]
    #[unsafe(link_section = ".preinit_array")]
    static SET: extern "C" fn() = set;
}

fn main() -> ExitCode {
    kafka_eventhubs_bridge::cli::main()
}
