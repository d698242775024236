//! `[registries.NAME]`, checked: where schemas are fetched from.

use std::path::PathBuf;
use std::time::Duration;

use super::{Entra, Tls};

/// A registry of schemas.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// Its name in the configuration.
    pub name: String,
    /// URLs, without a slash at their ends; at least one.
    pub addresses: Vec<String>,
    /// Who asks, and the file with the password.
    pub user: Option<(String, PathBuf)>,
    /// Whose token of Entra ID is shown, and what the token is for.
    pub credential: Option<Entra>,
    /// Headers of each request, a line each.
    pub headers_file: Option<PathBuf>,
    /// Who is trusted, and who we are.
    pub tls: Tls,
    /// How long one request may take.
    pub timeout: Duration,
}
