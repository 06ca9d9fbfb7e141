//! The certificate authority of one run. Its key never leaves this process.

use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// How long before now certificates begin: the clock of a device may be behind.
const BACKDATE: Duration = Duration::from_secs(2 * 86_400);
/// How long certificates are good. Apple's systems refuse more than 825 days.
const VALIDITY: Duration = Duration::from_secs(300 * 86_400);

/// A certificate could not be generated.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct CertificateError(String);

fn failed(error: impl std::fmt::Display) -> CertificateError {
    CertificateError(error.to_string())
}

/// A certificate authority that is generated at the start of a run.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// By host name. Only names that are answered get here, so that there are few.
    configs: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl CertificateAuthority {
    pub fn generate() -> Result<Self, CertificateError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Vouch test CA of one run");
        set_validity(&mut params);
        let key = KeyPair::generate().map_err(failed)?;
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, configs: Mutex::default() })
    }

    /// The CA's certificate, for clients that must trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The TLS configuration of a server with these names, which may be IP addresses. `protocols`: what ALPN offers.
    pub fn server_config(&self, names: Vec<String>, protocols: &[&[u8]]) -> Result<ServerConfig, CertificateError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Python 3.13 and others refuse a certificate without it (RFC 5280, section 4.2.1.1).
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .map_err(failed)?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// The TLS configuration of an answered host, made once. It offers HTTP/1.1.
    pub(super) fn config_of_host(&self, name: &str) -> Result<Arc<ServerConfig>, CertificateError> {
        if let Some(config) = self.configs.lock().get(name) {
            return Ok(config.clone());
        }
        let config = Arc::new(self.server_config(vec![name.to_owned()], &[b"http/1.1"])?);
        Ok(self.configs.lock().entry(name.to_owned()).or_insert(config).clone())
    }
}

fn set_validity(params: &mut CertificateParams) {
    // The program does not start with a clock before 1970 or after 9999.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = now.saturating_sub(BACKDATE);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    (params.not_before, params.not_after) = (epoch + start, epoch + start + VALIDITY);
}
