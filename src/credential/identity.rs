//! From an identity of the configuration to the library's credential for it, made anew for each token.

use std::path::Path;
use std::sync::Arc;

use azure_core::credentials::{Secret as Hidden, TokenCredential};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, AzurePipelinesCredential, AzurePipelinesCredentialOptions,
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};

use crate::config::{Application, Assigned, Entra, Given, Principal};

use super::TokenError;
use super::assertion::{Certificate, Federated};
use super::tool::Tool;
use super::wire::Wire;

type Made = azure_core::Result<Arc<dyn TokenCredential>>;

/// The credential for `identity`, with what its files hold now.
pub(super) async fn credential(identity: &Principal, settings: &Entra, wire: &Wire) -> Made {
    let client_options = wire.options();
    Ok(match identity {
        Principal::Federated { application, token_file, .. } => {
            let assertion = Federated::new(file(token_file, wire).await?);
            by_assertion(application, assertion, wire)?
        }
        Principal::Certificate { application, certificate_file, key_file } => {
            let certificate = file(certificate_file, wire).await?;
            let key = match key_file {
                Some(path) => Some(file(path, wire).await?),
                None => None,
            };
            let audience =
                format!("{}/{}/oauth2/v2.0/token", settings.authority, application.tenant_id);
            let read = Certificate::read(
                &certificate,
                key.as_deref().unwrap_or(&certificate),
                &application.client_id,
                &audience,
            );
            by_assertion(
                application,
                read.map_err(|why| wire.end(TokenError::Refused(why)))?,
                wire,
            )?
        }
        Principal::Secret { application, secret } => {
            let secret = match secret {
                Given::Inline(secret) => secret.expose().to_owned(),
                Given::File(path) => file(path, wire).await?,
            };
            let Application { tenant_id, client_id } = application;
            let options = ClientSecretCredentialOptions { client_options };
            ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                Hidden::new(secret),
                Some(options),
            )?
        }
        Principal::Managed(assigned) => {
            let user_assigned_id = assigned.clone().map(|assigned| match assigned {
                Assigned::Client(id) => UserAssignedId::ClientId(id),
                Assigned::Object(id) => UserAssignedId::ObjectId(id),
                Assigned::Resource(id) => UserAssignedId::ResourceId(id),
            });
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id,
                client_options,
            }))?
        }
        Principal::AzureCli { tenant_id, subscription } => {
            AzureCliCredential::new(Some(AzureCliCredentialOptions {
                subscription: subscription.clone(),
                tenant_id: tenant_id.clone(),
                executor: Some(Arc::new(Tool)),
            }))?
        }
        Principal::DeveloperCli { tenant_id } => {
            AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                tenant_id: tenant_id.clone(),
                executor: Some(Arc::new(Tool)),
            }))?
        }
        Principal::Pipeline { application, service_connection_id, access_token } => {
            let Application { tenant_id, client_id } = application.clone();
            let credential_options = ClientAssertionCredentialOptions { client_options };
            AzurePipelinesCredential::new(
                tenant_id,
                client_id,
                service_connection_id,
                access_token.expose().to_owned(),
                Some(AzurePipelinesCredentialOptions { credential_options }),
            )?
        }
        // The members are asked one by one.
        Principal::Chain { .. } => {
            return Err(wire.end(TokenError::Refused("a chain has no token of its own".to_owned())));
        }
    })
}

fn by_assertion<C>(application: &Application, assertion: C, wire: &Wire) -> Made
where
    C: ClientAssertion + 'static,
{
    let Application { tenant_id, client_id } = application.clone();
    let options = ClientAssertionCredentialOptions { client_options: wire.options() };
    Ok(ClientAssertionCredential::new(tenant_id, client_id, assertion, Some(options))?)
}

/// What a file holds now. One that is not there may come.
async fn file(path: &Path, wire: &Wire) -> azure_core::Result<String> {
    let read = super::file(path).await;
    read.map_err(|why| wire.end(TokenError::later(format!("`{}`: {why}", path.display()))))
}
