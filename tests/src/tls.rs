//! A certificate authority for servers of a test, and TLS in front of those that have none.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// A certificate authority that nobody else trusts.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A server's certificate and key, both in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of our own");
        Self { issuer }
    }

    /// Its own certificate in PEM, for clients.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate as a client takes it.
    pub fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A certificate for a host name or address.
    pub fn issue(&self, host: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([host.to_owned()]).expect("a host name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Identity {
    /// What takes connections with it.
    ///
    /// # Panics
    /// When it is no certificate with its key.
    pub fn acceptor(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a server's identity");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Takes TLS connections for a server without TLS and passes on what is in them. A connection ends when either side does.
#[derive(Debug)]
pub struct Terminator {
    /// Its port on loopback.
    pub port: u16,
    behind: watch::Sender<Option<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Terminator {
    /// Takes connections from now on; they wait until somebody is [behind](Terminator::serve) it.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(identity: &Identity) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = identity.acceptor();
        let behind = watch::Sender::new(None);
        let target = behind.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Clients that go away, or do not like the certificate, are what is tested.
                tokio::spawn(pass_on(stream, acceptor.clone(), target.clone()));
            }
        });
        Self { port, behind, task }
    }

    /// Whom connections lead to.
    pub fn serve(&self, behind: SocketAddr) {
        self.behind.send_replace(Some(behind));
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    mut target: watch::Receiver<Option<SocketAddr>>,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let Some(behind) = target.wait_for(Option::is_some).await.ok().and_then(|target| *target) else {
        return Ok(());
    };
    let mut behind = TcpStream::connect(behind).await?;
    copy_bidirectional(&mut stream, &mut behind).await.map(drop)
}
