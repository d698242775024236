//! `completions`: what a shell needs to complete the arguments.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Arguments, answer};

/// For whom.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(completions: &Completions) -> ExitCode {
    let mut command = Arguments::command();
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(completions.shell, &mut command, &name, &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if completions.shell == Shell::Bash {
        // clap_complete 4.6.12 calls a program with hyphens one thing where it finds out the command, and another where it
        // lists what that takes: nothing of a command would be completed.
        script = script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
    }
    answer(format_args!("{}", script.trim_end()), ExitCode::SUCCESS)
}
