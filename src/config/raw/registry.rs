//! `[registries.NAME]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Credential, Duration};

/// A registry of schemas, which `[mappings.key]` and `[mappings.value]` may name.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Registry {
    /// URLs of Confluent's API of the registry. When one does not answer, the bridge uses the next.
    #[schemars(extend("examples" = [["https://registry:8081"], ["http://apicurio:8080/apis/ccompat/v7"]]))]
    pub(in crate::config) addresses: Vec<String>,
    /// The user, if the registry requires one (HTTP Basic).
    pub(in crate::config) username: Option<String>,
    /// File with the password of that user; read again for each request.
    pub(in crate::config) password_file: Option<String>,
    /// The identity of Entra ID to authenticate with; `scope` is the scope of its token.
    pub(in crate::config) credential: Option<Credential>,
    /// File with headers of each request, one `name: value` in each line: a bearer token, an identity pool. It is read
    /// again for each request.
    pub(in crate::config) headers_file: Option<String>,
    /// Authorities to trust besides those of the system, in PEM; read again every ten minutes, like the files below.
    pub(in crate::config) ca_file: Option<String>,
    /// The client certificate (mTLS), in PEM with its chain.
    pub(in crate::config) certificate_file: Option<String>,
    /// The private key of that certificate, in PEM.
    pub(in crate::config) key_file: Option<String>,
    /// Time limit for one request, 100ms to 1m; 10s by default.
    pub(in crate::config) timeout: Option<Duration>,
}
