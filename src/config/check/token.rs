//! `[kafka.security.token]`: which keys a kind takes, and what it needs. The identities of Entra ID are checked where
//! those of `[eventhubs.credential]` are.

use std::collections::BTreeMap;

use crate::config::hint::{list, shown};
use crate::config::path::Path;
use crate::config::raw::{self, TokenKind};
use crate::config::{BrokerLogin, Credential, Oidc, TokenSource};

use super::Check;

const OIDC: &[&str] = &[
    "token_endpoint",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scope",
    "ca_file",
    "extensions",
];
const FILE: &[&str] = &["token_file", "extensions"];
const AWS: &[&str] = &["region", "extensions"];

impl Check<'_> {
    /// Where the tokens of `oauthbearer` come from.
    pub(super) fn bearer(
        &mut self,
        at: &Path,
        given: Option<&raw::Token>,
        brokers: &str,
    ) -> Option<BrokerLogin> {
        let Some((given, kind)) = given.and_then(|given| Some((given, given.kind?.0))) else {
            let why = "`oauthbearer` authenticates with a token, and the bridge needs its source";
            let hint = "add `kind = \"oidc\"`, or another one, under `[kafka.security.token]`";
            self.missing(&at.key("kind"), why, hint);
            return None;
        };
        self.strays(at, given, kind);
        let extensions = given.extensions.clone().unwrap_or_default();
        self.extensions(&at.key("extensions"), &extensions);
        let source = match kind {
            TokenKind::Oidc => TokenSource::Oidc(self.oidc(at, given)?),
            TokenKind::File => {
                let file_at = at.key("token_file");
                let why = "another program obtains the token, and keeps it in a file";
                if given.token_file.is_none() {
                    self.missing(&file_at, why, "add `token_file = \"…\"`");
                }
                // Whether it is there is for later: who writes it may start after the bridge.
                let file = self.text(&file_at, given.token_file.as_ref(), why)?;
                TokenSource::File(self.layers.beside(&file))
            }
            TokenKind::AwsMskIam => {
                TokenSource::AwsMskIam { region: self.region(at, given, brokers)? }
            }
            _ => {
                if given.scope.is_none() {
                    self.missing(
                        &at.key("scope"),
                        "a token needs a scope, and the brokers check it",
                        "add `scope = \"https://NS.servicebus.windows.net/.default\"` or `\"api://…/.default\"`",
                    );
                }
                match self.credential(at, &given.credential(), "")? {
                    Credential::Entra(entra) => TokenSource::Entra(entra),
                    Credential::Sas(_) => return None,
                }
            }
        };
        Some(BrokerLogin::Token { source, extensions })
    }

    /// Keys that do not belong to `kind`. Those of another identity of Entra are told by [`Check::credential`].
    fn strays(&mut self, at: &Path, given: &raw::Token, kind: TokenKind) {
        let mut keys = vec![];
        keys.extend(given.token_endpoint.is_some().then_some("token_endpoint"));
        keys.extend(given.ca_file.is_some().then_some("ca_file"));
        keys.extend(given.region.is_some().then_some("region"));
        let known = match kind {
            TokenKind::Oidc => OIDC,
            TokenKind::File => FILE,
            TokenKind::AwsMskIam => AWS,
            _ => &[],
        };
        if !known.is_empty() {
            keys.extend(given.credential().given());
        }
        for key in keys.into_iter().filter(|key| !known.contains(key)) {
            let why = match known {
                [] => format!("`{kind}` is an identity of Entra ID"),
                known => format!("`{kind}` knows {}", list(known.iter().copied())),
            };
            let hint = match key {
                key if OIDC.contains(&key) => "remove it, or set `kind = \"oidc\"`",
                key if FILE.contains(&key) => "remove it, or set `kind = \"file\"`",
                key if AWS.contains(&key) => "remove it, or set `kind = \"aws_msk_iam\"`",
                _ => "remove it, or choose another `kind`",
            };
            self.wrong(&at.key(key), format!("does not belong to `{kind}`"), why, hint);
        }
    }

    fn extensions(&mut self, at: &Path, given: &BTreeMap<String, String>) {
        for (name, value) in given {
            let name_fits = name.chars().all(|c| c.is_ascii_alphabetic()) && name != "auth";
            let value_fits = value.chars().all(|c| (' '..='~').contains(&c)) && !value.is_empty();
            if !name_fits || !value_fits {
                self.wrong(
                    &at.key(name),
                    "is not a SASL extension",
                    "its name is made of letters, but is not `auth`, and its value is visible ASCII",
                    "write `extensions = { logicalCluster = \"lkc-1\" }`",
                );
            }
        }
    }

    fn oidc(&mut self, at: &Path, given: &raw::Token) -> Option<Oidc> {
        let endpoint = self.token_endpoint(&at.key("token_endpoint"), given);
        let client_at = at.key("client_id");
        let why = "the issuer authenticates a client by its id";
        if given.client_id.is_none() {
            self.missing(&client_at, why, "add `client_id = \"…\"`");
        }
        let client_id = self.text(&client_at, given.client_id.as_ref(), why);
        let client_secret = self.either(
            at,
            "client_secret",
            given.client_secret.as_ref(),
            given.client_secret_file.as_ref(),
        );
        let scope = self.text(&at.key("scope"), given.scope.as_ref(), "a scope cannot be empty");
        let ca_file = self.pem_with(&at.key("ca_file"), given.ca_file.as_ref(), "CERTIFICATE");
        Some(Oidc {
            endpoint: endpoint?,
            client_id: client_id?,
            client_secret: client_secret?,
            scope,
            ca_file: ca_file.map(|(path, _)| path),
        })
    }

    /// The region a token is for: as it is said, or as the brokers are called.
    fn region(&mut self, at: &Path, given: &raw::Token, brokers: &str) -> Option<String> {
        if !cfg!(feature = "aws-msk-iam") {
            self.wrong(
                &at.key("kind"),
                "is `aws_msk_iam`, which this build does not support",
                "IAM of AWS needs libraries that are not in the default build",
                "run the image, which has it, or build with `cargo build --release --features aws-msk-iam`",
            );
            return None;
        }
        let region_at = at.key("region");
        let why = "a token of IAM is valid for one region";
        let hint = "add `region = \"eu-west-1\"`";
        let Some(said) = given.region.as_ref() else {
            let told = region_of(brokers);
            if told.is_none() {
                self.missing(&region_at, why, hint);
            }
            return told;
        };
        let region = self.text(&region_at, Some(said), why)?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !region.chars().all(fits) {
            self.wrong(&region_at, format!("is {}, not a region", shown(&region)), why, hint);
            return None;
        }
        Some(region)
    }

    fn token_endpoint(&mut self, at: &Path, given: &raw::Token) -> Option<String> {
        let why = "the bridge requests its tokens there";
        if given.token_endpoint.is_none() {
            self.missing(at, why, "add `token_endpoint = \"https://ISSUER/token\"`");
        }
        let url = self.text(at, given.token_endpoint.as_ref(), why)?;
        let (scheme, rest) = url.split_once("://").unwrap_or(("", ""));
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let near = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
        let usable = scheme == "https" || (scheme == "http" && near);
        if !usable || name.is_empty() || rest.contains(['@', '#', ' ']) {
            let why = "a secret is sent there, so it must be `https`, or on this machine";
            let hint = "write `https://HOST/PATH`; an issuer's `/.well-known/openid-configuration` names its \
                        `token_endpoint`";
            self.wrong(at, format!("is {}, not a usable endpoint", shown(&url)), why, hint);
            return None;
        }
        Some(url)
    }
}

/// What the names of MSK's brokers say of their region.
fn region_of(brokers: &str) -> Option<String> {
    let name = brokers.split(',').next()?.trim();
    let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
    let (_, rest) = host.split_once(".kafka.").or_else(|| host.split_once(".kafka-serverless."))?;
    let region = rest.split_once(".amazonaws.com")?.0;
    (!region.is_empty() && !region.contains('.')).then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_brokers_say_their_region() {
        for (brokers, region) in [
            ("b-1.quay.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098,b-2.x:9098", Some("eu-west-1")),
            ("boot-x.c1.kafka-serverless.us-east-2.amazonaws.com:9098", Some("us-east-2")),
            ("b-1.quay.a1.c2.kafka.cn-north-1.amazonaws.com.cn:9098", Some("cn-north-1")),
            ("msk.example.com:9098", None),
            ("a.kafka.b.c.amazonaws.com:9098", None),
            ("", None),
        ] {
            assert_eq!(region_of(brokers).as_deref(), region, "{brokers}");
        }
    }
}
