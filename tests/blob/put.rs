//! What storage is told, and what its answers mean: faults that a real one cannot be made to have.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::routing::put;
use bridge_core::claim::Blob;
use kafka_eventhubs_bridge::blob::{BlobContainer, BlobError};
use kafka_eventhubs_bridge::config::{
    Application, BlobWriter, ClaimCheck, Container as Place, Entra, Given, Principal, Proxy, Secret,
};
use stage::authority::Authority;
use stage::https;

use crate::block_on;

struct Stand {
    /// With its directory, and the authority that storage and issuer show.
    folder: tempfile::TempDir,
    url: String,
    host: String,
    asked: Arc<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>,
}

/// A stand-in that answers each upload so; it issues tokens, too.
fn stand(status: StatusCode, headers: &'static [(&'static str, &'static str)]) -> Stand {
    let asked = Arc::<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>::default();
    let noted = Arc::clone(&asked);
    let router = Router::new()
        .route(
            "/{*path}",
            put(move |uri: Uri, said: HeaderMap, body: Bytes| async move {
                noted.lock().unwrap().push((uri, said, body));
                let answered: HeaderMap = headers
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect();
                (status, answered).into_response()
            }),
        )
        .route(
            "/t/oauth2/v2.0/token",
            axum::routing::post(|form: String| async move {
                assert!(
                    form.contains("scope=https%3A%2F%2Fstorage.azure.com%2F.default"),
                    "{form}"
                );
                r#"{"token_type": "Bearer", "expires_in": 3600, "access_token": "hush-token"}"#
            }),
        );
    let authority = Authority::generate();
    let (secured, _) = https::serve(router, &authority.sign(&["127.0.0.1"]));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.path().join("signature"), "sv=1&sig=hushhush\n").unwrap();
    Stand { folder, url: format!("https://{secured}/account/c"), host: secured.to_string(), asked }
}

impl Stand {
    fn put(&self, identity: BlobWriter) -> Result<(), BlobError> {
        let container = Place { url: self.url.as_str().into(), prefix: "".into() };
        let ca_file = Some(self.folder.path().join("ca.pem"));
        let timeout = Duration::from_secs(10);
        let container = BlobContainer::new(&ClaimCheck { container, identity, ca_file, timeout });
        let (url, bytes) = (format!("{}/t/0/4-abc", self.url), Bytes::from_static(b"value"));
        block_on(container.put(&Blob { url, bytes, content_type: Some("text/csv".to_owned()) }))
    }

    fn signed(&self) -> BlobWriter {
        BlobWriter::Sas(self.folder.path().join("signature"))
    }

    fn application(&self) -> BlobWriter {
        let application = Application { tenant_id: "t".to_owned(), client_id: "c".to_owned() };
        BlobWriter::Entra(Entra {
            identity: Principal::Secret { application, secret: Given::Inline(Secret::new("s")) },
            authority: format!("https://{}", self.host),
            scope: "https://storage.azure.com/.default".to_owned(),
            metadata_host: None,
            proxy: Proxy::None,
            ca_file: Some(self.folder.path().join("ca.pem")),
        })
    }
}

#[test]
fn an_upload_is_one_request_with_a_signature_or_a_token() {
    let stand = stand(StatusCode::CREATED, &[]);
    assert_eq!(stand.put(stand.signed()), Ok(()));
    assert_eq!(stand.put(stand.application()), Ok(()));
    let asked = stand.asked.lock().unwrap();
    let [(first, _, _), (second, headers, body)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(first.to_string(), "/account/c/t/0/4-abc?sv=1&sig=hushhush");
    assert_eq!((second.to_string().as_str(), &body[..]), ("/account/c/t/0/4-abc", &b"value"[..]));
    for (name, value) in [
        ("authorization", "Bearer hush-token"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-version", "2019-12-12"),
        ("content-type", "text/csv"),
        ("content-length", "5"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let date = headers["x-ms-date"].to_str().unwrap();
    assert!(date.ends_with(" GMT"), "{date}");
}

#[test]
fn what_storage_says_is_told_and_no_secret_is() {
    let busy = stand(
        StatusCode::SERVICE_UNAVAILABLE,
        &[("x-ms-error-code", "ServerBusy"), ("retry-after", "7")],
    );
    let detail = "storage answered 503 Service Unavailable, ServerBusy".to_owned();
    let after = Some(Duration::from_secs(7));
    assert_eq!(busy.put(busy.signed()), Err(BlobError::Later { detail, after }));
    // 200 is what something in between says.
    for (status, is_refusal) in
        [(StatusCode::OK, false), (StatusCode::FOUND, false), (StatusCode::FORBIDDEN, true)]
    {
        let stand = stand(status, &[]);
        let failure = stand.put(stand.signed()).unwrap_err();
        assert_eq!(failure.to_string(), format!("storage answered {status}"));
        assert_eq!(matches!(failure, BlobError::Unauthorized(_)), is_refusal);
    }
    let gone = stand(StatusCode::CREATED, &[]);
    let gone = Stand { url: "https://127.0.0.1:1/account/c".to_owned(), ..gone };
    let told = gone.put(gone.signed()).unwrap_err().to_string();
    assert!(told.contains("refused") && !told.contains("hushhush"), "{told}");
    std::fs::remove_file(gone.folder.path().join("signature")).unwrap();
    let told = gone.put(gone.signed()).unwrap_err().to_string();
    assert!(told.starts_with("`claim_check.sas_file`: "), "{told}");
}
