//! TLS with a certificate of the run's CA.

use crate::intercept::{CertificateAuthority, CertificateError};
use std::net::IpAddr;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A server's certificate and key.
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
}

impl Tls {
    /// For `localhost`, both loopback addresses, and the address that the server listens on. Offers HTTP/2 and HTTP/1.1.
    pub fn new(ca: &CertificateAuthority, address: IpAddr) -> Result<Self, CertificateError> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(Some(address.to_string()).filter(|name| !names.contains(name)));
        let config = ca.server_config(names, &[b"h2", b"http/1.1"])?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
