//! How a session was last seen, and why it ended.

use super::app::App;
use super::network::Disturbances;
use super::timeline::whole_ms;
use crate::cause::{Cause, Ending};
use crate::policy::Provider;
use std::time::Duration;
use vouch_runner::installation::InstallationError;
use vouch_sim::mock_cloud::TokenGrantCount;
use vouch_sim::reference::sdk::SdkError;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// The session of a device, as its provider and its user know it.
pub(super) struct Session {
    /// A call succeeded since it was opened or seen lost.
    is_well: bool,
    /// Why the provider ended the newest session.
    ended_by: Option<Cause>,
    granted: TokenGrantCount,
    /// True times: of the newest sign-in, and of the last grant.
    opened_ms: i64,
    last_grant_ms: i64,
}

impl Session {
    pub fn new(start_ms: i64) -> Self {
        let granted = TokenGrantCount { exchanges: 0, refreshes: 0 };
        Self { is_well: true, ended_by: None, granted, opened_ms: start_ms, last_grant_ms: start_ms }
    }

    pub fn is_well(&self) -> bool {
        self.is_well
    }

    /// Notes what the provider has granted since.
    pub fn record_grants(&mut self, granted: TokenGrantCount, now_ms: i64) {
        if granted != self.granted {
            self.last_grant_ms = now_ms;
        }
        if granted.exchanges > self.granted.exchanges {
            (self.opened_ms, self.ended_by) = (now_ms, None);
        }
        self.granted = granted;
    }

    /// The limit of the provider that is reached.
    pub fn limit(&self, provider: &Provider, now_ms: i64) -> Option<Cause> {
        let over =
            |limit: Option<Duration>, since_ms: i64| limit.is_some_and(|limit| now_ms - since_ms > whole_ms(limit));
        if over(provider.idle_limit, self.last_grant_ms) {
            return Some(Cause::IdleLimit);
        }
        over(provider.session_lifetime, self.opened_ms).then_some(Cause::SessionLifetime)
    }

    /// The provider ends the session. Returns whether it had not ended it before.
    pub fn end(&mut self, why: Cause) -> bool {
        let is_first = self.ended_by.is_none();
        self.ended_by.get_or_insert(why);
        is_first
    }

    /// A call succeeded.
    pub fn seen_well(&mut self) {
        self.is_well = true;
    }

    /// The session is lost. Returns why, if it was well until now.
    pub fn seen_lost(&mut self, Disturbances { token_lost, last }: Disturbances) -> Option<Cause> {
        let cause = self.ended_by.or(token_lost).or(last).unwrap_or(Cause::Undisturbed);
        std::mem::take(&mut self.is_well).then_some(cause)
    }
}

/// How the session has ended, by the error of a call or by the status; none if it has not.
pub(super) async fn ending(app: &mut App, error: Option<SdkError>) -> Result<Option<Ending>, InstallationError> {
    match error.map(|error| error.kind) {
        Some(ErrorKind::NeedsReauthentication) => return Ok(Some(Ending::Reauthentication)),
        Some(ErrorKind::InvalidUser | ErrorKind::NotSignedIn) => return Ok(Some(Ending::SignOut)),
        _ => {}
    }
    let Some(Ok(status)) = app.status().await? else { return Ok(None) };
    if status.contains(&StatusWord::PendingReauthentication) {
        return Ok(Some(Ending::Reauthentication));
    }
    Ok((!status.contains(&StatusWord::SignedIn)).then_some(Ending::SignOut))
}
