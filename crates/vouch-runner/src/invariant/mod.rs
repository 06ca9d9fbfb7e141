//! What must hold in every run, whatever the scenario is about. Watched after each step.
//!
//! The watchers read transcript, storage, logs and what the SDK told its caller. They know no step.

mod calls;
mod leaks;
mod storage;
mod token_grants;
mod tokens;
mod user_isolation;

use token_grants::Grants;
pub use user_isolation::{Asked, AskedEnd};
use vouch_sim::clock::Mode;
use vouch_sim::wire::Exchange;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::Item;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// What a case has left behind so far.
pub struct Evidence<'a> {
    pub redactor: &'a Redactor,
    pub profile: &'a Profile,
    pub mode: Mode,
    /// Everything that went over the wire.
    pub exchanges: &'a [Exchange],
    /// What the SDK has written to its log and to standard error since the last look.
    pub written: &'a str,
    /// Everything that the device keeps.
    pub items: &'a [Item],
    pub sdk: &'a Observed,
    /// How many calls into the build the step could have made.
    pub calls: usize,
    /// No call goes on, and the SDK runs: what lies in storage is what it meant to keep.
    pub at_rest: bool,
}

/// What was seen of the SDK beside the wire.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// How many exchanges there had been at each launch.
    pub launches: Vec<usize>,
    /// The errors that callers got, and how many exchanges there had been by then.
    pub told: Vec<(ErrorKind, usize)>,
    /// What those errors said.
    pub texts: Vec<String>,
    pub left: Left,
    /// A sign-in with a token has worked since the last sign-out, and nothing was killed since.
    pub token_scheme: bool,
    /// A status that is no documented combination.
    pub odd_status: Option<Vec<StatusWord>>,
    /// The API calls that the app asked for.
    pub requests: Vec<Asked>,
    /// The device's clock was put wrong on purpose.
    pub clock_was_off: bool,
}

/// Whether a session may lie in storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    #[default]
    MayBe,
    /// The app has signed out since.
    SignedOut,
    /// The SDK has told that its user is gone since.
    UserGone,
}

/// A thing that must never be, and was.
#[derive(Clone, Debug)]
pub struct Violation {
    pub clause: &'static str,
    pub expected: &'static str,
    /// Names the exchange or the item.
    pub got: String,
}

/// How far the watchers have looked.
#[derive(Default)]
pub struct InvariantState {
    grants: Grants,
    exchanges: usize,
    /// The end of what was written before the last look: a secret may go on in what comes next.
    written: String,
    /// An item was seen in storage.
    stored: bool,
}

/// How much of what was written is looked at twice, in bytes.
const CARRIED: usize = 16 * 1024;

impl InvariantState {
    /// What is to be searched now: what is new, with what came just before it; None where nothing is new.
    fn written(&mut self, fresh: &str) -> Option<String> {
        if fresh.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.written) + fresh;
        let cut = text.ceil_char_boundary(text.len().saturating_sub(CARRIED));
        text[cut..].clone_into(&mut self.written);
        Some(text)
    }
}

/// Looks at what the last step left behind.
pub fn after_step(watch: &mut InvariantState, evidence: &Evidence<'_>) -> Option<Violation> {
    let first = std::mem::replace(&mut watch.exchanges, evidence.exchanges.len());
    let written = watch.written(evidence.written);
    watch.grants.extend(evidence);
    watch.stored |= !evidence.items.is_empty();
    let (grants, stored) = (&watch.grants, storage::stored(evidence));
    leaks::in_urls(first, evidence)
        .or_else(|| leaks::to_app(first, evidence))
        .or_else(|| leaks::of_wrong_credentials(first, evidence))
        .or_else(|| tokens::exchanged_once(evidence))
        .or_else(|| tokens::one_refresh_in_flight(evidence))
        .or_else(|| tokens::too_soon(evidence, grants))
        .or_else(|| tokens::rotated_out(evidence, grants))
        .or_else(|| tokens::known_to_be_dead(evidence))
        .or_else(|| tokens::known_to_be_expired(first, evidence, grants))
        .or_else(|| user_isolation::goes_on_as_another(first, evidence, grants))
        .or_else(|| user_isolation::waits_for_another(evidence, grants))
        .or_else(|| calls::at_home(first, evidence, grants))
        .or_else(|| calls::bounded(first, evidence))
        .or_else(|| if watch.stored { None } else { storage::is_shown(evidence, grants) })
        .or_else(|| leaks::in_logs(&Evidence { written: written.as_deref()?, ..*evidence }))
        .or_else(|| leaks::in_errors(evidence))
        .or_else(|| leaks::in_storage(&stored))
        .or_else(|| storage::one_scheme(evidence, &stored))
        .or_else(|| storage::one_user(evidence, grants, &stored))
        .or_else(|| storage::nothing_left(evidence, &stored))
        .or_else(|| documented_status(evidence))
}

/// The status is always one of the documented combinations.
fn documented_status(evidence: &Evidence<'_>) -> Option<Violation> {
    let words: Vec<_> = evidence.sdk.odd_status.as_ref()?.iter().map(|word| word.word()).collect();
    let got = format!("the status [{}]", words.join(", "));
    Some(Violation { clause: "LIF-7", expected: "a documented combination of status words", got })
}

#[cfg(test)]
mod tests;
