//! `[kafka.security]` as serde sees it; which keys belong together is known to [`crate::config::check`].

use std::collections::BTreeMap;

use bridge_core::words;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Credential, Kind, Word};

/// How the bridge authenticates to the brokers. Without this table, and without `security.protocol` under
/// `[kafka.client]`, it uses plaintext and does not authenticate.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Security {
    /// Whether the brokers are reached over TLS. Default: true, if this table exists.
    pub(in crate::config) tls: Option<bool>,
    /// The authorities that may have issued a broker's certificate, in PEM. Default: those of the system.
    pub(in crate::config) ca_file: Option<String>,
    /// The client certificate for the brokers (mTLS) with its chain, in PEM.
    pub(in crate::config) certificate_file: Option<String>,
    /// The private key of that certificate, in PEM.
    pub(in crate::config) key_file: Option<String>,
    /// The password of the private key. Better kept in `key_password_file` or in the environment.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) key_password: Option<String>,
    /// A file that holds the password of the private key.
    pub(in crate::config) key_password_file: Option<String>,
    /// Whether a broker's certificate must name the host in the broker's address. Default: true.
    pub(in crate::config) verify_host_name: Option<bool>,
    /// How the bridge logs in: `plain`, `scram-sha-256` or `scram-sha-512` with a password, `oauthbearer` with a token,
    /// `gssapi` with Kerberos. By default it does not.
    pub(in crate::config) mechanism: Option<Word<Mechanism>>,
    /// The user that logs in, for `plain` and `scram-…`.
    pub(in crate::config) username: Option<String>,
    /// The password of the user. Better kept in `password_file` or in the environment.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) password: Option<String>,
    /// A file that holds the password; read again when it changes.
    pub(in crate::config) password_file: Option<String>,
    /// The Kerberos principal, for `gssapi`: `bridge@EXAMPLE.COM`.
    pub(in crate::config) principal: Option<String>,
    /// The key of the principal, for `gssapi`.
    pub(in crate::config) keytab_file: Option<String>,
    /// The service name of the brokers, for `gssapi`. Default: `kafka`.
    pub(in crate::config) service_name: Option<String>,
    /// Where the tokens of `oauthbearer` come from.
    pub(in crate::config) token: Option<Token>,
}

words! {
    /// The ways to log in.
    pub(in crate::config) enum Mechanism {
        Plain = "plain",
        ScramSha256 = "scram-sha-256",
        ScramSha512 = "scram-sha-512",
        Oauthbearer = "oauthbearer",
        Gssapi = "gssapi",
    }
}

/// Where the tokens of `oauthbearer` come from. `kind` says which of the other keys belong here.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "keys are named as those of `[eventhubs.credential]`"
)]
pub(in crate::config) struct Token {
    /// `oidc` asks any OIDC issuer with client credentials, `file` reads a token that another program obtained,
    /// `aws_msk_iam` signs with the credentials of AWS that are found, for Amazon MSK; the others are the identities of
    /// Entra ID, as in `[eventhubs.credential]`. Required.
    pub(in crate::config) kind: Option<Word<TokenKind>>,
    /// The token endpoint of the issuer, for `oidc`: an `https` URL.
    pub(in crate::config) token_endpoint: Option<String>,
    /// Authorities to trust for the issuer, for `oidc`, besides those of the system, in PEM.
    pub(in crate::config) ca_file: Option<String>,
    /// The region of the cluster, for `aws_msk_iam`. Default: the region in the names of the brokers.
    pub(in crate::config) region: Option<String>,
    /// SASL extensions for each token: `{ logicalCluster = "lkc-1" }`.
    pub(in crate::config) extensions: Option<BTreeMap<String, String>>,
    /// The tenant (directory) of the identity. Default: `AZURE_TENANT_ID`, where the kind has defaults.
    pub(in crate::config) tenant_id: Option<String>,
    /// The client (application) id. Default: `AZURE_CLIENT_ID`, where the kind has defaults.
    pub(in crate::config) client_id: Option<String>,
    /// The object (principal) id of a user-assigned managed identity, instead of `client_id`.
    pub(in crate::config) object_id: Option<String>,
    /// The resource id of a user-assigned managed identity, instead of `client_id`.
    pub(in crate::config) resource_id: Option<String>,
    /// The secret of the client. Better kept in `client_secret_file` or in the environment.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) client_secret: Option<String>,
    /// A file that holds the secret; read again for each token.
    pub(in crate::config) client_secret_file: Option<String>,
    /// A PEM file with the certificate of the application, and its chain; read again for each token.
    pub(in crate::config) certificate_file: Option<String>,
    /// A PEM file with the RSA key of the certificate, if it is not in `certificate_file`.
    pub(in crate::config) certificate_key_file: Option<String>,
    /// For `file`, the file with the token itself; otherwise the file with a token that an OIDC issuer keeps for this workload.
    /// Default: `AZURE_FEDERATED_TOKEN_FILE`, where the kind has defaults.
    pub(in crate::config) token_file: Option<String>,
    /// The service connection of Azure DevOps. Default: `AZURESUBSCRIPTION_SERVICE_CONNECTION_ID`.
    pub(in crate::config) service_connection_id: Option<String>,
    /// The `System.AccessToken` of the pipeline. Default: `SYSTEM_ACCESSTOKEN`.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) system_access_token: Option<String>,
    /// The subscription whose account the Azure CLI is to use.
    pub(in crate::config) subscription: Option<String>,
    /// Where Entra issues tokens. Default: `AZURE_AUTHORITY_HOST`, or the public cloud.
    pub(in crate::config) authority_host: Option<String>,
    /// The scope of the token; required except for `oidc`: `https://NS.servicebus.windows.net/.default`, `api://…/.default`.
    pub(in crate::config) scope: Option<String>,
}

words! {
    /// Where tokens come from.
    pub(in crate::config) enum TokenKind {
        Oidc = "oidc",
        File = "file",
        AwsMskIam = "aws_msk_iam",
        WorkloadIdentity = "workload_identity",
        ManagedIdentity = "managed_identity",
        ClientSecret = "client_secret",
        ClientCertificate = "client_certificate",
        AzureCli = "azure_cli",
        Developer = "developer",
        Pipelines = "pipelines",
        Federated = "federated",
        Default = "default",
    }
}

impl TokenKind {
    /// The identity of Entra ID it is, if it is one.
    pub(in crate::config) fn entra(self) -> Option<Kind> {
        self.as_str().parse().ok()
    }
}

impl Token {
    /// What of it is a credential as `[eventhubs.credential]` knows it.
    pub(in crate::config) fn credential(&self) -> Credential {
        Credential {
            kind: self.kind.and_then(|Word(kind)| kind.entra()).map(Word),
            tenant_id: self.tenant_id.clone(),
            client_id: self.client_id.clone(),
            object_id: self.object_id.clone(),
            resource_id: self.resource_id.clone(),
            client_secret: self.client_secret.clone(),
            client_secret_file: self.client_secret_file.clone(),
            certificate_file: self.certificate_file.clone(),
            certificate_key_file: self.certificate_key_file.clone(),
            token_file: self.token_file.clone(),
            service_connection_id: self.service_connection_id.clone(),
            system_access_token: self.system_access_token.clone(),
            subscription: self.subscription.clone(),
            authority_host: self.authority_host.clone(),
            scope: self.scope.clone(),
            ..Credential::default()
        }
    }
}
