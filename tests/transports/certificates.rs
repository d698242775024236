//! Who is trusted, and how the bridge shows who it is.

use std::sync::Arc;

use eventhubs_local::Tls;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::scene::{Scene, connection, file, server};

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let (server, ca) = server("localhost");
    let scene = Scene::new(server, &connection(ca.path(), ""));
    let bridge = scene.settings.start();
    scene.finish(&bridge);
}

#[test]
fn a_peer_that_proves_nothing_gets_nothing_until_its_authority_is_named() {
    let (server, ca) = server("localhost");
    let wrong = file(Tls::generate(&["localhost"]).unwrap().ca_pem().unwrap());
    let scene = Scene::new(server, &connection(wrong.path(), ""));
    let bridge = scene.settings.start();
    bridge.wait_log(&["cannot be reached", "localhost", "certificate"]);
    assert!(scene.server.hub("orders").total() == 0, "nothing was sent");
    assert_eq!(bridge.logged("ERROR"), 0, "it may pass, and it does");
    // The file is read at every attempt.
    std::fs::copy(ca.path(), wrong.path()).unwrap();
    scene.finish(&bridge);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (server, ca) = server("elsewhere.example");
    let scene = Scene::new(server, &connection(ca.path(), ""));
    let bridge = scene.settings.start();
    bridge.wait_log(&["cannot be reached", "localhost", "not valid for name"]);
    assert!(scene.server.hub("orders").total() == 0, "nothing was sent");
    bridge.kill();
}

#[test]
fn the_bridge_shows_its_certificate_to_who_asks() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let signed = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (own, own_key) = signed(&["bridge"]);
    let (own, own_key) = (file(&own), file(&own_key));
    let ca = file(&authority.pem());

    // A gateway that lets in only who shows a certificate; behind it, a namespace without TLS.
    let server = eventhubs_local::Server::builder().hub("orders", 4).start().unwrap();
    let gateway = gateway(&authority.pem(), &signed(&["localhost"]), server.addr());
    let more = format!(
        "certificate_file = '{}'\nkey_file = '{}'",
        own.path().display(),
        own_key.path().display()
    );
    let mut scene = Scene::new(server, &connection(ca.path(), &more));
    scene.settings = scene.settings.with(&format!(
        "[eventhubs]\nconnection_string = 'Endpoint=sb://localhost:{gateway};SharedAccessKeyName=k;SharedAccessKey=s'"
    ));
    let bridge = scene.settings.start();
    scene.finish(&bridge);
}

/// Takes TLS with a certificate of `authority`, and passes on what is inside. Gives its port.
fn gateway(authority: &str, own: &(String, String), to: std::net::SocketAddr) -> u16 {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(own.0.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(own.1.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(tcp).await else { return };
                    let mut inside = TcpStream::connect(to).await.unwrap();
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok();
                });
            }
        });
    });
    port
}
