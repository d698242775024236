//! `check`: everything that is wrong with a configuration, before anything is connected to.

use std::process::ExitCode;

use super::{Source, say};

pub(super) fn check(source: &Source) -> ExitCode {
    match source.load() {
        Ok(config) => {
            let (mappings, namespaces) = (config.mappings.len(), config.eventhubs.len());
            let file = source.config.display();
            say(
                std::io::stdout(),
                format_args!("{file}: good (mappings: {mappings}, namespaces: {namespaces})"),
            );
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}
