//! A server of HTTPS that a test makes of routes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authority::{Authority, Certificate};

struct Secured {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.tcp.accept().await else { continue };
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Serves `router` over HTTPS, and over HTTP too, until the test process ends. Gives both addresses, in that order.
pub fn serve(router: Router, certificate: &Certificate) -> (SocketAddr, SocketAddr) {
    serve_to(router, certificate, None)
}

/// The same; over HTTPS only to those who show a certificate of `clients`, if that is said.
pub fn serve_to(
    router: Router,
    certificate: &Certificate,
    clients: Option<&Authority>,
) -> (SocketAddr, SocketAddr) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::from_pem_slice(certificate.chain.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("PEM");
    let tls = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let tls = match clients {
        None => tls.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM");
            roots.add(root).expect("an authority");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            tls.with_client_cert_verifier(verifier.expect("authorities"))
        }
    };
    let tls = tls.with_single_cert(vec![chain], key).expect("a certificate with its key");
    let (told, addresses) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
            let (tcp, plain) = (bind().await.expect("a port"), bind().await.expect("a port"));
            let address = |listener: &TcpListener| listener.local_addr().expect("bound");
            told.send((address(&tcp), address(&plain))).expect("it is waited for");
            let secured = Secured { tcp, tls: TlsAcceptor::from(Arc::new(tls)) };
            tokio::spawn(axum::serve(plain, router.clone()).into_future());
            axum::serve(secured, router).await.expect("it serves");
        });
    });
    addresses.recv().expect("it serves")
}
