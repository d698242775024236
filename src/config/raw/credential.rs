//! `[eventhubs.credential]` as serde sees it; which keys a kind takes is known to [`crate::config::check`].

use bridge_core::words;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, Word};

/// How the bridge logs in to the namespace. `kind` says which of the other keys belong here.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Credential {
    /// The kind of credential: an Entra identity by `workload_identity` (AKS), `managed_identity`, `client_secret`,
    /// `client_certificate`, `azure_cli`, `developer` (Azure CLI, then Azure Developer CLI), `pipelines` (Azure DevOps),
    /// `federated` (a token file of any OIDC issuer), `default` (the first of these that works); or a shared access key, `sas`.
    /// Required.
    pub(in crate::config) kind: Option<Word<Kind>>,
    /// The tenant (directory) of the identity. Default: `AZURE_TENANT_ID`, where the kind has defaults.
    pub(in crate::config) tenant_id: Option<String>,
    /// The client (application) id of the identity. Default: `AZURE_CLIENT_ID`, where the kind has defaults.
    pub(in crate::config) client_id: Option<String>,
    /// The object (principal) id of a user-assigned managed identity, instead of `client_id`.
    pub(in crate::config) object_id: Option<String>,
    /// The resource id of a user-assigned managed identity, instead of `client_id`.
    pub(in crate::config) resource_id: Option<String>,
    /// The secret of the application. Better kept in `client_secret_file` or in the environment.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) client_secret: Option<String>,
    /// A file that holds the secret; read again for each token.
    pub(in crate::config) client_secret_file: Option<String>,
    /// A PEM file with the certificate, and its chain; read again for each token.
    pub(in crate::config) certificate_file: Option<String>,
    /// A PEM file with the RSA key of the certificate, if it is not in `certificate_file`.
    pub(in crate::config) certificate_key_file: Option<String>,
    /// The file with a token that an OIDC issuer keeps for this workload; read again for each token. Default:
    /// `AZURE_FEDERATED_TOKEN_FILE`, where the kind has defaults.
    pub(in crate::config) token_file: Option<String>,
    /// The service connection of Azure DevOps. Default: `AZURESUBSCRIPTION_SERVICE_CONNECTION_ID`.
    pub(in crate::config) service_connection_id: Option<String>,
    /// The `System.AccessToken` of the pipeline. Default: `SYSTEM_ACCESSTOKEN`.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) system_access_token: Option<String>,
    /// The subscription whose account the Azure CLI is to use.
    pub(in crate::config) subscription: Option<String>,
    /// Where Entra issues tokens. Default: `AZURE_AUTHORITY_HOST`, or the cloud the namespace's name belongs to.
    #[schemars(extend("examples" = ["https://login.microsoftonline.us"]))]
    pub(in crate::config) authority_host: Option<String>,
    /// The scope of the token. Default: `https://eventhubs.azure.net/.default`.
    pub(in crate::config) scope: Option<String>,
    /// The name of the shared access key.
    pub(in crate::config) key_name: Option<String>,
    /// The shared access key. Better kept in `key_file` or in the environment.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) key: Option<String>,
    /// A file that holds the shared access key; read again for each token.
    pub(in crate::config) key_file: Option<String>,
    /// The other key of the same policy. When one of the two is refused, the bridge tries the other.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) secondary_key: Option<String>,
    /// A file that holds that key; read again for each token.
    pub(in crate::config) secondary_key_file: Option<String>,
    /// A signature made by another program, `SharedAccessSignature sr=…`, instead of a key.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) signature: Option<String>,
    /// A file that holds such a signature; read again before its expiry.
    pub(in crate::config) signature_file: Option<String>,
    /// How long a token made from a shared access key is valid, 5s to 24h; it is renewed before its expiry.
    /// Default: 1h.
    pub(in crate::config) token_lifetime: Option<Duration>,
}

words! {
    /// The ways in.
    pub(in crate::config) enum Kind {
        WorkloadIdentity = "workload_identity",
        ManagedIdentity = "managed_identity",
        ClientSecret = "client_secret",
        ClientCertificate = "client_certificate",
        AzureCli = "azure_cli",
        Developer = "developer",
        Pipelines = "pipelines",
        Federated = "federated",
        Default = "default",
        Sas = "sas",
    }
}

impl Credential {
    /// The keys that are given, beside `kind`.
    pub(in crate::config) fn given(&self) -> Vec<&'static str> {
        let text = [
            ("tenant_id", &self.tenant_id),
            ("client_id", &self.client_id),
            ("object_id", &self.object_id),
            ("resource_id", &self.resource_id),
            ("client_secret", &self.client_secret),
            ("client_secret_file", &self.client_secret_file),
            ("certificate_file", &self.certificate_file),
            ("certificate_key_file", &self.certificate_key_file),
            ("token_file", &self.token_file),
            ("service_connection_id", &self.service_connection_id),
            ("system_access_token", &self.system_access_token),
            ("subscription", &self.subscription),
            ("authority_host", &self.authority_host),
            ("scope", &self.scope),
            ("key_name", &self.key_name),
            ("key", &self.key),
            ("key_file", &self.key_file),
            ("secondary_key", &self.secondary_key),
            ("secondary_key_file", &self.secondary_key_file),
            ("signature", &self.signature),
            ("signature_file", &self.signature_file),
        ];
        let lifetime = self.token_lifetime.is_some().then_some("token_lifetime");
        let text = text.into_iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key);
        text.chain(lifetime).collect()
    }
}
