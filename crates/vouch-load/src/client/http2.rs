//! The HTTP/2 client of one worker (RFC 9113): many requests share a connection. TLS by ALPN, or plain with prior
//! knowledge.

use super::Limits;
use super::http2_connection::{Line, Unanswered, request};
use super::timed_executor::Work;
use super::worker_clock::Watch;
use crate::endpoints::Endpoint;
use crate::failure::Failure;
use crate::request_template::Draft;
use crate::scheduler::{InFlight, Outcome, Scheduler};
use hyper::body::Bytes;
use hyper::rt::Executor;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Requests that share a connection.
const PER_CONNECTION: usize = 32;
/// Shorter waits are spun away: the runtime's timer counts whole milliseconds.
const TOO_SHORT: Duration = Duration::from_millis(2);
/// A look at the sockets that finds nothing takes less; what is longer was spent without the processor.
const LONGEST_LOOK: Duration = Duration::from_micros(50);
/// How often a request is sent at most that the server did not look at.
const MOST_TIMES: u8 = 4;

/// How a request ended.
struct Ended {
    ticket: InFlight,
    sent: u64,
    /// How often it was sent.
    times: u8,
    result: Result<(u16, Bytes), Unanswered>,
}

/// The connections to one endpoint.
struct Route {
    endpoint: Rc<Endpoint>,
    lines: Vec<Rc<Line>>,
    /// Whose turn it is.
    turn: usize,
}

/// The connections of one worker.
pub struct Http2 {
    limits: Rc<Limits>,
    /// By endpoint.
    routes: Vec<Route>,
    in_flight: usize,
    blocked: bool,
    free_since: u64,
    draft: Draft,
    work: Work,
}

impl Http2 {
    pub fn new(limits: Limits, endpoints: &[Endpoint]) -> Self {
        let each = limits.connections.div_ceil(PER_CONNECTION);
        let route = |endpoint: &Endpoint| Route {
            endpoint: Rc::new(endpoint.clone()),
            lines: (0..each).map(|_| Rc::default()).collect(),
            turn: 0,
        };
        let routes = endpoints.iter().map(route).collect();
        let (draft, work) = (Draft::default(), Work::default());
        Self { limits: Rc::new(limits), routes, in_flight: 0, blocked: false, free_since: 0, draft, work }
    }

    /// TLS handshakes, and how many of them took up an earlier session.
    pub fn handshakes(&self) -> (u64, u64) {
        let all = self.routes.iter().flat_map(|route| &route.lines).map(|line| line.handshakes());
        all.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }

    /// Works until there are no more arrivals and every request has ended.
    pub fn run(&mut self, desk: &mut Scheduler, watch: &mut Watch<'_>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tokio::task::LocalSet::new().run_until(self.work(desk, watch)));
        Ok(())
    }

    async fn work(&mut self, desk: &mut Scheduler, watch: &mut Watch<'_>) {
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
                self.send(ticket, 1, desk, watch, &ended);
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
                self.resolve(end, desk, watch, &ended);
                next = results.try_recv().ok();
            }
        }
    }

    fn resolve(&mut self, end: Ended, desk: &mut Scheduler, watch: &Watch<'_>, ended: &mpsc::UnboundedSender<Ended>) {
        let Ended { ticket, sent, times, result } = end;
        let now = watch.now();
        self.in_flight -= 1;
        let outcome = match &result {
            Err(Unanswered::NotLookedAt(_)) if times < MOST_TIMES => {
                desk.record.resent += 1;
                return self.send(ticket, times + 1, desk, watch, ended);
            }
            Ok((status, body)) => Outcome::Answer { status: *status, body },
            Err(Unanswered::Failed(failure, what)) => Outcome::Failed(*failure, what),
            Err(Unanswered::NotLookedAt(what)) => Outcome::Failed(Failure::Lost, what),
        };
        if self.blocked {
            self.free_since = now;
        }
        if let Some(next) = desk.resolve(ticket, &outcome, sent, now) {
            self.send(next, 1, desk, watch, ended);
        }
    }

    /// Starts a request, for the first time or again.
    fn send(
        &mut self,
        ticket: InFlight,
        times: u8,
        desk: &Scheduler,
        watch: &Watch<'_>,
        ended: &mpsc::UnboundedSender<Ended>,
    ) {
        let number = desk.compose(&ticket, &mut self.draft);
        let route = &mut self.routes[number];
        route.turn = (route.turn + 1) % route.lines.len();
        let request = request(&self.draft, &route.endpoint);
        let (line, endpoint) = (route.lines[route.turn].clone(), route.endpoint.clone());
        let (sent, limits, work, ended) = (watch.now(), self.limits.clone(), self.work.clone(), ended.clone());
        self.in_flight += 1;
        self.work.execute(async move {
            let asked = async {
                let what = "the request holds characters that HTTP does not allow";
                let request = request.ok_or_else(|| Unanswered::Failed(Failure::NoHttp, what.into()))?;
                line.ask(request, &endpoint, &limits, &work).await
            };
            let began = Instant::now();
            let result = tokio::time::timeout(limits.timeout, asked).await.unwrap_or_else(|_| {
                line.doubt(began);
                Err(Unanswered::Failed(Failure::TimedOut, String::new()))
            });
            // The run is over when nobody listens.
            let _ = ended.send(Ended { ticket, sent, times, result });
        });
    }
}
