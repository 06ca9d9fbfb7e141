//! The HTTP/2 client of one worker (RFC 9113): many requests share a connection. TLS by ALPN, or plain with prior
//! knowledge.

use super::Limits;
use super::connection::connecting;
use super::watch::Watch;
use crate::load::desk::{Desk, Outcome, Ticket};
use crate::load::failure::Failure;
use crate::load::request::Draft;
use crate::load::site::Endpoint;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::pki_types::ServerName;

/// Requests that share a connection.
const PER_CONNECTION: usize = 32;
/// Shorter waits are spun away: the runtime's timer counts whole milliseconds.
const TOO_SHORT: Duration = Duration::from_millis(2);
/// A look at the sockets that finds nothing takes less; what is longer was spent without the processor.
const LONGEST_LOOK: Duration = Duration::from_micros(50);

type Sender = SendRequest<Full<Bytes>>;
/// A ticket, when its request was sent, and what came of it.
type Ended = (Ticket, u64, Result<(u16, Bytes), (Failure, String)>);

/// The connections of one worker.
pub struct Http2 {
    limits: Limits,
    /// By endpoint: the connections, and whose turn it is.
    senders: Vec<(Vec<Option<Sender>>, usize)>,
    in_flight: usize,
    blocked: bool,
    free_since: u64,
    draft: Draft,
    work: Work,
    /// TLS handshakes, and how many of them took up an earlier session.
    pub handshakes: (u64, u64),
}

impl Http2 {
    pub fn new(limits: Limits, endpoints: usize) -> Self {
        let each = limits.connections.div_ceil(PER_CONNECTION);
        let senders = (0..endpoints).map(|_| ((0..each).map(|_| None).collect(), 0)).collect();
        let (draft, work) = (Draft::default(), Work::default());
        Self { limits, senders, in_flight: 0, blocked: false, free_since: 0, draft, work, handshakes: (0, 0) }
    }

    /// Works until there are no more arrivals and every request has ended.
    pub fn run(&mut self, desk: &mut Desk, watch: &mut Watch<'_>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tokio::task::LocalSet::new().run_until(self.work(desk, watch)));
        Ok(())
    }

    async fn work(&mut self, desk: &mut Desk, watch: &mut Watch<'_>) {
        let (ended, mut results) = mpsc::unbounded_channel::<Ended>();
        loop {
            let now = watch.beat(desk);
            self.blocked = false;
            while desk.next_due().is_some_and(|due| due <= now) {
                if self.in_flight >= self.limits.connections {
                    self.blocked = true;
                    break;
                }
                let Some(ticket) = desk.take(now, self.free_since) else { break };
                self.send(ticket, desk, watch, &ended).await;
            }
            desk.give_up_what_is_overdue(now, self.limits.timeout_ns());
            if self.in_flight == 0 && desk.next_due().is_none() {
                return;
            }
            let due = desk.next_due().filter(|_| !self.blocked).unwrap_or(u64::MAX).min(watch.next_beat());
            let wait = watch.until(due);
            let first = if wait < TOO_SHORT && !self.blocked {
                let worked = self.work.so_far();
                tokio::task::yield_now().await;
                let idle = wait.saturating_sub(watch.until(due)).saturating_sub(self.work.so_far() - worked);
                watch.was_idle(idle.min(LONGEST_LOOK));
                results.try_recv().ok()
            } else {
                tokio::time::timeout(wait.saturating_sub(Duration::from_millis(1)), results.recv()).await.ok().flatten()
            };
            let mut next = first;
            while let Some(end) = next {
                self.settle(end, desk, watch, &ended).await;
                next = results.try_recv().ok();
            }
        }
    }

    async fn settle(&mut self, end: Ended, desk: &mut Desk, watch: &Watch<'_>, ended: &mpsc::UnboundedSender<Ended>) {
        let (ticket, sent, result) = end;
        let now = watch.now();
        self.in_flight -= 1;
        if self.blocked {
            self.free_since = now;
        }
        let next = match &result {
            Ok((status, body)) => desk.settle(ticket, &Outcome::Answer { status: *status, body }, sent, now),
            Err((failure, what)) => desk.settle(ticket, &Outcome::Failed(*failure, what), sent, now),
        };
        if let Some(next) = next {
            self.send(next, desk, watch, ended).await;
        }
    }

    /// Starts a request.
    async fn send(&mut self, ticket: Ticket, desk: &mut Desk, watch: &Watch<'_>, ended: &mpsc::UnboundedSender<Ended>) {
        let endpoint = desk.compose(&ticket, &mut self.draft);
        let sent = watch.now();
        let sender = match self.sender(endpoint, desk).await {
            Ok(sender) => sender,
            Err((failure, what)) => {
                desk.settle(ticket, &Outcome::Failed(failure, &what), sent, watch.now());
                return;
            }
        };
        let request = request(&self.draft, &desk.site().endpoints[endpoint]);
        self.in_flight += 1;
        let (timeout, ended) = (self.limits.timeout, ended.clone());
        self.work.execute(async move {
            let result = match request {
                Some(request) => answer(sender, request, timeout).await,
                None => Err((Failure::NoHttp, "the request holds characters that HTTP does not allow".to_owned())),
            };
            // The run is over when nobody listens.
            let _ = ended.send((ticket, sent, result));
        });
    }

    /// The next connection to an endpoint, made when it is first needed or was lost.
    async fn sender(&mut self, endpoint: usize, desk: &Desk) -> Result<Sender, (Failure, String)> {
        let (senders, turn) = &mut self.senders[endpoint];
        *turn = (*turn + 1) % senders.len();
        let slot = *turn;
        if let Some(sender) = senders[slot].as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let connected = tokio::time::timeout(
            self.limits.timeout,
            connect(&desk.site().endpoints[endpoint], &self.limits, &self.work),
        );
        let (sender, resumed) = connected.await.map_err(|_| (Failure::TimedOut, String::new()))??;
        if let Some(resumed) = resumed {
            self.handshakes.0 += 1;
            self.handshakes.1 += u64::from(resumed);
        }
        self.senders[endpoint].0[slot] = Some(sender.clone());
        Ok(sender)
    }
}

/// The tasks beside the worker's own, and how long they have worked: a worker that looks again and again whether something
/// has come is awake, but not busy.
#[derive(Clone, Default)]
struct Work(Rc<Cell<Duration>>);

impl Work {
    fn so_far(&self) -> Duration {
        self.0.get()
    }
}

impl<F: Future + 'static> Executor<F> for Work {
    fn execute(&self, task: F) {
        let spent = self.0.clone();
        tokio::task::spawn_local(async move {
            let mut task = pin!(task);
            let timed = poll_fn(|context| {
                let start = Instant::now();
                let polled = task.as_mut().poll(context);
                spent.set(spent.get() + start.elapsed());
                polled.map(drop)
            });
            timed.await;
        });
    }
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
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        handshake(work.clone(), stream).await.map_err(|error| (Failure::NoHttp, error.to_string()))?;
    // Its end shows in the requests that it carries.
    work.execute(connection);
    Ok(sender)
}

async fn answer(
    mut sender: Sender,
    request: hyper::Request<Full<Bytes>>,
    timeout: Duration,
) -> Result<(u16, Bytes), (Failure, String)> {
    let whole = async {
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        Ok::<_, hyper::Error>((status, Limited::new(response.into_body(), super::response::MOST_BYTES).collect().await))
    };
    match tokio::time::timeout(timeout, whole).await {
        Err(_) => Err((Failure::TimedOut, String::new())),
        Ok(Err(error)) if error.is_parse() => Err((Failure::NoHttp, error.to_string())),
        Ok(Err(error)) => Err((Failure::Lost, error.to_string())),
        Ok(Ok((status, Ok(body)))) => Ok((status, body.to_bytes())),
        Ok(Ok((_, Err(error)))) => Err((Failure::Lost, error.to_string())),
    }
}

fn request(draft: &Draft, endpoint: &Endpoint) -> Option<hyper::Request<Full<Bytes>>> {
    let path = std::str::from_utf8(&draft.path).ok()?;
    let mut request = hyper::Request::builder().method(draft.method).uri(format!("{}{path}", endpoint.origin()));
    for line in draft.fields.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let at = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..at], line[at + 1..].trim_ascii());
    }
    request.body(Full::new(Bytes::copy_from_slice(draft.body.as_deref().unwrap_or_default()))).ok()
}
