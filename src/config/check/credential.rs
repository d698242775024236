//! `[eventhubs.credential]`: which keys a kind takes, what it needs, and what Azure's own variables say instead.

use std::path::PathBuf;

use crate::config::hint::{list, shown};
use crate::config::path::Path;
use crate::config::raw::{self, Kind, Word};
use crate::config::{Application, Assigned, Credential, Entra, Given, Principal, Proxy, Secret};

use super::Check;

const SCOPE: &str = "https://eventhubs.azure.net/.default";

const WHO: &str = "Entra must know who logs in";

/// The keys of a kind.
fn keys(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::WorkloadIdentity | Kind::Federated => {
            &["tenant_id", "client_id", "token_file", "authority_host", "scope"]
        }
        Kind::ManagedIdentity => &["client_id", "object_id", "resource_id", "scope"],
        Kind::ClientSecret => &[
            "tenant_id",
            "client_id",
            "client_secret",
            "client_secret_file",
            "authority_host",
            "scope",
        ],
        Kind::ClientCertificate => &[
            "tenant_id",
            "client_id",
            "certificate_file",
            "certificate_key_file",
            "authority_host",
            "scope",
        ],
        Kind::AzureCli => &["tenant_id", "subscription", "scope"],
        Kind::Developer => &["tenant_id", "scope"],
        Kind::Pipelines => &[
            "tenant_id",
            "client_id",
            "service_connection_id",
            "system_access_token",
            "authority_host",
            "scope",
        ],
        Kind::Default => &["tenant_id", "client_id", "authority_host", "scope"],
        Kind::Sas => &[
            "key_name",
            "key",
            "key_file",
            "secondary_key",
            "secondary_key_file",
            "signature",
            "signature_file",
            "token_lifetime",
        ],
    }
}

/// Kinds in the order in which a stray key is explained.
const KINDS: [Kind; 10] = [
    Kind::ClientSecret,
    Kind::ClientCertificate,
    Kind::WorkloadIdentity,
    Kind::ManagedIdentity,
    Kind::Sas,
    Kind::AzureCli,
    Kind::Pipelines,
    Kind::Federated,
    Kind::Developer,
    Kind::Default,
];

impl Check<'_> {
    /// How to log in to the namespace at `host`.
    pub(super) fn credential(
        &mut self,
        at: &Path,
        given: &raw::Credential,
        host: &str,
    ) -> Option<Credential> {
        let Some(Word(kind)) = given.kind else {
            let why = "it selects the kind of credential that the other keys describe";
            self.missing(
                &at.key("kind"),
                why,
                "add `kind = \"workload_identity\"`, or another one",
            );
            return None;
        };
        let known = keys(kind);
        for key in given.given().into_iter().filter(|key| !known.contains(key)) {
            let of = KINDS.into_iter().find(|kind| keys(kind.to_owned()).contains(&key));
            self.wrong(
                &at.key(key),
                format!("does not belong to `{kind}`"),
                format!("`{kind}` knows {}", list(known.iter().copied())),
                match of {
                    Some(of) => format!("remove it, or set `kind = \"{of}\"`"),
                    None => "remove it".to_owned(),
                },
            );
        }
        if kind == Kind::Sas {
            return self.sas(at, given).map(Credential::Sas);
        }
        let scope = self.scope(&at.key("scope"), given.scope.as_ref());
        let authority = self.authority(&at.key("authority_host"), given, host);
        let identity = self.identity(at, kind, given)?;
        let metadata_host =
            self.layers.ambient("AZURE_POD_IDENTITY_AUTHORITY_HOST").map(str::to_owned);
        Some(Credential::Entra(Entra {
            identity,
            authority: authority?,
            scope: scope?,
            metadata_host,
            proxy: Proxy::Environment,
            ca_file: None,
        }))
    }

    fn identity(&mut self, at: &Path, kind: Kind, given: &raw::Credential) -> Option<Principal> {
        let tenant_at = at.key("tenant_id");
        match kind {
            Kind::WorkloadIdentity => self.federated(at, given, true),
            Kind::Federated => self.federated(at, given, false),
            Kind::ManagedIdentity => self.managed(at, given),
            Kind::ClientSecret => {
                let application = self.application(at, given, ["", ""]);
                let secret = self.unbroken(
                    at,
                    "client_secret",
                    given.client_secret.as_ref(),
                    given.client_secret_file.as_ref(),
                );
                Some(Principal::Secret { application: application?, secret: secret? })
            }
            Kind::ClientCertificate => self.certificate(at, given),
            Kind::AzureCli => Some(Principal::AzureCli {
                tenant_id: self.text(&tenant_at, given.tenant_id.as_ref(), WHO),
                subscription: self.text(&at.key("subscription"), given.subscription.as_ref(), WHO),
            }),
            Kind::Developer => {
                let tenant_id = self.text(&tenant_at, given.tenant_id.as_ref(), WHO);
                let tried = developer(tenant_id);
                Some(Principal::Chain { name: "developer", tried, skipped: Vec::new() })
            }
            Kind::Pipelines => self.pipeline(at, given),
            Kind::Default => Some(self.whoever(given)),
            Kind::Sas => None,
        }
    }

    /// Tenant and client; `defaults` are the variables that stand in for them.
    fn application(
        &mut self,
        at: &Path,
        given: &raw::Credential,
        defaults: [&str; 2],
    ) -> Option<Application> {
        let tenant = self.or_ambient(&at.key("tenant_id"), given.tenant_id.as_ref(), defaults[0]);
        let client = self.or_ambient(&at.key("client_id"), given.client_id.as_ref(), defaults[1]);
        let usable = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        if let Some(tenant) = &tenant
            && !tenant.chars().all(usable)
        {
            let said = format!("is {}, not a tenant", shown(tenant));
            let why = "a tenant is given by its id or by one of its domains";
            self.wrong(&at.key("tenant_id"), said, why, "give the `Directory (tenant) ID`");
            return None;
        }
        Some(Application { tenant_id: tenant?, client_id: client? })
    }

    /// The value of a required key; `variable`, unless empty, stands in for it.
    fn or_ambient(&mut self, at: &Path, given: Option<&String>, variable: &str) -> Option<String> {
        if let Some(ambient) = self.layers.ambient(variable).filter(|_| given.is_none()) {
            return Some(ambient.to_owned());
        }
        if given.is_none() {
            let key = at.last_key().unwrap_or_default();
            let hint = match variable {
                "" => format!("add `{key} = \"…\"`"),
                variable if variable.starts_with("AZURE_") => format!(
                    "add `{key} = \"…\"`, let the webhook of AKS set `{variable}` (label the pod \
                     `azure.workload.identity/use: \"true\"`)"
                ),
                variable => format!("add `{key} = \"…\"`, let the pipeline set `{variable}`"),
            };
            self.missing(at, WHO, &hint);
        }
        self.text(at, given, WHO)
    }

    fn federated(
        &mut self,
        at: &Path,
        given: &raw::Credential,
        workload: bool,
    ) -> Option<Principal> {
        let [tenant, client, file] = if workload {
            ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"]
        } else {
            ["", "", ""]
        };
        let application = self.application(at, given, [tenant, client]);
        let token_file = self.or_ambient(&at.key("token_file"), given.token_file.as_ref(), file);
        // Whether it is there is for later: who writes it may start after the bridge.
        let token_file = self.layers.beside(&token_file?);
        Some(Principal::Federated { application: application?, token_file, workload })
    }

    fn managed(&mut self, at: &Path, given: &raw::Credential) -> Option<Principal> {
        let ids = [
            ("client_id", &given.client_id, Assigned::Client as fn(String) -> Assigned),
            ("object_id", &given.object_id, Assigned::Object),
            ("resource_id", &given.resource_id, Assigned::Resource),
        ];
        let ids: Vec<_> = ids.into_iter().filter(|(_, id, _)| id.is_some()).collect();
        if let [(first, ..), (second, ..), ..] = ids[..] {
            self.wrong(
                &at.key(second),
                format!("contradicts `{first}`"),
                "a managed identity is named in one way",
                "keep one of them; none means the system-assigned identity",
            );
            return None;
        }
        let Some((key, id, assigned)) = ids.first() else { return Some(Principal::Managed(None)) };
        let why = "without an id the system-assigned identity is used";
        let id = self.text(&at.key(key), id.as_ref(), why)?;
        Some(Principal::Managed(Some(assigned(id))))
    }

    fn certificate(&mut self, at: &Path, given: &raw::Credential) -> Option<Principal> {
        let application = self.application(at, given, ["", ""]);
        let at_file = at.key("certificate_file");
        let named = self.or_ambient(&at_file, given.certificate_file.as_ref(), "");
        let held = "a certificate and its key in PEM";
        let certificate = named.and_then(|named| self.file(&at_file, &named, held));
        let key_at = at.key("certificate_key_file");
        let key = given.certificate_key_file.as_ref();
        let key = key.map(|named| self.file(&key_at, named, "the key of the certificate in PEM"));
        let (text, certificate_file) = certificate?;
        let in_pem = |text: &str, label: &str| text.contains("-----BEGIN") && text.contains(label);
        if !in_pem(&text, "CERTIFICATE-----") {
            let hint = "convert a PKCS#12 file with `openssl pkcs12 -in x.pfx -nodes -out x.pem`";
            self.wrong(&at_file, "names a file without a certificate", "it is not PEM", hint);
            return None;
        }
        let key_text = key.as_ref().map_or(Some(&text), |key| key.as_ref().map(|(text, _)| text));
        if !in_pem(key_text?, "PRIVATE KEY-----") {
            self.wrong(
                if key.is_some() { &key_at } else { &at_file },
                "names a file without a private key",
                "the bridge signs with the key of the certificate",
                "add the key to the file, or name its file with `certificate_key_file`",
            );
            return None;
        }
        let key_file = key.flatten().map(|(_, path)| path);
        Some(Principal::Certificate { application: application?, certificate_file, key_file })
    }

    fn pipeline(&mut self, at: &Path, given: &raw::Credential) -> Option<Principal> {
        let defaults = ["AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID"];
        let application = self.application(at, given, defaults);
        let connection_at = at.key("service_connection_id");
        let service_connection_id = self.or_ambient(
            &connection_at,
            given.service_connection_id.as_ref(),
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
        );
        let token_at = at.key("system_access_token");
        let token =
            self.or_ambient(&token_at, given.system_access_token.as_ref(), "SYSTEM_ACCESSTOKEN");
        if self.layers.ambient("SYSTEM_OIDCREQUESTURI").is_none() {
            self.wrong(
                &at.key("kind"),
                "is `pipelines`, but this is not a job of Azure Pipelines",
                "Azure Pipelines sets `SYSTEM_OIDCREQUESTURI` for its jobs, and it is not set",
                "run the bridge in a job of Azure Pipelines, or choose another `kind`",
            );
        }
        Some(Principal::Pipeline {
            application: application?,
            service_connection_id: service_connection_id?,
            access_token: Secret::new(token?),
        })
    }

    /// Whoever can be found: the order is that of Azure's other libraries.
    fn whoever(&self, given: &raw::Credential) -> Principal {
        let ambient = |name: &str| self.layers.ambient(name).map(str::to_owned);
        let tenant_id = given.tenant_id.clone().or_else(|| ambient("AZURE_TENANT_ID"));
        let client_id = given.client_id.clone().or_else(|| ambient("AZURE_CLIENT_ID"));
        let application = match (&tenant_id, &client_id) {
            (Some(tenant_id), Some(client_id)) => {
                Ok(Application { tenant_id: tenant_id.clone(), client_id: client_id.clone() })
            }
            (None, _) => Err("`AZURE_TENANT_ID`"),
            (_, None) => Err("`AZURE_CLIENT_ID`"),
        };
        let (mut tried, mut skipped) = (Vec::new(), Vec::new());
        let mut consider =
            |name: &str, variable: &str, make: &dyn Fn(Application, String) -> Principal| match (
                &application,
                ambient(variable),
            ) {
                (Ok(application), Some(value)) => tried.push(make(application.clone(), value)),
                (_, None) => skipped.push(format!("{name}: `{variable}` is not set")),
                (Err(unset), _) => skipped.push(format!("{name}: {unset} is not set")),
            };
        consider("client_secret", "AZURE_CLIENT_SECRET", &|application, secret| {
            Principal::Secret { application, secret: Given::Inline(Secret::new(secret)) }
        });
        consider("client_certificate", "AZURE_CLIENT_CERTIFICATE_PATH", &|application, file| {
            let certificate_file = PathBuf::from(file);
            Principal::Certificate { application, certificate_file, key_file: None }
        });
        consider("workload_identity", "AZURE_FEDERATED_TOKEN_FILE", &|application, file| {
            Principal::Federated { application, token_file: file.into(), workload: true }
        });
        tried.push(Principal::Managed(client_id.map(Assigned::Client)));
        tried.extend(developer(given.tenant_id.clone()));
        Principal::Chain { name: "default", tried, skipped }
    }

    fn scope(&mut self, at: &Path, given: Option<&String>) -> Option<String> {
        let Some(given) = given else { return Some(SCOPE.to_owned()) };
        let scope = self.text(at, Some(given), "a token needs a scope")?;
        let usable = |c: char| c.is_ascii_alphanumeric() || ".-_:/".contains(c);
        if !scope.chars().all(usable) || !scope.ends_with("/.default") {
            let said = format!("is {}, not a scope", shown(&scope));
            let why = "an application requests all its permissions at once, as `…/.default`";
            self.wrong(at, said, why, format!("write `{SCOPE}`, or leave the key out"));
            return None;
        }
        Some(scope)
    }

    /// The key, the variable, the cloud that the host of the namespace belongs to.
    fn authority(&mut self, at: &Path, given: &raw::Credential, host: &str) -> Option<String> {
        let ambient = self.layers.ambient("AZURE_AUTHORITY_HOST").map(str::to_owned);
        let explicit = match &given.authority_host {
            Some(given) => {
                Some(self.text(at, Some(given), "the bridge needs the address of Entra")?)
            }
            None => ambient,
        };
        let of_cloud = match host {
            host if host.ends_with(".usgovcloudapi.net") => "https://login.microsoftonline.us",
            host if host.ends_with(".chinacloudapi.cn") => {
                "https://login.partner.microsoftonline.cn"
            }
            _ => "https://login.microsoftonline.com",
        };
        let Some(explicit) = explicit else { return Some(of_cloud.to_owned()) };
        let rest = explicit.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['/', '?', '#', '@', ' '])) {
            let why = "a secret is sent there, so it must be `https://` and a host, without a path";
            let said = format!("is {}, not an authority", shown(&explicit));
            self.wrong(
                at,
                said,
                why,
                "write `https://login.microsoftonline.us`, or leave the key out",
            );
            return None;
        }
        Some(explicit.trim_end_matches('/').to_owned())
    }
}

/// The tools of a developer's machine, in this order.
fn developer(tenant_id: Option<String>) -> Vec<Principal> {
    vec![
        Principal::AzureCli { tenant_id: tenant_id.clone(), subscription: None },
        Principal::DeveloperCli { tenant_id },
    ]
}
