//! What a record costs in instructions, step by step: the same number on every run, however busy the machine is, so that two
//! commits can be compared by it. How to read it: `docs/performance.md`.
//!
//! It runs itself under valgrind's callgrind, once for each step and size of records, and has callgrind count only what is
//! between the call and the return of [`counted`]. What is made ready before, and what other threads do, is not in it.

mod kafka;
mod lane;
mod made;
mod shard;
mod step;

use std::process::{Command, ExitCode};

use clap::Parser;

use crate::step::{SIZES, Step};

/// The allocator of the bridge.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Args {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Only steps whose name contains this; also `INSTRUCTIONS_ONLY`
    #[arg(long)]
    only: Option<String>,
    /// A step to go through, of records of `--size` bytes
    #[arg(long, hide = true)]
    step: Option<Step>,
    #[arg(long, hide = true, default_value_t = 1000)]
    size: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(step) = args.step {
        println!("times {}", step.go(args.size));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!(
            "there is no valgrind here, and it counts: install it, for example by `apt-get install valgrind`"
        );
        return ExitCode::FAILURE;
    }
    let only = args.only.or_else(|| std::env::var("INSTRUCTIONS_ONLY").ok()).unwrap_or_default();
    println!("| step | 100 B | 1 KB | 10 KB |\n|---|---|---|---|");
    for step in Step::ALL.into_iter().filter(|step| step.what().contains(&only)) {
        let row = SIZES.map(|size| measured(step, size).to_string());
        println!("| {} | {} |", step.what(), row.join(" | "));
    }
    ExitCode::SUCCESS
}

/// Instructions each time that a step is gone through, of records of that size.
fn measured(step: Step, size: usize) -> u64 {
    let program = std::env::current_exe().expect("the program knows its path");
    let output = Command::new("valgrind")
        // Else large copies are one instruction that counts once for each byte, and others are not.
        .env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1073741824")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=*instructions*counted*")
        .arg(program)
        .arg(format!("--step={}", step.name()))
        .arg(format!("--size={size}"))
        .output()
        .expect("valgrind starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", step.name());
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, instructions) = collected.unwrap_or_else(|| panic!("callgrind counts: {said}"));
    let instructions: u64 = instructions.trim().parse().expect("a number");
    assert!(instructions > 0, "`counted` is found: {said}");
    let told = String::from_utf8_lossy(&output.stdout);
    let times = told.lines().find_map(|line| line.strip_prefix("times "));
    let times: u64 = times.expect("it says how often").trim().parse().expect("a number");
    (instructions + times / 2) / times
}

/// Callgrind counts from the call to the return.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
    // So that `work` is called and not jumped to: it would be another function's return then.
    std::hint::black_box(());
}
