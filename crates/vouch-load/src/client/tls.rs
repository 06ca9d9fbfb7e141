//! TLS for the load's clients: the machine's own trust, and a CA of the user's. Sessions are taken up again.

use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// TLS cannot be set up. The text is for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoTls(String);

/// The configuration that all workers share, so that they share sessions too. `ca` is a PEM file with certificates to
/// trust besides the machine's own; `alpn` names protocols (RFC 7301), such as `h2`.
pub fn config(ca: Option<&Path>, alpn: &[&str]) -> Result<Arc<ClientConfig>, NoTls> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| NoTls(format!("cannot set TLS up: {error}")))?;
    let extra = match ca {
        None => vec![],
        Some(path) => certificates(path)?,
    };
    let verifier = Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| NoTls(format!("cannot set up the trust in certificates: {error}")))?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NoTls> {
    let wrong = |what: String| NoTls(format!("{}: {what}", path.display()));
    let found = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("it holds no certificate in PEM form".into()));
    }
    Ok(found)
}
