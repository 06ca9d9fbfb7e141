//! One HTTP/2 connection to an endpoint, opened on demand and reopened after it was lost.

use super::ClientOptions;
use super::http1_connection::connect_error;
use super::response::{MAX_BYTES, TOO_LONG};
use super::timed_executor::TimedExecutor;
use crate::endpoints::Endpoint;
use crate::failure::Failure;
use crate::request_template::RequestBuffer;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::HeaderValue;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::pki_types::ServerName;

type Request = hyper::Request<Full<Bytes>>;
type Sender = SendRequest<Full<Bytes>>;

/// A connection that several requests share.
#[derive(Default)]
pub struct Http2Connection {
    /// Requests that arrive while it connects wait for this lock.
    sender: Mutex<Option<Sender>>,
    /// When the connection was opened or last received a response.
    last_activity: Cell<Option<Instant>>,
    handshakes: Cell<(u64, u64)>,
}

/// A response with its complete body.
pub struct Http2Response {
    pub status: u16,
    /// Of a refusal with status 429 or 503: when to come back.
    pub retry_after: Option<Duration>,
    /// The value of `Content-Encoding`.
    pub encoding: Option<HeaderValue>,
    pub body: Bytes,
}

/// Why a request has no response.
pub enum SendError {
    Failed(Failure, String),
    /// The server has not processed the request, so it may be retried whatever its method (RFC 9113 section 8.7).
    NotProcessed(NotProcessed, String),
}

/// Why the server has not processed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotProcessed {
    /// It refused the stream.
    StreamRefused,
    /// It closed the connection before.
    ConnectionClosed,
}

impl From<(Failure, String)> for SendError {
    fn from((failure, what): (Failure, String)) -> Self {
        SendError::Failed(failure, what)
    }
}

impl Http2Connection {
    /// TLS handshakes, and how many of them resumed a session.
    pub fn handshakes(&self) -> (u64, u64) {
        self.handshakes.get()
    }

    /// Sends a request and reads the response.
    pub async fn send(
        &self,
        request: Request,
        endpoint: &Endpoint,
        options: &ClientOptions,
        executor: &TimedExecutor,
    ) -> Result<Http2Response, SendError> {
        let mut sender = self.sender(endpoint, options, executor).await?;
        sender
            .ready()
            .await
            .map_err(|error| SendError::NotProcessed(NotProcessed::ConnectionClosed, with_source(&error)))?;
        let response = sender.try_send_request(request).await.map_err(|mut error| {
            let not_sent = error.take_message().is_some();
            let error = error.into_error();
            match not_processed(&error) {
                Some(why) => SendError::NotProcessed(why, with_source(&error)),
                None if not_sent => SendError::NotProcessed(NotProcessed::ConnectionClosed, with_source(&error)),
                None => SendError::Failed(failure_of(&error), with_source(&error)),
            }
        })?;
        self.last_activity.set(Some(Instant::now()));
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").filter(|_| matches!(status, 429 | 503));
        let retry_after = retry_after.and_then(|value| super::response::retry_after(value.as_bytes()));
        let encoding = response.headers().get("content-encoding").cloned();
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<hyper::Error>() {
            None if error.is::<LengthLimitError>() => SendError::Failed(Failure::TooLarge, TOO_LONG.into()),
            None => SendError::Failed(Failure::ConnectionLost, error.to_string()),
            Some(error) => SendError::Failed(failure_of(error), with_source(error)),
        })?;
        Ok(Http2Response { status, retry_after, encoding, body: body.to_bytes() })
    }

    /// Drops the connection if it has received nothing since a request that timed out was sent: further requests would time
    /// out too. Requests in flight on it may still complete.
    pub fn drop_if_unresponsive(&self, sent: Instant) {
        if self.last_activity.get().is_some_and(|last_activity| last_activity <= sent)
            && let Ok(mut sender) = self.sender.try_lock()
        {
            sender.take();
        }
    }

    async fn sender(
        &self,
        endpoint: &Endpoint,
        options: &ClientOptions,
        executor: &TimedExecutor,
    ) -> Result<Sender, (Failure, String)> {
        let mut current = self.sender.lock().await;
        if let Some(sender) = current.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let (sender, resumed) = connect(endpoint, options, executor).await?;
        if let Some(resumed) = resumed {
            let (all, before) = self.handshakes.get();
            self.handshakes.set((all + 1, before + u64::from(resumed)));
        }
        self.last_activity.set(Some(Instant::now()));
        Ok(current.insert(sender).clone())
    }
}

/// An error with its source: hyper's own message is just "http2 error".
fn with_source(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The failure of a connection that was lost. Of an alert of TLS that comes after the handshake, only the text is left: with TLS
/// 1.3, a server looks at the certificate of a client so late.
pub fn lost(what: &str) -> Failure {
    if what.contains("fatal alert") { Failure::Tls } else { Failure::ConnectionLost }
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}

/// Whether the server refused the stream, or shut the connection down gracefully without processing it.
fn not_processed(error: &hyper::Error) -> Option<NotProcessed> {
    let error = h2_error(error).filter(|error| error.is_remote())?;
    match error.reason()? {
        h2::Reason::REFUSED_STREAM if error.is_reset() => Some(NotProcessed::StreamRefused),
        h2::Reason::NO_ERROR if error.is_go_away() => Some(NotProcessed::ConnectionClosed),
        _ => None,
    }
}

/// The kind of an error of a request that the server may have processed.
fn failure_of(error: &hyper::Error) -> Failure {
    match h2_error(error) {
        _ if error.is_parse() => Failure::NotHttp,
        // Our side ended the stream or the connection: what came is not allowed.
        Some(cause) if cause.is_library() => Failure::InvalidHttp,
        _ => lost(&with_source(error)),
    }
}

async fn connect(
    endpoint: &Endpoint,
    options: &ClientOptions,
    executor: &TimedExecutor,
) -> Result<(Sender, Option<bool>), (Failure, String)> {
    let stream = TcpStream::connect(endpoint.address).await.map_err(|error| connect_error(&error, endpoint))?;
    let _ = stream.set_nodelay(true);
    if !endpoint.base.tls {
        return Ok((http2_handshake(TokioIo::new(stream), executor).await?, None));
    }
    let name = ServerName::try_from(endpoint.base.host.clone())
        .map_err(|_| (Failure::Tls, format!("`{}` is not a valid host name for TLS", endpoint.base.host)))?;
    let connected = TlsConnector::from(options.tls.clone()).connect(name, stream).await;
    let stream = connected.map_err(|error| (Failure::Tls, error.to_string()))?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(b"h2") {
        return Err((Failure::NotHttp, "the server does not offer HTTP/2".into()));
    }
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    Ok((http2_handshake(TokioIo::new(stream), executor).await?, Some(resumed)))
}

async fn http2_handshake<S>(stream: TokioIo<S>, executor: &TimedExecutor) -> Result<Sender, (Failure, String)>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    #[allow(clippy::cast_possible_truncation, reason = "1 MiB")]
    let opened = Builder::new(executor.clone()).max_header_list_size(MAX_BYTES as u32).handshake(stream).await;
    let (sender, connection) = opened.map_err(|error| (Failure::NotHttp, error.to_string()))?;
    // A connection error is reported by the requests on the connection.
    executor.execute(connection);
    Ok(sender)
}

/// Converts a request for hyper; `None` if it contains characters that HTTP does not allow.
pub fn to_hyper_request(buffer: &RequestBuffer, endpoint: &Endpoint) -> Option<Request> {
    let path = std::str::from_utf8(&buffer.path).ok()?;
    let mut request = hyper::Request::builder().method(buffer.method).uri(format!("{}{path}", endpoint.origin()));
    for line in buffer.headers.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let at = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..at], line[at + 1..].trim_ascii());
    }
    request.body(Full::new(Bytes::copy_from_slice(buffer.body.as_deref().unwrap_or_default()))).ok()
}
