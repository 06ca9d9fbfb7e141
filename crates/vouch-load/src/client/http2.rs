//! The HTTP/2 client of one worker (RFC 9113): many requests share a connection. Uses ALPN over TLS, and prior knowledge
//! without TLS.

use super::ClientOptions;
use super::http2_connection::{Http2Connection, Http2Response, NotProcessed, SendError, lost, to_hyper_request};
use super::response::content_encoding;
use super::timed_executor::TimedExecutor;
use super::worker_clock::WorkerClock;
use crate::check::ReceivedResponse;
use crate::endpoints::Endpoint;
use crate::failure::Failure;
use crate::request_template::RequestBuffer;
use crate::scheduler::{InFlight, RequestOutcome, Scheduler};
use hyper::rt::Executor;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The number of concurrent requests per connection.
const PER_CONNECTION: usize = 32;
/// Shorter waits are spun: the runtime's timer has a resolution of one millisecond.
const MIN_SLEEP: Duration = Duration::from_millis(2);
/// An empty poll of the sockets takes less; a longer one was preempted.
const MAX_POLL: Duration = Duration::from_micros(50);
/// The most attempts for a request that the server did not process.
const MAX_ATTEMPTS: u8 = 4;

/// A request that has ended.
struct CompletedRequest {
    request: InFlight,
    sent: u64,
    /// How many times it was sent.
    attempts: u8,
    result: Result<Http2Response, SendError>,
}

/// The connections to one endpoint.
struct EndpointPool {
    endpoint: Rc<Endpoint>,
    connections: Vec<Rc<Http2Connection>>,
    /// The connection for the next request.
    next: usize,
}

/// The client of one worker.
pub struct Http2Client {
    options: Rc<ClientOptions>,
    /// One pool per endpoint.
    pools: Vec<EndpointPool>,
    in_flight: usize,
    blocked: bool,
    free_since: u64,
    buffer: RequestBuffer,
    executor: TimedExecutor,
}

impl Http2Client {
    pub fn new(options: ClientOptions, endpoints: &[Endpoint]) -> Self {
        let each = options.connections.div_ceil(PER_CONNECTION);
        let pool = |endpoint: &Endpoint| EndpointPool {
            endpoint: Rc::new(endpoint.clone()),
            connections: (0..each).map(|_| Rc::default()).collect(),
            next: 0,
        };
        let pools = endpoints.iter().map(pool).collect();
        let (buffer, executor) = (RequestBuffer::default(), TimedExecutor::default());
        Self { options: Rc::new(options), pools, in_flight: 0, blocked: false, free_since: 0, buffer, executor }
    }

    /// TLS handshakes, and how many of them resumed a session.
    pub fn handshakes(&self) -> (u64, u64) {
        let all = self.pools.iter().flat_map(|pool| &pool.connections).map(|connection| connection.handshakes());
        all.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }

    /// Runs until there are no more arrivals and every request has ended.
    pub fn run(&mut self, scheduler: &mut Scheduler, clock: &mut WorkerClock<'_>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tokio::task::LocalSet::new().run_until(self.run_async(scheduler, clock)));
        Ok(())
    }

    async fn run_async(&mut self, scheduler: &mut Scheduler, clock: &mut WorkerClock<'_>) {
        let (completed, mut results) = mpsc::unbounded_channel::<CompletedRequest>();
        loop {
            let now = clock.tick(scheduler);
            self.blocked = false;
            while scheduler.next_due().is_some_and(|due| due <= now) {
                if self.in_flight >= self.options.connections {
                    self.blocked = true;
                    break;
                }
                let Some(request) = scheduler.next_request(now, self.free_since) else { break };
                self.send(request, 1, scheduler, clock, &completed);
            }
            scheduler.fail_overdue(now, self.options.timeout_ns());
            if self.in_flight == 0 && scheduler.next_due().is_none() {
                return;
            }
            let due = scheduler.next_due().filter(|_| !self.blocked).unwrap_or(u64::MAX).min(clock.next_tick());
            let wait = clock.until(due);
            let first = if wait < MIN_SLEEP && !self.blocked {
                let busy_before = self.executor.busy_time();
                tokio::task::yield_now().await;
                let idle = wait
                    .saturating_sub(clock.until(due))
                    .saturating_sub(self.executor.busy_time().checked_sub(busy_before).unwrap());
                clock.add_idle(idle.min(MAX_POLL));
                results.try_recv().ok()
            } else {
                tokio::time::timeout(wait.saturating_sub(Duration::from_millis(1)), results.recv()).await.ok().flatten()
            };
            let mut completion = first;
            while let Some(completed_request) = completion {
                self.resolve(completed_request, scheduler, clock, &completed);
                completion = results.try_recv().ok();
            }
        }
    }

    fn resolve(
        &mut self,
        completion: CompletedRequest,
        scheduler: &mut Scheduler,
        clock: &WorkerClock<'_>,
        completed: &mpsc::UnboundedSender<CompletedRequest>,
    ) {
        let CompletedRequest { request, sent, attempts, result } = completion;
        let now = clock.now();
        self.in_flight -= 1;
        let outcome = match &result {
            Err(SendError::NotProcessed(why, _)) if attempts < MAX_ATTEMPTS => {
                match why {
                    NotProcessed::StreamRefused => scheduler.record.refused_streams += 1,
                    NotProcessed::ConnectionClosed => scheduler.record.resent += 1,
                }
                return self.send(request, attempts + 1, scheduler, clock, completed);
            }
            Ok(Http2Response { status, retry_after, encoding, body }) => {
                let encoding = encoding.as_ref().and_then(|value| content_encoding(value.as_bytes()));
                let response = ReceivedResponse { status: *status, body, encoding, excess: None };
                RequestOutcome::Response { response, retry_after: *retry_after }
            }
            Err(SendError::Failed(failure, what)) => RequestOutcome::Failed(*failure, what),
            Err(SendError::NotProcessed(NotProcessed::StreamRefused, what)) => {
                RequestOutcome::Failed(Failure::StreamRefused, what)
            }
            Err(SendError::NotProcessed(NotProcessed::ConnectionClosed, what)) => {
                RequestOutcome::Failed(lost(what), what)
            }
        };
        if self.blocked {
            self.free_since = now;
        }
        if let Some(next) = scheduler.resolve(request, &outcome, sent, now) {
            self.send(next, 1, scheduler, clock, completed);
        }
    }

    /// Sends a request, or retries it.
    fn send(
        &mut self,
        request: InFlight,
        attempts: u8,
        scheduler: &Scheduler,
        clock: &WorkerClock<'_>,
        completed: &mpsc::UnboundedSender<CompletedRequest>,
    ) {
        let number = scheduler.build_request(&request, &mut self.buffer);
        let pool = &mut self.pools[number];
        pool.next = (pool.next + 1) % pool.connections.len();
        let http_request = to_hyper_request(&self.buffer, &pool.endpoint);
        let (connection, endpoint) = (pool.connections[pool.next].clone(), pool.endpoint.clone());
        let (sent, options, executor, completed) =
            (clock.now(), self.options.clone(), self.executor.clone(), completed.clone());
        self.in_flight += 1;
        self.executor.execute(async move {
            let exchange = async {
                let what = "the request contains characters that HTTP does not allow";
                let http_request = http_request.ok_or_else(|| SendError::Failed(Failure::NotHttp, what.into()))?;
                connection.send(http_request, &endpoint, &options, &executor).await
            };
            let began = Instant::now();
            let result = tokio::time::timeout(options.timeout, exchange).await.unwrap_or_else(|_| {
                connection.drop_if_unresponsive(began);
                Err(SendError::Failed(Failure::TimedOut, String::new()))
            });
            // The receiver is gone when the run is over.
            let _ = completed.send(CompletedRequest { request, sent, attempts, result });
        });
    }
}
