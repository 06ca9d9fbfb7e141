//! What serves the decrypted connections.

use crate::wire::{Link, Party, RecordingProxy, Upstream, reset};
use async_trait::async_trait;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use vouch_spec::base_url::BaseUrl;
use vouch_spec::protocol::message::Endpoint;

/// The decrypted side of a TLS connection.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// Serves connections to the vendor's hosts.
#[async_trait]
pub trait HostServer: Send + Sync + 'static {
    /// Serves a connection until it ends. `socket` is the TCP socket of the client.
    async fn serve(&self, link: Link, stream: Box<dyn ByteStream>, socket: RawFd);
}

/// Records the requests and applies faults; an upstream answers.
pub struct RecordedUpstream {
    pub recorder: RecordingProxy,
    pub upstream: Arc<dyn Upstream>,
}

#[async_trait]
impl HostServer for RecordedUpstream {
    async fn serve(&self, link: Link, stream: Box<dyn ByteStream>, socket: RawFd) {
        self.recorder.serve_connection(link, self.upstream.clone(), stream, socket).await;
    }
}

/// Passes the bytes of each connection on to the endpoint that `start` names for it: faults of the wire reach the client as
/// the endpoint makes them.
pub struct ByteForwarder(pub Vec<Endpoint>);

#[async_trait]
impl HostServer for ByteForwarder {
    async fn serve(&self, link: Link, mut stream: Box<dyn ByteStream>, socket: RawFd) {
        let realm = link.realm;
        let of_realm =
            |endpoint: &&Endpoint| (endpoint.environment, endpoint.region) == (realm.environment, realm.region);
        let Some(endpoint) = self.0.iter().find(of_realm) else { return };
        let url = if link.to == Party::Api { &endpoint.api } else { &endpoint.auth };
        // Where the endpoint cannot be reached, the connection of the client ends.
        let Some(address) = url.parse::<BaseUrl>().ok().filter(|_| url.starts_with("http://")) else { return };
        let Ok(mut server) = TcpStream::connect((address.host.as_str(), address.port)).await else { return };
        let _ = server.set_nodelay(true);
        if let Err(error) = copy_bidirectional(&mut stream, &mut server).await
            && error.kind() == io::ErrorKind::ConnectionReset
        {
            reset(socket);
        }
    }
}
