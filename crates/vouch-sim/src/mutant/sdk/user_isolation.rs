//! SDK mutants that confuse sessions: of two users, before and after a sign-out, on hold and active.

use super::{NetworkResult, StorageResult, is_gone, refuse, sdk_policy};
use crate::mutant::{Mutant, mutants};
use crate::reference::sdk::policy::{
    ApiNextStep, DefaultSdkPolicy, INSTALLED, RefreshOutcome, RefreshReason, SESSION, SdkPolicy, SignInPlan,
};
use crate::reference::sdk::ports::{Storage, StorageError};
use crate::reference::sdk::record::{Record, TokenRecord};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{Result, SdkError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_spec::profile::{IdpRequest, Profile};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, Realm, StatusWord};

/// A copy of the refresh token in plain storage, written in some way.
fn plain_copy(storage: &dyn Storage, record: &Record, write: fn(&str) -> Vec<u8>) -> StorageResult<()> {
    match record {
        Record::SignInToken(session) => {
            storage.write(Area::Plain, "cache", &write(session.refresh_token.expose()))?;
            DefaultSdkPolicy.save(storage, record)
        }
        Record::ApiKey(_) => DefaultSdkPolicy.save(storage, record),
    }
}

mutants! { SdkPolicy, sdk_policy;
    GoesOnAsTheNext "goes-on-as-the-next" breaks "LIF-4": "Retries a call with the session of the user who signed in since" {
        fn may_continue(&self, _: u64, _: u64) -> bool {
            true
        }
    }
    WaitsForTheLast "waits-for-the-last" breaks "LIF-4": "Applies the previous user's Retry-After to the next user" {
        fn must_wait_for_retry_after(&self, until_ms: i64, now_ms: i64, _: bool) -> bool {
            until_ms > now_ms
        }
    }
    SharesWithTheNext "shares-with-the-next" breaks "LIF-4": "Shares the previous user's refresh with the next user" {
        fn may_share_refresh(&self, _: RefreshReason, _: bool) -> bool {
            true
        }
    }
    Stampede "stampede" breaks "REF-4": "Lets every caller that gets a 401 send its own refresh" {
        fn may_share_refresh(&self, why: RefreshReason, same_epoch: bool) -> bool {
            same_epoch && why != RefreshReason::Refused
        }
    }
    HoldTakesAnyPlace "hold-takes-any-place" breaks "REF-7": "On hold, accepts a token of another environment or region" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold && self.same_user(&session.user_id, &token.user_id) => {
                    SignInPlan::Exchange
                }
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    HoldByLetterCase "hold-by-letter-case" breaks "MIG-10": "On hold, compares user ids case-sensitively" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold && session.user_id != token.user_id => {
                    refuse(ErrorKind::AlreadySignedIn, "another user is signed in")
                }
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    KeyOutlivesTheApp "key-outlives-the-app" breaks "PER-7": "Restores an API-key sign-in from the keychain after a reinstallation" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            let bytes = storage.read(Area::Secure, SESSION)?;
            match bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                Some(record @ Record::ApiKey(_)) => Ok(Some(record)),
                _ => DefaultSdkPolicy.restore(storage),
            }
        }
    }
    TripsOverItsMark "trips-over-its-mark" breaks "PER-5": "Fails at every launch when a file in plain storage is corrupt" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            match storage.read(Area::Plain, INSTALLED)? {
                Some(mark) if !mark.is_empty() => Err(StorageError::Failed("not a mark".into())),
                _ => DefaultSdkPolicy.restore(storage),
            }
        }
    }
    WaitersSignedOut "waiters-signed-out" breaks "DEL-5": "Reports `notSignedIn` instead of a deletion to the callers that waited" {
        fn result_for_waiters(&self, result: Result<()>) -> Result<()> {
            result.map_err(|error| match error.kind {
                ErrorKind::InvalidUser => SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in"),
                _ => error,
            })
        }
    }
    RefreshDoesNothing "refresh-does-nothing" breaks "REF-5": "Does not refresh when the app asks for it" {
        fn refreshes_on_request(&self, session: &TokenRecord, now_ms: i64) -> bool {
            !self.is_fresh(session, now_ms)
        }
    }
    RefreshTokenToo "refresh-token-too" breaks "REF-1": "Sends the API the refresh token beside the access token" {
        fn api_headers(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            let mut headers = DefaultSdkPolicy.api_headers(session);
            headers.push(("x-refresh-token", session.refresh_token.expose().to_owned()));
            headers
        }
    }
    Base64Copy "base64-copy" breaks "EXC-3": "Stores the refresh token in plain storage, in Base64" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            plain_copy(storage, record, |token| STANDARD.encode(format!("{{\"token\":\"{token}\"}}")).into_bytes())
        }
    }
    Utf16Copy "utf16-copy" breaks "EXC-3": "Stores the refresh token in plain storage, in UTF-16" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            plain_copy(storage, record, |token| token.encode_utf16().flat_map(u16::to_le_bytes).collect())
        }
    }
}

/// An answer counts whenever somebody is signed in.
#[derive(Default)]
struct AnybodyWillDo(AtomicBool);

impl SdkPolicy for AnybodyWillDo {
    fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
        self.0.store(true, Ordering::Relaxed);
        DefaultSdkPolicy.save(storage, record)
    }

    fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
        self.0.store(false, Ordering::Relaxed);
        DefaultSdkPolicy.erase(storage)
    }

    fn follows_other_processes(&self, _: Option<&Record>, _: Option<&Record>) -> bool {
        false
    }

    fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
        asked_in == now || self.0.load(Ordering::Relaxed)
    }
}

/// Signs out when the refresh that follows a 401 fails for the moment.
#[derive(Default)]
struct RefusedTwice(AtomicBool);

impl SdkPolicy for RefusedTwice {
    fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
        self.0.store(status == 401, Ordering::Relaxed);
        DefaultSdkPolicy.after_api_response(status, retried)
    }

    fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
        match DefaultSdkPolicy.read_refresh(profile, answer) {
            RefreshOutcome::Temporary { .. } if self.0.load(Ordering::Relaxed) => RefreshOutcome::UserGone,
            outcome => outcome,
        }
    }
}

/// Remembers beyond a sign-out, though not beyond a deletion, whom the app named last.
#[derive(Default)]
struct NamedForGood(Mutex<Option<String>>);

impl SdkPolicy for NamedForGood {
    fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
        if let Record::SignInToken(session) = record {
            self.0.lock().clone_from(&session.external_user_id);
        }
        DefaultSdkPolicy.save(storage, record)
    }

    fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
        let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
        if is_gone(&outcome) {
            *self.0.lock() = None;
        }
        outcome
    }

    fn is_identified(&self, current: Option<&Record>, external_user_id: &str) -> bool {
        let named = DefaultSdkPolicy.is_identified(current, external_user_id);
        named || self.0.lock().as_deref() == Some(external_user_id)
    }
}

/// Remembers beyond a sign-out where it was signed in.
#[derive(Default)]
struct SettledForGood(Mutex<Option<Realm>>);

impl SdkPolicy for SettledForGood {
    fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
        *self.0.lock() = Some(record.realm());
        DefaultSdkPolicy.save(storage, record)
    }

    fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
        let settled = *self.0.lock();
        if current.is_none() && settled.is_some_and(|realm| realm != token.realm) {
            return refuse(ErrorKind::Incompatible, "this installation belongs elsewhere");
        }
        DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
    }
}

/// Says signed in while the exchange still goes on.
#[derive(Default)]
struct SignedInAlready(AtomicBool);

impl SdkPolicy for SignedInAlready {
    fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
        self.0.store(true, Ordering::Relaxed);
        DefaultSdkPolicy.exchange_request(profile, token)
    }

    fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
        self.0.store(false, Ordering::Relaxed);
        DefaultSdkPolicy.exchange_failure(profile, answer)
    }

    fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
        self.0.store(false, Ordering::Relaxed);
        DefaultSdkPolicy.erase(storage)
    }

    fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
        match record {
            None if self.0.load(Ordering::Relaxed) => {
                vec![StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseSignInToken]
            }
            _ => DefaultSdkPolicy.status(record),
        }
    }
}

/// Tells of a sign-in that failed as if it had been one.
#[derive(Default)]
struct TellsOfFailures(AtomicBool);

impl SdkPolicy for TellsOfFailures {
    fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
        self.0.store(true, Ordering::Relaxed);
        DefaultSdkPolicy.exchange_failure(profile, answer)
    }

    fn report_status(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
        if self.0.swap(false, Ordering::Relaxed) {
            listener(status.clone());
            listener(vec![]);
        }
        DefaultSdkPolicy.report_status(listener, status);
    }
}

/// Sends the sign-in token along with each refresh.
#[derive(Default)]
struct TokenAtRefresh(Mutex<String>);

impl SdkPolicy for TokenAtRefresh {
    fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
        token.jwt.expose().clone_into(&mut self.0.lock());
        DefaultSdkPolicy.exchange_request(profile, token)
    }

    fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
        let right = DefaultSdkPolicy.refresh_request(profile, session);
        let more = self.encode_form(&[("subject_token", self.0.lock().as_str())]);
        IdpRequest { body: format!("{}&{more}", right.body), ..right }
    }
}

/// Those above that need a memory.
pub(super) fn with_memory() -> Vec<Mutant> {
    let mutant = |name, clause, about, mutation| Mutant { name, clause, about, mutation, profile: None, vary: None };
    vec![
        mutant(
            "anybody-will-do",
            "OUT-5",
            "Stores the previous user's tokens for the next user",
            sdk_policy(Arc::new(AnybodyWillDo::default())),
        ),
        mutant(
            "refused-twice",
            "REF-6",
            "Signs out when the refresh after a 401 fails temporarily",
            sdk_policy(Arc::new(RefusedTwice::default())),
        ),
        mutant(
            "named-for-good",
            "REC-8",
            "Treats a signed-out user as the user that `identify` names",
            sdk_policy(Arc::new(NamedForGood::default())),
        ),
        mutant(
            "settled-for-good",
            "OUT-1",
            "Keeps environment and region after a sign-out",
            sdk_policy(Arc::new(SettledForGood::default())),
        ),
        mutant(
            "signed-in-already",
            "EXC-1",
            "Reports `signedIn` while the exchange is still running",
            sdk_policy(Arc::new(SignedInAlready::default())),
        ),
        mutant(
            "tells-of-failures",
            "LIF-6",
            "Reports a sign-in that failed as a status change",
            sdk_policy(Arc::new(TellsOfFailures::default())),
        ),
        mutant(
            "token-at-refresh",
            "EXC-2",
            "Sends the sign-in token with each refresh",
            sdk_policy(Arc::new(TokenAtRefresh::default())),
        ),
    ]
}
