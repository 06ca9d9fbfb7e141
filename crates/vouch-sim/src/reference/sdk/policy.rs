//! Every decision of the scheme, one method each, with the clause that asks for it. The default bodies are the
//! reference; whoever wants to know what happens when one of them is wrong overrides it.

use super::ports::{HttpResponse, NoResponse, Storage, StorageError};
use super::record::{Record, TokenRecord};
use super::token::{self, SignInToken};
use super::{Result, SdkError};
use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use std::time::Duration;
use vouch_spec::profile::{IdpCall, Profile, Request, Values};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, Realm, StatusWord};

/// Padding or none: issuers differ (EXC-7).
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// The secure item that holds the record.
pub const SESSION: &str = "session";
/// A plain item without content: it goes with the app, while a keychain may outlive it (PER-7).
pub const INSTALLED: &str = "installed";
/// Tokens this near to their end are not sent: they could expire on the way (REF-2).
const LEEWAY_MS: i64 = 30_000;
/// How often a failed refresh is tried in one call (REF-3, REF-9).
const REFRESH_TRIES: u32 = 3;
/// The longest Retry-After that a caller is made to wait for (REF-9).
const PATIENCE: Duration = Duration::from_secs(10);

/// What a sign-in is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    Exchange,
    /// This user is signed in already (LIF-3).
    NothingToDo,
    Refuse(SdkError),
}

/// What a refresh came to.
#[derive(Clone, Debug)]
pub enum Refreshed {
    Tokens(Tokens),
    /// The user is no longer valid (DEL-1).
    UserGone,
    /// A new sign-in token is wanted (REF-7).
    OnHold,
    /// Try later (REF-6).
    Temporary {
        retry_after: Option<Duration>,
    },
    /// Nothing that the scheme knows (REF-10).
    Unexpected,
}

/// The tokens of an answer.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access_token: super::Secret,
    pub refresh_token: super::Secret,
    pub expires_in: Duration,
}

/// What follows an answer of the API in the token scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is the app's.
    WorkerState,
    RefreshAndRetry,
    Unauthorized,
    SignOut,
}

/// Why a caller wants a newer access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The one at hand is known to be at its end.
    Expired,
    /// The API has refused it.
    Refused,
    /// The app asked for a refresh.
    Asked,
}

pub trait SdkPolicy: Send + Sync {
    /// The envelope of a sign-in token.
    fn decode_base64(&self, text: &str) -> Option<Vec<u8>> {
        BASE64.decode(text.trim()).ok()
    }

    /// A part of a JWT (EXC-7).
    fn decode_base64url(&self, text: &str) -> Option<Vec<u8>> {
        BASE64URL.decode(text).ok()
    }

    /// EXC-6.
    fn accepts_algorithm(&self, alg: &str) -> bool {
        alg == "RS256"
    }

    /// EXC-6, EXC-8.
    fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
        token::realm_of_issuer(issuer)
    }

    /// User ids are UUIDs; some print them in capitals (MIG-10).
    fn same_user(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// Whether `setUserId` is taken while somebody is signed in by API key (LIF-2).
    fn may_set_user(&self, current: &str, asked: &str) -> bool {
        self.same_user(current, asked)
    }

    /// Whether a sign-in goes ahead (LIF-2, LIF-3, MIG-2 to MIG-5, REF-7). The token's own times are the identity provider's
    /// to judge: this device's clock may be off (REF-8).
    fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, _now_ms: i64) -> Plan {
        let refuse = |kind, text| Plan::Refuse(SdkError::new(kind, text));
        let Some(record) = current else { return Plan::Exchange };
        if record.user_id().is_some_and(|user| !self.same_user(user, &token.user_id)) {
            return refuse(ErrorKind::AlreadySignedIn, "another user is signed in; sign out first");
        }
        if !self.same_realm(record.realm(), token.realm) {
            return refuse(ErrorKind::Incompatible, "the sign-in token is of another environment or region");
        }
        match record {
            Record::SignInToken(session) if !session.on_hold => Plan::NothingToDo,
            Record::SignInToken(_) | Record::ApiKey(_) => Plan::Exchange,
        }
    }

    /// Whether sign-ins queue, so that two at once end with one session (LIF-5).
    fn takes_turns(&self) -> bool {
        true
    }

    /// Whether what is signed in is what `identify` asks for (REC-8).
    fn identified(&self, current: Option<&Record>, external_user_id: &str) -> bool {
        matches!(current, Some(Record::SignInToken(session)) if session.external_user_id.as_deref() == Some(external_user_id))
    }

    /// Whether `identify` has nothing to do: a session on hold wants a new token (REC-8, REF-7).
    fn identify_is_idle(&self, current: Option<&Record>, external_user_id: &str) -> bool {
        self.identified(current, external_user_id) && !current.is_some_and(Record::is_on_hold)
    }

    /// Whether `configure` puts the API key in the place of a session (MIG-7).
    fn key_replaces_session(&self) -> bool {
        false
    }

    /// Whether `setUserId` changes the user of a session (LIF-2).
    fn may_rename_session(&self) -> bool {
        false
    }

    /// MIG-4, MIG-5.
    fn same_realm(&self, one: Realm, other: Realm) -> bool {
        one == other
    }

    /// The request of an exchange (EXC-1).
    fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
        let (jwt, public_key, tenant) = (token.jwt.expose(), token.public_key.as_str(), token.tenant.as_str());
        let values = Values { token: jwt, public_key, tenant, ..Values::default() };
        profile.request_with(IdpCall::Exchange, &values, &|fields| self.form(fields))
    }

    /// The request of a refresh (REF-5).
    fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> Request {
        let (refresh_token, public_key) = (session.refresh_token.expose(), session.public_key.as_str());
        let values = Values { refresh_token, public_key, ..Values::default() };
        profile.request_with(IdpCall::Refresh, &values, &|fields| self.form(fields))
    }

    /// Percent-encodes whatever a form must (EXC-7).
    fn form(&self, fields: &[(&str, &str)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    /// How often an exchange is sent. Once: if its answer got lost, the token may be used up (EXC-2).
    fn exchange_tries(&self) -> u32 {
        1
    }

    /// What a failed exchange is to the app (EXC-4, REF-10).
    fn exchange_failure(&self, profile: &Profile, answer: &std::result::Result<HttpResponse, NoResponse>) -> SdkError {
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

    /// The tokens of a 200 answer, if it has them all (REF-10).
    fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
        let granted = profile.granted(call, &answer.body).filter(|_| answer.status == 200)?;
        Some(Tokens {
            access_token: super::Secret::new(granted.access_token),
            refresh_token: super::Secret::new(granted.refresh_token),
            expires_in: Duration::from_secs(granted.expires_in),
        })
    }

    /// Reads the answer to a refresh (REF-6, REF-7, REF-10, DEL-1, DEL-4).
    fn read_refresh(&self, profile: &Profile, answer: &std::result::Result<HttpResponse, NoResponse>) -> Refreshed {
        let Ok(answer) = answer else { return Refreshed::Temporary { retry_after: None } };
        match answer.status {
            200 => self.tokens(profile, IdpCall::Refresh, answer).map_or(Refreshed::Unexpected, Refreshed::Tokens),
            429 | 500..=599 => Refreshed::Temporary { retry_after: answer.retry_after },
            400..=499 => match profile.meaning(IdpCall::Refresh, &answer.body) {
                Some(ErrorKind::InvalidUser) => Refreshed::UserGone,
                Some(ErrorKind::NeedsReauthentication) => Refreshed::OnHold,
                _ => Refreshed::Unexpected,
            },
            _ => Refreshed::Unexpected,
        }
    }

    /// How long to wait before the next try, or that there is none (REF-9). `chance` lies in 0..1.
    fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
        if tries >= REFRESH_TRIES || retry_after.is_some_and(|wait| wait > PATIENCE) {
            return None;
        }
        let backoff = Duration::from_millis(500 << tries).mul_f64(0.5 + chance / 2.0);
        Some(retry_after.unwrap_or_default().max(backoff))
    }

    /// Whether an access token may be sent (REF-2).
    fn fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
        now_ms + LEEWAY_MS < session.expires_at_ms
    }

    /// Whether a refresh in flight serves another caller too (REF-4). One of a user who has left serves nobody of the next
    /// (LIF-4).
    fn may_share_refresh(&self, _: Why, same_era: bool) -> bool {
        same_era
    }

    /// Whether the token that a caller found stale was replaced meanwhile: then it needs no refresh (REF-3, REF-4).
    fn was_replaced(&self, stale: &super::Secret, now: &super::Secret) -> bool {
        stale != now
    }

    /// Whether a refresh that the app asks for is sent: always, for the app may know more.
    fn due_when_asked(&self, _: &TokenRecord, _now_ms: i64) -> bool {
        true
    }

    /// Whether the server's wish for a pause holds still (REF-9). It was for the session of its era (LIF-4).
    fn must_wait(&self, until_ms: i64, now_ms: i64, same_era: bool) -> bool {
        same_era && until_ms > now_ms
    }

    /// Whether what comes now could be kept (PER-4, PER-6).
    fn check_vault(&self, vault: &dyn Storage) -> std::result::Result<(), StorageError> {
        vault.read(Area::Secure, SESSION).map(drop)
    }

    /// What a caller gets that waited for another's refresh: the same (DEL-5).
    fn for_waiters(&self, result: Result<()>) -> Result<()> {
        result
    }

    /// Whether an answer asked for in one era may change the state of another (OUT-5).
    fn still_wanted(&self, asked_in: u64, now: u64) -> bool {
        asked_in == now
    }

    /// Whether a call that began in one era may go on with the session of another (LIF-4).
    fn still_theirs(&self, began_in: u64, now: u64) -> bool {
        began_in == now
    }

    /// The headers of an API call in the token scheme (REF-1).
    fn credentials(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", session.access_token.expose()))]
    }

    /// What follows an API answer in the token scheme (REF-3, DEL-4). `retried` is whether this was the second try.
    fn after_api(&self, status: u16, retried: bool) -> Next {
        match status {
            401 if retried => Next::Unauthorized,
            401 => Next::RefreshAndRetry,
            _ => Next::WorkerState,
        }
    }

    /// LIF-7.
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

    /// LIF-6.
    fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
        listener(status);
    }

    /// Reads the record back at launch (PER-1 to PER-7).
    fn restore(&self, vault: &dyn Storage) -> std::result::Result<Option<Record>, StorageError> {
        vault.tidy()?;
        let Some(bytes) = vault.read(Area::Secure, SESSION)? else { return Ok(None) };
        let reinstalled = vault.read(Area::Plain, INSTALLED)?.is_none();
        match serde_json::from_slice(&bytes) {
            Ok(record) if !reinstalled => Ok(Some(record)),
            _ => {
                self.erase(vault)?;
                Ok(None)
            }
        }
    }

    /// Replaces the record (EXC-3, EXC-5, MIG-6, MIG-9). The mark comes first: a record without it counts as left over.
    fn save(&self, vault: &dyn Storage, record: &Record) -> std::result::Result<(), StorageError> {
        vault.write(Area::Plain, INSTALLED, b"")?;
        let bytes = serde_json::to_vec(record).map_err(|e| StorageError::Failed(e.to_string()))?;
        vault.write(Area::Secure, SESSION, &bytes)
    }

    /// Erases everything (OUT-1, OUT-2, DEL-1, DEL-6). The record goes first: without it nothing else matters.
    fn erase(&self, vault: &dyn Storage) -> std::result::Result<(), StorageError> {
        vault.erase(Area::Secure, SESSION)?;
        vault.erase(Area::Plain, INSTALLED)
    }

    /// KEY-5.
    fn check_api_key(&self, key: &str, realm: Realm) -> Result<()> {
        let expected = format!("{}_{}_", realm.environment.key_prefix(), realm.region);
        if key.starts_with(&expected) {
            return Ok(());
        }
        Err(SdkError::new(ErrorKind::InvalidApiKey, format!("an API key of {realm} begins with {expected}")))
    }

    /// KEY-3.
    fn user_before_configuration(&self) -> Result<()> {
        Err(SdkError::new(ErrorKind::NotConfigured, "call configure first"))
    }
}

/// The scheme as it is meant.
pub struct DefaultSdkPolicy;

impl SdkPolicy for DefaultSdkPolicy {}
