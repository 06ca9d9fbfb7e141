//! The HTTP/1.1 client of one worker: keep-alive connections owned by one thread, one write and one read per request, without
//! locks or allocations in the hot path.

use super::ClientOptions;
use super::http1_connection::{ConnectionState, Http1Connection, ReadOutcome, connect_error};
use super::poller::Poller;
use super::response::Excess;
use super::worker_clock::WorkerClock;
use crate::check::ReceivedResponse;
use crate::failure::Failure;
use crate::request_template::RequestBuffer;
use crate::scheduler::{InFlight, RequestOutcome, Scheduler};
use mio::{Interest, Token};
use std::collections::VecDeque;
use std::io;

/// The size of the read buffer, in bytes.
const SCRATCH: usize = 64 * 1024;

/// The connections of one worker.
pub struct Http1Client {
    poller: Poller,
    options: ClientOptions,
    connections: Vec<Option<Http1Connection>>,
    /// Unused indices of `connections`.
    free_slots: Vec<usize>,
    /// Idle connections, by endpoint.
    idle: Vec<Vec<usize>>,
    open: usize,
    /// Later calls of a workload that wait for a connection.
    waiting: VecDeque<InFlight>,
    /// Deadlines in order: time, connection, generation of the connection.
    deadlines: VecDeque<(u64, usize, u32)>,
    in_flight: usize,
    /// An arrival is due and no connection is free.
    blocked: bool,
    /// When a connection last became free while an arrival was blocked.
    free_since: u64,
    buffer: RequestBuffer,
    out: Vec<u8>,
    scratch: Vec<u8>,
    ready: Vec<(usize, bool)>,
    /// TLS handshakes, and how many of them resumed a session.
    pub handshakes: (u64, u64),
}

impl Http1Client {
    pub fn new(options: ClientOptions, endpoints: usize) -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            options,
            connections: Vec::new(),
            free_slots: Vec::new(),
            idle: vec![Vec::new(); endpoints],
            open: 0,
            waiting: VecDeque::new(),
            deadlines: VecDeque::new(),
            in_flight: 0,
            blocked: false,
            free_since: 0,
            buffer: RequestBuffer::default(),
            out: Vec::new(),
            scratch: vec![0; SCRATCH],
            ready: Vec::new(),
            handshakes: (0, 0),
        })
    }

    /// Runs until there are no more arrivals and every request has ended.
    pub fn run(&mut self, scheduler: &mut Scheduler, clock: &mut WorkerClock<'_>) -> io::Result<()> {
        loop {
            let now = clock.tick(scheduler);
            self.expire(scheduler, now);
            self.start(scheduler, now);
            scheduler.fail_overdue(now, self.options.timeout_ns());
            if self.in_flight == 0 && self.waiting.is_empty() && scheduler.next_due().is_none() {
                return Ok(());
            }
            let due = scheduler.next_due().filter(|_| !self.blocked);
            let deadline = self.deadlines.front().map(|(moment, ..)| *moment);
            let next = [due, deadline].into_iter().flatten().fold(clock.next_tick(), u64::min);
            let idle = self.poller.wait(clock.until(next), due == Some(next))?;
            clock.add_idle(idle);
            let mut ready = std::mem::take(&mut self.ready);
            self.poller.ready(&mut ready);
            ready.iter().for_each(|(number, closed)| self.on_ready(*number, *closed, scheduler, clock));
            self.ready = ready;
        }
    }

    /// Whether a connection is available for another request.
    fn can_send(&self) -> bool {
        self.open < self.options.connections || self.idle.iter().any(|idle| !idle.is_empty())
    }

    /// Starts due requests while connections are available.
    fn start(&mut self, scheduler: &mut Scheduler, now: u64) {
        self.send_waiting(scheduler, now);
        self.blocked = false;
        while scheduler.next_due().is_some_and(|due| due <= now) {
            if !self.can_send() {
                self.blocked = true;
                return;
            }
            let Some(request) = scheduler.next_request(now, self.free_since) else { return };
            if !self.send(request, scheduler, now) {
                // Stop after one failure: without free sockets this loop would never end.
                return;
            }
        }
    }

    /// Sends later calls of workloads while connections are available.
    fn send_waiting(&mut self, scheduler: &mut Scheduler, now: u64) {
        while let Some(request) = self.waiting.front().copied().filter(|_| self.can_send()) {
            self.waiting.pop_front();
            self.send(request, scheduler, now);
        }
    }

    /// Sends a request. Returns whether it is in flight.
    fn send(&mut self, request: InFlight, scheduler: &mut Scheduler, now: u64) -> bool {
        let endpoint = scheduler.build_request(&request, &mut self.buffer);
        let number = match self.connection(endpoint, scheduler) {
            Ok(number) => number,
            Err((failure, what)) => {
                scheduler.resolve(request, &RequestOutcome::Failed(failure, &what), now, now);
                return false;
            }
        };
        self.out.clear();
        self.buffer.write_http1(&scheduler.load_target().endpoints[endpoint].authority, &mut self.out);
        let Some(connection) = &mut self.connections[number] else { return false };
        if connection.state == ConnectionState::Idle {
            connection.state = ConnectionState::Waiting;
        }
        (connection.request, connection.sent) = (request, now);
        connection.generation = connection.generation.wrapping_add(1);
        self.deadlines.push_back((now.saturating_add(self.options.timeout_ns()), number, connection.generation));
        self.in_flight += 1;
        if let Err(error) = connection.send(&self.out) {
            let (_, what) = connect_error(&error, &scheduler.load_target().endpoints[endpoint]);
            self.fail(number, Failure::ConnectionLost, &what, scheduler, now);
            return false;
        }
        true
    }

    /// Returns an idle or new connection to an endpoint.
    fn connection(&mut self, endpoint: usize, scheduler: &Scheduler) -> Result<usize, (Failure, String)> {
        if let Some(number) = self.idle[endpoint].pop() {
            return Ok(number);
        }
        if self.open >= self.options.connections {
            // All connections are open, but none to this endpoint: close an idle one.
            if let Some(number) = self.idle.iter_mut().find_map(Vec::pop) {
                self.close(number);
            }
        }
        let mut connection =
            Http1Connection::open(&scheduler.load_target().endpoints[endpoint], endpoint, &self.options.tls)?;
        let number = self.free_slots.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poller.registry().register(connection.stream(), Token(number), interest) {
            self.free_slots.push(number);
            return Err((Failure::OutOfSockets, error.to_string()));
        }
        self.connections[number] = Some(connection);
        self.open += 1;
        Ok(number)
    }

    /// Handles a socket event. `closed`: the server has closed its side.
    fn on_ready(&mut self, number: usize, closed: bool, scheduler: &mut Scheduler, clock: &WorkerClock<'_>) {
        let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else { return };
        if connection.state == ConnectionState::Connecting {
            match connection.connected(&scheduler.load_target().endpoints[connection.endpoint]) {
                None => return,
                Some(Err((failure, what))) => return self.fail(number, failure, &what, scheduler, clock.now()),
                Some(Ok(())) => connection.state = ConnectionState::Waiting,
            }
        }
        if connection.flush().is_err() {
            return self.fail(
                number,
                Failure::ConnectionLost,
                "the connection was lost while a request was sent",
                scheduler,
                clock.now(),
            );
        }
        let (request, sent, endpoint) = (connection.request, connection.sent, connection.endpoint);
        let was_waiting = connection.state == ConnectionState::Waiting;
        let mut scratch = std::mem::take(&mut self.scratch);
        let resumed = connection.resumed();
        match connection.read_response(&mut scratch, closed) {
            ReadOutcome::Pending => {}
            ReadOutcome::Failed(failure, what) if was_waiting => {
                self.fail(number, failure, &what, scheduler, clock.now());
            }
            // The server may close an idle connection: no request was in flight.
            ReadOutcome::Failed(..) => {
                self.idle[endpoint].retain(|idle| *idle != number);
                self.close(number);
            }
            ReadOutcome::Excess(excess) => {
                let charged = Some(excess).filter(|_| connection.was_good);
                if let Some(what) = charged.and_then(Excess::describe) {
                    scheduler.record_excess(&request, &what);
                }
                self.idle[endpoint].retain(|idle| *idle != number);
                self.close(number);
            }
            ReadOutcome::Response { response, keep_alive, excess } => {
                let now = clock.now();
                self.in_flight -= 1;
                let keep_alive = keep_alive && !scheduler.is_reset(&request);
                let received = ReceivedResponse {
                    status: response.status,
                    body: &response.body,
                    encoding: response.encoding,
                    excess: excess.and_then(Excess::describe),
                };
                let outcome = RequestOutcome::Response { response: received, retry_after: response.retry_after };
                let next = scheduler.resolve(request, &outcome, sent, now);
                if let Some(connection) = &mut self.connections[number] {
                    connection.was_good = scheduler.last_was_good();
                }
                self.release(number, keep_alive, resumed, now);
                if let Some(next) = next {
                    self.waiting.push_back(next);
                    self.send_waiting(scheduler, now);
                }
            }
        }
        self.scratch = scratch;
    }

    /// Makes a connection available again after its response.
    fn release(&mut self, number: usize, keep_alive: bool, resumed: Option<bool>, now: u64) {
        if self.blocked {
            self.free_since = now;
        }
        let Some(connection) = &mut self.connections[number] else { return };
        connection.state = ConnectionState::Idle;
        if connection.generation == 1
            && let Some(resumed) = resumed
        {
            self.handshakes.0 += 1;
            self.handshakes.1 += u64::from(resumed);
        }
        if keep_alive {
            let endpoint = connection.endpoint;
            self.idle[endpoint].push(number);
        } else {
            self.close(number);
        }
    }

    fn fail(&mut self, number: usize, failure: Failure, what: &str, scheduler: &mut Scheduler, now: u64) {
        let Some(connection) = &self.connections[number] else { return };
        let (request, sent) = (connection.request, connection.sent);
        self.close(number);
        self.in_flight -= 1;
        if self.blocked {
            self.free_since = now;
        }
        scheduler.resolve(request, &RequestOutcome::Failed(failure, what), sent, now);
    }

    fn close(&mut self, number: usize) {
        if let Some(mut connection) = self.connections[number].take() {
            let _ = self.poller.registry().deregister(connection.stream());
            self.free_slots.push(number);
            self.open -= 1;
        }
    }

    /// Fails the requests that have timed out.
    fn expire(&mut self, scheduler: &mut Scheduler, now: u64) {
        while let Some((moment, number, generation)) = self.deadlines.front().copied() {
            let current = self.connections.get(number).and_then(Option::as_ref);
            let stale = current.is_none_or(|c| c.generation != generation || c.state == ConnectionState::Idle);
            if !stale && moment > now {
                return;
            }
            self.deadlines.pop_front();
            if !stale {
                self.fail(number, Failure::TimedOut, "", scheduler, now);
            }
        }
    }
}
