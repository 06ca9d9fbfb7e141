//! What happens inside a tunnel: TLS is ended and answered, or bytes are passed on.

use super::InterceptState;
use super::event::ProxyEventKind;
use crate::wire::Link;
use std::os::fd::RawFd;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::{LazyConfigAcceptor, rustls, server::TlsStream};

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after the handshake the first byte of the first request may take.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a tunnel is passed on.
const PASS_LIMIT: Duration = Duration::from_secs(3600);

impl InterceptState {
    /// Ends the TLS of a client and has its requests answered.
    pub(super) async fn answer<S>(&self, host: &str, link: Link, stream: S, socket: RawFd)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(stream) = self.handshake(host, stream).await else { return };
        let mut stream = BufReader::new(stream);
        match tokio::time::timeout(FIRST_REQUEST_TIMEOUT, stream.fill_buf()).await {
            Ok(Ok(bytes)) if !bytes.is_empty() => {}
            // An alert after the handshake.
            Ok(Err(error)) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                let kind = ProxyEventKind::of_handshake(&error, true).unwrap_or(ProxyEventKind::ClosedBeforeRequest);
                return self.report(host, kind);
            }
            // Clients that were answered before open connections in advance.
            Ok(_) if !self.was_seen(host) => return self.report(host, ProxyEventKind::ClosedBeforeRequest),
            Ok(_) | Err(_) => return,
        }
        self.report_first(host, ProxyEventKind::Answered);
        self.parts.server.serve(link, Box::new(stream), socket).await;
    }

    async fn handshake<S>(&self, host: &str, stream: S) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let late = || ProxyEventKind::HandshakeFailed(format!("it took longer than {} s", HANDSHAKE_TIMEOUT.as_secs()));
        let hello = tokio::time::timeout(HANDSHAKE_TIMEOUT, LazyConfigAcceptor::new(Acceptor::default(), stream)).await;
        let failure = match hello {
            Ok(Ok(hello)) => match self.parts.ca.config_of_host(&host.trim_end_matches('.').to_ascii_lowercase()) {
                Ok(config) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, hello.into_stream(config)).await {
                    Ok(Ok(stream)) => return Some(stream),
                    Ok(Err(error)) => ProxyEventKind::of_handshake(&error, true),
                    Err(_) => Some(late()),
                },
                Err(error) => Some(ProxyEventKind::HandshakeFailed(error.to_string())),
            },
            Ok(Err(error)) => ProxyEventKind::of_handshake(&error, false),
            Err(_) => Some(late()),
        };
        if let Some(kind) = failure {
            self.report(host, kind);
        }
        None
    }
}

/// Opens the connection to a host that is passed on.
pub(super) async fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, String> {
    match tokio::time::timeout(timeout, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => {
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
    }
}

/// Passes bytes on in both directions until both ends are done.
pub(super) async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, mut server: TcpStream) {
    // An error here is a connection that one of both ended early.
    let _ = tokio::time::timeout(PASS_LIMIT, copy_bidirectional(&mut client, &mut server)).await;
}
