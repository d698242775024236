//! `[registries.NAME]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Credential, Duration};

/// A registry of schemas, which `[mappings.key]` and `[mappings.value]` may name.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Registry {
    /// URLs of the registry, where it speaks Confluent's API. The next is asked when one does not answer.
    #[schemars(extend("examples" = [["https://registry:8081"], ["http://apicurio:8080/apis/ccompat/v7"]]))]
    pub(in crate::config) addresses: Vec<String>,
    /// Who asks, if the registry wants to know (HTTP Basic).
    pub(in crate::config) username: Option<String>,
    /// File with the password of that user; read again for each request.
    pub(in crate::config) password_file: Option<String>,
    /// Whose token of Entra ID is shown, if the registry wants one; `scope` says what it is for.
    pub(in crate::config) credential: Option<Credential>,
    /// File with headers of each request, `name: value`, one a line: a bearer token, an identity pool. It is read again for each request.
    pub(in crate::config) headers_file: Option<String>,
    /// Authorities trusted beside those of the system, in PEM; read again every ten minutes, like the files below.
    pub(in crate::config) ca_file: Option<String>,
    /// The client certificate (mTLS), in PEM with its chain.
    pub(in crate::config) certificate_file: Option<String>,
    /// The private key of that certificate, in PEM.
    pub(in crate::config) key_file: Option<String>,
    /// How long one request may take, 100ms to 1m; 10s without it.
    pub(in crate::config) timeout: Option<Duration>,
}
