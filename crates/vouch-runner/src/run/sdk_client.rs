//! Calls the SDK and records what the calls reveal about it.

use super::context::CaseContext;
use super::device::{Called, Device};
use super::step_result::{StepError, StepResult};
use crate::invariant::{ApiRequest, ApiRequestEnd, Observed, StoredSession};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{Exchange, Operation, Party};
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::{ErrorKind, SdkMethod, StatusWord, is_documented};

/// Calls the SDK on the device of a case.
pub(super) struct SdkClient {
    context: CaseContext,
    device: Arc<Device>,
    log: Mutex<CallLog>,
}

/// What the SDK calls of a case revealed so far.
#[derive(Default)]
struct CallLog {
    observed: Observed,
    /// The number of calls that signed a user in.
    session: u64,
    /// The number of exchanges in the transcript at the start of the last of them.
    session_start: usize,
    /// A caller got the error `invalidUser` in the current session.
    deletion_reported: bool,
    /// The number of exchanges in the transcript at the end of the last call that may send something.
    idle_from: usize,
    /// The exchanges during each update of the SDK's clock.
    clock_updates: Vec<Range<usize>>,
}

/// A call in flight, with what was known when it started.
struct CallStart {
    method: SdkMethod,
    session: u64,
    /// The SDK had already received a response that its user was deleted, and no caller got that error yet.
    knew_deletion: bool,
}

/// What the SDK reported of the end of its session.
#[derive(Clone, Copy)]
pub(super) struct ReportedEnd {
    stored_session: StoredSession,
    deletion: bool,
}

/// The exchanges of a step.
pub(super) struct TrafficWindow {
    /// The exchanges that the step caused.
    pub during: Vec<Exchange>,
    /// The same, and the exchanges that the SDK sent unprompted since the call before.
    pub since_idle: Vec<Exchange>,
}

impl SdkClient {
    pub fn new(context: CaseContext, device: Arc<Device>) -> Self {
        Self { context, device, log: Mutex::default() }
    }

    /// Calls the SDK.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: SdkMethod,
        params: impl Serialize,
    ) -> Result<Called<R>, StepError> {
        let transcript = &self.context.transcript;
        let from = transcript.len();
        let noticed = self.device.notice_time().await?;
        self.log.lock().clock_updates.push(from..transcript.len());
        if noticed.is_killed() {
            self.record_crash();
            return Ok(Called::Killed);
        }
        let start = self.start(method);
        let called = self.device.call(method, params).await.map_err(StepError::from);
        let called = called.map(|called| start.normalize(called));
        self.record(&start, &called);
        called
    }

    /// Calls the SDK. The result has no value, only success or an error of the SDK.
    pub async fn call_for_result(&self, method: SdkMethod, params: impl Serialize) -> Result<StepResult, StepError> {
        Ok(match self.call::<serde_json::Value>(method, params).await? {
            Called::Ok(_) => StepResult::Ok,
            Called::Refused { kind, text } => StepResult::Refused { kind, text },
            Called::Killed => StepResult::Killed,
        })
    }

    fn start(&self, method: SdkMethod) -> CallStart {
        let log = &mut *self.log.lock();
        if signs_in(method) {
            log.observed.stored_session = StoredSession::MayExist;
            log.session += 1;
            (log.session_start, log.deletion_reported) = (self.context.transcript.len(), false);
        }
        let from = log.session_start;
        let received_deletion =
            || self.context.transcript.read(|exchanges| exchanges.iter().skip(from).any(reports_deletion));
        CallStart { method, session: log.session, knew_deletion: !log.deletion_reported && received_deletion() }
    }

    /// Records what the result of a call reveals.
    fn record<R>(&self, start: &CallStart, called: &Result<Called<R>, StepError>) {
        let exchanges = self.context.transcript.len();
        let log = &mut *self.log.lock();
        if !matches!(start.method, SdkMethod::Status | SdkMethod::CurrentUserId) {
            log.idle_from = exchanges;
        }
        let same_session = log.session == start.session;
        let observed = &mut log.observed;
        match called {
            Ok(Called::Ok(_)) if signs_in(start.method) => {
                observed.stored_session = StoredSession::MayExist;
                observed.token_scheme = matches!(start.method, SdkMethod::SignIn | SdkMethod::Identify);
            }
            Ok(Called::Ok(_)) if start.method == SdkMethod::SignOut && same_session => {
                (observed.stored_session, observed.token_scheme) = (StoredSession::SignedOut, false);
            }
            Ok(Called::Killed) => observed.token_scheme = false,
            Ok(Called::Refused { kind, text }) => {
                observed.reported_errors.push((*kind, exchanges));
                observed.error_texts.push(text.clone());
                // In a later session the error is about the previous user and says nothing about the current one.
                if *kind == ErrorKind::InvalidUser && same_session {
                    observed.stored_session = StoredSession::UserDeleted;
                    log.deletion_reported = true;
                }
            }
            _ => {}
        }
    }

    /// Records that the SDK was killed during a call: it may be in either scheme.
    pub fn record_crash(&self) {
        self.log.lock().observed.token_scheme = false;
    }

    /// What the SDK reported so far of the end of its session.
    pub fn reported_end(&self) -> ReportedEnd {
        let log = self.log.lock();
        ReportedEnd { stored_session: log.observed.stored_session, deletion: log.deletion_reported }
    }

    /// Takes back what the SDK reported since then of the end of its session, in an answer that reached no caller.
    pub fn withdraw_end(&self, before: ReportedEnd) {
        let log = &mut *self.log.lock();
        if log.observed.stored_session != before.stored_session {
            log.observed.stored_session = StoredSession::MayExist;
        }
        log.deletion_reported &= before.deletion;
    }

    /// Records a status that the SDK returned.
    pub fn record_status(&self, status: &[StatusWord]) {
        if !is_documented(status) {
            self.log.lock().observed.undocumented_status.get_or_insert_with(|| status.to_vec());
        }
    }

    /// Records the start of an API request of the app, with the JSON body to send. Returns its index.
    pub fn record_request(&self, method: &str, path: &str, body: Option<Value>) -> usize {
        let started_at = self.context.transcript.len();
        let requests = &mut self.log.lock().observed.api_requests;
        let (method, path) = (method.to_owned(), path.to_owned());
        requests.push(ApiRequest { method, path, body, started_at, end: None });
        requests.len() - 1
    }

    /// Records the end of an API request of the app.
    pub fn record_request_end(&self, index: usize, error: Option<ErrorKind>) {
        let end = ApiRequestEnd { at: self.context.transcript.len(), at_ms: self.context.clock.now_ms(), error };
        if let Some(request) = self.log.lock().observed.api_requests.get_mut(index) {
            request.end = Some(end);
        }
    }

    /// What was observed of the SDK so far, apart from its traffic.
    pub fn observed(&self) -> Observed {
        let observed = self.log.lock().observed.clone();
        let (launches, clock_was_skewed) = (self.device.launches(), self.device.clock_was_skewed());
        Observed { launches, clock_was_skewed, ..observed }
    }

    /// The number of exchanges in the transcript at the end of the last call that may send something.
    pub fn idle_from(&self) -> usize {
        self.log.lock().idle_from
    }

    /// The exchanges of a step, from exchange `mark` on. `idle_from` is [`SdkClient::idle_from`] at the start of the step.
    pub fn window(&self, mark: usize, idle_from: usize) -> TrafficWindow {
        let idle_from = idle_from.min(mark);
        let (clock_updates, requests) = {
            let log = self.log.lock();
            (log.clock_updates.clone(), log.observed.api_requests.clone())
        };
        let mut window = TrafficWindow { during: vec![], since_idle: vec![] };
        for (number, exchange) in (idle_from..).zip(self.context.transcript.since(idle_from)) {
            let unprompted = may_be_unprompted(&exchange);
            let during_update = unprompted && clock_updates.iter().any(|range| range.contains(&number));
            if number >= mark && !during_update && !self.is_background_request(&exchange, &requests) {
                window.during.push(exchange.clone());
            }
            if number >= mark || unprompted {
                window.since_idle.push(exchange);
            }
        }
        window
    }

    /// Whether it is an API request of a signed-in SDK that the app did not make, such as a background synchronisation. No
    /// clause forbids one, and it may be sent at any time.
    fn is_background_request(&self, exchange: &Exchange, requests: &[ApiRequest]) -> bool {
        exchange.link.from == Party::Sdk
            && exchange.operation == Operation::Api
            && !requests.iter().any(|request| request.matches(exchange))
            && (self.carries_access_token(exchange) || self.carries(exchange, "x-vital-api-key", SecretKind::ApiKey))
    }

    /// Whether an exchange authenticates with an access token.
    pub fn carries_access_token(&self, exchange: &Exchange) -> bool {
        self.carries(exchange, "authorization", SecretKind::AccessToken)
    }

    fn carries(&self, exchange: &Exchange, header: &str, kind: SecretKind) -> bool {
        let secrets = exchange.request.header(header).map(|text| self.context.redactor.secrets_in(text));
        secrets.is_some_and(|secrets| secrets.iter().any(|known| known.kind == kind))
    }
}

impl CallStart {
    /// An SDK that learned by itself, between two calls, that its user was deleted answers the next call with
    /// `notSignedIn` or `notConfigured`. That is treated as `invalidUser`.
    fn normalize<R>(&self, called: Called<R>) -> Called<R> {
        match called {
            Called::Refused { kind: ErrorKind::NotSignedIn | ErrorKind::NotConfigured, text } if self.knew_deletion => {
                Called::Refused { kind: ErrorKind::InvalidUser, text }
            }
            other => other,
        }
    }
}

fn signs_in(method: SdkMethod) -> bool {
    matches!(method, SdkMethod::SignIn | SdkMethod::Configure | SdkMethod::SetUserId | SdkMethod::Identify)
}

/// Whether a refresh was refused because its user was deleted.
fn reports_deletion(exchange: &Exchange) -> bool {
    exchange.link.from == Party::Sdk
        && exchange.operation == Operation::Refresh
        && exchange.status().is_some_and(|status| status.is_client_error())
        && exchange.answer().and_then(|body| exchange.profile.meaning(IdpCall::Refresh, body))
            == Some(ErrorKind::InvalidUser)
}

/// Whether an SDK may send this without a call: at launch, or when time has passed.
fn may_be_unprompted(exchange: &Exchange) -> bool {
    exchange.link.from == Party::Sdk && matches!(exchange.operation, Operation::Refresh | Operation::Api)
}
