//! TLS, checked against the certificates that the system trusts.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use crate::service_bus::error::SendError;

/// A connector that trusts whom the system trusts, and `roots` besides.
pub(super) fn connector(roots: &[CertificateDer<'static>]) -> Result<TlsConnector, SendError> {
    // Named here, so that it does not matter what the process has installed as its default, or whether it has.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let failed = |error: rustls::Error| SendError::NotConnected(format!("TLS cannot be set up: {error}"));
    let verifier = Verifier::new_with_extra_roots(roots.iter().cloned(), Arc::clone(&provider)).map_err(failed)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
