//! Every decision of the scheme, one method each, with the clause that requires it. The default methods are the reference
//! SDK. A mutant overrides the decision that it gets wrong.

use super::ports::{HttpResponse, NetworkError, Storage, StorageError};
use super::record::{ApiKeyRecord, Record, TokenRecord};
use super::token::{self, SignInToken};
use super::{AppState, Result, SdkError, previous};
use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use std::time::Duration;
use vouch_spec::profile::{IdpCall, IdpRequest, Profile, RequestValues};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, Realm, StatusWord};

/// Padding is optional, because issuers differ (EXC-7).
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// The secure item that holds the record.
pub const SESSION: &str = "session";
/// An empty plain item. It is removed with the app, while a keychain item may survive (PER-7).
pub const INSTALLED: &str = "installed";
/// An access token that expires within this time is refreshed first: it could expire on the way (REF-2).
const LEEWAY_MS: i64 = 30_000;
/// How often a refresh is sent in one call (REF-3, REF-9).
const REFRESH_TRIES: u32 = 3;
/// How long an access token is taken for good where neither answer nor mapping says it. The API refuses it if it ends earlier, and a
/// refresh follows.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(3600);
/// The longest Retry-After that a call waits for (REF-9).
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// What a sign-in does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInPlan {
    Exchange,
    /// This user is signed in already (LIF-3).
    NothingToDo,
    Refuse(SdkError),
}

/// The outcome of a refresh request.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    Tokens(TokenSet),
    /// The user is no longer valid (DEL-1).
    UserGone,
    /// The session needs a new sign-in token (REF-7).
    OnHold,
    /// Try later (REF-6).
    Temporary {
        retry_after: Option<Duration>,
    },
    /// A response that the scheme does not define (REF-10).
    Unexpected,
}

/// The tokens of a token response.
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub access_token: super::Secret,
    /// None for a refresh after which the old one stays valid (RFC 6749 section 6).
    pub refresh_token: Option<super::Secret>,
    pub expires_in: Duration,
}

/// What follows an API response in the token scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiNextStep {
    /// Return the response to the app.
    ReturnToApp,
    RefreshAndRetry,
    Unauthorized,
    SignOut,
}

/// Why a caller wants a newer access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshReason {
    /// The access token has expired.
    Expired,
    /// The API answered 401 to it.
    Refused,
    /// The app asked for a refresh.
    Asked,
}

/// What the SDK makes of storage that it could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is not known who is signed in: the next call reads again.
    TryAgain,
    /// The same, but an app in the background reads again in the foreground only.
    TryInForeground,
    /// Nobody is signed in.
    NobodySignedIn,
}

pub trait SdkPolicy: Send + Sync {
    /// Decodes the envelope of a sign-in token.
    fn decode_base64(&self, text: &str) -> Option<Vec<u8>> {
        BASE64.decode(text.trim()).ok()
    }

    /// Decodes a part of a JWT (EXC-7).
    fn decode_base64url(&self, text: &str) -> Option<Vec<u8>> {
        BASE64URL.decode(text).ok()
    }

    /// Whether a sign-in token's algorithm is accepted (EXC-6).
    fn accepts_algorithm(&self, alg: &str) -> bool {
        alg == "RS256"
    }

    /// The environment and region of an issuer (EXC-6, EXC-8).
    fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
        token::realm_of_issuer(issuer)
    }

    /// Whether two user ids are equal. They are UUIDs, compared case-insensitively (MIG-10).
    fn same_user(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// Whether `setUserId` accepts an id: any.
    fn accepts_user_id(&self, _: &str) -> bool {
        true
    }

    /// Whether `setUserId` is accepted while a user is signed in by API key (LIF-2).
    fn may_set_user(&self, current: &str, asked: &str) -> bool {
        self.same_user(current, asked)
    }

    /// Whether a sign-in proceeds (LIF-2, LIF-3, MIG-2 to MIG-5, REF-7). Only the identity provider checks the token's
    /// expiry, because this device's clock may be wrong (REF-8).
    fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, _now_ms: i64) -> SignInPlan {
        let refuse = |kind, text| SignInPlan::Refuse(SdkError::new(kind, text));
        let Some(record) = current else { return SignInPlan::Exchange };
        if record.user_id().is_some_and(|user| !self.same_user(user, &token.user_id)) {
            return refuse(ErrorKind::AlreadySignedIn, "another user is signed in; sign out first");
        }
        if !self.same_realm(record.realm(), token.realm) {
            return refuse(ErrorKind::Incompatible, "the sign-in token is of another environment or region");
        }
        if let Record::SignInToken(session) = record
            && !self.same_team(&session.team, &token.team)
        {
            return refuse(ErrorKind::Incompatible, "the sign-in token is of another team");
        }
        match record {
            Record::SignInToken(session) if !session.on_hold => SignInPlan::NothingToDo,
            Record::SignInToken(_) | Record::ApiKey(_) => SignInPlan::Exchange,
        }
    }

    /// Whether sign-ins are serialized, so that two concurrent ones end with one session (LIF-5).
    fn serializes_sign_ins(&self) -> bool {
        true
    }

    /// Whether a sign-in goes on when its caller is cancelled (EXC-10).
    fn finishes_cancelled_sign_ins(&self) -> bool {
        false
    }

    /// Whether the signed-in user is the one that `identify` names (REC-8).
    fn is_identified(&self, current: Option<&Record>, external_user_id: &str) -> bool {
        matches!(current, Some(Record::SignInToken(session)) if session.external_user_id.as_deref() == Some(external_user_id))
    }

    /// Whether `identify` has nothing to do. A session on hold needs a new token (REC-8, REF-7).
    fn identify_is_idle(&self, current: Option<&Record>, external_user_id: &str) -> bool {
        self.is_identified(current, external_user_id) && !current.is_some_and(Record::is_on_hold)
    }

    /// The user after `configure` is called again for the same environment and region: the same one (KEY-7).
    fn user_after_configure(&self, current: &ApiKeyRecord, _api_key: &str) -> Result<Option<String>> {
        Ok(current.user_id.clone())
    }

    /// Whether `configure` replaces a session by the API key (MIG-7).
    fn key_replaces_session(&self) -> bool {
        false
    }

    /// Whether `setUserId` changes the user of a session (LIF-2).
    fn may_rename_session(&self) -> bool {
        false
    }

    /// Whether two realms are equal (MIG-4, MIG-5).
    fn same_realm(&self, one: Realm, other: Realm) -> bool {
        one == other
    }

    /// Whether the team of a session and that of a sign-in token are equal; one that is not known equals any (REF-12).
    fn same_team(&self, one: &str, other: &str) -> bool {
        one.is_empty() || other.is_empty() || one == other
    }

    /// The request of an exchange (EXC-1).
    fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
        let (jwt, public_key, tenant) = (token.jwt.expose(), token.public_key.as_str(), token.tenant.as_str());
        let values = RequestValues { token: jwt, public_key, tenant, ..RequestValues::default() };
        profile.request_with(IdpCall::Exchange, &values, &|fields| self.encode_form(fields))
    }

    /// The request of a refresh (REF-5).
    fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
        let (refresh_token, public_key) = (session.refresh_token.expose(), session.public_key.as_str());
        let values = RequestValues { refresh_token, public_key, ..RequestValues::default() };
        profile.request_with(IdpCall::Refresh, &values, &|fields| self.encode_form(fields))
    }

    /// Encodes a form body (EXC-7).
    fn encode_form(&self, fields: &[(&str, &str)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    /// How often an exchange is sent: once, because a lost response may have consumed the token (EXC-2).
    fn exchange_tries(&self) -> u32 {
        1
    }

    /// The error that a failed exchange returns to the app (EXC-4, REF-10).
    fn exchange_failure(
        &self,
        profile: &Profile,
        answer: &std::result::Result<HttpResponse, NetworkError>,
    ) -> SdkError {
        match answer {
            Err(_) => SdkError::new(
                ErrorKind::Network,
                "no answer from the identity provider; try again with a fresh sign-in token",
            ),
            Ok(answer) if answer.status == 429 || answer.status >= 500 => SdkError::new(
                ErrorKind::Network,
                format!("the identity provider answered {}; try again later", answer.status),
            ),
            Ok(answer)
                if (400..500).contains(&answer.status)
                    && profile.meaning(IdpCall::Exchange, &answer.body) == Some(ErrorKind::InvalidSignInToken) =>
            {
                SdkError::new(ErrorKind::InvalidSignInToken, "the identity provider refused the sign-in token")
            }
            Ok(answer) => SdkError::new(
                ErrorKind::UnexpectedAnswer,
                format!("unexpected answer to an exchange (status {})", answer.status),
            ),
        }
    }

    /// The tokens of a 200 response, if it is complete (REF-10).
    fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
        let answer = profile.token_answer(call, &answer.body).filter(|_| answer.status == 200)?;
        Some(TokenSet {
            access_token: super::Secret::new(answer.access_token),
            refresh_token: answer.refresh_token.map(super::Secret::new),
            expires_in: answer.expires_in.map_or(ASSUMED_LIFETIME, Duration::from_secs),
        })
    }

    /// Interprets the response to a refresh (REF-6, REF-7, REF-10, DEL-1, DEL-4).
    fn read_refresh(
        &self,
        profile: &Profile,
        answer: &std::result::Result<HttpResponse, NetworkError>,
    ) -> RefreshOutcome {
        let Ok(answer) = answer else { return RefreshOutcome::Temporary { retry_after: None } };
        match answer.status {
            200 => self
                .tokens(profile, IdpCall::Refresh, answer)
                .map_or(RefreshOutcome::Unexpected, RefreshOutcome::Tokens),
            429 | 500..=599 => RefreshOutcome::Temporary { retry_after: answer.retry_after },
            400..=499 => match profile.meaning(IdpCall::Refresh, &answer.body) {
                Some(ErrorKind::InvalidUser) => RefreshOutcome::UserGone,
                Some(ErrorKind::NeedsReauthentication) => RefreshOutcome::OnHold,
                _ => RefreshOutcome::Unexpected,
            },
            _ => RefreshOutcome::Unexpected,
        }
    }

    /// The delay before the next attempt; none if the refresh fails (REF-9). `chance` is random in 0..1.
    fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
        if tries >= REFRESH_TRIES || retry_after.is_some_and(|wait| wait > MAX_RETRY_AFTER) {
            return None;
        }
        let backoff = Duration::from_millis(500 << tries).mul_f64(0.5 + chance / 2.0);
        Some(retry_after.unwrap_or_default().max(backoff))
    }

    /// Whether an access token may be sent (REF-2).
    fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
        // With a longer leeway than its life, no token would ever be fresh.
        now_ms + LEEWAY_MS.min(session.lifetime_ms / 4) < session.expires_at_ms
    }

    /// Whether another caller shares a refresh in flight (REF-4). A refresh of the previous user is never shared (LIF-4).
    fn may_share_refresh(&self, _: RefreshReason, same_epoch: bool) -> bool {
        same_epoch
    }

    /// Whether a stale token was replaced meanwhile, so that no refresh is needed (REF-3, REF-4).
    fn was_replaced(&self, stale: &super::Secret, now: &super::Secret) -> bool {
        stale != now
    }

    /// Whether a refresh that the app requests is sent: always.
    fn refreshes_on_request(&self, _: &TokenRecord, _now_ms: i64) -> bool {
        true
    }

    /// After which times timers refresh an access token that is good for `left`. The reference refreshes when a call needs it.
    fn refresh_timers(&self, _left: Duration) -> Vec<Duration> {
        vec![]
    }

    /// Whether a timer still refreshes when it fires: `newest` is whether its access token is the newest one of its session
    /// (REF-13).
    fn timer_applies(&self, newest: bool, on_hold: bool) -> bool {
        newest && !on_hold
    }

    /// How long a timer waits after its refresh has failed `tries` times (REF-9).
    fn retry_timer_after(&self, tries: u32) -> Duration {
        Duration::from_secs(60 << tries.min(5))
    }

    /// Whether an earlier Retry-After still applies (REF-9). It applies only to the session of its epoch (LIF-4).
    fn must_wait_for_retry_after(&self, until_ms: i64, now_ms: i64, same_epoch: bool) -> bool {
        same_epoch && until_ms > now_ms
    }

    /// Checks that storage is available before tokens are requested (PER-4, PER-6).
    fn check_storage(&self, storage: &dyn Storage) -> std::result::Result<(), StorageError> {
        storage.read(Area::Secure, SESSION).map(drop)
    }

    /// The result for a caller that waited for another caller's refresh: the same result (DEL-5).
    fn result_for_waiters(&self, result: Result<()>) -> Result<()> {
        result
    }

    /// Whether a response to a request of one epoch may change the state of another (OUT-5).
    fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
        asked_in == now
    }

    /// Whether a call that began in one epoch may continue with the session of another (LIF-4).
    fn may_continue(&self, began_in: u64, now: u64) -> bool {
        began_in == now
    }

    /// The headers of an API call in the token scheme (REF-1).
    fn api_headers(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", session.access_token.expose()))]
    }

    /// The body of an attempt of an API call: the whole one, in a retry too (REF-3).
    fn body_of_attempt<'a>(&self, body: &'a str, _retried: bool) -> &'a str {
        body
    }

    /// What follows an API response (REF-3, DEL-4). `retried` is whether this was the second attempt.
    fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
        match status {
            401 if retried => ApiNextStep::Unauthorized,
            401 => ApiNextStep::RefreshAndRetry,
            _ => ApiNextStep::ReturnToApp,
        }
    }

    /// The status set of a record (LIF-7).
    fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
        use StatusWord::{Configured, PendingReauthentication, SignedIn, UseApiKey, UseSignInToken};
        match record {
            None => vec![],
            Some(Record::ApiKey(record)) if record.user_id.is_none() => vec![Configured],
            Some(Record::ApiKey(_)) => vec![Configured, SignedIn, UseApiKey],
            Some(Record::SignInToken(session)) if session.on_hold => {
                vec![Configured, SignedIn, UseSignInToken, PendingReauthentication]
            }
            Some(Record::SignInToken(_)) => vec![Configured, SignedIn, UseSignInToken],
        }
    }

    /// Reports a status change to the app (LIF-6).
    fn report_status(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
        listener(status);
    }

    /// Whether an SDK whose storage is locked reports that nobody is signed in (PER-6).
    fn locked_looks_empty(&self) -> bool {
        false
    }

    /// Whether the SDK reads its storage at launch, and not at the first call.
    fn restores_at_launch(&self, _: AppState) -> bool {
        true
    }

    /// What follows a launch or a call that could not read storage: locked storage is not empty storage (PER-8, WAK-1).
    fn after_failed_restore(&self, _: &dyn Storage, _: AppState) -> Unread {
        Unread::TryAgain
    }

    /// Whether status and user are reported (WAK-2).
    fn reports_user(&self, _: AppState) -> bool {
        true
    }

    /// Whether a record is stored before it is used: the process can be killed at any time (PER-4, WAK-1).
    fn stores_at_once(&self, _: AppState) -> bool {
        true
    }

    /// Takes over what the previous release stored, before the record is read (UPD-1, UPD-2, UPD-4).
    fn adopt_previous(&self, storage: &dyn Storage) -> std::result::Result<(), StorageError> {
        previous::adopt(self, storage)
    }

    /// Whether the SDK takes over what another process on its storage has made of its record (MUL-1 to MUL-3).
    fn follows_other_processes(&self, _own: Option<&Record>, _stored: Option<&Record>) -> bool {
        true
    }

    /// Whether the SDK looks at the stored record again before it stores renewed tokens (MUL-2).
    fn looks_before_storing(&self) -> bool {
        true
    }

    /// Whether processes on one storage refresh one after the other (MUL-1).
    fn refreshes_alone(&self) -> bool {
        true
    }

    /// Reads the record back at launch (PER-1 to PER-7).
    fn restore(&self, storage: &dyn Storage) -> std::result::Result<Option<Record>, StorageError> {
        storage.remove_partial_writes()?;
        let Some(bytes) = storage.read(Area::Secure, SESSION)? else { return Ok(None) };
        let reinstalled = storage.read(Area::Plain, INSTALLED)?.is_none();
        match serde_json::from_slice(&bytes) {
            Ok(record) if !reinstalled => Ok(Some(record)),
            _ => {
                self.erase(storage)?;
                Ok(None)
            }
        }
    }

    /// Replaces the record (EXC-3, EXC-5, MIG-6, MIG-9). The installation mark is written first, because a record without
    /// it counts as a leftover of an earlier installation.
    fn save(&self, storage: &dyn Storage, record: &Record) -> std::result::Result<(), StorageError> {
        storage.write(Area::Plain, INSTALLED, b"")?;
        let bytes = serde_json::to_vec(record).map_err(|e| StorageError::Failed(e.to_string()))?;
        storage.write(Area::Secure, SESSION, &bytes)
    }

    /// Erases everything, the record first (OUT-1, OUT-2, DEL-1, DEL-6).
    fn erase(&self, storage: &dyn Storage) -> std::result::Result<(), StorageError> {
        storage.erase(Area::Secure, SESSION)?;
        storage.erase(Area::Plain, INSTALLED)
    }

    /// Checks the prefix of an API key (KEY-5).
    fn check_api_key(&self, key: &str, realm: Realm) -> Result<()> {
        let expected = format!("{}_{}_", realm.environment.key_prefix(), realm.region);
        if key.starts_with(&expected) {
            return Ok(());
        }
        Err(SdkError::new(ErrorKind::InvalidApiKey, format!("an API key of {realm} begins with {expected}")))
    }

    /// The result of `setUserId` before `configure` (KEY-3).
    fn user_before_configuration(&self) -> Result<()> {
        Err(SdkError::new(ErrorKind::NotConfigured, "call configure first"))
    }
}

/// The policy that follows the scheme: the reference SDK.
pub struct DefaultSdkPolicy;

impl SdkPolicy for DefaultSdkPolicy {}
