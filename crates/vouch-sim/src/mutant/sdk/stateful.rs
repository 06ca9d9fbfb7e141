//! SDK mutants that show after an earlier event of the same launch.

use super::storage::{erase_by_flag, flagged, save_without_flag};
use super::{NetworkResult, StorageResult, is_gone, refuse, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::SdkError;
use crate::reference::sdk::policy::{
    ApiNextStep, DefaultSdkPolicy, RefreshOutcome, RefreshReason, SdkPolicy, SignInPlan, TokenSet,
};
use crate::reference::sdk::ports::{HttpResponse, Storage};
use crate::reference::sdk::record::{Record, TokenRecord};
use crate::reference::sdk::token::SignInToken;
use parking_lot::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use vouch_spec::profile::{IdpCall, IdpRequest, Profile};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// An item of one who was deleted.
const BARRED: &str = "barred";

/// Which flow asks whether its answer is still wanted.
const FIRST_SIGN_IN: u8 = 1;
const MIGRATION: u8 = 2;
const REFRESH: u8 = 3;

fn flow(current: Option<&Record>) -> u8 {
    if matches!(current, Some(Record::ApiKey(_))) { MIGRATION } else { FIRST_SIGN_IN }
}

fn under_way() -> SignInPlan {
    refuse(ErrorKind::AlreadySignedIn, "a sign-in is under way")
}

mutants! { SdkPolicy, sdk_policy;
    UnseenAfterLaunch[signed_in: AtomicBool] "deletion-unseen-after-launch" breaks "DEL-2": "Detects a deletion only in the launch that signed in" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            self.signed_in.fetch_or(call == IdpCall::Exchange, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                gone if is_gone(&gone) && !self.signed_in.load(Relaxed) => RefreshOutcome::Unexpected,
                outcome => outcome,
            }
        }
    }
    UnseenBehindRefusal[refused: AtomicBool] "deletion-unseen-behind-401" breaks "DEL-2": "Does not read why the refresh after a 401 failed" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            self.refused.store(status == 401, Relaxed);
            DefaultSdkPolicy.after_api_response(status, retried)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                gone if is_gone(&gone) && self.refused.load(Relaxed) => RefreshOutcome::Unexpected,
                outcome => outcome,
            }
        }
    }
    ExpiryLeavesConfigured[refused: AtomicBool, left: AtomicBool] "expiry-leaves-configured" breaks "DEL-6": "Reports `configured` after a deletion detected at an expiry" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            self.refused.store(status == 401, Relaxed);
            DefaultSdkPolicy.after_api_response(status, retried)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.left.store(is_gone(&outcome) && !self.refused.load(Relaxed), Relaxed);
            outcome
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            let left = record.is_none() && self.left.load(Relaxed);
            if left { vec![StatusWord::Configured] } else { DefaultSdkPolicy.status(record) }
        }
    }
    RefusalLeavesConfigured[refused: AtomicBool, left: AtomicBool] "refusal-leaves-configured" breaks "DEL-6": "Reports `configured` after a deletion detected at a 401" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            self.refused.store(status == 401, Relaxed);
            DefaultSdkPolicy.after_api_response(status, retried)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.left.store(is_gone(&outcome) && self.refused.load(Relaxed), Relaxed);
            outcome
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            let left = record.is_none() && self.left.load(Relaxed);
            if left { vec![StatusWord::Configured] } else { DefaultSdkPolicy.status(record) }
        }
    }
    DeletesByFlag[gone: AtomicBool] "deletes-by-flag" breaks "DEL-1": "Marks an automatic sign-out first and treats the mark as done after a crash" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.gone.store(is_gone(&outcome), Relaxed);
            outcome
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            if self.gone.load(Relaxed) { erase_by_flag(storage) } else { DefaultSdkPolicy.erase(storage) }
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            save_without_flag(storage, record)
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            if flagged(storage)? { Ok(None) } else { DefaultSdkPolicy.restore(storage) }
        }
    }
    DeadForGood[gone: AtomicBool] "dead-for-good" breaks "DEL-3": "Refuses every sign-in after a deletion" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            self.gone.store(true, Relaxed);
            DefaultSdkPolicy.erase(storage)
        }
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            if self.gone.load(Relaxed) {
                return refuse(ErrorKind::InvalidUser, "this user was deleted");
            }
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
    }
    NextInMemory[gone: AtomicBool] "next-user-in-memory" breaks "DEL-3": "Does not store the user who signs in after an automatic sign-out" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            self.gone.store(true, Relaxed);
            DefaultSdkPolicy.erase(storage)
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            if self.gone.load(Relaxed) { Ok(()) } else { DefaultSdkPolicy.save(storage, record) }
        }
    }
    BarsTheDeleted[gone: AtomicBool, barred: Mutex<Option<Vec<u8>>>] "bars-the-deleted" breaks "DEL-3": "Refuses a user who was deleted before" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.gone.store(is_gone(&outcome), Relaxed);
            outcome
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            if let (true, Some(record)) = (self.gone.load(Relaxed), DefaultSdkPolicy.restore(storage)?) {
                storage.write(Area::Plain, BARRED, record.user_id().unwrap_or_default().as_bytes())?;
            }
            DefaultSdkPolicy.erase(storage)
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            *self.barred.lock() = storage.read(Area::Plain, BARRED)?;
            DefaultSdkPolicy.restore(storage)
        }
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            let barred = self.barred.lock();
            if barred.as_deref() == Some(token.user_id.as_bytes()) {
                return refuse(ErrorKind::InvalidUser, "this user was deleted");
            }
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
    }
    LateExchange[flow: AtomicU8] "late-exchange-counts" breaks "OUT-5": "Restores the session when an exchange ends after a sign-out" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            self.flow.store(flow(current), Relaxed);
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
        fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
            self.flow.store(REFRESH, Relaxed);
            DefaultSdkPolicy.refresh_request(profile, session)
        }
        fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
            self.flow.load(Relaxed) == FIRST_SIGN_IN || asked_in == now
        }
    }
    LateMigration[flow: AtomicU8] "late-migration-counts" breaks "OUT-5": "Restores the session when a migration ends after a sign-out" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            self.flow.store(flow(current), Relaxed);
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
        fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
            self.flow.store(REFRESH, Relaxed);
            DefaultSdkPolicy.refresh_request(profile, session)
        }
        fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
            self.flow.load(Relaxed) == MIGRATION || asked_in == now
        }
    }
    LateRefresh[flow: AtomicU8] "late-refresh-counts" breaks "OUT-5": "Restores the session when a refresh ends after a sign-out" {
        fn follows_other_processes(&self, _: Option<&Record>, _: Option<&Record>) -> bool {
            false
        }
        fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
            self.flow.store(REFRESH, Relaxed);
            DefaultSdkPolicy.refresh_request(profile, session)
        }
        fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
            self.flow.load(Relaxed) == REFRESH || asked_in == now
        }
    }
    BusyEndsMigration[flow: AtomicU8, failed: AtomicBool] "busy-ends-migration" breaks "MIG-8": "Does not migrate in a launch in which the identity provider was busy" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            self.flow.store(flow(current), Relaxed);
            if self.failed.load(Relaxed) { under_way() } else { DefaultSdkPolicy.plan_sign_in(current, token, now_ms) }
        }
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            let error = DefaultSdkPolicy.exchange_failure(profile, answer);
            let odd = answer.as_ref().is_ok_and(|answer| answer.status != 200) && error.kind != ErrorKind::InvalidSignInToken;
            self.failed.store(odd && self.flow.load(Relaxed) == MIGRATION, Relaxed);
            error
        }
    }
    RefusalEndsMigration[flow: AtomicU8, failed: AtomicBool] "refusal-ends-migration" breaks "MIG-8": "Does not migrate in a launch in which a sign-in token was refused" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            self.flow.store(flow(current), Relaxed);
            if self.failed.load(Relaxed) { under_way() } else { DefaultSdkPolicy.plan_sign_in(current, token, now_ms) }
        }
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            let error = DefaultSdkPolicy.exchange_failure(profile, answer);
            let refused = error.kind == ErrorKind::InvalidSignInToken;
            self.failed.store(refused && self.flow.load(Relaxed) == MIGRATION, Relaxed);
            error
        }
    }
    TwoTaps[signing_in: Mutex<Option<String>>, twice: AtomicBool] "two-taps-cancel-each-other" breaks "LIF-5": "Discards both of two simultaneous sign-ins of one user" {
        fn decode_base64(&self, text: &str) -> Option<Vec<u8>> {
            let user = SignInToken::parse(text, &DefaultSdkPolicy).ok().map(|token| token.user_id);
            let mut signing_in = self.signing_in.lock();
            self.twice.fetch_or(user.is_some() && *signing_in == user, Relaxed);
            *signing_in = user;
            DefaultSdkPolicy.decode_base64(text)
        }
        fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
            *self.signing_in.lock() = None;
            !self.twice.load(Relaxed) && asked_in == now
        }
    }
    OldRefreshToken[first: OnceLock<String>] "old-refresh-token" breaks "REF-5": "Always refreshes with the first refresh token" {
        fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
            let first = self.first.get_or_init(|| session.refresh_token.expose().to_owned());
            let refresh_token = crate::reference::sdk::Secret::new(first);
            DefaultSdkPolicy.refresh_request(profile, &TokenRecord { refresh_token, ..session.clone() })
        }
    }
    RetriesOnAndOn[retries: AtomicU32] "retries-on-and-on" breaks "REF-3": "Retries a call that gets a 401 a dozen times" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            if status == 401 && self.retries.fetch_add(1, Relaxed) < 12 {
                return ApiNextStep::RefreshAndRetry;
            }
            DefaultSdkPolicy.after_api_response(status, retried)
        }
    }
    NeverForgives[failed: AtomicBool] "never-forgives" breaks "EXC-4": "Refuses every sign-in after a failed one" {
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            self.failed.store(true, Relaxed);
            DefaultSdkPolicy.exchange_failure(profile, answer)
        }
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            if self.failed.load(Relaxed) {
                return refuse(ErrorKind::AlreadySignedIn, "a sign-in is under way");
            }
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
    }
    LostForGood[lost: AtomicBool] "lost-exchange-ends-it" breaks "REC-6": "Refuses every sign-in in a launch in which an exchange was lost" {
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            self.lost.fetch_or(answer.is_err(), Relaxed);
            DefaultSdkPolicy.exchange_failure(profile, answer)
        }
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            if self.lost.load(Relaxed) { under_way() } else { DefaultSdkPolicy.plan_sign_in(current, token, now_ms) }
        }
    }
    SharesWithTwenty[waiting: AtomicU32] "shares-with-twenty" breaks "REF-4": "Shares a refresh with twenty callers; the others refresh themselves" {
        fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
            self.waiting.store(0, Relaxed);
            DefaultSdkPolicy.refresh_request(profile, session)
        }
        fn may_share_refresh(&self, _: RefreshReason, _: bool) -> bool {
            self.waiting.fetch_add(1, Relaxed) < 20
        }
    }
    NeverSharesAgain[failed: AtomicBool] "never-shares-again" breaks "REF-4": "Shares no refresh after a shared refresh has failed" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.failed.fetch_or(matches!(outcome, RefreshOutcome::Temporary { .. }), Relaxed);
            outcome
        }
        fn may_share_refresh(&self, _: RefreshReason, _: bool) -> bool {
            !self.failed.load(Relaxed)
        }
    }
    ForgetsRetryAfter[long: AtomicBool] "forgets-retry-after" breaks "REF-9": "Refreshes at the next call, however long Retry-After was" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::Temporary { retry_after: Some(wait) } if wait > Duration::from_secs(10) => {
                    self.long.store(true, Relaxed);
                    RefreshOutcome::Temporary { retry_after: None }
                }
                outcome => outcome,
            }
        }
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            let wait = DefaultSdkPolicy.retry_refresh_after(tries, retry_after, chance);
            wait.filter(|_| !self.long.swap(false, Relaxed))
        }
    }
}
