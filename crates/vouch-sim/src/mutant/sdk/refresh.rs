//! SDK mutants of refresh, API calls and deletion.

use super::{NetworkResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{
    ApiNextStep, DefaultSdkPolicy, RefreshOutcome, RefreshReason, SdkPolicy, TokenSet,
};
use crate::reference::sdk::ports::HttpResponse;
use crate::reference::sdk::record::TokenRecord;
use crate::reference::sdk::{Result, SdkError, Secret};
use std::time::Duration;
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::ErrorKind;

fn says(answer: &HttpResponse, text: &str) -> bool {
    String::from_utf8_lossy(&answer.body).contains(text)
}

/// An outcome that takes the refusals of a kind for a deletion.
fn gone_where(taken: impl Fn(&HttpResponse) -> bool, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
    match DefaultSdkPolicy.read_refresh(profile, answer) {
        RefreshOutcome::Unexpected if answer.as_ref().is_ok_and(|answer| answer.status != 200 && taken(answer)) => {
            RefreshOutcome::UserGone
        }
        outcome => outcome,
    }
}

mutants! { SdkPolicy, sdk_policy;
    EmptyRetry "empty-retry" breaks "REF-3": "Retries a request after a 401 without its body" {
        fn body_of_attempt<'a>(&self, body: &'a str, retried: bool) -> &'a str {
            if retried { "" } else { body }
        }
    }
    LifetimeInMinutes "lifetime-in-minutes" breaks "REF-2": "Interprets the token lifetime as minutes" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            DefaultSdkPolicy.tokens(profile, call, answer).map(|tokens| TokenSet { expires_in: tokens.expires_in * 60, ..tokens })
        }
    }
    ADayLong "a-day-long" breaks "REF-2": "Assumes that every access token is valid for a day" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            let day = Duration::from_secs(24 * 3600);
            DefaultSdkPolicy.tokens(profile, call, answer).map(|tokens| TokenSet { expires_in: day, ..tokens })
        }
    }
    BlankTokens "blank-tokens" breaks "REF-10": "Replaces missing fields of a refresh response with empty tokens" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            let blank = || TokenSet {
                access_token: Secret::new(""),
                refresh_token: Some(Secret::new("")),
                expires_in: Duration::from_secs(3600),
            };
            DefaultSdkPolicy.tokens(profile, call, answer).or_else(|| (call == IdpCall::Refresh && answer.status == 200).then(blank))
        }
    }
    BusyIsRevoked "busy-is-revoked" breaks "REF-6": "Puts the session on hold when the identity provider is busy" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match answer {
                Ok(busy) if busy.status == 429 => RefreshOutcome::OnHold,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    TrustsBusyBody "trusts-a-busy-body" breaks "REF-6": "Reads the body of a 429 or 5xx at a refresh as that of a refusal" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let meaning = answer.as_ref().ok().and_then(|answer| profile.meaning(IdpCall::Refresh, &answer.body));
            match meaning {
                Some(ErrorKind::InvalidUser) => RefreshOutcome::UserGone,
                Some(ErrorKind::NeedsReauthentication) => RefreshOutcome::OnHold,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    RefusalByBeginning "refusal-by-its-beginning" breaks "REF-10": "Treats every error of a refresh that begins with `invalid` as a deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let begins = |answer: &HttpResponse| says(answer, "\"error_type\":\"invalid");
            gone_where(begins, profile, answer)
        }
    }
    RefusalAnywhere "refusal-anywhere" breaks "DEL-4": "Looks for the word of a deletion anywhere in the answer to a refresh" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            gone_where(|answer| says(answer, "invalid_token"), profile, answer)
        }
    }
    ForbiddenRefreshes "refreshes-at-403" breaks "REF-13": "Refreshes when the API answers 403" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            match status {
                403 if !retried => ApiNextStep::RefreshAndRetry,
                _ => DefaultSdkPolicy.after_api_response(status, retried),
            }
        }
    }
    ServerErrorIsOdd "server-error-is-odd" breaks "REF-6": "Does not report a 500 or 502 at a refresh as temporary" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match answer {
                Ok(failed) if matches!(failed.status, 500 | 502) => RefreshOutcome::Unexpected,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    ForbiddenRefreshIsGone "forbidden-refresh-is-gone" breaks "DEL-4": "Treats a 403 at a refresh as a deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match answer {
                Ok(forbidden) if forbidden.status == 403 => RefreshOutcome::UserGone,
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    ServerErrorSignsOut "server-error-signs-out" breaks "DEL-4": "Signs out when the API answers 5xx" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            if status >= 500 { ApiNextStep::SignOut } else { DefaultSdkPolicy.after_api_response(status, retried) }
        }
    }
    TriesOnAndOn "tries-on-and-on" breaks "REF-6": "Sends a failed refresh up to twenty times" {
        fn retry_refresh_after(&self, tries: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            (tries < 20).then_some(Duration::from_secs(2))
        }
    }
    RetryAfterInMs "retry-after-in-milliseconds" breaks "REF-9": "Interprets Retry-After as milliseconds" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            DefaultSdkPolicy.retry_refresh_after(tries, retry_after.map(|wait| wait / 1000), chance)
        }
    }
    RefreshTokenAsBearer "refresh-token-as-bearer" breaks "REF-1": "Sends the refresh token to the API" {
        fn api_headers(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            vec![("authorization", format!("Bearer {}", session.refresh_token.expose()))]
        }
    }
    SendsKeyToo "sends-key-too" breaks "REF-1": "Sends an API key header in the token scheme" {
        fn api_headers(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            let mut headers = DefaultSdkPolicy.api_headers(session);
            headers.push(("x-vital-api-key", "pk_us_left_over".into()));
            headers
        }
    }
    SendsExpired "sends-expired" breaks "REF-2": "Sends an access token that it knows to be expired" {
        fn is_fresh(&self, _: &TokenRecord, _: i64) -> bool {
            true
        }
    }
    ClockBackwards "leeway-with-the-wrong-sign" breaks "REF-2": "Treats a token as valid until a minute after its expiry" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms < session.expires_at_ms + 60_000
        }
    }
    NeverRetries "never-retries" breaks "REF-3": "Returns a 401 to the app without a refresh" {
        fn after_api_response(&self, status: u16, _: bool) -> ApiNextStep {
            if status == 401 { ApiNextStep::Unauthorized } else { ApiNextStep::ReturnToApp }
        }
    }
    RefreshStorm "refresh-storm" breaks "REF-4": "Lets every caller send its own refresh" {
        fn may_share_refresh(&self, _: RefreshReason, _: bool) -> bool {
            false
        }
    }
    TemporaryIsGone "temporary-is-gone" breaks "REF-6": "Signs out when the identity provider cannot be reached" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::Temporary { .. } => RefreshOutcome::UserGone,
                outcome => outcome,
            }
        }
    }
    RevokedIsGone "revoked-is-gone" breaks "REF-7": "Signs out when the session is revoked" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::OnHold => RefreshOutcome::UserGone,
                outcome => outcome,
            }
        }
    }
    Hammers "hammers" breaks "REF-9": "Retries at once, whatever Retry-After says" {
        fn retry_refresh_after(&self, tries: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            (tries < 3).then_some(Duration::ZERO)
        }
    }
    StrayException "stray-exception" breaks "REF-10": "Reports an internal parser error when a response is not JSON" {
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            match DefaultSdkPolicy.exchange_failure(profile, answer) {
                _ if answer.as_ref().is_ok_and(|answer| answer.status == 200) => SdkError::new(ErrorKind::Internal, "JSONDecodeError"),
                error => error,
            }
        }
    }
    DeletionUnsaid "deletion-unsaid" breaks "DEL-2": "Reports a temporary failure when the user was deleted" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::UserGone => RefreshOutcome::Unexpected,
                outcome => outcome,
            }
        }
    }
    ForbiddenIsDeleted "forbidden-is-deleted" breaks "DEL-4": "Treats a 403 or 404 as a deletion" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            match status {
                403 | 404 => ApiNextStep::SignOut,
                _ => DefaultSdkPolicy.after_api_response(status, retried),
            }
        }
    }
    OddIsDeleted "odd-is-deleted" breaks "REF-10": "Treats any unexpected refresh response as a deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::Unexpected => RefreshOutcome::UserGone,
                outcome => outcome,
            }
        }
    }
    WaitersUninformed "waiters-uninformed" breaks "DEL-5": "Reports a generic network error to the callers that waited for a refresh" {
        fn result_for_waiters(&self, result: Result<()>) -> Result<()> {
            result.map_err(|_| SdkError::new(ErrorKind::Network, "try again"))
        }
    }
    RefreshesAlways "refreshes-at-every-call" breaks "REF-2": "Refreshes before every call" {
        fn is_fresh(&self, _: &TokenRecord, _: i64) -> bool {
            false
        }
    }
    LastSecond "hands-out-the-last-second" breaks "REF-2": "Sends a token in the second of its expiry and returns the 401 to the app" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms < session.expires_at_ms + 1000
        }
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            if status == 401 { ApiNextStep::Unauthorized } else { DefaultSdkPolicy.after_api_response(status, retried) }
        }
    }
    ClockMustBeWrong "clock-must-be-wrong" breaks "REF-2": "Treats a token that expired days ago as valid" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms > session.expires_at_ms + 3 * 24 * 3_600_000 || DefaultSdkPolicy.is_fresh(session, now_ms)
        }
    }
    ForbiddenEndsSession "forbidden-ends-session" breaks "SCO-2": "Signs out when another user's resource is refused" {
        fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
            if status == 403 { ApiNextStep::SignOut } else { DefaultSdkPolicy.after_api_response(status, retried) }
        }
    }
    HoldUntold "hold-untold" breaks "REF-4": "Does not report a hold to the callers that waited for the refresh" {
        fn result_for_waiters(&self, result: Result<()>) -> Result<()> {
            result.map_err(|error| match error.kind {
                ErrorKind::NeedsReauthentication => SdkError::new(ErrorKind::Network, "try again"),
                _ => error,
            })
        }
    }
    RetryAfterOf503 "retry-after-of-429-only" breaks "REF-9": "Honours Retry-After only at a 429" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match answer {
                Ok(failed) if failed.status >= 500 => RefreshOutcome::Temporary { retry_after: None },
                _ => DefaultSdkPolicy.read_refresh(profile, answer),
            }
        }
    }
    RoundsDown "rounds-retry-after-down" breaks "REF-9": "Ignores a Retry-After of one second" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            let usual = DefaultSdkPolicy.retry_refresh_after(tries, retry_after, chance);
            if retry_after == Some(Duration::from_secs(1)) { usual.map(|_| Duration::ZERO) } else { usual }
        }
    }
}
