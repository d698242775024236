//! How a namespace is entered: a shared access key, or an identity of Entra ID.
//!
//! What stands in a file is named here and read when it is needed, so that it may change while the bridge runs.

use std::path::PathBuf;
use std::time::Duration;

use super::{Proxy, Secret};

/// How the bridge logs in to a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Shared access.
    Sas(Sas),
    /// A token of Entra ID.
    Entra(Entra),
}

impl Credential {
    /// A shared access key that never changes.
    pub fn key(name: impl Into<String>, key: impl Into<String>) -> Self {
        let key = Given::Inline(Secret::new(key));
        Self::Sas(Sas {
            first: SharedAccess::Key { name: name.into(), key },
            second: None,
            lifetime: LIFETIME,
        })
    }
}

/// How long a token that the bridge signs itself is good for.
pub(super) const LIFETIME: Duration = Duration::from_secs(3600);

/// Text that is given, or stands in a file that is read when the text is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The text.
    Inline(Secret),
    /// Its file.
    File(PathBuf),
}

/// Shared access to a namespace or a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sas {
    /// What is used as long as it is not refused.
    pub first: SharedAccess,
    /// What is used when the first is refused.
    pub second: Option<SharedAccess>,
    /// How long a token made from a key is good for.
    pub lifetime: Duration,
}

/// What proves shared access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedAccess {
    /// A key to sign with.
    Key {
        /// Its name.
        name: String,
        /// The key.
        key: Given,
    },
    /// A signature somebody else made.
    Signature(Given),
    /// The key or signature of a connection string in a file.
    ConnectionString(PathBuf),
}

/// An identity of Entra ID, and what its tokens are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entra {
    /// Who.
    pub identity: Principal,
    /// Where tokens are issued, `https://login.microsoftonline.com`.
    pub authority: String,
    /// What the tokens are for, `https://eventhubs.azure.net/.default`.
    pub scope: String,
    /// Another address of the instance metadata service, where the system names one.
    pub metadata_host: Option<String>,
    /// What is between us and the issuer.
    pub proxy: Proxy,
    /// Authorities that may vouch for the issuer beside the platform's own, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// Who the bridge is to Entra ID, and how it proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// An application that a token of another issuer stands for: AKS's service accounts, GitHub, any OIDC issuer.
    Federated {
        /// The application.
        application: Application,
        /// The file the issuer keeps the token in.
        token_file: PathBuf,
        /// Whether it is AKS's.
        workload: bool,
    },
    /// The identity of the machine or of the service the bridge runs in.
    Managed(Option<Assigned>),
    /// An application with a secret.
    Secret {
        /// The application.
        application: Application,
        /// Its secret.
        secret: Given,
    },
    /// An application with a certificate.
    Certificate {
        /// The application.
        application: Application,
        /// PEM: the certificate, its chain, and its key unless that stands elsewhere.
        certificate_file: PathBuf,
        /// PEM: the key.
        key_file: Option<PathBuf>,
    },
    /// Whoever is logged in to the Azure CLI.
    AzureCli {
        /// The tenant, if not the CLI's own choice.
        tenant_id: Option<String>,
        /// The subscription whose account is meant.
        subscription: Option<String>,
    },
    /// Whoever is logged in to the Azure Developer CLI.
    DeveloperCli {
        /// The tenant, if not the CLI's own choice.
        tenant_id: Option<String>,
    },
    /// The service connection of a pipeline of Azure DevOps.
    Pipeline {
        /// The application behind the connection.
        application: Application,
        /// Id of the connection.
        service_connection_id: String,
        /// The `System.AccessToken` of the run.
        access_token: Secret,
    },
    /// The first of these that gives a token.
    Chain {
        /// `default` or `developer`.
        name: &'static str,
        /// In this order.
        tried: Vec<Principal>,
        /// What is not tried, and why: `workload_identity: …`.
        skipped: Vec<String>,
    },
}

/// An application of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The tenant (directory).
    pub tenant_id: String,
    /// The client (application).
    pub client_id: String,
}

/// Which user-assigned managed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// By client id.
    Client(String),
    /// By object (principal) id.
    Object(String),
    /// By resource id.
    Resource(String),
}

impl Principal {
    /// The `kind`, as it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Federated { workload: true, .. } => "workload_identity",
            Self::Federated { workload: false, .. } => "federated",
            Self::Managed(_) => "managed_identity",
            Self::Secret { .. } => "client_secret",
            Self::Certificate { .. } => "client_certificate",
            Self::AzureCli { .. } => "azure_cli",
            Self::DeveloperCli { .. } => "azure_developer_cli",
            Self::Pipeline { .. } => "pipelines",
            Self::Chain { name, .. } => name,
        }
    }

    /// Who that is, for people: ``client `…` of tenant `…` (workload_identity)``.
    pub fn who(&self) -> String {
        let kind = self.kind();
        match self {
            Self::Federated { application, .. }
            | Self::Secret { application, .. }
            | Self::Certificate { application, .. }
            | Self::Pipeline { application, .. } => {
                let Application { tenant_id, client_id } = application;
                format!("client `{client_id}` of tenant `{tenant_id}` ({kind})")
            }
            Self::Managed(None) => "the system-assigned identity (managed_identity)".to_owned(),
            Self::Managed(Some(Assigned::Client(id))) => {
                format!("the user-assigned identity with client id `{id}` (managed_identity)")
            }
            Self::Managed(Some(Assigned::Object(id))) => {
                format!("the user-assigned identity with object id `{id}` (managed_identity)")
            }
            Self::Managed(Some(Assigned::Resource(id))) => {
                format!("the user-assigned identity `{id}` (managed_identity)")
            }
            Self::AzureCli { .. } => "the account of the Azure CLI (azure_cli)".to_owned(),
            Self::DeveloperCli { .. } => "the account of the Azure Developer CLI".to_owned(),
            Self::Chain { .. } => format!("the identity that `{kind}` finds"),
        }
    }
}
