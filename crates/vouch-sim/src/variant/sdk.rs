//! Variants of the SDK.

use super::variants;
use crate::mutant::sdk_policy;
use crate::reference::sdk::policy::{ApiNextStep, DefaultSdkPolicy, SdkPolicy, SignInPlan, Unread};
use crate::reference::sdk::ports::{HttpResponse, NetworkError, Storage, StorageError};
use crate::reference::sdk::record::{ApiKeyRecord, Record, TokenRecord};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{AppState, Result, SdkError};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{ErrorKind, Realm, StatusWord};

/// What the reference decides.
fn usual_plan(current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
    DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
}

variants! { SdkPolicy, sdk_policy;
    RefusesSameUser "sdk-refuses-same-user": "Refuses a second sign-in of the same user",
        allowed by "LIF-3; one public SDK throws alreadySignedIn" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match usual_plan(current, token, now_ms) {
                SignInPlan::NothingToDo => SignInPlan::Refuse(SdkError::new(ErrorKind::AlreadySignedIn, "signed in")),
                other => other,
            }
        }
    }
    ExchangesAgain "sdk-exchanges-again": "Exchanges the token of a second sign-in of the same user",
        allowed by "LIF-3" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match usual_plan(current, token, now_ms) {
                SignInPlan::NothingToDo => SignInPlan::Exchange,
                other => other,
            }
        }
    }
    RefusesAsInvalid "sdk-refuses-as-invalid": "Reports the token of another user as invalid",
        allowed by "REF-7; one public SDK reports invalidSignInToken" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match usual_plan(current, token, now_ms) {
                SignInPlan::Refuse(_) => SignInPlan::Refuse(SdkError::new(ErrorKind::InvalidSignInToken, "another user")),
                other => other,
            }
        }
    }
    NoPendingStatus "sdk-no-pending-status": "Does not report pendingReauthentication",
        allowed by "the guide: the status \"normally reports\" its words; one public SDK lacks it" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            let mut status = DefaultSdkPolicy.status(record);
            status.retain(|word| *word != StatusWord::PendingReauthentication);
            status
        }
    }
    ReplacesUser "sdk-replaces-user": "Replaces the user of the API-key scheme when setUserId names another",
        allowed by "the guide asks for one active user only; both public SDKs replace" {
        fn may_set_user(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    UuidsOnly "sdk-uuids-only": "Refuses a user id that is not a UUID",
        allowed by "wire facts: a user id is a UUID" {
        fn accepts_user_id(&self, user_id: &str) -> bool {
            uuid::Uuid::try_parse(user_id).is_ok()
        }
    }
    ConfiguresOnce "sdk-configures-once": "Refuses configure while a user is signed in with the API key",
        allowed by "KEY-7: refused or without effect" {
        fn user_after_configure(&self, current: &ApiKeyRecord, _: &str) -> Result<Option<String>> {
            match current.user_id {
                Some(_) => Err(SdkError::new(ErrorKind::AlreadySignedIn, "a user is signed in; sign out first")),
                None => Ok(None),
            }
        }
    }
    AcceptsAnyKey "sdk-any-key-prefix": "Does not check the prefix of an API key",
        allowed by "KEY-5 is a recommendation" {
        fn check_api_key(&self, _: &str, _: Realm) -> Result<()> {
            Ok(())
        }
    }
    NoRetry "sdk-no-retry": "Sends a refresh once only",
        allowed by "REF-9 limits retries and asks for none" {
        fn retry_refresh_after(&self, _: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            None
        }
    }
    OneRetry "sdk-one-retry": "Sends a refresh once more after a temporary failure",
        allowed by "REF-9" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            if tries > 1 { None } else { DefaultSdkPolicy.retry_refresh_after(tries, retry_after, chance) }
        }
    }
    SixRetries "sdk-six-retries": "Sends a refresh up to seven times, with pauses that grow to a minute",
        allowed by "REF-9; a dozen requests for one call are no storm" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            let backoff = Duration::from_secs(3_u64.pow(tries).min(60)).mul_f64(0.5 + chance / 2.0);
            let longest = Duration::from_secs(120);
            (tries < 7 && retry_after.is_none_or(|wait| wait <= longest)).then(|| retry_after.unwrap_or_default().max(backoff))
        }
    }
    AlgorithmInAnyCase "sdk-algorithm-in-any-case": "Compares the algorithm of a sign-in token without regard to letter case",
        allowed by "EXC-6: it is the same algorithm" {
        fn accepts_algorithm(&self, alg: &str) -> bool {
            alg.eq_ignore_ascii_case("RS256")
        }
    }
    LongerLeeway "sdk-leeway-of-two-minutes": "Refreshes an access token two minutes before its end",
        allowed by "REF-2" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms + 120_000.min(session.lifetime_ms / 2) < session.expires_at_ms
        }
    }
    EarlyRefresh "sdk-refreshes-early": "Refreshes an access token five minutes before its end",
        allowed by "REF-2" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms + 300_000.min(session.lifetime_ms / 2) < session.expires_at_ms
        }
    }
    NoLeeway "sdk-no-leeway": "Refreshes an access token at its end, not before",
        allowed by "REF-2; neither public SDK has a leeway" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms < session.expires_at_ms
        }
    }
    NetworkForOdd "sdk-odd-status-is-network": "Reports an unexpected status of an exchange as a network error",
        allowed by "REF-10; platforms map exceptions differently" {
        fn exchange_failure(&self, profile: &Profile, answer: &std::result::Result<HttpResponse, NetworkError>) -> SdkError {
            let usual = DefaultSdkPolicy.exchange_failure(profile, answer);
            match usual.kind {
                ErrorKind::UnexpectedAnswer => SdkError::new(ErrorKind::Network, "the exchange failed"),
                _ => usual,
            }
        }
    }
    SecondRefusalAnswered "sdk-persistent-unauthorized-answered": "Returns the second 401 to the app as an answer",
        allowed by "REF-3" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            match status {
                401 if retried => ApiNextStep::ReturnToApp,
                _ => DefaultSdkPolicy.after_api_response(status, retried),
            }
        }
    }
    SkipsStorageCheck "sdk-reads-storage-late": "Does not look whether storage is available before a refresh",
        allowed by "PER-10, as long as no token is lost: the old one works until its successor is used" {
        fn check_storage(&self, _: &dyn Storage) -> std::result::Result<(), StorageError> {
            Ok(())
        }
    }
    KeyNotAsked "sdk-unconfigured-is-not-signed-in": "Reports setUserId before configure as notSignedIn",
        allowed by "KEY-3 asks for a clear error, of no certain kind" {
        fn user_before_configuration(&self) -> Result<()> {
            Err(SdkError::new(ErrorKind::NotSignedIn, "there is no configuration"))
        }
    }
    ReadsLazily "sdk-reads-lazily": "Reads its storage at the first call, not at launch",
        allowed by "PER-1 asks what a call finds, not when storage is read" {
        fn restores_at_launch(&self, _: AppState) -> bool {
            false
        }
    }
    WaitsForForeground "sdk-waits-for-foreground": "Does nothing in the background before the first unlock, until the app comes to the foreground",
        allowed by "WAK-1: what could not be read is unknown" {
        fn restores_at_launch(&self, app_state: AppState) -> bool {
            app_state == AppState::Foreground
        }
        fn after_failed_restore(&self, _: &dyn Storage, app_state: AppState) -> Unread {
            if app_state == AppState::Background { Unread::TryInForeground } else { Unread::TryAgain }
        }
    }
    AnswersLate[restored: AtomicBool] "sdk-answers-late": "Answers the first call of a launch late, because it waits for its storage",
        allowed by "WAK-2 asks what is answered, not how fast" {
        fn restore(&self, storage: &dyn Storage) -> std::result::Result<Option<Record>, StorageError> {
            if !self.restored.swap(true, Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            DefaultSdkPolicy.restore(storage)
        }
        fn restores_at_launch(&self, _: AppState) -> bool {
            false
        }
    }
    RenewsOldWire "sdk-renews-tokens-of-the-older-wire": "Sends no access token that was issued by the wire profile of earlier releases",
        allowed by "UPD-5 asks that the session goes on, not with which access token" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            session.profile != Profile::gcip().name && DefaultSdkPolicy.is_fresh(session, now_ms)
        }
    }
    RefreshesByTimer "sdk-refreshes-by-timer": "Refreshes an access token by a timer, five minutes before its end",
        allowed by "REF-13" {
        fn refresh_timers(&self, left: Duration) -> Vec<Duration> {
            vec![left.saturating_sub((left / 2).min(Duration::from_secs(300)))]
        }
    }
}
