//! `man`: the pages of the manual, made of what `--help` says.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Arguments, UNWRITTEN, USAGE, answer, say};

/// Which of them, and where to.
#[derive(Debug, Args)]
pub(super) struct ManPage {
    /// Write the page of each command into this directory; it is created if it does not exist
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    directory: Option<PathBuf>,
    /// The page of this command, such as `offsets set`; without it, the page of the program
    command: Vec<String>,
}

pub(super) fn man(page: &ManPage) -> ExitCode {
    let command = Arguments::command().disable_help_subcommand(true);
    if let Some(directory) = &page.directory {
        let made = std::fs::create_dir_all(directory);
        return match made.and_then(|()| clap_mangen::generate_to(command, directory)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let directory = directory.display();
                let line = format_args!("error: cannot write pages to `{directory}`: {error}");
                say(std::io::stderr(), line);
                ExitCode::from(UNWRITTEN)
            }
        };
    }
    let Some(command) = named(command, &page.command) else {
        let what = page.command.join(" ");
        say(std::io::stderr(), format_args!("error: there is no command `{what}`"));
        return ExitCode::from(USAGE);
    };
    let mut text = Vec::new();
    Man::new(command).render(&mut text).expect("memory takes it");
    answer(format_args!("{}", String::from_utf8_lossy(&text).trim_end()), ExitCode::SUCCESS)
}

/// The command that these words lead to.
fn named(mut root: Command, words: &[String]) -> Option<Command> {
    root.build();
    let found = words.iter().try_fold(&root, |command, word| command.find_subcommand(word));
    found.cloned()
}
