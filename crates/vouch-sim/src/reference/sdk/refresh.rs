//! Refresh: one in flight for all who need it.

use super::policy::{RefreshOutcome, RefreshReason};
use super::ports::{Host, HttpRequest, ProcessLock, Section};
use super::record::{Record, Secret, TokenRecord};
use super::{Refresh, Result, Sdk, SdkError};
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_spec::protocol::ErrorKind;

/// How long another process may refresh before this one does, too.
const LONGEST_TURN: Duration = Duration::from_secs(30);

impl Sdk {
    /// The session for a call, refreshed if necessary.
    pub(super) async fn fresh_session(self: &Arc<Self>, epoch: u64) -> Result<TokenRecord> {
        let session = self.session_of(epoch)?;
        if self.device.policy.is_fresh(&session, self.device.time.now_ms()) {
            return Ok(session);
        }
        self.newer_session(epoch, &session, RefreshReason::Expired).await
    }

    /// The session with a newer access token than `stale`: refreshed now, or by another call meanwhile (REF-4).
    pub(super) async fn newer_session(
        self: &Arc<Self>,
        epoch: u64,
        stale: &TokenRecord,
        why: RefreshReason,
    ) -> Result<TokenRecord> {
        self.session_of(epoch)?;
        if let Some((refresh, waits)) = self.join_refresh(Some(&stale.access_token), why) {
            self.await_refresh(refresh, waits).await?;
        }
        self.session_of(epoch)
    }

    /// The session of a call that began in an epoch: never the session of a user who signed in since (LIF-4).
    fn session_of(&self, epoch: u64) -> Result<TokenRecord> {
        let state = self.state.lock();
        if !self.device.policy.may_continue(epoch, state.epoch) {
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
        if !self.device.policy.refreshes_on_request(&session, self.device.time.now_ms()) {
            return Ok(());
        }
        match self.join_refresh(None, RefreshReason::Asked) {
            Some((refresh, waits)) => self.await_refresh(refresh, waits).await,
            None => Ok(()),
        }
    }

    async fn await_refresh(&self, refresh: Refresh, waits: bool) -> Result<()> {
        let result = refresh.await;
        if waits { self.device.policy.result_for_waiters(result) } else { result }
    }

    /// The refresh that goes on, and whether it did already; none where the stale token has been replaced since its caller
    /// looked at it. All under one lock: between a look and a refresh of one's own another's may have ended.
    pub(super) fn join_refresh(
        self: &Arc<Self>,
        stale: Option<&Secret>,
        why: RefreshReason,
    ) -> Option<(Refresh, bool)> {
        let mut state = self.state.lock();
        let epoch = state.epoch;
        if let Some((of, going_on)) = &state.refreshing
            && self.device.policy.may_share_refresh(why, *of == epoch)
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
            let result = sdk.refresh_until_done(epoch).await;
            sdk.state.lock().refreshing.take_if(|(of, _)| *of == epoch);
            if result.is_ok() {
                sdk.set_timers();
            }
            result
        });
        let ended = || SdkError::new(ErrorKind::Cancelled, "the refresh was ended");
        let refresh = task.map(move |joined| joined.unwrap_or_else(|_| Err(ended()))).boxed().shared();
        state.refreshing = Some((epoch, refresh.clone()));
        Some((refresh, false))
    }

    async fn refresh_until_done(&self, epoch: u64) -> Result<()> {
        let mut tries = 0;
        let mut stale = None;
        loop {
            if self.must_wait_for_retry_after(epoch) {
                return Err(temporary());
            }
            let stale = stale.get_or_insert(self.session_of(epoch)?.access_token);
            let turn = self.turn_among_processes().await;
            let session = self.session_of(epoch)?;
            if session.access_token != *stale {
                // Another process has refreshed meanwhile (MUL-1).
                return Ok(());
            }
            // Better no new tokens than tokens that cannot be kept (PER-4, PER-6).
            self.device.policy.check_storage(&*self.device.storage)?;
            let outcome = self.send_refresh(&session).await;
            tries += 1;
            if let Some(ended) = self.ended_since(epoch) {
                return Err(ended);
            }
            let RefreshOutcome::Temporary { retry_after } = outcome else {
                return self.conclude(epoch, session, outcome);
            };
            let chance = self.device.time.chance();
            let Some(wait) = self.device.policy.retry_refresh_after(tries, retry_after, chance) else {
                if let Some(wait) = retry_after {
                    let end = self.device.time.now_ms().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(0));
                    self.state.lock().wait = Some((epoch, end));
                }
                return Err(temporary());
            };
            drop(turn);
            self.device.time.sleep(wait).await;
        }
    }

    /// Waits until no other process on this storage refreshes (MUL-1).
    async fn turn_among_processes(&self) -> Option<Arc<ProcessLock>> {
        let began = Instant::now();
        while self.device.policy.refreshes_alone() && began.elapsed() < LONGEST_TURN {
            if let Some(turn) = self.try_turn() {
                return Some(turn);
            }
            // In real time: what the other process waits for is the network.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    /// The turn of this process, if no other has it.
    fn try_turn(&self) -> Option<Arc<ProcessLock>> {
        let mut turn = self.refresh_turn.lock();
        if let Some(turn) = turn.upgrade() {
            return Some(turn);
        }
        let lock = Arc::new(self.device.storage.lock(Section::Refresh)?);
        *turn = Arc::downgrade(&lock);
        Some(lock)
    }

    fn must_wait_for_retry_after(&self, epoch: u64) -> bool {
        let wait = self.state.lock().wait;
        wait.is_some_and(|(of, until_ms)| {
            self.device.policy.must_wait_for_retry_after(until_ms, self.device.time.now_ms(), of == epoch)
        })
    }

    async fn send_refresh(&self, session: &TokenRecord) -> RefreshOutcome {
        let (policy, profile) = (&self.device.policy, &self.device.profile);
        let call = HttpRequest::post(session.realm(), Host::Auth, policy.refresh_request(profile, session));
        policy.read_refresh(profile, &self.device.net.send(call).await)
    }

    fn conclude(&self, epoch: u64, session: TokenRecord, outcome: RefreshOutcome) -> Result<()> {
        match outcome {
            RefreshOutcome::Tokens(tokens) => {
                let (expires_at_ms, lifetime_ms) = (self.expiry_ms(&tokens), super::lifetime_ms(&tokens));
                let refresh_token = tokens.refresh_token.unwrap_or_else(|| session.refresh_token.clone());
                // Stored before it is used: only now the old refresh token is discarded (PER-4, REF-5).
                // A session of the older wire goes on under the new one (UPD-5).
                let profile = self.device.profile.name.clone();
                let access_token = tokens.access_token;
                let renewed =
                    TokenRecord { access_token, refresh_token, expires_at_ms, lifetime_ms, profile, ..session };
                self.persist_in(epoch, Record::SignInToken(renewed))
            }
            RefreshOutcome::UserGone => Err(self.user_gone(epoch)),
            RefreshOutcome::OnHold => {
                self.persist_in(epoch, Record::SignInToken(TokenRecord { on_hold: true, ..session }))?;
                Err(needs_reauthentication())
            }
            RefreshOutcome::Unexpected => {
                Err(SdkError::new(ErrorKind::UnexpectedAnswer, "unexpected answer to a refresh"))
            }
            RefreshOutcome::Temporary { .. } => Err(temporary()),
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
