//! Tokens for Kafka on MSK, as IAM of AWS wants them: a URL that is signed by who connects, good for a quarter of an hour.
//!
//! Nobody issues them: they are made here. Who signs, AWS's own library finds out, in its own order: variables, a profile, a
//! web identity (IRSA), the container (ECS, Pod Identity), the machine. Like every other token, each is asked for from the
//! beginning, and one call is one attempt, with an end.

#[cfg(feature = "aws-msk-iam")]
mod request;
#[cfg(feature = "aws-msk-iam")]
mod signed;

use std::time::Duration;

use super::{Token, TokenError};

/// A source of tokens for the clusters of one region.
#[derive(Debug)]
pub struct Iam {
    region: String,
    limit: Duration,
}

impl Iam {
    /// Tokens for `region`; one attempt takes no longer than `limit`.
    pub fn new(region: &str, limit: Duration) -> Self {
        Self { region: region.to_owned(), limit }
    }

    /// A token: one attempt, bounded in time.
    pub async fn fresh(&self) -> Result<Token, TokenError> {
        let asked = tokio::time::timeout(self.limit, self.ask()).await;
        let silence =
            || TokenError::later(format!("no credentials of AWS within {:?}", self.limit));
        let whole = |text| format!("no token of IAM for `{}`: {text}", self.region);
        asked.unwrap_or_else(|_| Err(silence())).map_err(|refusal| match refusal {
            TokenError::Later { after, text } => TokenError::Later { after, text: whole(text) },
            TokenError::Refused(text) => TokenError::Refused(whole(text)),
        })
    }

    #[cfg(feature = "aws-msk-iam")]
    async fn ask(&self) -> Result<Token, TokenError> {
        let credentials = request::credentials(&self.region, self.limit).await?;
        signed::token(&credentials, &self.region, std::time::SystemTime::now())
    }

    #[cfg(not(feature = "aws-msk-iam"))]
    #[expect(clippy::unused_async, reason = "another build waits here")]
    async fn ask(&self) -> Result<Token, TokenError> {
        Err(TokenError::Refused("this build does not support it".to_owned()))
    }
}
