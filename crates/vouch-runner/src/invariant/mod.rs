//! Invariants: what must hold after every step of every case, whatever the scenario tests.
//!
//! The checks read the transcript, storage, log output and the results of SDK calls ([`Evidence`]). They must not know which
//! step ran.

mod calls;
pub mod leaks;
mod storage;
mod token_grants;
mod tokens;
mod user_isolation;

pub use calls::name_of_key;
use token_grants::Grants;
pub use token_grants::{realm_of_token, user_of_token};
pub use user_isolation::{ApiRequest, ApiRequestEnd};
use vouch_sim::clock::ClockMode;
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{Exchange, WireRequest};
use vouch_spec::protocol::message::{Area, Item};
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// What a case has produced so far.
pub struct Evidence<'a> {
    pub redactor: &'a Redactor,
    pub mode: ClockMode,
    /// Everything that went over the wire.
    pub exchanges: &'a [Exchange],
    /// The CORS preflights that a browser sent before them. They are no exchanges of the SDK.
    pub preflights: &'a [WireRequest],
    /// The numbers of the exchanges in reports. `None`: from 1 on.
    pub numbers: Option<&'a [usize]>,
    /// What the SDK wrote to its log and to standard error since the previous check.
    pub written: &'a str,
    /// Every item in the storage of the device.
    pub items: &'a [Item],
    /// The areas in which the SDK may keep tokens, as its adapter declares.
    pub token_storage: &'a [Area],
    pub sdk: &'a Observed,
    /// The maximum number of SDK calls that the step could have made.
    pub calls: usize,
    /// No call is in flight and the SDK is running, so that storage is in a state that the SDK intends to keep.
    pub idle: bool,
}

impl<'a> Evidence<'a> {
    /// What traffic alone shows. The rest is empty; a caller that knows more sets it.
    pub fn of_traffic(redactor: &'a Redactor, sdk: &'a Observed, exchanges: &'a [Exchange]) -> Self {
        Self {
            redactor,
            mode: ClockMode::Virtual,
            exchanges,
            preflights: &[],
            numbers: None,
            written: "",
            items: &[],
            token_storage: &[],
            sdk,
            calls: 1,
            idle: false,
        }
    }

    /// The number of an exchange in reports.
    fn number(&self, index: usize) -> usize {
        self.numbers.and_then(|numbers| numbers.get(index).copied()).unwrap_or(index + 1)
    }
}

/// What was observed of the SDK apart from its traffic.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The number of exchanges in the transcript at each launch.
    pub launches: Vec<usize>,
    /// The errors that SDK calls returned, each with the number of exchanges in the transcript at that time.
    pub reported_errors: Vec<(ErrorKind, usize)>,
    /// The texts of those errors.
    pub error_texts: Vec<String>,
    pub stored_session: StoredSession,
    /// The files outside the folders it was given that it wrote, where they are watched.
    pub outside: Vec<Item>,
    /// A sign-in with a token succeeded since the last sign-out, and the process was not killed since.
    pub token_scheme: bool,
    /// The first status that is not a documented combination.
    pub undocumented_status: Option<Vec<StatusWord>>,
    /// The API requests that the app made through the SDK.
    pub api_requests: Vec<ApiRequest>,
    /// The scenario skewed the clock of the device.
    pub clock_was_skewed: bool,
}

/// Whether storage may contain a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoredSession {
    #[default]
    MayExist,
    /// The app signed out: storage must not contain a session.
    SignedOut,
    /// The SDK reported that its user was deleted: storage must not contain a session.
    UserDeleted,
}

/// A violated invariant.
#[derive(Clone, Debug)]
pub struct Violation {
    pub clause: &'static str,
    pub expected: &'static str,
    /// What was found, with the exchange or the storage item.
    pub got: String,
    /// The numbers of the exchanges that show it, the last one last. Empty if it is not on the wire.
    pub exchanges: Vec<usize>,
}

/// The progress of the checks through a case.
#[derive(Default)]
pub struct InvariantState {
    grants: Grants,
    exchanges: usize,
    /// The end of the output that was already searched: a secret may continue in the next output.
    written: String,
    /// Storage contained an item at least once.
    stored: bool,
}

/// How much of the output is searched twice, in bytes.
const CARRIED: usize = 16 * 1024;

impl InvariantState {
    /// The output to search: the new part, preceded by the end of the previous one. `None` without new output.
    fn written(&mut self, fresh: &str) -> Option<String> {
        if fresh.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.written) + fresh;
        let cut = text.ceil_char_boundary(text.len().saturating_sub(CARRIED));
        text[cut..].clone_into(&mut self.written);
        Some(text)
    }

    /// Checks every invariant after a step. Returns the violations, the most telling first.
    pub fn after_step(&mut self, evidence: &Evidence<'_>) -> Vec<Violation> {
        let first = std::mem::replace(&mut self.exchanges, evidence.exchanges.len());
        let written = self.written(evidence.written);
        self.grants.extend(evidence);
        self.stored |= !evidence.items.is_empty();
        let (grants, stored) = (&self.grants, storage::stored(evidence));
        let on_wire = on_wire(first, evidence, grants);
        let checks = [
            tokens::refused_token_reused(evidence),
            user_isolation::retried_as_another_user(first, evidence, grants),
            user_isolation::waits_for_previous_user(evidence, grants),
            calls::call_count_is_bounded(first, evidence),
            calls::body_is_kept(first, evidence),
            if self.stored { None } else { storage::session_is_visible(evidence, grants) },
            written.as_deref().and_then(|written| leaks::in_logs(&Evidence { written, ..*evidence })),
            leaks::in_errors(evidence),
            leaks::in_storage(evidence, &stored),
            leaks::in_outside_files(evidence),
            storage::one_scheme(evidence, &stored),
            storage::one_user(evidence, grants, &stored),
            storage::empty_after_sign_out(evidence, &stored),
            documented_status(evidence),
        ];
        on_wire.into_iter().chain(checks).flatten().collect()
    }
}

/// Checks what the wire alone can show: traffic of which nobody knows the calls of the app, storage and output. Returns the
/// first violation of each kind.
pub fn traffic_alone(evidence: &Evidence<'_>) -> Vec<Violation> {
    let mut grants = Grants::default();
    grants.extend(evidence);
    on_wire(0, evidence, &grants).into_iter().flatten().collect()
}

/// The checks that need the wire only.
fn on_wire(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> [Option<Violation>; 11] {
    [
        leaks::in_urls(first, evidence),
        leaks::in_preflights(evidence),
        leaks::to_app(first, evidence),
        leaks::to_other_host(first, evidence),
        leaks::with_wrong_credential(first, evidence),
        tokens::exchanged_once(evidence),
        tokens::one_refresh_in_flight(evidence),
        tokens::refreshed_before_retry_after(evidence, grants),
        tokens::rotated_token_reused(evidence, grants),
        tokens::expired_token_sent(first, evidence, grants),
        calls::sent_to_own_realm(first, evidence, grants),
    ]
}

/// The status is always one of the documented combinations.
fn documented_status(evidence: &Evidence<'_>) -> Option<Violation> {
    let words: Vec<_> = evidence.sdk.undocumented_status.as_ref()?.iter().map(|word| word.word()).collect();
    let got = format!("the status [{}]", words.join(", "));
    Some(Violation { clause: "LIF-7", expected: "a documented combination of status words", got, exchanges: vec![] })
}

#[cfg(test)]
mod tests;
