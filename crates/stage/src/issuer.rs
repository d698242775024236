//! What an issuer of tokens is made of: a key that signs, what it does when it is asked, what it was asked, and what it has
//! issued. All of that can be looked at and changed at any time. Whom it knows, and what its tokens say, is the test's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};

/// The name of the key, in its tokens.
pub const KEY: &str = "one";

/// The fields of a form, or of a query.
pub type Fields = HashMap<String, String>;
/// Status and body.
pub type Answer = (StatusCode, String);

/// What an issuer does when it is asked.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Issues.
    Good,
    /// Answers with this status and body.
    Says(u16, String),
    /// Never answers.
    Silent,
}

/// What may be changed while it runs.
#[derive(Debug)]
pub struct Rules {
    /// What it does when it is asked.
    pub mood: Mood,
    /// How long a token is good for, in seconds.
    pub lifetime: u64,
    /// Every request: its path with query, and its fields.
    pub asked: Vec<(String, Fields)>,
    /// The tokens issued so far.
    pub issued: Vec<String>,
}

/// Where tokens are issued.
#[derive(Clone)]
pub struct Desk {
    rules: Arc<Mutex<Rules>>,
    key: Arc<KeyPair>,
}

impl Desk {
    /// One with a key of its own.
    pub fn open() -> Self {
        Self::with(Arc::new(KeyPair::generate().expect("a key")))
    }

    /// Another one with the same key, for who is about to change its rules.
    pub fn twin(&self) -> Self {
        Self::with(Arc::clone(&self.key))
    }

    fn with(key: Arc<KeyPair>) -> Self {
        let (asked, issued) = (Vec::new(), Vec::new());
        let rules = Rules { mood: Mood::Good, lifetime: 3600, asked, issued };
        Self { rules: Arc::new(Mutex::new(rules)), key }
    }

    /// What its tokens are signed with, on the curve P-256.
    pub fn key(&self) -> &KeyPair {
        &self.key
    }

    /// The rules, to be looked at and changed.
    pub fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request, and does what the mood is. `None` goes on.
    pub async fn receive(&self, path: &str, fields: &Fields) -> Option<Answer> {
        let mood = {
            let mut rules = self.rules();
            rules.asked.push((path.to_owned(), fields.clone()));
            rules.mood.clone()
        };
        match mood {
            Mood::Good => None,
            Mood::Says(status, body) => {
                Some((StatusCode::from_u16(status).expect("a status"), body))
            }
            Mood::Silent => std::future::pending().await,
        }
    }

    /// A token that claims this, and when it expires, in seconds since the Unix epoch.
    pub fn issue(&self, mut claims: Value) -> (String, u64) {
        let mut rules = self.rules();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let expires = now + rules.lifetime;
        claims["iat"] = json!(now);
        claims["exp"] = json!(expires);
        claims["jti"] = json!(rules.issued.len().to_string());
        let signer = EncodingKey::from_ec_pem(self.key.serialize_pem().as_bytes()).expect("a key");
        let header = Header { kid: Some(KEY.to_owned()), ..Header::new(Algorithm::ES256) };
        let token = jsonwebtoken::encode(&header, &claims, &signer).expect("a token");
        rules.issued.push(token.clone());
        (token, expires)
    }

    /// The answer with such a token, as OAuth has it.
    pub fn grant(&self, claims: Value) -> Answer {
        let (token, _) = self.issue(claims);
        let lifetime = self.rules().lifetime;
        let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime });
        (StatusCode::OK, body.to_string())
    }
}

/// The answer that gives none.
pub fn refusal(status: u16, error: &str, text: &str) -> Answer {
    let body = json!({ "error": error, "error_description": text, "error_codes": [] });
    (StatusCode::from_u16(status).expect("a status"), body.to_string())
}

/// The fields of a form, or of a query.
pub fn fields(text: &str) -> Fields {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8().expect("text").into_owned()
    };
    text.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
