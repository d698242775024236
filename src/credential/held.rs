//! A token of Entra that is kept until it is to be renewed, or until whom it was shown to refuses it.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;

use crate::config::{Entra, Secret};

use super::{Token, Tokens, renew_in};

/// See the module.
#[derive(Debug)]
pub struct HeldToken {
    tokens: Tokens,
    held: Mutex<Option<(Token, Instant)>>,
}

impl HeldToken {
    /// Tokens as `settings` say, none yet; one attempt takes no longer than `limit`.
    pub fn new(settings: &Entra, limit: Duration) -> Self {
        Self { tokens: Tokens::new(settings, limit), held: Mutex::default() }
    }

    /// The token. While the old one lives, a new one that is not to be had is no news.
    pub async fn token(&self) -> Result<Secret, String> {
        let mut held = self.held.lock().await;
        let living = held.as_ref().filter(|(token, _)| token.expires > SystemTime::now());
        if let Some((token, due)) = living
            && *due > Instant::now()
        {
            return Ok(token.text.clone());
        }
        match self.tokens.fresh().await {
            Ok(token) => {
                let text = token.text.clone();
                let left = token.expires.duration_since(SystemTime::now()).unwrap_or_default();
                *held = Some((token, Instant::now() + renew_in(left, rand::random())));
                Ok(text)
            }
            Err(refusal) => match living {
                Some((token, _)) => Ok(token.text.clone()),
                None => Err(refusal.to_string()),
            },
        }
    }

    /// It was refused: the next one is another.
    pub async fn refused(&self) {
        *self.held.lock().await = None;
    }
}
