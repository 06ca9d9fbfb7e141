//! One HTTP/2 connection to an endpoint, made when it is first needed and again when it was lost.

use super::Limits;
use super::http1_connection::connecting;
use super::timed_executor::Work;
use crate::endpoints::Endpoint;
use crate::failure::Failure;
use crate::request_template::Draft;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::error::Error;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::pki_types::ServerName;

type Request = hyper::Request<Full<Bytes>>;
type Sender = SendRequest<Full<Bytes>>;

/// A connection that many requests share.
#[derive(Default)]
pub struct Line {
    /// Those who come while it is being made wait for it here.
    sender: Mutex<Option<Sender>>,
    /// When the connection was made, or last answered.
    alive: Cell<Option<Instant>>,
    handshakes: Cell<(u64, u64)>,
}

/// Why there is no answer.
pub enum Unanswered {
    Failed(Failure, String),
    /// The server says, or its connection shows, that it has not looked at the request: it may be sent again, whatever its
    /// method (RFC 9113 section 8.7).
    NotLookedAt(String),
}

impl From<(Failure, String)> for Unanswered {
    fn from((failure, what): (Failure, String)) -> Self {
        Unanswered::Failed(failure, what)
    }
}

impl Line {
    /// TLS handshakes, and how many of them took up an earlier session.
    pub fn handshakes(&self) -> (u64, u64) {
        self.handshakes.get()
    }

    /// Sends a request and reads its answer.
    pub async fn ask(
        &self,
        request: Request,
        endpoint: &Endpoint,
        limits: &Limits,
        work: &Work,
    ) -> Result<(u16, Bytes), Unanswered> {
        let mut sender = self.sender(endpoint, limits, work).await?;
        sender.ready().await.map_err(|error| Unanswered::NotLookedAt(in_full(&error)))?;
        let response = sender.try_send_request(request).await.map_err(|mut error| {
            let not_sent = error.take_message().is_some();
            match error.into_error() {
                error if not_sent || was_not_looked_at(&error) => Unanswered::NotLookedAt(in_full(&error)),
                error if error.is_parse() => Unanswered::Failed(Failure::NoHttp, in_full(&error)),
                error => Unanswered::Failed(Failure::Lost, in_full(&error)),
            }
        })?;
        self.alive.set(Some(Instant::now()));
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), super::response::MOST_BYTES).collect().await;
        let body = body.map_err(|error| Unanswered::Failed(Failure::Lost, error.to_string()))?;
        Ok((status, body.to_bytes()))
    }

    /// Lets go of the connection where it has given no sign of life since a request was sent that has waited in vain: the
    /// next one would too. What is under way on it may still be answered.
    pub fn doubt(&self, sent: Instant) {
        if self.alive.get().is_some_and(|alive| alive <= sent)
            && let Ok(mut sender) = self.sender.try_lock()
        {
            sender.take();
        }
    }

    async fn sender(&self, endpoint: &Endpoint, limits: &Limits, work: &Work) -> Result<Sender, (Failure, String)> {
        let mut slot = self.sender.lock().await;
        if let Some(sender) = slot.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let (sender, resumed) = connect(endpoint, limits, work).await?;
        if let Some(resumed) = resumed {
            let (all, before) = self.handshakes.get();
            self.handshakes.set((all + 1, before + u64::from(resumed)));
        }
        self.alive.set(Some(Instant::now()));
        Ok(slot.insert(sender).clone())
    }
}

/// An error and what is behind it: hyper's own words are "http2 error".
fn in_full(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Whether a server refused a stream, or let go of its connection in good order and left this stream out.
fn was_not_looked_at(error: &hyper::Error) -> bool {
    let Some(error) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) else { return false };
    let reason = error.reason();
    error.is_reset() && error.is_remote() && reason == Some(h2::Reason::REFUSED_STREAM)
        || error.is_go_away() && error.is_remote() && reason == Some(h2::Reason::NO_ERROR)
}

async fn connect(
    endpoint: &Endpoint,
    limits: &Limits,
    work: &Work,
) -> Result<(Sender, Option<bool>), (Failure, String)> {
    let stream = TcpStream::connect(endpoint.address).await.map_err(|error| connecting(&error, endpoint))?;
    let _ = stream.set_nodelay(true);
    if !endpoint.base.tls {
        return Ok((shake_hands(TokioIo::new(stream), work).await?, None));
    }
    let name = ServerName::try_from(endpoint.base.host.clone())
        .map_err(|_| (Failure::Tls, format!("`{}` is no name for a certificate", endpoint.base.host)))?;
    let connected = TlsConnector::from(limits.tls.clone()).connect(name, stream).await;
    let stream = connected.map_err(|error| (Failure::Tls, error.to_string()))?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(b"h2") {
        return Err((Failure::NoHttp, "the server does not offer HTTP/2".into()));
    }
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    Ok((shake_hands(TokioIo::new(stream), work).await?, Some(resumed)))
}

async fn shake_hands<S>(stream: TokioIo<S>, work: &Work) -> Result<Sender, (Failure, String)>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let (sender, connection) =
        handshake(work.clone(), stream).await.map_err(|error| (Failure::NoHttp, error.to_string()))?;
    // Its end shows in the requests that it carries.
    work.execute(connection);
    Ok(sender)
}

/// A draft as hyper wants it; None where it holds what HTTP does not allow.
pub fn request(draft: &Draft, endpoint: &Endpoint) -> Option<Request> {
    let path = std::str::from_utf8(&draft.path).ok()?;
    let mut request = hyper::Request::builder().method(draft.method).uri(format!("{}{path}", endpoint.origin()));
    for line in draft.fields.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let at = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..at], line[at + 1..].trim_ascii());
    }
    request.body(Full::new(Bytes::copy_from_slice(draft.body.as_deref().unwrap_or_default()))).ok()
}
