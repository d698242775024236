//! What an error says, and what everything that caused it says: libraries tell the reason last.

use std::error::Error;

/// The error and its causes, in one line.
pub fn whole(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
