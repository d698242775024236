//! `[claim_check]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Credential, Duration};

/// Storage for values that are too large for their hub, for mappings with `too_large = "claim_check"` in `[failure]`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ClaimCheck {
    /// The URL of a container of Azure Blob Storage. The events contain it, so it must not hold a secret.
    #[schemars(extend("examples" = ["https://ACCOUNT.blob.core.windows.net/large-records"]))]
    pub(in crate::config) container: Option<String>,
    /// Prefix of the names of blobs: folders, such as `kafka/`; empty by default.
    pub(in crate::config) prefix: Option<String>,
    /// The identity of Entra ID to authenticate with.
    pub(in crate::config) credential: Option<Credential>,
    /// File with a shared access signature of the container, instead of `credential`; read again for each upload.
    pub(in crate::config) sas_file: Option<String>,
    /// Authorities to trust besides those of the system, in PEM; read again every ten minutes.
    pub(in crate::config) ca_file: Option<String>,
    /// Time limit for one upload, 1s to 10m; 1m by default.
    pub(in crate::config) timeout: Option<Duration>,
}
