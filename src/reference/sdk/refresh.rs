//! Refresh: one in flight for all who need it.

use super::ports::{Call, Host};
use super::record::{Record, Secret, TokenRecord};
use super::rules::Refreshed;
use super::{Refresh, Result, Sdk, SdkError};
use crate::protocol::ErrorKind;
use futures_util::FutureExt;
use rand::Rng;
use std::sync::Arc;

impl Sdk {
    /// The session to call with, refreshed if need be.
    pub(super) async fn fresh_session(self: &Arc<Self>) -> Result<TokenRecord> {
        let session = self.session_or_error()?;
        if self.device.rules.fresh(&session, self.device.time.now_ms()) {
            return Ok(session);
        }
        self.newer_session(&session).await
    }

    /// The session with another access token than a stale one: refreshed now, or by somebody else meanwhile (REF-4).
    pub(super) async fn newer_session(self: &Arc<Self>, stale: &TokenRecord) -> Result<TokenRecord> {
        if let Some((refresh, waits)) = self.join_refresh(Some(&stale.access_token)) {
            self.await_refresh(refresh, waits).await?;
        }
        self.session_or_error()
    }

    pub(super) fn session_or_error(&self) -> Result<TokenRecord> {
        match self.record()? {
            Some(Record::SignInToken(session)) if session.on_hold => Err(needs_reauthentication()),
            Some(Record::SignInToken(session)) => Ok(session),
            _ => Err(SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in with a sign-in token")),
        }
    }

    /// Refreshes now, or waits for the refresh that goes on already (REF-4).
    pub async fn refresh(self: &Arc<Self>) -> Result<()> {
        self.session_or_error()?;
        match self.join_refresh(None) {
            Some((refresh, waits)) => self.await_refresh(refresh, waits).await,
            None => Ok(()),
        }
    }

    async fn await_refresh(&self, refresh: Refresh, waits: bool) -> Result<()> {
        let result = refresh.await;
        if waits { self.device.rules.for_waiters(result) } else { result }
    }

    /// The refresh that goes on, and whether it did already; none where the stale token has been replaced since its caller
    /// looked at it. All under one lock: between a look and a refresh of one's own another's may have ended.
    fn join_refresh(self: &Arc<Self>, stale: Option<&Secret>) -> Option<(Refresh, bool)> {
        let mut state = self.lock();
        if let Some(going_on) = state.refreshing.clone().filter(|_| self.device.rules.may_share_refresh()) {
            return Some((going_on, true));
        }
        if let (Some(stale), Some(Some(Record::SignInToken(now)))) = (stale, &state.loaded)
            && now.access_token != *stale
        {
            return None;
        }
        // On a task of its own: the caller that started it may be cancelled, the others still wait.
        let sdk = self.clone();
        let task = tokio::spawn(async move {
            let result = sdk.refresh_until_done().await;
            sdk.lock().refreshing = None;
            result
        });
        let ended = || SdkError::new(ErrorKind::Cancelled, "the refresh was ended");
        let refresh = task.map(move |joined| joined.unwrap_or_else(|_| Err(ended()))).boxed().shared();
        state.refreshing = Some(refresh.clone());
        Some((refresh, false))
    }

    async fn refresh_until_done(&self) -> Result<()> {
        let era = self.lock().era;
        let mut tries = 0;
        loop {
            if self.lock().refresh_not_before_ms > self.device.time.now_ms() {
                return Err(temporary());
            }
            let session = self.session_or_error()?;
            let refreshed = self.send_refresh(&session).await;
            tries += 1;
            if !self.device.rules.still_wanted(era, self.lock().era) {
                return Err(SdkError::new(ErrorKind::NotSignedIn, "signed out while refreshing"));
            }
            let Refreshed::Temporary { retry_after } = refreshed else {
                return self.conclude(session, refreshed);
            };
            let chance = rand::rng().random_range(0.0..1.0);
            let Some(wait) = self.device.rules.retry_refresh_after(tries, retry_after, chance) else {
                if let Some(wait) = retry_after {
                    let end = self.device.time.now_ms().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(0));
                    self.lock().refresh_not_before_ms = end;
                }
                return Err(temporary());
            };
            self.device.time.sleep(wait).await;
        }
    }

    async fn send_refresh(&self, session: &TokenRecord) -> Refreshed {
        let (rules, profile) = (&self.device.rules, &self.device.profile);
        let call = Call::post(session.realm(), Host::Auth, rules.refresh_request(profile, session));
        rules.read_refresh(profile, &self.device.net.send(call).await)
    }

    fn conclude(&self, session: TokenRecord, refreshed: Refreshed) -> Result<()> {
        match refreshed {
            Refreshed::Tokens(tokens) => {
                let expires_at_ms = self.expiry_ms(&tokens);
                let (access_token, refresh_token) = (tokens.access_token, tokens.refresh_token);
                // Durable before anybody uses it: the old refresh token is forgotten only now (PER-4, REF-5).
                self.keep(Record::SignInToken(TokenRecord { access_token, refresh_token, expires_at_ms, ..session }))
            }
            Refreshed::UserGone => {
                self.sign_out()?;
                Err(SdkError::new(ErrorKind::InvalidUser, "the user no longer exists; signed out"))
            }
            Refreshed::OnHold => {
                self.keep(Record::SignInToken(TokenRecord { on_hold: true, ..session }))?;
                Err(needs_reauthentication())
            }
            Refreshed::Unexpected => Err(SdkError::new(ErrorKind::UnexpectedAnswer, "unexpected answer to a refresh")),
            Refreshed::Temporary { .. } => Err(temporary()),
        }
    }
}

fn temporary() -> SdkError {
    SdkError::new(ErrorKind::Network, "the identity provider cannot be reached now; try again later")
}

fn needs_reauthentication() -> SdkError {
    SdkError::new(ErrorKind::NeedsReauthentication, "the session is on hold; sign in again as the same user")
}
