//! TLS for the load's clients: the system's trust store, an optional extra CA, and session resumption.

use rustls_platform_verifier::Verifier;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use vouch_spec::text::read_file;

/// The longest file of certificates, in bytes. Those of operating systems have about 250 kB.
const MAX_CERTIFICATES: u64 = 16 << 20;

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot set up TLS: {0}")]
    Configuration(#[from] tokio_rustls::rustls::Error),
    #[error("{path}: {cause}")]
    Certificates { path: PathBuf, cause: String },
    #[error("{path}: the file contains no PEM certificate")]
    NoCertificate { path: PathBuf },
}

/// The TLS configuration of all workers, which share TLS sessions. `ca` is a PEM file with certificates to trust in addition to
/// the system's; `alpn` lists protocols (RFC 7301), such as `h2`.
///
/// # Errors
/// When the CA file cannot be read or the trust store is not available.
pub fn config(ca: Option<&Path>, alpn: &[&str]) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let extra = match ca {
        None => vec![],
        Some(path) => certificates(path)?,
    };
    require_regular_trust_store()?;
    let verifier = Verifier::new_with_extra_roots(extra, provider)?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// Refuses what is no file of certificates in the environment variable `SSL_CERT_FILE`: the library that reads the trust store
/// would read a device such as `/dev/zero` until the memory is full.
fn require_regular_trust_store() -> Result<(), TlsError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.filter(|path| path.exists()).map_or(Ok(()), |path| read_certificates(&path).map(drop))
}

fn read_certificates(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |cause: std::io::Error| TlsError::Certificates { path: path.to_owned(), cause: cause.to_string() };
    read_file(path, MAX_CERTIFICATES).map_err(failed)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |cause: pem::Error| TlsError::Certificates { path: path.to_owned(), cause: cause.to_string() };
    let text = read_certificates(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}
