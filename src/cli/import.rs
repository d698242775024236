//! `import`: a configuration from somebody else's. The new one goes to standard output, what is not in it to standard error.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::import::{self, ImportChoice};

use super::{CONFIGURATION, answer, say};

/// What is read.
#[derive(Debug, Args)]
pub(super) struct Old {
    /// A connector as JSON, properties or Kubernetes YAML, or the properties of MirrorMaker 2
    file: PathBuf,
    /// The flow of MirrorMaker 2 to import, if several go to Event Hubs
    #[arg(long, value_name = "SOURCE->TARGET")]
    flow: Option<String>,
    /// The connector to import, if several go to Event Hubs
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
}

pub(super) fn import(old: &Old) -> ExitCode {
    let file = old.file.display();
    let read = std::fs::read_to_string(&old.file).map_err(|error| error.to_string());
    let choice = ImportChoice { flow: old.flow.as_deref(), connector: old.connector.as_deref() };
    let imported =
        read.and_then(|text| import::import(&text, choice).map_err(|error| error.to_string()));
    match imported {
        Ok(imported) => {
            for note in &imported.notes {
                let weight = if note.is_warning { "warning" } else { "note" };
                say(std::io::stderr(), format_args!("{weight}: `{}` {}", note.key, note.text));
            }
            answer(format_args!("{}", imported.toml.trim_end()), ExitCode::SUCCESS)
        }
        Err(error) => {
            say(std::io::stderr(), format_args!("error: {file}: {error}"));
            ExitCode::from(CONFIGURATION)
        }
    }
}
