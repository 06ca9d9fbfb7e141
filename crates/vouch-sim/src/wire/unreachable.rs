//! Addresses at which no exchange can happen: what a device meets when a name does not resolve, nobody listens, or the
//! other side cannot be trusted.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
pub use vouch_spec::step::UnreachableKind;

/// An address at which nobody can be reached, as long as it is kept.
pub struct UnreachableAddress {
    pub url: String,
    _resource: OpenResource,
}

/// What keeps the address as it is.
enum OpenResource {
    Nothing,
    /// Bound, and not listening.
    Socket(#[allow(dead_code, reason = "kept open")] TcpSocket),
    MockCloudServer(JoinHandle<()>),
}

impl Drop for OpenResource {
    fn drop(&mut self) {
        if let OpenResource::MockCloudServer(server) = self {
            server.abort();
        }
    }
}

impl UnreachableAddress {
    pub async fn open(why: UnreachableKind) -> io::Result<Self> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match why {
            UnreachableKind::Unresolvable => {
                Ok(Self { url: "http://nobody.vouch.invalid".into(), _resource: OpenResource::Nothing })
            }
            UnreachableKind::Refused => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(anywhere)?;
                Ok(Self { url: format!("http://{}", socket.local_addr()?), _resource: OpenResource::Socket(socket) })
            }
            UnreachableKind::NoTls | UnreachableKind::Untrusted => {
                let listener = TcpListener::bind(anywhere).await?;
                let url = format!("https://{}", listener.local_addr()?);
                let acceptor = if why == UnreachableKind::Untrusted { Some(self_signed()?) } else { None };
                Ok(Self {
                    url,
                    _resource: OpenResource::MockCloudServer(tokio::spawn(reject_connections(listener, acceptor))),
                })
            }
        }
    }
}

/// Takes connections and ends them: after a handshake of our own, or at once.
async fn reject_connections(listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        if let Some(acceptor) = &acceptor {
            // The caller is to break it off when it sees the certificate.
            let handshake = acceptor.accept(stream);
            tokio::spawn(async move { handshake.await.map(drop) });
        }
    }
}

/// A server that vouches for itself. Its key is made here and lives as long as it does.
fn self_signed() -> io::Result<TlsAcceptor> {
    let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]);
    let certified = certified.map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
