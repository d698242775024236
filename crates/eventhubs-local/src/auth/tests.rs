use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::hub::now_ms;

fn keys() -> Keys {
    let mut keys = Keys::default();
    keys.add("root".into(), "c2VjcmV0".into());
    keys
}

fn token(name: &str, key: &str, resource: &str, expiry: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes()).replace('+', "%2B");
    let signature = signature.replace('/', "%2F").replace('=', "%3D");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}")
}

#[test]
fn a_token_signed_with_the_key_grants_what_it_covers() {
    let token = token("root", "c2VjcmV0", "amqps%3a%2f%2fns%2forders", 2_000_000_000);
    let scope = keys().check(&token, 0).unwrap();
    let mut grants = Grants::new(true, true);
    let allow = |grants: &Grants, path, now| grants.allow(path, Right::Send, now);
    assert!(!allow(&grants, "orders/Partitions/1", 0));
    grants.put("amqps://ns/orders/Partitions/1", scope.clone()).unwrap();
    assert!(allow(&grants, "orders/partitions/1", 0));
    assert!(!allow(&grants, "orders/partitions/10", 0));
    let elsewhere = grants.put("amqps://ns/payments", scope);
    assert_eq!(elsewhere, Err(NotGranted::Disbelieved(Disbelief::Audience)));
    assert!(!allow(&grants, "orders/partitions/1", 2_000_000_000_000));
}

#[test]
fn a_wrong_key_an_old_token_and_an_unknown_name_are_refused() {
    let refusal = |token: &str, now| keys().check(token, now).unwrap_err();
    let wrong = token("root", "another", "sb%3a%2f%2fns%2forders", 2_000_000_000);
    assert_eq!(refusal(&wrong, 0), Disbelief::Signature);
    let good = token("root", "c2VjcmV0", "sb%3a%2f%2fns%2forders", 2_000_000_000);
    let expired = refusal(&good, 2_000_000_000_000).to_string();
    let text = "ExpiredToken: The token is expired. Expiration time: '2033-05-18 03:33:20Z'";
    assert_eq!(expired, text);
    assert_eq!(refusal(&good.replace("skn=root", "skn=guest"), 0), Disbelief::Signature);
    assert_eq!(refusal(&good.replace("orders", "others"), 0), Disbelief::Signature);
    assert_eq!(refusal("a.b.c", 0), Disbelief::Malformed);
}

#[test]
fn without_keys_any_token_passes() {
    assert!(Keys::default().check("a.b.c", 0).is_ok());
    let old = token("x", "whatever", "sb%3a%2f%2fns%2forders", 1);
    assert!(Keys::default().check(&old, 5_000).is_ok());
}

#[test]
fn keys_do_not_show_their_values() {
    assert_eq!(format!("{:?}", keys()), r#"["root"]"#);
}

#[test]
fn a_key_grants_its_rights_in_its_hub_and_no_more() {
    let mut keys = keys();
    keys.add_limited(Some("Orders".into()), "in".into(), "a".into(), Rights::SEND);
    keys.add_limited(None, "out".into(), "b".into(), Rights::LISTEN);
    let granted = |name, key, resource: &str, right| {
        let token = token(name, key, &resource.replace('/', "%2f"), 2_000_000_000);
        let scope = keys.check(&token, 0)?;
        let mut grants = Grants::new(true, true);
        grants.put(resource, scope).unwrap();
        Ok::<_, Disbelief>(grants.allow("orders/Partitions/0", right, 0))
    };
    let orders = "amqps://ns/orders";
    assert_eq!(granted("in", "a", orders, Right::Send), Ok(true));
    assert_eq!(granted("in", "a", orders, Right::Listen), Ok(false));
    assert_eq!(granted("in", "a", orders, Right::Any), Ok(true));
    assert_eq!(granted("out", "b", orders, Right::Send), Ok(false));
    assert_eq!(granted("out", "b", orders, Right::Listen), Ok(true));
    assert_eq!(granted("root", "c2VjcmV0", orders, Right::Send), Ok(true));
    let elsewhere = granted("in", "a", "amqps://ns/payments", Right::Send);
    assert_eq!(elsewhere, Err(Disbelief::Signature), "the key is another hub's");
}

#[test]
fn rights_are_read_by_name() {
    assert_eq!("send,listen".parse(), Ok(Rights { manage: false, ..Rights::ALL }));
    assert_eq!("Manage".parse(), Ok(Rights::ALL));
    let refused = "send,write".parse::<Rights>().unwrap_err();
    assert_eq!(refused.to_string(), "`write` is not a right: use send, listen or manage");
}

#[test]
fn a_renewed_grant_lasts_and_one_made_short_ends() {
    let scope = |expires_ms| Scope { path: String::new(), rights: Rights::ALL, expires_ms };
    let mut grants = Grants::new(true, true);
    grants.put("sb://ns/orders", scope(Some(100))).unwrap();
    assert_eq!(grants.next_expiry(0), Some(100));
    grants.put("sb://ns/orders", scope(Some(900))).unwrap();
    assert!(grants.allow("orders", Right::Send, 500));
    assert_eq!(grants.next_expiry(0), Some(900));

    let mut open = Grants::new(false, false);
    open.put_until("sb://ns/orders", scope(None), 300).unwrap();
    assert!(open.allow("orders", Right::Send, 299));
    assert!(!open.allow("orders", Right::Send, 300));
}

/// A key pair for ES256, once: public JWK parts are not needed, the PEM is.
fn signer() -> &'static rcgen::KeyPair {
    static SIGNER: OnceLock<rcgen::KeyPair> = OnceLock::new();
    SIGNER.get_or_init(|| rcgen::KeyPair::generate().unwrap())
}

fn jwt(claims: &Value) -> String {
    let key = EncodingKey::from_ec_pem(signer().serialize_pem().as_bytes()).unwrap();
    jsonwebtoken::encode(&Header::new(Algorithm::ES256), claims, &key).unwrap()
}

fn issuer() -> Issuer {
    Issuer::from_pem(signer().public_key_pem().as_bytes()).unwrap().name("https://sts/tenant")
}

fn claims(change: &[(&str, Value)]) -> Value {
    let now = now_ms() / 1000;
    let mut claims = json!({
        "aud": "https://eventhubs.azure.net", "iss": "https://sts/tenant", "exp": now + 60, "nbf": now - 5,
        "roles": ["Azure Event Hubs Data Sender"],
    });
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    claims
}

#[test]
fn a_jwt_grants_the_rights_of_its_roles_until_its_end() {
    for (roles, rights) in [
        (json!(["Azure Event Hubs Data Sender"]), Rights::SEND),
        (json!(["Azure Event Hubs Data Receiver", "other"]), Rights::LISTEN),
        (json!("Azure Event Hubs Data Owner"), Rights::ALL),
        (json!("Send Listen"), Rights { manage: false, ..Rights::ALL }),
        (json!([]), Rights::NONE),
        (Value::Null, Rights::NONE),
    ] {
        let scope = issuer().check(&jwt(&claims(&[("roles", roles.clone())]))).unwrap();
        assert_eq!(scope.rights, rights, "{roles}");
        assert!(scope.expires_ms.is_some_and(|end| end > now_ms()));
    }
    let scope = issuer().role_claim("scp").check(&jwt(&claims(&[("scp", json!("Listen"))])));
    assert_eq!(scope.unwrap().rights, Rights::LISTEN);
}

#[test]
fn a_jwt_with_a_wrong_claim_or_signature_is_not_believed() {
    let now = now_ms() / 1000;
    for (change, why) in [
        (("aud", json!("https://storage")), Disbelief::Audience),
        (("aud", Value::Null), Disbelief::Audience),
        (("iss", json!("https://sts/other")), Disbelief::Issuer),
        (("exp", json!(now - 9)), Disbelief::Expired { at_ms: (now - 9) * 1000 }),
        (("exp", Value::Null), Disbelief::Malformed),
        (("nbf", json!(now + 60)), Disbelief::NotYet),
    ] {
        let refused = issuer().check(&jwt(&claims(std::slice::from_ref(&change)))).unwrap_err();
        assert_eq!(refused, why, "{change:?}");
    }
    let good = jwt(&claims(&[]));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other = jwt(&claims(&[("roles", json!(["Azure Event Hubs Data Owner"]))]));
    let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    assert_eq!(issuer().check(&forged), Err(Disbelief::Signature));
    let unsigned = format!("{}.{}", head.replace(header, "eyJhbGciOiJub25lIn0"), "");
    assert_eq!(issuer().check(&unsigned), Err(Disbelief::Malformed));
    // The public key taken for a shared secret.
    let secret = EncodingKey::from_secret(signer().public_key_pem().as_bytes());
    let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(&[]), &secret);
    assert_eq!(issuer().check(&confused.unwrap()), Err(Disbelief::Signature));
    assert_eq!(issuer().check("a.b.c"), Err(Disbelief::Malformed));
}

#[test]
fn a_key_set_is_read_and_the_key_chosen_by_its_id() {
    let raw = signer().public_key_raw();
    let part = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let jwk = |id: &str, x: &[u8], y: &[u8]| json!({"kty": "EC", "crv": "P-256", "kid": id, "x": part(x), "y": part(y)});
    let good = jwk("new", &raw[1..33], &raw[33..65]);
    let secret = json!({"kty": "oct", "kid": "s", "k": "AAAA"});
    let set = json!({"keys": [secret, jwk("old", &[1; 32], &[2; 32]), good]}).to_string();
    let issuer = Issuer::from_jwks(&set).unwrap();
    let sign = |id: &str| {
        let key = EncodingKey::from_ec_pem(signer().serialize_pem().as_bytes()).unwrap();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(id.to_owned());
        jsonwebtoken::encode(&header, &claims(&[]), &key).unwrap()
    };
    assert_eq!(issuer.check(&sign("new")).unwrap().rights, Rights::SEND);
    assert_eq!(issuer.check(&sign("gone")), Err(Disbelief::Signature));

    let symmetric = json!({"keys": [secret]}).to_string();
    assert!(matches!(Issuer::from_jwks(&symmetric), Err(IssuerError::NoKey)));
    assert!(matches!(Issuer::from_jwks("{"), Err(IssuerError::KeySet(_))));
    assert!(matches!(Issuer::from_pem(b"none"), Err(IssuerError::PublicKey(_))));
}
