//! Refresh: one in flight for all who need it.

use super::policy::{Refreshed, Why};
use super::ports::{Host, HttpRequest};
use super::record::{Record, Secret, TokenRecord};
use super::{Refresh, Result, Sdk, SdkError};
use futures_util::FutureExt;
use rand::Rng;
use std::sync::Arc;
use vouch_spec::protocol::ErrorKind;

impl Sdk {
    /// The session to call with, refreshed if need be.
    pub(super) async fn fresh_session(self: &Arc<Self>, era: u64) -> Result<TokenRecord> {
        let session = self.session_of(era)?;
        if self.device.policy.fresh(&session, self.device.time.now_ms()) {
            return Ok(session);
        }
        self.newer_session(era, &session, Why::Expired).await
    }

    /// The session with another access token than a stale one: refreshed now, or by somebody else meanwhile (REF-4).
    pub(super) async fn newer_session(
        self: &Arc<Self>,
        era: u64,
        stale: &TokenRecord,
        why: Why,
    ) -> Result<TokenRecord> {
        self.session_of(era)?;
        if let Some((refresh, waits)) = self.join_refresh(Some(&stale.access_token), why) {
            self.await_refresh(refresh, waits).await?;
        }
        self.session_of(era)
    }

    /// The session of a call that began in an era: never that of whoever has signed in since (LIF-4).
    fn session_of(&self, era: u64) -> Result<TokenRecord> {
        let state = self.state.lock();
        if !self.device.policy.still_theirs(era, state.era) {
            return Err(state.ended.clone().unwrap_or_else(not_signed_in));
        }
        drop(state);
        self.session_or_error()
    }

    fn session_or_error(&self) -> Result<TokenRecord> {
        match self.record()? {
            Some(Record::SignInToken(session)) if session.on_hold => Err(needs_reauthentication()),
            Some(Record::SignInToken(session)) => Ok(session),
            _ => Err(not_signed_in()),
        }
    }

    /// Refreshes now, or waits for the refresh that goes on already (REF-4).
    pub async fn refresh(self: &Arc<Self>) -> Result<()> {
        let session = self.session_or_error()?;
        if !self.device.policy.due_when_asked(&session, self.device.time.now_ms()) {
            return Ok(());
        }
        match self.join_refresh(None, Why::Asked) {
            Some((refresh, waits)) => self.await_refresh(refresh, waits).await,
            None => Ok(()),
        }
    }

    async fn await_refresh(&self, refresh: Refresh, waits: bool) -> Result<()> {
        let result = refresh.await;
        if waits { self.device.policy.for_waiters(result) } else { result }
    }

    /// The refresh that goes on, and whether it did already; none where the stale token has been replaced since its caller
    /// looked at it. All under one lock: between a look and a refresh of one's own another's may have ended.
    fn join_refresh(self: &Arc<Self>, stale: Option<&Secret>, why: Why) -> Option<(Refresh, bool)> {
        let mut state = self.state.lock();
        let era = state.era;
        if let Some((of, going_on)) = &state.refreshing
            && self.device.policy.may_share_refresh(why, *of == era)
        {
            return Some((going_on.clone(), true));
        }
        if let (Some(stale), Some(Some(Record::SignInToken(now)))) = (stale, &state.loaded)
            && self.device.policy.was_replaced(stale, &now.access_token)
        {
            return None;
        }
        // On a task of its own: the caller that started it may be cancelled, the others still wait.
        let sdk = self.clone();
        let task = tokio::spawn(async move {
            let result = sdk.refresh_until_done(era).await;
            sdk.state.lock().refreshing.take_if(|(of, _)| *of == era);
            result
        });
        let ended = || SdkError::new(ErrorKind::Cancelled, "the refresh was ended");
        let refresh = task.map(move |joined| joined.unwrap_or_else(|_| Err(ended()))).boxed().shared();
        state.refreshing = Some((era, refresh.clone()));
        Some((refresh, false))
    }

    async fn refresh_until_done(&self, era: u64) -> Result<()> {
        let mut tries = 0;
        loop {
            if self.must_wait(era) {
                return Err(temporary());
            }
            let session = self.session_of(era)?;
            // Better no new tokens than tokens that cannot be kept (PER-4, PER-6).
            self.device.policy.check_vault(&*self.device.vault)?;
            let refreshed = self.send_refresh(&session).await;
            tries += 1;
            if let Some(ended) = self.unwanted(era) {
                return Err(ended);
            }
            let Refreshed::Temporary { retry_after } = refreshed else {
                return self.conclude(era, session, refreshed);
            };
            let chance = rand::rng().random_range(0.0..1.0);
            let Some(wait) = self.device.policy.retry_refresh_after(tries, retry_after, chance) else {
                if let Some(wait) = retry_after {
                    let end = self.device.time.now_ms().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(0));
                    self.state.lock().wait = Some((era, end));
                }
                return Err(temporary());
            };
            self.device.time.sleep(wait).await;
        }
    }

    fn must_wait(&self, era: u64) -> bool {
        let wait = self.state.lock().wait;
        wait.is_some_and(|(of, until_ms)| self.device.policy.must_wait(until_ms, self.device.time.now_ms(), of == era))
    }

    async fn send_refresh(&self, session: &TokenRecord) -> Refreshed {
        let (policy, profile) = (&self.device.policy, &self.device.profile);
        let call = HttpRequest::post(session.realm(), Host::Auth, policy.refresh_request(profile, session));
        policy.read_refresh(profile, &self.device.net.send(call).await)
    }

    fn conclude(&self, era: u64, session: TokenRecord, refreshed: Refreshed) -> Result<()> {
        match refreshed {
            Refreshed::Tokens(tokens) => {
                let expires_at_ms = self.expiry_ms(&tokens);
                let (access_token, refresh_token) = (tokens.access_token, tokens.refresh_token);
                // Durable before anybody uses it: the old refresh token is forgotten only now (PER-4, REF-5).
                let renewed = TokenRecord { access_token, refresh_token, expires_at_ms, ..session };
                self.keep_in(era, Record::SignInToken(renewed))
            }
            Refreshed::UserGone => Err(self.user_gone(era)),
            Refreshed::OnHold => {
                self.keep_in(era, Record::SignInToken(TokenRecord { on_hold: true, ..session }))?;
                Err(needs_reauthentication())
            }
            Refreshed::Unexpected => Err(SdkError::new(ErrorKind::UnexpectedAnswer, "unexpected answer to a refresh")),
            Refreshed::Temporary { .. } => Err(temporary()),
        }
    }
}

pub(super) fn not_signed_in() -> SdkError {
    SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in with a sign-in token")
}

fn temporary() -> SdkError {
    SdkError::new(ErrorKind::Network, "the identity provider cannot be reached now; try again later")
}

fn needs_reauthentication() -> SdkError {
    SdkError::new(ErrorKind::NeedsReauthentication, "the session is on hold; sign in again as the same user")
}
