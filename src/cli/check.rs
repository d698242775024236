//! `check`: everything that is wrong with a configuration, before anything is connected to.

use std::process::ExitCode;

use super::Source;

pub(super) fn check(source: &Source) -> ExitCode {
    match source.load() {
        Ok(config) => {
            let (mappings, namespaces) = (config.mappings.len(), config.eventhubs.len());
            println!(
                "{}: good ({mappings} mappings, {namespaces} namespaces)",
                source.config.display()
            );
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}
