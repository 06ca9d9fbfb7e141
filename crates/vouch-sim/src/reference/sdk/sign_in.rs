//! Sign-in: first sign-in, re-authentication, migration from the API-key scheme, identify.

use super::policy::{SignInPlan, TokenSet};
use super::ports::{Host, HttpRequest, HttpResponse, NetworkError};
use super::record::{Record, TokenRecord};
use super::token::SignInToken;
use super::{Result, Sdk, SdkError, Secret};
use std::future::Future;
use std::sync::Arc;
use vouch_spec::profile;
use vouch_spec::protocol::ErrorKind;

impl Sdk {
    /// Signs in with a sign-in token. The token is used once and kept nowhere (EXC-1, EXC-2).
    pub async fn sign_in(self: &Arc<Self>, token: &str) -> Result<()> {
        if !self.device.policy.finishes_cancelled_sign_ins() {
            return self.sign_in_as(token, None).await;
        }
        let (sdk, token) = (self.clone(), token.to_owned());
        let task = tokio::spawn(async move { sdk.sign_in_as(&token, None).await });
        task.await.unwrap_or_else(|_| Err(SdkError::new(ErrorKind::Cancelled, "the sign-in was ended")))
    }

    /// Signs in as the app's user `external_user_id`, asking the app for a token only when one is needed (REC-8).
    pub async fn identify<F>(self: &Arc<Self>, external_user_id: &str, authenticate: impl FnOnce() -> F) -> Result<()>
    where
        F: Future<Output = Result<String>>,
    {
        let current = self.record()?;
        if self.device.policy.identify_is_idle(current.as_ref(), external_user_id) {
            return Ok(());
        }
        let same = self.device.policy.is_identified(current.as_ref(), external_user_id);
        if !same && matches!(current, Some(Record::SignInToken(_))) {
            self.sign_out()?;
        }
        let token = authenticate().await?;
        self.sign_in_as(&token, Some(external_user_id)).await
    }

    async fn sign_in_as(self: &Arc<Self>, token: &str, external_user_id: Option<&str>) -> Result<()> {
        let token = SignInToken::parse(token, &*self.device.policy)?;
        let _turn = match self.device.policy.serializes_sign_ins() {
            true => Some(self.sign_in_turn.lock().await),
            false => None,
        };
        let current = self.record()?;
        match self.device.policy.plan_sign_in(current.as_ref(), &token, self.device.time.now_ms()) {
            SignInPlan::Refuse(error) => return Err(error),
            SignInPlan::NothingToDo => return Ok(()),
            SignInPlan::Exchange => {}
        }
        // Better the sign-in token unused than tokens that cannot be kept.
        self.device.policy.check_storage(&*self.device.storage)?;
        let epoch = self.state.lock().epoch;
        let granted = self.exchange(&token).await?;
        let external_user_id = external_user_id.map(str::to_owned);
        let record = self.session(&token, granted, external_user_id);
        // A sign-out that came while the exchange was under way wins (OUT-5).
        if self.ended_since(epoch).is_some() {
            return Err(SdkError::new(ErrorKind::Cancelled, "signed out while signing in"));
        }
        // One write: before it the old state is whole, after it the new one (EXC-5, MIG-9).
        self.persist_in(epoch, record)?;
        self.set_timers();
        Ok(())
    }

    /// The tokens, and the refresh token among them.
    async fn exchange(&self, token: &SignInToken) -> Result<(TokenSet, Secret)> {
        let policy = &*self.device.policy;
        let mut answer = Err(NetworkError::ConnectionLost);
        for _ in 0..policy.exchange_tries() {
            answer = self.send_exchange(token).await;
            if answer.is_ok() {
                break;
            }
        }
        let profile = &self.device.profile;
        match &answer {
            Ok(good) => {
                let tokens = policy.tokens(profile, profile::IdpCall::Exchange, good);
                let granted = tokens.and_then(|tokens| {
                    let refresh_token = tokens.refresh_token.clone()?;
                    Some((tokens, refresh_token))
                });
                granted.ok_or_else(|| policy.exchange_failure(profile, &answer))
            }
            Err(_) => Err(policy.exchange_failure(profile, &answer)),
        }
    }

    async fn send_exchange(&self, token: &SignInToken) -> std::result::Result<HttpResponse, NetworkError> {
        let request = self.device.policy.exchange_request(&self.device.profile, token);
        self.device.net.send(HttpRequest::post(token.realm, Host::Auth, request)).await
    }

    fn session(
        &self,
        token: &SignInToken,
        (tokens, refresh_token): (TokenSet, Secret),
        external_user_id: Option<String>,
    ) -> Record {
        Record::SignInToken(TokenRecord {
            user_id: token.user_id.clone(),
            environment: token.realm.environment,
            region: token.realm.region,
            expires_at_ms: self.expiry_ms(&tokens),
            lifetime_ms: super::lifetime_ms(&tokens),
            access_token: tokens.access_token,
            refresh_token,
            on_hold: false,
            public_key: token.public_key.clone(),
            profile: self.device.profile.name.clone(),
            team: token.team.clone(),
            external_user_id,
        })
    }

    /// Counted from now by this device's clock: a clock that is off by minutes is off at both ends (REF-8).
    pub(super) fn expiry_ms(&self, tokens: &TokenSet) -> i64 {
        self.device.time.now_ms().saturating_add(super::lifetime_ms(tokens))
    }
}
