//! A gateway that lets in only who shows a certificate of its authority, and passes on what is inside the TLS. It may move
//! to another authority while it runs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use stage::{PATIENCE, wait_for};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for that name, and its key.
    pub(crate) fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn acceptor(&self) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let (chain, key) = self.sign("localhost");
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// It runs until the test process ends.
pub(crate) struct Gateway {
    pub(crate) port: u16,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    /// Every connection ends when it changes.
    cut: watch::Sender<()>,
    refused: Arc<AtomicUsize>,
}

impl Gateway {
    pub(crate) fn start(authority: &Authority, to: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = Arc::new(Mutex::new(authority.acceptor()));
        let (cut, refused) = (watch::Sender::new(()), Arc::default());
        let gateway = Self { port, acceptor, cut, refused };
        let (acceptor, refused) = (Arc::clone(&gateway.acceptor), Arc::clone(&gateway.refused));
        let cut = gateway.cut.subscribe();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((tcp, _)) = listener.accept().await {
                    let acceptor = acceptor.lock().unwrap().clone();
                    let (refused, mut cut) = (Arc::clone(&refused), cut.clone());
                    cut.mark_unchanged();
                    tokio::spawn(async move {
                        let mut outside = match acceptor.accept(tcp).await {
                            Ok(outside) => outside,
                            Err(error) => {
                                let ours = error.to_string().contains("invalid peer certificate");
                                refused.fetch_add(usize::from(ours), Ordering::Relaxed);
                                return;
                            }
                        };
                        let mut inside = TcpStream::connect(to).await.unwrap();
                        tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut outside, &mut inside) => {}
                            _ = cut.changed() => {}
                        }
                    });
                }
            });
        });
        gateway
    }

    /// Shows a certificate of `authority` from now on, and lets in only who shows one. All connections end.
    pub(crate) fn become_of(&self, authority: &Authority) {
        *self.acceptor.lock().unwrap() = authority.acceptor();
        self.cut.send_replace(());
    }

    /// Waits until somebody was not let in, for a certificate of another authority.
    #[track_caller]
    pub(crate) fn wait_refusal(&self) {
        wait_for("a connection is refused", PATIENCE, || {
            (self.refused.load(Ordering::Relaxed) > 0).then_some(())
        });
    }
}
