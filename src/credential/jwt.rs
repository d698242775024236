//! What a JWT says of itself. Nothing is verified: that is for whom the token is shown to.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::Secret;

use super::{Token, TokenError, file};

/// The claims that matter to whoever shows a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// When it ends.
    pub expires: Option<SystemTime>,
    /// Who it is about.
    pub subject: Option<String>,
}

/// The claims of a token; `None` if it is no JWT.
pub fn claims(token: &Secret) -> Option<Claims> {
    let mut parts = token.expose().split('.');
    let (_, body, _) = (parts.next()?, parts.next()?, parts.next()?);
    let body = URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
    let body: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let seconds = body.get("exp").and_then(serde_json::Value::as_f64);
    let seconds = seconds.filter(|seconds| (0.0..1e11).contains(seconds));
    Some(Claims {
        expires: seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs_f64(seconds)),
        subject: body.get("sub").and_then(|sub| sub.as_str()).map(str::to_owned),
    })
}

/// The token somebody keeps in `path`. One that is not there may come.
pub async fn kept(path: &Path) -> Result<Token, TokenError> {
    let later = |why: String| TokenError::later(format!("no token in `{}`: {why}", path.display()));
    let text = Secret::new(file(path).await.map_err(later)?);
    let expires = claims(&text).and_then(|claims| claims.expires);
    let expires = expires.ok_or_else(|| later("it holds no JWT with an `exp`".to_owned()))?;
    if expires <= SystemTime::now() {
        let hint = "hint: the writer of the file must renew it";
        return Err(later(format!("its token has expired; {hint}")));
    }
    Ok(Token { text, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret {
        Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn the_end_and_the_subject_are_read() {
        let read = claims(&token(r#"{"exp": 1700003600, "sub": "bridge"}"#)).unwrap();
        assert_eq!(read.expires, Some(UNIX_EPOCH + Duration::from_secs(1_700_003_600)));
        assert_eq!(read.subject.as_deref(), Some("bridge"));
        let read = claims(&token(r#"{"exp": "soon"}"#)).unwrap();
        assert_eq!(read, Claims { expires: None, subject: None });
        for none in ["", "opaque", "a.b", "a.b.c", "e30.e30"] {
            assert_eq!(claims(&Secret::new(none)), None, "{none}");
        }
    }

    #[test]
    fn a_file_without_a_living_token_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let kept = || runtime.block_on(kept(&path));
        let said = |refusal: TokenError| {
            assert!(!refusal.is_for_good());
            refusal.to_string()
        };
        assert!(said(kept().unwrap_err()).contains("No such file"));
        std::fs::write(&path, "opaque").unwrap();
        assert!(said(kept().unwrap_err()).contains("no JWT"));
        std::fs::write(&path, token(r#"{"exp": 1700003600}"#).expose()).unwrap();
        assert!(said(kept().unwrap_err()).contains("has expired"));
        std::fs::write(&path, format!("{}\n", token(r#"{"exp": 4000000000}"#).expose())).unwrap();
        assert_eq!(kept().unwrap().text, token(r#"{"exp": 4000000000}"#));
    }
}
