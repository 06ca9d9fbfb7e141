//! Calls the SDK, and records the results for the invariants.

use super::InProcess;
use crate::action::{InjectedFault, Person, Place};
use crate::state::Observation;
use async_trait::async_trait;
use std::sync::atomic::Ordering;
use vouch_runner::invariant::StoredSession;
use vouch_sim::reference::app::{AppError, AppIdentity, AppSession, SdkPort, TokenSource};
use vouch_sim::reference::sdk::{ApiResponse, SdkError};
use vouch_sim::wire::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::protocol::StatusWord;

impl InProcess {
    pub(super) fn fault(&self, on: Operation, fault: InjectedFault) {
        *self.network.fault.lock() = Some((on, fault));
    }

    /// Records that a call may start a session.
    pub(super) fn record_session_start(&self) {
        self.observed.lock().stored_session = StoredSession::MayExist;
    }

    pub(super) fn record(&self, result: Result<Observation, SdkError>) -> Observation {
        let error = match result {
            Ok(seen) => return seen,
            Err(error) => error,
        };
        let mut observed = self.observed.lock();
        observed.reported_errors.push((error.kind, self.network.transcript.len()));
        observed.error_texts = vec![error.text];
        if error.kind == ErrorKind::InvalidUser {
            (observed.stored_session, observed.token_scheme) = (StoredSession::UserDeleted, false);
        }
        Observation::Refused(error.kind)
    }

    pub(super) fn record_sign_out(&self, out: Result<(), SdkError>) -> Observation {
        if out.is_ok() {
            let mut observed = self.observed.lock();
            (observed.stored_session, observed.token_scheme) = (StoredSession::SignedOut, false);
        }
        self.record(out.map(|()| Observation::Ok))
    }

    pub(super) fn sign_out(&self) -> Observation {
        let out = self.sdk.sign_out();
        self.record_sign_out(out)
    }

    pub(super) async fn sign_in(&self, person: Person, place: Place) -> Observation {
        self.sign_in_if_issued(self.issue(person, place)).await
    }

    pub(super) async fn sign_in_if_issued(&self, token: Option<String>) -> Observation {
        match token {
            Some(token) => self.sign_in_with(&token).await,
            None => Observation::Refused(ErrorKind::Network),
        }
    }

    pub(super) async fn sign_in_with(&self, token: &str) -> Observation {
        self.record_session_start();
        let done = self.sdk.sign_in(token).await;
        if done.is_ok() {
            self.observed.lock().token_scheme = true;
        }
        self.record(done.map(|()| Observation::Ok))
    }

    pub(super) async fn identify(&self, person: Person) -> Observation {
        self.record_session_start();
        let authenticate = async || {
            let online = self.network.online.load(Ordering::Relaxed);
            let token = if online { self.issue(person, Place::Home) } else { None };
            token.ok_or_else(|| SdkError::new(ErrorKind::Network, "the app could not get a sign-in token"))
        };
        let done = self.sdk.identify(&format!("app-user-{}", person.name()), authenticate).await;
        if done.is_ok() {
            self.observed.lock().token_scheme = true;
        }
        self.record(done.map(|()| Observation::Ok))
    }

    pub(super) async fn request(&self, path: &str) -> Observation {
        let answered = self.sdk.request("GET", path).await;
        self.record(answered.map(|answer| Observation::Http(answer.status)))
    }

    /// Whether calls of a kind, from an index of the transcript on, follow each other faster than Retry-After allows (REF-9).
    pub(super) fn ignores_retry_after(&self, kind: Operation, from: usize, seconds: u64) -> bool {
        self.network.transcript.read(|exchanges| {
            let calls = exchanges[from..].iter().filter(|exchange| exchange.operation == kind);
            let times: Vec<i64> = calls.map(|exchange| exchange.at_ms).collect();
            let least_ms = i64::try_from(seconds * 1000).unwrap_or(i64::MAX) - 100;
            times.windows(2).any(|pair| pair[1] - pair[0] < least_ms)
        })
    }

    /// The number of calls of a kind from an index of the transcript on.
    pub(super) fn count(&self, kind: Operation, from: usize) -> usize {
        self.network.transcript.read(|exchanges| exchanges[from..].iter().filter(|e| e.operation == kind).count())
    }

    /// Makes an API call whose response must have a body.
    pub(super) async fn read(&self, path: &str) -> Observation {
        let answered = self.sdk.request("GET", path).await;
        // The body of a response must reach the app (SCO-1).
        let lost = |answer: &ApiResponse| answer.status == 200 && answer.body.is_null();
        self.record(
            answered
                .map(|answer| if lost(&answer) { Observation::Unexpected } else { Observation::Http(answer.status) }),
        )
    }

    /// Relaunches after a possible crash. A call of a crashed process has no result.
    pub(super) fn after_crash(&mut self, seen: Observation) -> Observation {
        let died = self.life.is_over();
        self.life.clear_write_fault();
        if died {
            let mut observed = self.observed.lock();
            (observed.stored_session, observed.token_scheme) = (StoredSession::MayExist, false);
        }
        self.relaunch();
        if died { Observation::Killed } else { seen }
    }

    pub(super) async fn reconcile(&self) -> Observation {
        let port = Port(self);
        match self.app.reconcile(&port, &port, &port).await {
            Ok(()) => Observation::Ok,
            Err(failed) => Observation::Refused(failed.kind),
        }
    }
}

/// The app's session, the SDK and the backend for the app.
struct Port<'a>(&'a InProcess);

impl AppSession for Port<'_> {
    fn user(&self) -> Option<AppIdentity> {
        let person = self.0.app_user?;
        Some(AppIdentity { name: person.name().to_owned(), user_id: Some(self.0.id(person).to_owned()) })
    }
}

fn failed(error: SdkError) -> AppError {
    AppError { kind: error.kind, text: error.text }
}

#[async_trait]
impl SdkPort for Port<'_> {
    async fn status(&self) -> Result<Vec<StatusWord>, AppError> {
        self.0.sdk.status().map_err(failed)
    }

    async fn current_user_id(&self) -> Result<Option<String>, AppError> {
        self.0.sdk.current_user_id().map_err(failed)
    }

    async fn sign_in(&self, token: String) -> Result<(), AppError> {
        self.0.app_operations.fetch_add(1, Ordering::Relaxed);
        self.0.record_session_start();
        let done = self.0.sdk.sign_in(&token).await;
        if done.is_ok() {
            self.0.observed.lock().token_scheme = true;
        }
        done.map_err(failed)
    }

    async fn sign_out(&self) -> Result<(), AppError> {
        self.0.app_operations.fetch_add(1, Ordering::Relaxed);
        let out = self.0.sdk.sign_out();
        self.0.record_sign_out(out.clone());
        out.map_err(failed)
    }
}

#[async_trait]
impl TokenSource for Port<'_> {
    async fn sign_in_token(&self) -> Result<String, AppError> {
        let unreachable = || AppError { kind: ErrorKind::Network, text: "the app's backend does not answer".into() };
        let user = self.0.app_user.filter(|_| self.0.network.online.load(Ordering::Relaxed)).ok_or_else(unreachable)?;
        self.0.issue(user, Place::Home).ok_or_else(unreachable)
    }
}
