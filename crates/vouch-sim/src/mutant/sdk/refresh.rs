//! SDKs that keep a session wrongly: refresh, calls, deletion.

use super::{SentRequests, role};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, Next, Refreshed, SdkPolicy, Tokens, Why};
use crate::reference::sdk::ports::HttpResponse;
use crate::reference::sdk::record::TokenRecord;
use crate::reference::sdk::{Result, SdkError, Secret};
use std::time::Duration;
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::ErrorKind;

mutants! { SdkPolicy, role;
    LifetimeInMinutes "lifetime-in-minutes" breaks "REF-2": "takes the lifetime for minutes" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
            DefaultSdkPolicy.tokens(profile, call, answer).map(|tokens| Tokens { expires_in: tokens.expires_in * 60, ..tokens })
        }
    }
    ADayLong "a-day-long" breaks "REF-2": "takes every access token for good for a day" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
            let day = Duration::from_secs(24 * 3600);
            DefaultSdkPolicy.tokens(profile, call, answer).map(|tokens| Tokens { expires_in: day, ..tokens })
        }
    }
    BlankTokens "blank-tokens" breaks "REF-10": "takes what an answer to a refresh lacks for blank" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
            let blank = || Tokens {
                access_token: Secret::new(""),
                refresh_token: Secret::new(""),
                expires_in: Duration::from_secs(3600),
            };
            DefaultSdkPolicy.tokens(profile, call, answer).or_else(|| (call == IdpCall::Refresh && answer.status == 200).then(blank))
        }
    }
    BusyIsRevoked "busy-is-revoked" breaks "REF-6": "puts the session on hold when the identity provider is busy" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match answer {
                Ok(busy) if busy.status == 429 => Refreshed::OnHold,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    ServerErrorIsOdd "server-error-is-odd" breaks "REF-6": "reports a 500 or 502 at the refresh as no temporary failure" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match answer {
                Ok(failed) if matches!(failed.status, 500 | 502) => Refreshed::Unexpected,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    ForbiddenRefreshIsGone "forbidden-refresh-is-gone" breaks "DEL-4": "takes a 403 at the refresh for deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match answer {
                Ok(forbidden) if forbidden.status == 403 => Refreshed::UserGone,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    ServerErrorSignsOut "server-error-signs-out" breaks "DEL-4": "signs out when the API answers 5xx" {
        fn after_api(&self, status: u16, retried: bool) -> Next {
            if status >= 500 { Next::SignOut } else { DefaultSdkPolicy.after_api(status, retried) }
        }
    }
    TriesOnAndOn "tries-on-and-on" breaks "REF-6": "tries a failed refresh twenty times" {
        fn retry_refresh_after(&self, tries: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            (tries < 20).then_some(Duration::from_secs(2))
        }
    }
    RetryAfterInMs "retry-after-in-milliseconds" breaks "REF-9": "takes Retry-After for milliseconds" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            DefaultSdkPolicy.retry_refresh_after(tries, retry_after.map(|wait| wait / 1000), chance)
        }
    }
    RefreshTokenAsBearer "refresh-token-as-bearer" breaks "REF-1": "shows the API the refresh token" {
        fn credentials(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            vec![("authorization", format!("Bearer {}", session.refresh_token.expose()))]
        }
    }
    SendsKeyToo "sends-key-too" breaks "REF-1": "sends an API key header in the token scheme" {
        fn credentials(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            let mut headers = DefaultSdkPolicy.credentials(session);
            headers.push(("x-vital-api-key", "pk_us_left_over".into()));
            headers
        }
    }
    SendsExpired "sends-expired" breaks "REF-2": "sends a token that it knows to be expired" {
        fn fresh(&self, _: &TokenRecord, _: i64) -> bool {
            true
        }
    }
    ClockBackwards "leeway-with-the-wrong-sign" breaks "REF-2": "takes a token for fresh until long after its end" {
        fn fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms < session.expires_at_ms + 60_000
        }
    }
    NeverRetries "never-retries" breaks "REF-3": "hands a 401 to the app without a refresh" {
        fn after_api(&self, status: u16, _: bool) -> Next {
            if status == 401 { Next::Unauthorized } else { Next::WorkerState }
        }
    }
    RefreshStorm "refresh-storm" breaks "REF-4": "lets every caller refresh" {
        fn may_share_refresh(&self, _: Why, _: bool) -> bool {
            false
        }
    }
    TemporaryIsGone "temporary-is-gone" breaks "REF-6": "signs out when the identity provider cannot be reached" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                Refreshed::Temporary { .. } => Refreshed::UserGone,
                refreshed => refreshed,
            }
        }
    }
    RevokedIsGone "revoked-is-gone" breaks "REF-7": "signs out when the session is revoked" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                Refreshed::OnHold => Refreshed::UserGone,
                refreshed => refreshed,
            }
        }
    }
    Hammers "hammers" breaks "REF-9": "retries at once, whatever Retry-After says" {
        fn retry_refresh_after(&self, tries: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            (tries < 3).then_some(Duration::ZERO)
        }
    }
    StrayException "stray-exception" breaks "REF-10": "throws a parser's exception at the app when an answer is no JSON" {
        fn exchange_failure(&self, profile: &Profile, answer: &SentRequests) -> SdkError {
            match DefaultSdkPolicy.exchange_failure(profile, answer) {
                _ if answer.as_ref().is_ok_and(|answer| answer.status == 200) => SdkError::new(ErrorKind::Internal, "JSONDecodeError"),
                error => error,
            }
        }
    }
    DeletionUnsaid "deletion-unsaid" breaks "DEL-2": "tells the app to try again later when the user was deleted" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                Refreshed::UserGone => Refreshed::Unexpected,
                refreshed => refreshed,
            }
        }
    }
    ForbiddenIsDeleted "forbidden-is-deleted" breaks "DEL-4": "takes a 403 or 404 for deletion" {
        fn after_api(&self, status: u16, retried: bool) -> Next {
            match status {
                403 | 404 => Next::SignOut,
                _ => DefaultSdkPolicy.after_api(status, retried),
            }
        }
    }
    OddIsDeleted "odd-is-deleted" breaks "REF-10": "takes any odd answer to a refresh for deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                Refreshed::Unexpected => Refreshed::UserGone,
                refreshed => refreshed,
            }
        }
    }
    WaitersUninformed "waiters-uninformed" breaks "DEL-5": "tells callers that waited only that something went wrong" {
        fn for_waiters(&self, result: Result<()>) -> Result<()> {
            result.map_err(|_| SdkError::new(ErrorKind::Network, "try again"))
        }
    }
    RefreshesAlways "refreshes-at-every-call" breaks "REF-2": "refreshes before every call" {
        fn fresh(&self, _: &TokenRecord, _: i64) -> bool {
            false
        }
    }
    LastSecond "hands-out-the-last-second" breaks "REF-2": "sends a token in the second of its end, and hands the refusal to the app" {
        fn fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms < session.expires_at_ms + 1000
        }
        fn after_api(&self, status: u16, retried: bool) -> Next {
            if status == 401 { Next::Unauthorized } else { DefaultSdkPolicy.after_api(status, retried) }
        }
    }
    ClockMustBeWrong "clock-must-be-wrong" breaks "REF-2": "takes a token that ended days ago for fresh, and the clock for wrong" {
        fn fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms > session.expires_at_ms + 3 * 24 * 3_600_000 || DefaultSdkPolicy.fresh(session, now_ms)
        }
    }
    ForbiddenEndsSession "forbidden-ends-session" breaks "SCO-2": "signs out when another user's resources are refused" {
        fn after_api(&self, status: u16, retried: bool) -> Next {
            if status == 403 { Next::SignOut } else { DefaultSdkPolicy.after_api(status, retried) }
        }
    }
    HoldUntold "hold-untold" breaks "REF-4": "tells callers that waited for the refresh nothing of a hold" {
        fn for_waiters(&self, result: Result<()>) -> Result<()> {
            result.map_err(|error| match error.kind {
                ErrorKind::NeedsReauthentication => SdkError::new(ErrorKind::Network, "try again"),
                _ => error,
            })
        }
    }
    RetryAfterOf503 "retry-after-of-429-only" breaks "REF-9": "looks for Retry-After at a 429 only" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match answer {
                Ok(failed) if failed.status >= 500 => Refreshed::Temporary { retry_after: None },
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    RoundsDown "rounds-retry-after-down" breaks "REF-9": "makes nothing of a Retry-After of a second" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            let usual = DefaultSdkPolicy.retry_refresh_after(tries, retry_after, chance);
            if retry_after == Some(Duration::from_secs(1)) { usual.map(|_| Duration::ZERO) } else { usual }
        }
    }
}
