//! `[claim_check]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Credential, Duration};

/// Where values go that are too large for their hub, for mappings with `too_large = "claim_check"` in `[failure]`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ClaimCheck {
    /// The URL of a container of Azure Blob Storage. It stands in the events, so nothing secret is in it.
    #[schemars(extend("examples" = ["https://ACCOUNT.blob.core.windows.net/large-records"]))]
    pub(in crate::config) container: Option<String>,
    /// What the names of blobs begin with: folders, such as `kafka/`; nothing without it.
    pub(in crate::config) prefix: Option<String>,
    /// Whose token of Entra ID is shown.
    pub(in crate::config) credential: Option<Credential>,
    /// File with a shared access signature of the container, instead; read again for each upload.
    pub(in crate::config) sas_file: Option<String>,
    /// Authorities trusted beside those of the system, in PEM; read again every ten minutes.
    pub(in crate::config) ca_file: Option<String>,
    /// How long one upload may take, 1s to 10m; 1m without it.
    pub(in crate::config) timeout: Option<Duration>,
}
