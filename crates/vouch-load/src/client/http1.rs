//! The HTTP/1.1 client of one worker: keep-alive connections that only this thread touches, one write and one read a
//! request, no lock and no allocation on the way.

use super::Limits;
use super::http1_connection::{Connection, Look, State, connecting};
use super::poller::Waiter;
use super::worker_clock::Watch;
use crate::failure::Failure;
use crate::request_template::Draft;
use crate::scheduler::{InFlight, Outcome, Scheduler};
use mio::{Interest, Token};
use std::collections::VecDeque;
use std::io;

/// Bytes that are read at once.
const SCRATCH: usize = 64 * 1024;

/// The connections of one worker.
pub struct Http1 {
    waiter: Waiter,
    limits: Limits,
    connections: Vec<Option<Connection>>,
    /// Free places among the connections.
    places: Vec<usize>,
    /// Idle connections, by endpoint.
    idle: Vec<Vec<usize>>,
    open: usize,
    /// Requests that wait for a connection: later calls of a workload.
    waiting: VecDeque<InFlight>,
    /// Deadlines in order: moment, connection, round.
    deadlines: VecDeque<(u64, usize, u32)>,
    in_flight: usize,
    /// An arrival was due and had no connection.
    blocked: bool,
    /// When a connection last became free for a blocked arrival.
    free_since: u64,
    draft: Draft,
    out: Vec<u8>,
    scratch: Vec<u8>,
    ready: Vec<(usize, bool)>,
    /// TLS handshakes, and how many of them took up an earlier session.
    pub handshakes: (u64, u64),
}

impl Http1 {
    pub fn new(limits: Limits, endpoints: usize) -> io::Result<Self> {
        Ok(Self {
            waiter: Waiter::new()?,
            limits,
            connections: Vec::new(),
            places: Vec::new(),
            idle: vec![Vec::new(); endpoints],
            open: 0,
            waiting: VecDeque::new(),
            deadlines: VecDeque::new(),
            in_flight: 0,
            blocked: false,
            free_since: 0,
            draft: Draft::default(),
            out: Vec::new(),
            scratch: vec![0; SCRATCH],
            ready: Vec::new(),
            handshakes: (0, 0),
        })
    }

    /// Works until there are no more arrivals and every request has ended.
    pub fn run(&mut self, desk: &mut Scheduler, watch: &mut Watch<'_>) -> io::Result<()> {
        loop {
            let now = watch.beat(desk);
            self.expire(desk, now);
            self.start(desk, now);
            desk.give_up_what_is_overdue(now, self.limits.timeout_ns());
            if self.in_flight == 0 && self.waiting.is_empty() && desk.next_due().is_none() {
                return Ok(());
            }
            let due = desk.next_due().filter(|_| !self.blocked);
            let deadline = self.deadlines.front().map(|(moment, ..)| *moment);
            let next = [due, deadline].into_iter().flatten().fold(watch.next_beat(), u64::min);
            let idle = self.waiter.wait(watch.until(next), due == Some(next))?;
            watch.was_idle(idle);
            let mut ready = std::mem::take(&mut self.ready);
            self.waiter.ready(&mut ready);
            ready.iter().for_each(|(number, closed)| self.tend(*number, *closed, desk, watch));
            self.ready = ready;
        }
    }

    /// Whether a request could be sent now.
    fn can_send(&self) -> bool {
        self.open < self.limits.connections || self.idle.iter().any(|idle| !idle.is_empty())
    }

    /// Starts what is due, while there are connections.
    fn start(&mut self, desk: &mut Scheduler, now: u64) {
        self.send_waiting(desk, now);
        self.blocked = false;
        while desk.next_due().is_some_and(|due| due <= now) {
            if !self.can_send() {
                self.blocked = true;
                return;
            }
            let Some(ticket) = desk.take(now, self.free_since) else { return };
            if !self.send(ticket, desk, now) {
                // One failure a round: a machine without sockets would fail for ever here.
                return;
            }
        }
    }

    /// Sends later calls of workloads, while there are connections.
    fn send_waiting(&mut self, desk: &mut Scheduler, now: u64) {
        while let Some(ticket) = self.waiting.front().copied().filter(|_| self.can_send()) {
            self.waiting.pop_front();
            self.send(ticket, desk, now);
        }
    }

    /// Sends a request; whether it is on its way.
    fn send(&mut self, ticket: InFlight, desk: &mut Scheduler, now: u64) -> bool {
        let endpoint = desk.compose(&ticket, &mut self.draft);
        let number = match self.connection(endpoint, desk) {
            Ok(number) => number,
            Err((failure, what)) => {
                desk.resolve(ticket, &Outcome::Failed(failure, &what), now, now);
                return false;
            }
        };
        self.out.clear();
        self.draft.write_http1(&desk.site().endpoints[endpoint].authority, &mut self.out);
        let Some(connection) = &mut self.connections[number] else { return false };
        if connection.state == State::Idle {
            connection.state = State::Waiting;
        }
        (connection.ticket, connection.sent) = (ticket, now);
        connection.round = connection.round.wrapping_add(1);
        self.deadlines.push_back((now.saturating_add(self.limits.timeout_ns()), number, connection.round));
        self.in_flight += 1;
        if let Err(error) = connection.send(&self.out) {
            let (_, what) = connecting(&error, &desk.site().endpoints[endpoint]);
            self.fail(number, Failure::Lost, &what, desk, now);
            return false;
        }
        true
    }

    /// A connection to an endpoint that can take a request.
    fn connection(&mut self, endpoint: usize, desk: &Scheduler) -> Result<usize, (Failure, String)> {
        if let Some(number) = self.idle[endpoint].pop() {
            return Ok(number);
        }
        if self.open >= self.limits.connections {
            // All are open, but not to this endpoint: one of the idle gives way.
            if let Some(number) = self.idle.iter_mut().find_map(Vec::pop) {
                self.close(number);
            }
        }
        let mut connection = Connection::open(&desk.site().endpoints[endpoint], endpoint, &self.limits.tls)?;
        let number = self.places.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.waiter.registry().register(connection.stream(), Token(number), interest) {
            self.places.push(number);
            return Err((Failure::OutOfSockets, error.to_string()));
        }
        self.connections[number] = Some(connection);
        self.open += 1;
        Ok(number)
    }

    /// Sees to a connection that something happened to; `closed`: the server's end of it among others.
    fn tend(&mut self, number: usize, closed: bool, desk: &mut Scheduler, watch: &Watch<'_>) {
        let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else { return };
        if connection.state == State::Connecting {
            match connection.connected(&desk.site().endpoints[connection.endpoint]) {
                None => return,
                Some(Err((failure, what))) => return self.fail(number, failure, &what, desk, watch.now()),
                Some(Ok(())) => connection.state = State::Waiting,
            }
        }
        if connection.flush().is_err() {
            return self.fail(
                number,
                Failure::Lost,
                "the connection broke while a request was sent",
                desk,
                watch.now(),
            );
        }
        let (ticket, sent, endpoint) = (connection.ticket, connection.sent, connection.endpoint);
        let was_waiting = connection.state == State::Waiting;
        let mut scratch = std::mem::take(&mut self.scratch);
        let resumed = connection.resumed();
        match connection.look(&mut scratch, closed) {
            Look::Pending => {}
            Look::Failed(failure, what) if was_waiting => self.fail(number, failure, &what, desk, watch.now()),
            // An idle connection that the server closed is no failure: nothing was asked.
            Look::Failed(..) => {
                self.idle[endpoint].retain(|idle| *idle != number);
                self.close(number);
            }
            Look::Answer { status, body, keep } => {
                let now = watch.now();
                self.in_flight -= 1;
                let next = desk.resolve(ticket, &Outcome::Answer { status, body: &body }, sent, now);
                self.release(number, keep, resumed, now);
                if let Some(next) = next {
                    self.waiting.push_back(next);
                    self.send_waiting(desk, now);
                }
            }
        }
        self.scratch = scratch;
    }

    /// Takes a connection back after its answer.
    fn release(&mut self, number: usize, keep: bool, resumed: Option<bool>, now: u64) {
        if self.blocked {
            self.free_since = now;
        }
        let Some(connection) = &mut self.connections[number] else { return };
        connection.state = State::Idle;
        if connection.round == 1
            && let Some(resumed) = resumed
        {
            self.handshakes.0 += 1;
            self.handshakes.1 += u64::from(resumed);
        }
        if keep {
            let endpoint = connection.endpoint;
            self.idle[endpoint].push(number);
        } else {
            self.close(number);
        }
    }

    fn fail(&mut self, number: usize, failure: Failure, what: &str, desk: &mut Scheduler, now: u64) {
        let Some(connection) = &self.connections[number] else { return };
        let (ticket, sent) = (connection.ticket, connection.sent);
        self.close(number);
        self.in_flight -= 1;
        if self.blocked {
            self.free_since = now;
        }
        desk.resolve(ticket, &Outcome::Failed(failure, what), sent, now);
    }

    fn close(&mut self, number: usize) {
        if let Some(mut connection) = self.connections[number].take() {
            let _ = self.waiter.registry().deregister(connection.stream());
            self.places.push(number);
            self.open -= 1;
        }
    }

    /// Ends the requests whose time is up.
    fn expire(&mut self, desk: &mut Scheduler, now: u64) {
        while let Some((moment, number, round)) = self.deadlines.front().copied() {
            let current = self.connections.get(number).and_then(Option::as_ref);
            let stale = current.is_none_or(|c| c.round != round || c.state == State::Idle);
            if !stale && moment > now {
                return;
            }
            self.deadlines.pop_front();
            if !stale {
                self.fail(number, Failure::TimedOut, "", desk, now);
            }
        }
    }
}
