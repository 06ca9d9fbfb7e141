//! How the clients of Vouch meet a server over TLS: the authorities that they trust and the certificate that they show.

use rustls_platform_verifier::Verifier;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, ClientConfig};
use vouch_spec::text::read_file;

/// The longest file of certificates, in bytes. Those of operating systems have about 250 kB.
const MAX_CERTIFICATES: u64 = 16 << 20;

/// A configuration that clients share.
pub type TlsConfig = Arc<ClientConfig>;

/// What a client trusts and shows. By default it trusts the authorities of the system and shows no certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM files with certificates to trust in addition to the system's.
    pub ca: Vec<PathBuf>,
    /// What it authenticates with where a server asks (mutual TLS, RFC 8446 section 4.4.2).
    pub identity: Option<ClientIdentity>,
}

/// The certificate of a client. Only the paths are kept: the key is read when a connection is set up, and never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// A PEM file with the certificate, followed by those of intermediate authorities.
    pub certificate: PathBuf,
    /// A PEM file with its private key.
    pub key: PathBuf,
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot set up TLS: {0}")]
    Configuration(#[from] rustls::Error),
    #[error("{path}: {cause}")]
    Unreadable { path: PathBuf, cause: String },
    #[error("{path}: the file contains no PEM certificate")]
    NoCertificate { path: PathBuf },
    #[error("{path}: the file contains no PEM private key without a password")]
    NoKey { path: PathBuf },
    #[error("{path}: the key does not fit the certificate in {certificate}: {cause}")]
    OtherKey { path: PathBuf, certificate: PathBuf, cause: rustls::Error },
}

impl TlsError {
    /// The file that is wrong.
    pub fn path(&self) -> Option<&Path> {
        match self {
            TlsError::Configuration(_) => None,
            TlsError::Unreadable { path, .. }
            | TlsError::NoCertificate { path }
            | TlsError::NoKey { path }
            | TlsError::OtherKey { path, .. } => Some(path),
        }
    }
}

impl ClientTls {
    /// Whether nothing differs from what a client does anyway.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The configuration of clients, which share TLS sessions. `alpn` lists protocols (RFC 7301), such as `h2`.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the trust store is not available.
    pub fn config(&self, alpn: &[&str]) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let mut extra = vec![];
        for path in &self.ca {
            extra.extend(certificates(path)?);
        }
        require_regular_trust_store()?;
        let verifier = Verifier::new_with_extra_roots(extra, provider)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(ClientIdentity { certificate, key }) => {
                let other_key =
                    |cause| TlsError::OtherKey { path: key.clone(), certificate: certificate.clone(), cause };
                builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?).map_err(other_key)?
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// Refuses what is no file of certificates in the environment variable `SSL_CERT_FILE`: the library that reads the trust store
/// would read a device such as `/dev/zero` until the memory is full.
fn require_regular_trust_store() -> Result<(), TlsError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.filter(|path| path.exists()).map_or(Ok(()), |path| read(&path).map(drop))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |cause: std::io::Error| TlsError::Unreadable { path: path.to_owned(), cause: cause.to_string() };
    read_file(path, MAX_CERTIFICATES).map_err(failed)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        // What the parser says may quote the file, which may have a key too.
        _ => Err(TlsError::NoCertificate { path: path.to_owned() }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| TlsError::NoKey { path: path.to_owned() })
}

/// What a failure of TLS is about, and what to do; none for an error of another kind.
pub fn tls_failure(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(failure) = error.downcast_ref::<rustls::Error>() {
            return Some(explain(failure));
        }
        // The error inside an `io::Error` is not its `source`.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn explain(failure: &rustls::Error) -> String {
    let (what, advice) = match failure {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "the certificate of the server is signed by an authority that is not trusted here",
            "let `ca` of [cloud.tls] name the certificate of that authority",
        ),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            ("the server wants a certificate of the client", "write `clientCertificate` and `clientKey` in [cloud.tls]")
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => (
            "the server refuses the certificate of the client",
            "correct `clientCertificate` of [cloud.tls]: the server must trust its authority, and it must be valid now",
        ),
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => (
            "the server refuses the TLS handshake",
            "where it wants a certificate of the client, write `clientCertificate` and `clientKey` in [cloud.tls]",
        ),
        rustls::Error::InvalidMessage(_) => ("the server does not speak TLS", "write http:// in the target file"),
        other => return format!("TLS failed: {other}"),
    };
    format!("{what}; {advice}")
}
