//! Calls into the SDK, and what they show of it.

use super::device::Called;
use super::step_result::{StepError, StepResult};
use super::world::World;
use crate::invariant::{ApiRequest, Observed, StoredSession};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::{MutexGuard, PoisonError};
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{Exchange, Operation, Party};
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::{ErrorKind, StatusWord, is_documented};

/// What was said between the harness and the SDK so far.
#[derive(Default)]
pub(super) struct CallLog {
    observed: Observed,
    /// Grows with every call that signs somebody in.
    era: u64,
    /// How many exchanges there had been when it began.
    era_from: usize,
    /// Calls begun so far.
    calls: u64,
    /// How many calls had been begun when a caller was first told that the user of this era is gone.
    gone_told: Option<u64>,
    /// How many exchanges there had been at the end of the last call that may send something.
    idle_from: usize,
    /// The exchanges at the time when the device noticed that time had passed.
    noticing: Vec<Range<usize>>,
}

/// A call that goes on, as it stood at its begin.
struct Begin {
    number: u64,
    era: u64,
    signs_in: bool,
    /// The SDK had learned before that its user is gone, from a refresh of its own accord.
    knew: bool,
}

/// Whether a refresh was refused because its user is gone.
fn learns_of_deletion(exchange: &Exchange, profile: &Profile) -> bool {
    exchange.link.from == Party::Sdk
        && exchange.operation == Operation::Refresh
        && exchange.status().is_some_and(|status| status.is_client_error())
        && exchange.answer().and_then(|body| profile.meaning(IdpCall::Refresh, body)) == Some(ErrorKind::InvalidUser)
}

/// Whether an SDK may send this of its own accord: at launch, or when time has passed.
fn of_its_own(exchange: &Exchange) -> bool {
    exchange.link.from == Party::Sdk && matches!(exchange.operation, Operation::Refresh | Operation::Api)
}

/// What went over the wire during a step.
pub(super) struct TrafficWindow {
    /// What the step had sent.
    pub during: Vec<Exchange>,
    /// The same, and what the SDK had sent of its own accord since the call before.
    pub since_idle: Vec<Exchange>,
}

impl World {
    fn conversation(&self) -> MutexGuard<'_, CallLog> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the SDK and keeps the answer's shape.
    pub(super) async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<Called<R>, StepError> {
        let from = self.transcript.len();
        let noticed = self.device.notice_time().await.map_err(StepError::from)?;
        self.conversation().noticing.push(from..self.transcript.len());
        if noticed.is_killed() {
            self.note_crash();
            return Ok(Called::Killed);
        }
        let begin = self.begin(method);
        let called = self.device.call(method, params).await.map_err(StepError::from);
        let called = called.map(|called| begin.in_its_words(called));
        self.note(method, &begin, &called);
        called
    }

    fn begin(&self, method: &str) -> Begin {
        let signs_in = ["signIn", "configure", "setUserId", "identify"].contains(&method);
        let mut conversation = self.conversation();
        if signs_in {
            conversation.observed.stored_session = StoredSession::MayExist;
            conversation.era += 1;
            (conversation.era_from, conversation.gone_told) = (self.transcript.len(), None);
        }
        conversation.calls += 1;
        let (number, era) = (conversation.calls, conversation.era);
        let told = conversation.gone_told.is_some();
        let from = conversation.era_from;
        let learned = || {
            let learns = |exchange: &Exchange| learns_of_deletion(exchange, &self.profile);
            self.transcript.look(|exchanges| exchanges.iter().skip(from).any(learns))
        };
        Begin { number, era, signs_in, knew: !told && learned() }
    }

    /// Notes what the end of a call shows.
    fn note<R>(&self, method: &str, begin: &Begin, called: &Result<Called<R>, StepError>) {
        let exchanges = self.transcript.len();
        let conversation = &mut *self.conversation();
        if !["status", "currentUserId"].contains(&method) {
            conversation.idle_from = exchanges;
        }
        let same_era = conversation.era == begin.era;
        let observed = &mut conversation.observed;
        match called {
            Ok(Called::Ok(_)) if begin.signs_in => {
                observed.stored_session = StoredSession::MayExist;
                observed.token_scheme = ["signIn", "identify"].contains(&method);
            }
            Ok(Called::Ok(_)) if method == "signOut" && same_era => {
                (observed.stored_session, observed.token_scheme) = (StoredSession::SignedOut, false);
            }
            Ok(Called::Killed) => observed.token_scheme = false,
            Ok(Called::Refused { kind, text }) => {
                observed.reported_errors.push((*kind, exchanges));
                observed.error_texts.push(text.clone());
                // The news may be of a user before: then it says nothing of the one who is signed in now.
                if *kind == ErrorKind::InvalidUser && same_era {
                    observed.stored_session = StoredSession::UserDeleted;
                    conversation.gone_told.get_or_insert(conversation.calls.max(begin.number));
                }
            }
            _ => {}
        }
    }

    /// Notes that the SDK died in the middle of a call: which scheme it has is open.
    pub(super) fn note_crash(&self) {
        self.conversation().observed.token_scheme = false;
    }

    /// Notes what the SDK said of itself.
    pub(super) fn note_status(&self, status: &[StatusWord]) {
        if !is_documented(status) {
            self.conversation().observed.undocumented_status.get_or_insert_with(|| status.to_vec());
        }
    }

    /// What was seen of the SDK beside the wire.
    pub(super) fn observed(&self) -> Observed {
        let observed = self.conversation().observed.clone();
        Observed { launches: self.device.launches(), clock_was_skewed: self.device.clock_was_skewed(), ..observed }
    }

    /// Notes more of what is seen of the SDK.
    pub(super) fn note_observed<R>(&self, note: impl FnOnce(&mut Observed) -> R) -> R {
        note(&mut self.conversation().observed)
    }

    /// How many exchanges there had been at the end of the last call that may send something.
    pub(super) fn idle_from(&self) -> usize {
        self.conversation().idle_from
    }

    /// What went over the wire from exchange `mark` on, for judging what a step has sent.
    /// `idle_from`: where the call before had ended when the step began.
    pub(super) fn window(&self, mark: usize, idle_from: usize) -> TrafficWindow {
        let idle_from = idle_from.min(mark);
        let (noticing, asked) = {
            let conversation = self.conversation();
            (conversation.noticing.clone(), conversation.observed.api_requests.clone())
        };
        let mut window = TrafficWindow { during: vec![], since_idle: vec![] };
        for (number, exchange) in (idle_from..).zip(self.transcript.since(idle_from)) {
            let own = of_its_own(&exchange);
            let noticed = own && noticing.iter().any(|range| range.contains(&number));
            if number >= mark && !noticed && !self.is_unasked(&exchange, &asked) {
                window.during.push(exchange.clone());
            }
            if number >= mark || own {
                window.since_idle.push(exchange);
            }
        }
        window
    }

    /// Whether it is an API call of a signed-in SDK that the app has not asked for, such as a synchronisation in the
    /// background: no clause forbids one, and it may come at any time.
    fn is_unasked(&self, exchange: &Exchange, asked: &[ApiRequest]) -> bool {
        exchange.link.from == Party::Sdk
            && exchange.operation == Operation::Api
            && !asked.iter().any(|asked| asked.matches(exchange))
            && (self.shows_access_token(exchange) || self.shows(exchange, "x-vital-api-key", SecretKind::ApiKey))
    }

    /// Whether an exchange authenticates with an access token.
    pub(super) fn shows_access_token(&self, exchange: &Exchange) -> bool {
        self.shows(exchange, "authorization", SecretKind::AccessToken)
    }

    fn shows(&self, exchange: &Exchange, header: &str, kind: SecretKind) -> bool {
        let secrets = exchange.request.header(header).map(|text| self.redactor.secrets_in(text));
        secrets.is_some_and(|secrets| secrets.iter().any(|known| known.kind == kind))
    }

    /// Calls the SDK where only success or refusal matters.
    pub(super) async fn tell(&self, method: &str, params: impl Serialize) -> Result<StepResult, StepError> {
        Ok(match self.call::<serde_json::Value>(method, params).await? {
            Called::Ok(_) => StepResult::Ok,
            Called::Refused { kind, text } => StepResult::Refused { kind, text },
            Called::Killed => StepResult::Killed,
        })
    }

    /// Calls the SDK where a refusal is a failure of the step.
    pub(super) async fn ask<R: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<R, StepError> {
        match self.call(method, params).await? {
            Called::Ok(value) => Ok(value),
            Called::Refused { kind, text } => Err(StepError::Unmet {
                expected: format!("an answer to `{method}`"),
                got: format!("the error {kind}: {text}"),
            }),
            Called::Killed => Err(StepError::Scenario("the process was killed".into())),
        }
    }
}

impl Begin {
    /// An SDK that has found out by itself, between two calls, that its user is gone says to the next caller that nobody is
    /// signed in. That caller hears no less than from one that finds it out during the call: it counts as that.
    fn in_its_words<R>(&self, called: Called<R>) -> Called<R> {
        match called {
            Called::Refused { kind: ErrorKind::NotSignedIn | ErrorKind::NotConfigured, text } if self.knew => {
                Called::Refused { kind: ErrorKind::InvalidUser, text }
            }
            other => other,
        }
    }
}
