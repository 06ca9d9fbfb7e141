//! SDKs that mix up sessions: one user's with the next one's, before with after, on hold with well.

use super::{SentRequests, Stored, is_gone, refuse, role};
use crate::mutant::{Mutant, mutants};
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, Next, Plan, Refreshed, SESSION, SdkPolicy, Why};
use crate::reference::sdk::ports::{Storage, StorageError};
use crate::reference::sdk::record::{Record, TokenRecord};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{Result, SdkError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_spec::profile::{Profile, Request};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, Realm, StatusWord};

/// A copy of the refresh token in plain storage, written in some way.
fn plain_copy(vault: &dyn Storage, record: &Record, write: fn(&str) -> Vec<u8>) -> Stored<()> {
    match record {
        Record::SignInToken(session) => {
            vault.write(Area::Plain, "cache", &write(session.refresh_token.expose()))?;
            DefaultSdkPolicy.save(vault, record)
        }
        Record::ApiKey(_) => DefaultSdkPolicy.save(vault, record),
    }
}

mutants! { SdkPolicy, role;
    GoesOnAsTheNext "goes-on-as-the-next" breaks "LIF-4": "retries a call with whatever session there is by then" {
        fn still_theirs(&self, _: u64, _: u64) -> bool {
            true
        }
    }
    WaitsForTheLast "waits-for-the-last" breaks "LIF-4": "lets the next user wait for the last one's Retry-After" {
        fn must_wait(&self, until_ms: i64, now_ms: i64, _: bool) -> bool {
            until_ms > now_ms
        }
    }
    SharesWithTheNext "shares-with-the-next" breaks "LIF-4": "lets the next user wait for the last one's refresh" {
        fn may_share_refresh(&self, _: Why, _: bool) -> bool {
            true
        }
    }
    Stampede "stampede" breaks "REF-4": "lets every caller that is refused refresh for itself" {
        fn may_share_refresh(&self, why: Why, same_era: bool) -> bool {
            same_era && why != Why::Refused
        }
    }
    HoldTakesAnyPlace "hold-takes-any-place" breaks "REF-7": "on hold, takes a token of another environment or region" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold && self.same_user(&session.user_id, &token.user_id) => {
                    Plan::Exchange
                }
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    HoldByLetterCase "hold-by-letter-case" breaks "MIG-10": "on hold, compares user ids by letter case" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold && session.user_id != token.user_id => {
                    refuse(ErrorKind::AlreadySignedIn, "another user is signed in")
                }
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    KeyOutlivesTheApp "key-outlives-the-app" breaks "PER-7": "finds an API-key sign-in in the keychain after a reinstallation" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            let bytes = vault.read(Area::Secure, SESSION)?;
            match bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                Some(record @ Record::ApiKey(_)) => Ok(Some(record)),
                _ => DefaultSdkPolicy.restore(vault),
            }
        }
    }
    TripsOverItsMark "trips-over-its-mark" breaks "PER-5": "keeps failing over a damaged file in plain storage" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            match vault.read(Area::Plain, INSTALLED)? {
                Some(mark) if !mark.is_empty() => Err(StorageError::Failed("not a mark".into())),
                _ => DefaultSdkPolicy.restore(vault),
            }
        }
    }
    WaitersSignedOut "waiters-signed-out" breaks "DEL-5": "tells callers that waited only that nobody is signed in" {
        fn for_waiters(&self, result: Result<()>) -> Result<()> {
            result.map_err(|error| match error.kind {
                ErrorKind::InvalidUser => SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in"),
                _ => error,
            })
        }
    }
    RefreshDoesNothing "refresh-does-nothing" breaks "REF-5": "does not refresh when the app asks for it" {
        fn due_when_asked(&self, session: &TokenRecord, now_ms: i64) -> bool {
            !self.fresh(session, now_ms)
        }
    }
    RefreshTokenToo "refresh-token-too" breaks "REF-1": "shows the API the refresh token beside the access token" {
        fn credentials(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            let mut headers = DefaultSdkPolicy.credentials(session);
            headers.push(("x-refresh-token", session.refresh_token.expose().to_owned()));
            headers
        }
    }
    Base64Copy "base64-copy" breaks "EXC-3": "keeps the refresh token in plain storage, in a Base64 text" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            plain_copy(vault, record, |token| STANDARD.encode(format!("{{\"token\":\"{token}\"}}")).into_bytes())
        }
    }
    Utf16Copy "utf16-copy" breaks "EXC-3": "keeps the refresh token in plain storage, in UTF-16" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            plain_copy(vault, record, |token| token.encode_utf16().flat_map(u16::to_le_bytes).collect())
        }
    }
}

/// An answer counts whenever somebody is signed in.
#[derive(Default)]
struct AnybodyWillDo(AtomicBool);

impl SdkPolicy for AnybodyWillDo {
    fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
        self.0.store(true, Ordering::Relaxed);
        DefaultSdkPolicy.save(vault, record)
    }

    fn erase(&self, vault: &dyn Storage) -> Stored<()> {
        self.0.store(false, Ordering::Relaxed);
        DefaultSdkPolicy.erase(vault)
    }

    fn still_wanted(&self, asked_in: u64, now: u64) -> bool {
        asked_in == now || self.0.load(Ordering::Relaxed)
    }
}

/// Signs out when the refresh that follows a 401 fails for the moment.
#[derive(Default)]
struct RefusedTwice(AtomicBool);

impl SdkPolicy for RefusedTwice {
    fn after_api(&self, status: u16, retried: bool) -> Next {
        self.0.store(status == 401, Ordering::Relaxed);
        DefaultSdkPolicy.after_api(status, retried)
    }

    fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
        match DefaultSdkPolicy.read_refresh(profile, answer) {
            Refreshed::Temporary { .. } if self.0.load(Ordering::Relaxed) => Refreshed::UserGone,
            refreshed => refreshed,
        }
    }
}

/// Remembers beyond a sign-out, though not beyond a deletion, whom the app named last.
#[derive(Default)]
struct NamedForGood(Mutex<Option<String>>);

impl SdkPolicy for NamedForGood {
    fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
        if let Record::SignInToken(session) = record {
            self.0.lock().clone_from(&session.external_user_id);
        }
        DefaultSdkPolicy.save(vault, record)
    }

    fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
        let refreshed = DefaultSdkPolicy.read_refresh(profile, answer);
        if is_gone(&refreshed) {
            *self.0.lock() = None;
        }
        refreshed
    }

    fn identified(&self, current: Option<&Record>, external_user_id: &str) -> bool {
        let named = DefaultSdkPolicy.identified(current, external_user_id);
        named || self.0.lock().as_deref() == Some(external_user_id)
    }
}

/// Remembers beyond a sign-out where it was signed in.
#[derive(Default)]
struct SettledForGood(Mutex<Option<Realm>>);

impl SdkPolicy for SettledForGood {
    fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
        *self.0.lock() = Some(record.realm());
        DefaultSdkPolicy.save(vault, record)
    }

    fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
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
    fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
        self.0.store(true, Ordering::Relaxed);
        DefaultSdkPolicy.exchange_request(profile, token)
    }

    fn exchange_failure(&self, profile: &Profile, answer: &SentRequests) -> SdkError {
        self.0.store(false, Ordering::Relaxed);
        DefaultSdkPolicy.exchange_failure(profile, answer)
    }

    fn erase(&self, vault: &dyn Storage) -> Stored<()> {
        self.0.store(false, Ordering::Relaxed);
        DefaultSdkPolicy.erase(vault)
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
    fn exchange_failure(&self, profile: &Profile, answer: &SentRequests) -> SdkError {
        self.0.store(true, Ordering::Relaxed);
        DefaultSdkPolicy.exchange_failure(profile, answer)
    }

    fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
        if self.0.swap(false, Ordering::Relaxed) {
            listener(status.clone());
            listener(vec![]);
        }
        DefaultSdkPolicy.tell(listener, status);
    }
}

/// Sends the sign-in token along with each refresh.
#[derive(Default)]
struct TokenAtRefresh(Mutex<String>);

impl SdkPolicy for TokenAtRefresh {
    fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
        token.jwt.expose().clone_into(&mut self.0.lock());
        DefaultSdkPolicy.exchange_request(profile, token)
    }

    fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> Request {
        let right = DefaultSdkPolicy.refresh_request(profile, session);
        let more = self.form(&[("subject_token", self.0.lock().as_str())]);
        Request { body: format!("{}&{more}", right.body), ..right }
    }
}

/// Those above that need a memory.
pub(super) fn with_memory() -> Vec<Mutant> {
    let mutant = |name, clause, about, role| Mutant { name, clause, about, role, profile: None };
    vec![
        mutant(
            "anybody-will-do",
            "OUT-5",
            "takes the last user's tokens for the next one's",
            role(Arc::new(AnybodyWillDo::default())),
        ),
        mutant(
            "refused-twice",
            "REF-6",
            "signs out when the refresh after a 401 fails for the moment",
            role(Arc::new(RefusedTwice::default())),
        ),
        mutant(
            "named-for-good",
            "REC-8",
            "takes a user who was signed out for the one that the app names",
            role(Arc::new(NamedForGood::default())),
        ),
        mutant(
            "settled-for-good",
            "OUT-1",
            "keeps environment and region beyond a sign-out",
            role(Arc::new(SettledForGood::default())),
        ),
        mutant(
            "signed-in-already",
            "EXC-1",
            "says signed in while the exchange goes on",
            role(Arc::new(SignedInAlready::default())),
        ),
        mutant(
            "tells-of-failures",
            "LIF-6",
            "tells of a sign-in that failed as of one that worked",
            role(Arc::new(TellsOfFailures::default())),
        ),
        mutant(
            "token-at-refresh",
            "EXC-2",
            "sends the sign-in token along with each refresh",
            role(Arc::new(TokenAtRefresh::default())),
        ),
    ]
}
