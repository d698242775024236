//! Credentials of AWS, and the HTTP under them: the one of every other credential, not the library's own.
//!
//! Plain HTTP is spoken only to the metadata services of the container and the machine, and that never through a proxy.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::causes;
use crate::config::Tls;
use crate::credential::{TokenError, wire};

const HINT: &str = "hint: give the bridge a role (IRSA, Pod Identity, ECS, an instance profile), or `AWS_ACCESS_KEY_ID` and \
                    `AWS_SECRET_ACCESS_KEY`";

/// Who we are, as AWS's library finds it out.
pub(super) async fn credentials(region: &str, limit: Duration) -> Result<Credentials, TokenError> {
    let http = Http::new(limit).await?;
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .http_client(http)
        .load()
        .await;
    let provider = config
        .credentials_provider()
        .ok_or_else(|| TokenError::Refused(format!("there are no credentials of AWS; {HINT}")))?;
    provider.provide_credentials().await.map_err(|error| {
        let text = causes::whole(&error);
        match error {
            CredentialsError::CredentialsNotLoaded(_) => {
                TokenError::Refused(format!("{text}; {HINT}"))
            }
            CredentialsError::InvalidConfiguration(_) => TokenError::Refused(text),
            _ => TokenError::later(text),
        }
    })
}

/// The client of one attempt.
#[derive(Debug, Clone)]
struct Http {
    outside: reqwest::Client,
    inside: reqwest::Client,
}

impl Http {
    async fn new(limit: Duration) -> Result<Self, TokenError> {
        let unusable = |why: &str| TokenError::later(format!("no HTTP client: {why}"));
        let trust = Tls { ca_file: None, identity: None };
        let tls = crate::tls::client(&trust).await.map_err(|error| unusable(&error.to_string()))?;
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(limit)
                .tls_backend_preconfigured(tls.clone())
        };
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| unusable(&causes::whole(&error)))
        };
        Ok(Self { outside: built(builder())?, inside: built(builder().no_proxy())? })
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let bad = |error: reqwest::Error| {
            let error = error.without_url();
            if error.is_timeout() {
                ConnectorError::timeout(error.into())
            } else {
                ConnectorError::io(error.into())
            }
        };
        let uri = request.uri().to_owned();
        let client = if uri.starts_with("http://") { &self.inside } else { &self.outside };
        let method = request.method().parse::<reqwest::Method>();
        let method = method.map_err(|error| ConnectorError::user(error.into()))?;
        let mut asked = client.request(method, uri);
        for (name, value) in request.headers() {
            asked = asked.header(name, value);
        }
        // No request for credentials has a body that is not in memory.
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let mut answer = asked.body(body).send().await.map_err(bad)?;
        let status = answer.status().as_u16().try_into();
        let status = status.map_err(|error: aws_smithy_runtime_api::http::HttpError| {
            ConnectorError::other(error.into(), None)
        })?;
        let headers = answer.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(bad)? {
            body.extend_from_slice(&chunk);
            if body.len() > wire::LONGEST {
                return Err(ConnectorError::user("it does not stop answering".into()));
            }
        }
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        for (name, value) in &headers {
            if let Ok(value) = value.to_str() {
                response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // The library is in less of a hurry with the outside than with a metadata service that may not be there.
        let limits = [settings.connect_timeout(), settings.read_timeout()];
        let limit = limits.into_iter().flatten().sum::<Duration>();
        let limit = (!limit.is_zero()).then_some(limit);
        SharedHttpConnector::new(Connector { http: self.clone(), limit })
    }
}

#[derive(Debug)]
struct Connector {
    http: Http,
    /// How long one request may take.
    limit: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (http, limit) = (self.http.clone(), self.limit);
        HttpConnectorFuture::new(async move {
            let answer = http.answer(request);
            let Some(limit) = limit else { return answer.await };
            let answer = tokio::time::timeout(limit, answer).await;
            answer.unwrap_or_else(|late| Err(ConnectorError::timeout(late.into())))
        })
    }
}
