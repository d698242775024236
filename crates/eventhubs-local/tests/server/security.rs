//! Rights, tokens and their end, as a client meets them: the service's conditions and texts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventhubs_local::{Issuer, Rights, Server};
use fe2o3_amqp::types::messaging::Outcome;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::support::{Client, send, soon};

const PARTITION_1: &str = "orders/Partitions/1";
const READER_1: &str = "orders/ConsumerGroups/$Default/Partitions/1";

fn in_seconds(seconds: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() + seconds
}

fn token(name: &str, key: &str, resource: &str, expiry: u64) -> String {
    let resource = resource.replace('/', "%2f").replace(':', "%3a");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}")
}

fn guarded() -> Server {
    Server::builder()
        .hub("orders", 4)
        .hub("payments", 4)
        .key("root", "right")
        .limited_key(None, "sender", "s", Rights::SEND)
        .limited_key(Some("orders"), "reader", "r", Rights::LISTEN)
        .start()
        .unwrap()
}

#[tokio::test]
async fn each_bad_token_is_refused_in_the_words_of_the_service() {
    let server = guarded();
    let mut client = Client::connect(&server).await;
    let orders = "sb://localhost/orders";
    let later = in_seconds(60);
    for (token, words) in [
        (token("root", "wrong", orders, later), "InvalidSignature: The token has an invalid"),
        (token("nobody", "right", orders, later), "InvalidSignature"),
        (token("root", "right", orders, 1), "Expiration time: '1970-01-01 00:00:01Z'"),
        (token("root", "right", "sb://localhost/payments", later), "InvalidAudience"),
        (token("reader", "r", "sb://localhost/payments", later), "InvalidSignature"),
        ("nonsense".to_owned(), "MalformedToken"),
    ] {
        let refused = client.put_token(PARTITION_1, &token).await.unwrap_err();
        assert!(refused.contains("401") && refused.contains(words), "{words}: {refused}");
        let link = format!("{:?}", client.try_sender(PARTITION_1).await.unwrap_err());
        assert!(link.contains("UnauthorizedAccess"), "{link}");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_by_the_link_and_not_by_the_token() {
    let server = guarded();
    let later = in_seconds(60);
    for (name, key, may_send, may_listen) in
        [("sender", "s", true, false), ("reader", "r", false, true), ("root", "right", true, true)]
    {
        let mut client = Client::connect(&server).await;
        let token = token(name, key, "sb://localhost/orders", later);
        client.put_token(PARTITION_1, &token).await.unwrap();
        client.put_token(READER_1, &token).await.unwrap();
        for (allowed, refused) in [
            (may_send, client.try_sender(PARTITION_1).await.err().map(|e| format!("{e:?}"))),
            (may_listen, client.try_receiver(READER_1).await.err().map(|e| format!("{e:?}"))),
        ] {
            assert_eq!(refused.is_none(), allowed, "{name}: {refused:?}");
            if let Some(refused) = refused {
                assert!(refused.contains("UnauthorizedAccess"), "{refused}");
                assert!(refused.contains("claim(s) are required"), "{refused}");
                assert!(refused.contains("sb://localhost/orders/"), "{refused}");
            }
        }
    }
}

#[tokio::test]
async fn a_link_goes_when_its_token_ends_unless_it_was_renewed_in_time() {
    let server = guarded();
    let mut client = Client::connect(&server).await;
    let soon_over = token("root", "right", "sb://localhost/orders", in_seconds(2));
    let lasting = token("root", "right", "sb://localhost/orders", in_seconds(60));
    client.put_token(PARTITION_1, &soon_over).await.unwrap();
    client.put_token("orders/Partitions/2", &soon_over).await.unwrap();
    let mut left = client.sender(PARTITION_1).await;
    let mut renewed = client.sender("orders/Partitions/2").await;
    client.put_token("orders/Partitions/2", &lasting).await.unwrap();
    let detach = format!("{:?}", soon(left.on_detach()).await);
    assert!(detach.contains("DetachForced") && detach.contains("Code: RenewToken"), "{detach}");
    assert!(matches!(send(&mut renewed, &["a"]).await, Outcome::Accepted(_)));
}

#[tokio::test]
async fn a_token_can_be_made_short_even_where_none_is_checked() {
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let fault = server.faults().hub("orders").times(1).short_tokens(Duration::from_millis(100));
    let mut client = Client::connect(&server).await;
    client.put_token(PARTITION_1, "any").await.unwrap();
    let mut sender = client.sender(PARTITION_1).await;
    assert!(matches!(send(&mut sender, &["a"]).await, Outcome::Accepted(_)));
    let detach = format!("{:?}", soon(sender.on_detach()).await);
    assert!(detach.contains("RenewToken"), "{detach}");
    assert_eq!(fault.fired(), 1);
    assert!(client.try_sender(PARTITION_1).await.is_err());
    client.put_token(PARTITION_1, "any").await.unwrap();
    client.sender(PARTITION_1).await;
}

#[tokio::test]
async fn a_jwt_of_the_issuer_opens_what_its_role_says() {
    let signer = rcgen::KeyPair::generate().unwrap();
    let issuer = Issuer::from_pem(signer.public_key_pem().as_bytes()).unwrap();
    let server = Server::builder().hub("orders", 4).issuer(issuer).start().unwrap();
    let sign = |signer: &rcgen::KeyPair, role: &str| {
        let key = EncodingKey::from_ec_pem(signer.serialize_pem().as_bytes()).unwrap();
        let claims = json!({
            "aud": "https://eventhubs.azure.net", "exp": in_seconds(60), "roles": [role],
        });
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap()
    };
    let sender = sign(&signer, "Azure Event Hubs Data Sender");
    let mut client = Client::connect(&server).await;
    assert!(client.try_sender(PARTITION_1).await.is_err());
    client.put_token(PARTITION_1, &sender).await.unwrap();
    client.put_token(READER_1, &sender).await.unwrap();
    assert!(matches!(
        send(&mut client.sender(PARTITION_1).await, &["a"]).await,
        Outcome::Accepted(_)
    ));
    assert!(client.try_receiver(READER_1).await.is_err());

    let stranger = sign(&rcgen::KeyPair::generate().unwrap(), "Azure Event Hubs Data Owner");
    let refused = client.put_token(PARTITION_1, &stranger).await.unwrap_err();
    assert!(refused.contains("InvalidSignature"), "{refused}");
    let sas = token("root", "any", "sb://localhost/orders", in_seconds(60));
    assert!(client.put_token(PARTITION_1, &sas).await.is_err(), "no key is known");
}
