//! Why there is nothing to go on with. Nothing here quotes what is in a record: it names places.

use bridge_core::step::{Missing, StepOutcome};

use crate::json::NotJson;

/// It cannot be read as what it should be.
pub(crate) const UNREADABLE: &str = "unreadable";
/// It has no field or no header that is needed.
pub(crate) const NO_FIELD: &str = "no_field";
/// An expression has no result.
pub(crate) const EXPRESSION: &str = "expression";
/// It is no envelope of the kind that is to be opened.
pub(crate) const NO_ENVELOPE: &str = "no_envelope";
/// It is no `CloudEvent`, and there is no saying what would make it one.
pub(crate) const NO_CLOUD_EVENT: &str = "no_cloudevent";

/// Why a record does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    Filtered(&'static str),
    Refused(&'static str, String),
    Missing(Missing),
}

impl Stop {
    pub(crate) fn outcome<'r>(self) -> StepOutcome<'r> {
        match self {
            Self::Filtered(reason) => StepOutcome::Filtered(reason),
            Self::Refused(reason, detail) => StepOutcome::Refused { reason, detail },
            Self::Missing(missing) => StepOutcome::Missing(missing),
        }
    }

    /// A key or a value is no JSON.
    pub(crate) fn not_json(of: &'static str, why: NotJson) -> Self {
        Self::Refused(UNREADABLE, format!("{of}: {why}"))
    }
}
