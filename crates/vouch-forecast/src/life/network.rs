//! The network of a device: each exchange takes its time, and may be lost, refused, or cut off by the end of the process.

use super::time::DeviceTime;
use super::timeline::exponential;
use crate::cause::Cause;
use crate::policy::Life;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use vouch_explore::{http_response, wire_request};
use vouch_sim::mock_cloud::MockCloud;
use vouch_sim::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Network, NetworkError, ProcessLifetime};
use vouch_sim::wire::{Link, Party, WireRequest, WireResponse};
use vouch_spec::operation::Operation;
use vouch_spec::profile::{IdpCall, Profile};

/// The network between one device and its provider. It outlives the processes of the app.
pub(super) struct DeviceNetwork {
    pub cloud: MockCloud,
    pub time: Arc<DeviceTime>,
    pub life: Life,
    pub profile: Arc<Profile>,
    pub state: Mutex<NetworkStatus>,
}

pub(super) struct NetworkStatus {
    random: SmallRng,
    /// No connection until this true time.
    pub offline_until_ms: i64,
    /// The process ends at this true time.
    pub killed_at_ms: Option<i64>,
    /// No outcome but answers: for the first sign-in.
    pub calm: bool,
    pub disturbances: Disturbances,
    /// What happened to each exchange of the call, for a replay.
    pub outcomes: Vec<(Operation, ExchangeOutcome)>,
}

/// What disturbed the session since it was last seen well.
#[derive(Clone, Copy, Default)]
pub(super) struct Disturbances {
    /// The client did not learn the newest refresh token. Nothing that comes later explains the end of the session better.
    pub token_lost: Option<Cause>,
    /// The last other disturbance.
    pub last: Option<Cause>,
}

/// What happens to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeOutcome {
    Answered,
    RequestLost,
    AnswerLost,
    ServerError,
    /// The process ends before the server gets the request.
    KilledBefore,
    /// The process ends after the server did its part, before it has the answer.
    KilledAfter,
    /// There is no connection.
    Offline,
}

impl NetworkStatus {
    pub fn new() -> Self {
        Self {
            random: SmallRng::seed_from_u64(0),
            offline_until_ms: i64::MIN,
            killed_at_ms: None,
            calm: true,
            disturbances: Disturbances::default(),
            outcomes: Vec::new(),
        }
    }

    /// Starts the random numbers of a visit.
    pub fn seed(&mut self, seed: u64) {
        self.random = SmallRng::seed_from_u64(seed);
    }
}

/// The network of one process.
pub(super) struct ProcessNetwork {
    pub network: Arc<DeviceNetwork>,
    pub process: ProcessLifetime,
}

#[async_trait]
impl Network for ProcessNetwork {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        if self.process.is_over() {
            return Err(NetworkError::ConnectionLost);
        }
        // A caller that sends in a loop must not keep the thread.
        tokio::task::yield_now().await;
        let to = if call.host == Host::Api { Party::Api } else { Party::Auth };
        let method = call.method.parse().unwrap_or_default();
        let operation = self.network.operation(to, &method, &call.path, call.body.as_bytes());
        let (outcome, answer) = self.network.exchange(wire_request(call));
        if matches!(outcome, ExchangeOutcome::KilledBefore | ExchangeOutcome::KilledAfter) {
            self.process.end();
        }
        self.network.record_exchange(operation, outcome);
        answer.map(|answer| http_response(&answer))
    }
}

impl DeviceNetwork {
    pub fn operation(&self, to: Party, method: &Method, path: &str, body: &[u8]) -> Operation {
        if to == Party::Api {
            return Operation::Api;
        }
        match self.profile.recognise(method, path, body) {
            Some((IdpCall::Exchange, _)) => Operation::Exchange,
            Some((IdpCall::Refresh, _)) => Operation::Refresh,
            None => Operation::Stray,
        }
    }

    /// Performs one exchange. A request that cannot be written as HTTP has its error in place of an answer.
    pub fn exchange(
        &self,
        request: Result<(Link, WireRequest), NetworkError>,
    ) -> (ExchangeOutcome, Result<WireResponse, NetworkError>) {
        let lost = Err(NetworkError::ConnectionLost);
        let half = self.life.round_trip / 2;
        let (outcome, resets) = {
            let mut state = self.state.lock();
            if self.time.true_ms() < state.offline_until_ms {
                return (ExchangeOutcome::Offline, lost);
            }
            (state.draw(&self.life), state.random.random::<f64>() < self.life.resets)
        };
        if self.dies_within(half) {
            return (ExchangeOutcome::KilledBefore, lost);
        }
        self.time.pass(half);
        match outcome {
            ExchangeOutcome::RequestLost => (outcome, self.lose(resets)),
            ExchangeOutcome::ServerError => {
                self.time.pass(half);
                let (headers, body) = (HeaderMap::new(), Bytes::new());
                (outcome, Ok(WireResponse { status: StatusCode::SERVICE_UNAVAILABLE, headers, body }))
            }
            _ => {
                let answer = request.map(|(link, request)| self.cloud.answer_now(link, &request));
                if self.dies_within(half) {
                    return (ExchangeOutcome::KilledAfter, lost);
                }
                self.time.pass(half);
                match outcome {
                    ExchangeOutcome::AnswerLost => (outcome, self.lose(resets)),
                    _ => (outcome, answer),
                }
            }
        }
    }

    /// The connection is gone for a while. The client notices at once, or at its time-out.
    fn lose(&self, resets: bool) -> Result<WireResponse, NetworkError> {
        let mut state = self.state.lock();
        let outage = exponential(&mut state.random, self.life.outage_after_loss);
        state.offline_until_ms = state.offline_until_ms.max(self.time.after(outage));
        drop(state);
        if resets {
            return Err(NetworkError::ConnectionLost);
        }
        self.time.pass(self.life.timeout);
        Err(NetworkError::Timeout)
    }

    /// Whether the process ends within this time; if so, the clock stands at its end.
    fn dies_within(&self, time: std::time::Duration) -> bool {
        let killed_at_ms = self.state.lock().killed_at_ms;
        let Some(at_ms) = killed_at_ms.filter(|at_ms| *at_ms <= self.time.after(time)) else { return false };
        self.time.pass_until(at_ms);
        true
    }

    pub fn record_exchange(&self, operation: Operation, outcome: ExchangeOutcome) {
        let mut state = self.state.lock();
        state.outcomes.push((operation, outcome));
        match outcome {
            _ if operation != Operation::Refresh => {}
            ExchangeOutcome::Answered => {}
            ExchangeOutcome::AnswerLost | ExchangeOutcome::KilledAfter => {
                state.disturbances.token_lost = Some(Cause::of(outcome));
            }
            ExchangeOutcome::Offline
            | ExchangeOutcome::RequestLost
            | ExchangeOutcome::ServerError
            | ExchangeOutcome::KilledBefore => {
                state.disturbances.last = Some(Cause::of(outcome));
            }
        }
    }
}

impl NetworkStatus {
    fn draw(&mut self, life: &Life) -> ExchangeOutcome {
        let drawn: f64 = self.random.random();
        if self.calm {
            return ExchangeOutcome::Answered;
        }
        let (lost, answer) = (life.lost_requests, life.lost_requests + life.lost_answers);
        match drawn {
            drawn if drawn < lost => ExchangeOutcome::RequestLost,
            drawn if drawn < answer => ExchangeOutcome::AnswerLost,
            drawn if drawn < answer + life.server_errors => ExchangeOutcome::ServerError,
            _ => ExchangeOutcome::Answered,
        }
    }
}
