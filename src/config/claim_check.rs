//! `[claim_check]`, checked: where values go that are too large for their hub.

use std::path::PathBuf;
use std::time::Duration;

use super::{Container, Entra};

/// A container of Azure Blob Storage, and who writes to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimCheck {
    /// Where.
    pub container: Container,
    /// Who, if it is not said by `container` that nobody asks.
    pub identity: BlobWriter,
    /// Authorities trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long one upload may take.
    pub timeout: Duration,
}

/// Who writes blobs.
#[derive(Debug, Clone, PartialEq)]
pub enum BlobWriter {
    /// An identity of Entra ID.
    Entra(Entra),
    /// Whoever has the shared access signature in this file.
    Sas(PathBuf),
}
