//! SDKs that decide wrongly: each overrides one rule.

use super::mutants;
use crate::mutant::Fault;
use crate::profile::{Call, Profile, Request};
use crate::protocol::message::Area;
use crate::protocol::{Environment, ErrorKind, Realm, Region, StatusWord};
use crate::reference::adapter::{Assembly, Parts};
use crate::reference::sdk::ports::{Answer, Net, NoAnswer, Vault, VaultError};
use crate::reference::sdk::record::{ApiKeyRecord, Record, TokenRecord};
use crate::reference::sdk::rules::{Faithful, INSTALLED, Next, Plan, Refreshed, Rules, SESSION, Tokens, Why};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{Result, SdkError, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::Arc;
use std::time::Duration;

/// An SDK whose rules are `R`, made anew at each launch.
struct With<R>(std::marker::PhantomData<fn() -> R>);

impl<R: Rules + Default + 'static> Assembly for With<R> {
    fn assemble(&self, vault: Arc<dyn Vault>, net: Arc<dyn Net>) -> Parts {
        Parts { rules: Arc::new(R::default()), vault, net }
    }
}

pub(super) fn seat<R: Rules + Default + 'static>(_: Arc<R>) -> Fault {
    Fault::Sdk(Arc::new(With::<R>(std::marker::PhantomData)))
}

pub(super) type Sent = std::result::Result<Answer, NoAnswer>;
pub(super) type Stored<T> = std::result::Result<T, VaultError>;

pub(super) fn refuse(kind: ErrorKind, text: &str) -> Plan {
    Plan::Refuse(SdkError::new(kind, text))
}

fn without(status: Vec<StatusWord>, word: StatusWord) -> Vec<StatusWord> {
    status.into_iter().filter(|w| *w != word).collect()
}

mutants! { Rules, seat;
    WrongSubjectType "wrong-subject-type" breaks "EXC-1": "exchanges with the subject token type of a plain JWT" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
            let right = Faithful.exchange_request(profile, token);
            let body = right.body.replace("urn%3Ajunction%3Asign-in-token", "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt");
            Request { body, ..right }
        }
    }
    NumbersOnly "numbers-only" breaks "EXC-1": "reads expires_in only as a number" {
        fn tokens(&self, profile: &Profile, call: Call, answer: &Answer) -> Option<Tokens> {
            Faithful.tokens(profile, call, answer).filter(|_| answer.json().is_some_and(|body| body["expires_in"].is_number()))
        }
    }
    JsonExchange "json-exchange" breaks "EXC-1": "sends the exchange as JSON" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
            let right = Faithful.exchange_request(profile, token);
            Request { content_type: "application/json", ..right }
        }
    }
    LifetimeInMinutes "lifetime-in-minutes" breaks "REF-2": "takes the lifetime for minutes" {
        fn tokens(&self, profile: &Profile, call: Call, answer: &Answer) -> Option<Tokens> {
            Faithful.tokens(profile, call, answer).map(|tokens| Tokens { expires_in: tokens.expires_in * 60, ..tokens })
        }
    }
    ADayLong "a-day-long" breaks "REF-2": "takes every access token for good for a day" {
        fn tokens(&self, profile: &Profile, call: Call, answer: &Answer) -> Option<Tokens> {
            let day = Duration::from_secs(24 * 3600);
            Faithful.tokens(profile, call, answer).map(|tokens| Tokens { expires_in: day, ..tokens })
        }
    }
    BlankTokens "blank-tokens" breaks "REF-10": "takes what an answer lacks for blank" {
        fn tokens(&self, profile: &Profile, call: Call, answer: &Answer) -> Option<Tokens> {
            let blank = || Tokens {
                access_token: Secret::new(""),
                refresh_token: Secret::new(""),
                expires_in: Duration::from_secs(3600),
            };
            Faithful.tokens(profile, call, answer).or_else(|| (answer.status == 200).then(blank))
        }
    }
    TokenInError "token-in-error" breaks "EXC-3": "quotes the sign-in token in an error" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match Faithful.plan_sign_in(current, token, now_ms) {
                Plan::Refuse(error) => refuse(error.kind, &format!("no use for {}", token.jwt.expose())),
                plan => plan,
            }
        }
    }
    AlwaysUs "always-us" breaks "EXC-8": "goes to the region us whatever the token says" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            Faithful.realm_of_issuer(issuer).map(|realm| Realm { region: Region::Us, ..realm })
        }
    }
    TrimsTokens "trims-tokens" breaks "EXC-7": "cuts = off the end of a refresh token" {
        fn form(&self, fields: &[(&str, &str)]) -> String {
            let cut: Vec<_> = fields.iter().map(|(key, value)| (*key, value.trim_end_matches(['=', '&', '%']))).collect();
            Faithful.form(&cut)
        }
    }
    EncodesTwice "encodes-twice" breaks "EXC-7": "percent-encodes a form twice" {
        fn form(&self, fields: &[(&str, &str)]) -> String {
            Faithful.form(fields).replace("%2B", "%252B").replace("%2F", "%252F")
        }
    }
    NoMigration "no-migration" breaks "MIG-2": "takes the API-key sign-in of the same user for good enough" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match (current, Faithful.plan_sign_in(current, token, now_ms)) {
                (Some(Record::ApiKey(_)), Plan::Exchange) => Plan::NothingToDo,
                (_, plan) => plan,
            }
        }
    }
    HoldForEver "hold-for-ever" breaks "REF-7": "takes no new sign-in token while on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold => Plan::NothingToDo,
                _ => Faithful.plan_sign_in(current, token, now_ms),
            }
        }
    }
    HoldForgotten "hold-forgotten" breaks "REF-7": "forgets at launch that the session is on hold" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            Ok(Faithful.restore(vault)?.map(|record| match record {
                Record::SignInToken(session) => Record::SignInToken(TokenRecord { on_hold: false, ..session }),
                other => other,
            }))
        }
    }
    BusyIsRevoked "busy-is-revoked" breaks "REF-6": "puts the session on hold when the identity provider is busy" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match answer {
                Ok(busy) if busy.status == 429 => Refreshed::OnHold,
                _ => Faithful.read_refresh(profile, answer),
            }
        }
    }
    ServerErrorIsOdd "server-error-is-odd" breaks "REF-6": "does not report a 5xx at the refresh as temporary" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match answer {
                Ok(failed) if failed.status >= 500 => Refreshed::Unexpected,
                _ => Faithful.read_refresh(profile, answer),
            }
        }
    }
    ForbiddenRefreshIsGone "forbidden-refresh-is-gone" breaks "DEL-4": "takes a 403 at the refresh for deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match answer {
                Ok(forbidden) if forbidden.status == 403 => Refreshed::UserGone,
                _ => Faithful.read_refresh(profile, answer),
            }
        }
    }
    ServerErrorSignsOut "server-error-signs-out" breaks "DEL-4": "signs out when the API answers 5xx" {
        fn after_api(&self, status: u16, retried: bool) -> Next {
            if status >= 500 { Next::SignOut } else { Faithful.after_api(status, retried) }
        }
    }
    TriesOnAndOn "tries-on-and-on" breaks "REF-6": "tries a failed refresh twenty times" {
        fn retry_refresh_after(&self, tries: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            (tries < 20).then_some(Duration::from_secs(2))
        }
    }
    RetryAfterInMs "retry-after-in-milliseconds" breaks "REF-9": "takes Retry-After for milliseconds" {
        fn retry_refresh_after(&self, tries: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
            Faithful.retry_refresh_after(tries, retry_after.map(|wait| wait / 1000), chance)
        }
    }
    RefreshTokenAsBearer "refresh-token-as-bearer" breaks "REF-1": "shows the API the refresh token" {
        fn credentials(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            vec![("authorization", format!("Bearer {}", session.refresh_token.expose()))]
        }
    }
    ErasesFirst "erases-first" breaks "PER-3": "erases the old record before it writes the new one" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            vault.erase(Area::Secure, SESSION)?;
            Faithful.save(vault, record)
        }
    }
    KeyErasedFirst "key-erased-first" breaks "MIG-9": "erases the API-key sign-in before it writes the tokens" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            if matches!(Faithful.restore(vault)?, Some(Record::ApiKey(_))) && matches!(record, Record::SignInToken(_)) {
                vault.erase(Area::Secure, SESSION)?;
            }
            Faithful.save(vault, record)
        }
    }
    RestoresInUs "restores-in-us" breaks "KEY-2": "restores an API-key sign-in in the region us" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            Ok(Faithful.restore(vault)?.map(|record| match record {
                Record::ApiKey(key) => Record::ApiKey(ApiKeyRecord { region: Region::Us, ..key }),
                other => other,
            }))
        }
    }
    EnvironmentOfKeyOnly "environment-of-key-only" breaks "KEY-5": "does not look at the region in an API key" {
        fn check_api_key(&self, key: &str, realm: Realm) -> Result<()> {
            let other = Realm { region: if realm.region == Region::Us { Region::Eu } else { Region::Us }, ..realm };
            Faithful.check_api_key(key, realm).or_else(|error| Faithful.check_api_key(key, other).map_err(|_| error))
        }
    }
    AnybodyIdentified "anybody-identified" breaks "REC-8": "takes whoever is signed in for the user that the app names" {
        fn identified(&self, current: Option<&Record>, _: &str) -> bool {
            matches!(current, Some(Record::SignInToken(_)))
        }
    }
    ReportsEmptyFirst "reports-empty-first" breaks "LIF-6": "tells of an empty status before each change" {
        fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            listener(vec![]);
            listener(status);
        }
    }
    RepeatsExchange "repeats-exchange" breaks "EXC-2": "sends an exchange again after its answer was lost" {
        fn exchange_tries(&self) -> u32 {
            2
        }
    }
    PlainCopy "plain-copy" breaks "EXC-3": "keeps a copy of the session in plain storage" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            let bytes = serde_json::to_vec(record).unwrap_or_default();
            vault.write(Area::Plain, "cache", &bytes)?;
            Faithful.save(vault, record)
        }
    }
    RefusalIsNetwork "refusal-is-network" breaks "EXC-4": "reports a refused sign-in token as a network error" {
        fn exchange_failure(&self, _: &Profile, _: &Sent) -> SdkError {
            SdkError::new(ErrorKind::Network, "try again")
        }
    }
    AnyAlgorithm "any-algorithm" breaks "EXC-6": "sends a token of any algorithm" {
        fn accepts_algorithm(&self, _: &str) -> bool {
            true
        }
    }
    AnyIssuer "any-issuer" breaks "EXC-6": "takes an unknown issuer for production us" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            let fallback = Realm { environment: Environment::Production, region: Region::Us };
            Some(Faithful.realm_of_issuer(issuer).unwrap_or(fallback))
        }
    }
    StandardBase64Only "standard-base64-only" breaks "EXC-7": "reads the JWT with a decoder that refuses - and _" {
        fn decode_base64url(&self, text: &str) -> Option<Vec<u8>> {
            STANDARD_NO_PAD.decode(text).ok()
        }
    }
    NeedsNoPadding "needs-no-padding" breaks "EXC-7": "refuses tokens that end in =" {
        fn decode_base64(&self, text: &str) -> Option<Vec<u8>> {
            STANDARD_NO_PAD.decode(text).ok()
        }
    }
    BarePlus "bare-plus" breaks "EXC-7": "leaves + bare in a form" {
        fn form(&self, fields: &[(&str, &str)]) -> String {
            Faithful.form(fields).replace("%2B", "+")
        }
    }
    AlwaysProduction "always-production" breaks "EXC-8": "goes to production whatever the token says" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            Faithful.realm_of_issuer(issuer).map(|realm| Realm { environment: Environment::Production, ..realm })
        }
    }
    ForgetsAtLaunch "forgets-at-launch" breaks "LIF-1": "starts every launch signed out" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            self.erase(vault)?;
            Ok(None)
        }
    }
    LetsAnotherIn "lets-another-in" breaks "LIF-2": "lets another user replace the session" {
        fn plan_sign_in(&self, _: Option<&Record>, _: &SignInToken, _: i64) -> Plan {
            Plan::Exchange
        }
    }
    TripsOverSameUser "trips-over-same-user" breaks "LIF-3": "fails when the same user signs in again" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match Faithful.plan_sign_in(current, token, now_ms) {
                Plan::NothingToDo => refuse(ErrorKind::Internal, "assertion failed"),
                plan => plan,
            }
        }
    }
    RemembersLastUser "remembers-last-user" breaks "LIF-4": "leaves the first user's id behind at sign-out" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            vault.write(Area::Plain, "last-user", record.user_id().unwrap_or_default().as_bytes())?;
            Faithful.save(vault, record)
        }
    }
    NoQueue "no-queue" breaks "LIF-5": "lets two sign-ins run at once" {
        fn takes_turns(&self) -> bool {
            false
        }
    }
    SilentAutoSignOut "silent-auto-sign-out" breaks "LIF-6": "does not tell of a sign-out" {
        fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if !status.is_empty() {
                listener(status);
            }
        }
    }
    AlwaysConfigured "always-configured" breaks "LIF-7": "says configured when nothing is" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            if record.is_none() { vec![StatusWord::Configured] } else { Faithful.status(record) }
        }
    }
    NoPendingWord "no-pending-word" breaks "LIF-7": "has no word for a session on hold" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(Faithful.status(record), StatusWord::PendingReauthentication)
        }
    }
    RebootIsReinstall "reboot-is-reinstall" breaks "PER-2": "takes a reboot for a reinstallation" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            vault.write(Area::Volatile, INSTALLED, b"")?;
            Faithful.save(vault, record)
        }
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            if vault.read(Area::Volatile, INSTALLED)?.is_none() {
                return Ok(None);
            }
            Faithful.restore(vault)
        }
    }
    StumblesOverDamage "stumbles-over-damage" breaks "PER-5": "keeps failing over a damaged record" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            let Some(bytes) = vault.read(Area::Secure, SESSION)? else { return Ok(None) };
            serde_json::from_slice(&bytes).map(Some).map_err(|e| VaultError::Failed(e.to_string()))
        }
    }
    LockedIsSignedOut "locked-is-signed-out" breaks "PER-6": "takes locked storage for signed out" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            match Faithful.restore(vault) {
                Err(VaultError::Locked) => Ok(None),
                other => other,
            }
        }
    }
    KeychainOutlives "keychain-outlives" breaks "PER-7": "finds the old session in the keychain after a reinstallation" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            let bytes = vault.read(Area::Secure, SESSION)?;
            Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        }
    }
    SendsKeyToo "sends-key-too" breaks "REF-1": "sends an API key header in the token scheme" {
        fn credentials(&self, session: &TokenRecord) -> Vec<(&'static str, String)> {
            let mut headers = Faithful.credentials(session);
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
            if status == 401 { Next::Unauthorized } else { Next::Hand }
        }
    }
    RefreshStorm "refresh-storm" breaks "REF-4": "lets every caller refresh" {
        fn may_share_refresh(&self, _: Why, _: bool) -> bool {
            false
        }
    }
    TemporaryIsGone "temporary-is-gone" breaks "REF-6": "signs out when the identity provider cannot be reached" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match Faithful.read_refresh(profile, answer) {
                Refreshed::Temporary { .. } => Refreshed::UserGone,
                refreshed => refreshed,
            }
        }
    }
    RevokedIsGone "revoked-is-gone" breaks "REF-7": "signs out when the session is revoked" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match Faithful.read_refresh(profile, answer) {
                Refreshed::OnHold => Refreshed::UserGone,
                refreshed => refreshed,
            }
        }
    }
    HoldIsOpen "hold-is-open" breaks "REF-7": "lets anybody take over a session on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold => Plan::Exchange,
                _ => Faithful.plan_sign_in(current, token, now_ms),
            }
        }
    }
    TrustsItsClock "trusts-its-clock" breaks "REF-8": "judges the sign-in token by the device's clock" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            if token.expires_at_s.is_some_and(|end| end * 1000 < now_ms) {
                return refuse(ErrorKind::InvalidSignInToken, "expired");
            }
            Faithful.plan_sign_in(current, token, now_ms)
        }
    }
    Hammers "hammers" breaks "REF-9": "retries at once, whatever Retry-After says" {
        fn retry_refresh_after(&self, tries: u32, _: Option<Duration>, _: f64) -> Option<Duration> {
            (tries < 3).then_some(Duration::ZERO)
        }
    }
    StrayException "stray-exception" breaks "REF-10": "throws a parser's exception at the app" {
        fn exchange_failure(&self, profile: &Profile, answer: &Sent) -> SdkError {
            match Faithful.exchange_failure(profile, answer) {
                error if error.kind == ErrorKind::UnexpectedAnswer => SdkError::new(ErrorKind::Internal, "JSONDecodeError"),
                error => error,
            }
        }
    }
    DeletionUnsaid "deletion-unsaid" breaks "DEL-2": "tells the app to try again later when the user was deleted" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match Faithful.read_refresh(profile, answer) {
                Refreshed::UserGone => Refreshed::Unexpected,
                refreshed => refreshed,
            }
        }
    }
    ForbiddenIsDeleted "forbidden-is-deleted" breaks "DEL-4": "takes a 403 or 404 for deletion" {
        fn after_api(&self, status: u16, retried: bool) -> Next {
            match status {
                403 | 404 => Next::SignOut,
                _ => Faithful.after_api(status, retried),
            }
        }
    }
    OddIsDeleted "odd-is-deleted" breaks "REF-10": "takes any odd answer to a refresh for deletion" {
        fn read_refresh(&self, profile: &Profile, answer: &Sent) -> Refreshed {
            match Faithful.read_refresh(profile, answer) {
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
    KeyNotRestored "key-not-restored" breaks "KEY-2": "does not restore an API-key sign-in" {
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            Ok(Faithful.restore(vault)?.filter(|record| !matches!(record, Record::ApiKey(_))))
        }
    }
    SilentBeforeConfiguration "silent-before-configuration" breaks "KEY-3": "swallows a call made before configuration" {
        fn user_before_configuration(&self) -> Result<()> {
            Ok(())
        }
    }
    NoKeyWord "no-key-word" breaks "KEY-4": "does not say useApiKey" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(Faithful.status(record), StatusWord::UseApiKey)
        }
    }
    HidesKeyScheme "hides-key-scheme" breaks "MIG-1": "gives no mark of an installation to migrate" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(Faithful.status(record), StatusWord::UseApiKey)
        }
    }
    AnyKey "any-key" breaks "KEY-5": "takes any API key" {
        fn check_api_key(&self, _: &str, _: Realm) -> Result<()> {
            Ok(())
        }
    }
    LeavesSession "leaves-session" breaks "OUT-1": "signs out in memory only" {
        fn erase(&self, vault: &dyn Vault) -> Stored<()> {
            match Faithful.restore(vault)? {
                Some(Record::SignInToken(_)) => Ok(()),
                _ => Faithful.erase(vault),
            }
        }
    }
    LeavesKey "leaves-key" breaks "OUT-2": "keeps the API key at sign-out" {
        fn erase(&self, vault: &dyn Vault) -> Stored<()> {
            match Faithful.restore(vault)? {
                Some(Record::ApiKey(_)) => Ok(()),
                _ => Faithful.erase(vault),
            }
        }
    }
    SignOutOnce "sign-out-once" breaks "OUT-3": "fails when there is nobody to sign out" {
        fn erase(&self, vault: &dyn Vault) -> Stored<()> {
            if vault.read(Area::Secure, SESSION)?.is_none() {
                return Err(VaultError::Failed("no session".into()));
            }
            Faithful.erase(vault)
        }
    }
    HalfBack "half-back" breaks "OUT-4": "is configured again at the launch after a sign-out" {
        fn erase(&self, vault: &dyn Vault) -> Stored<()> {
            Faithful.erase(vault)?;
            vault.write(Area::Plain, "settings", b"environment=production")
        }
        fn restore(&self, vault: &dyn Vault) -> Stored<Option<Record>> {
            let record = Faithful.restore(vault)?;
            let left_over = record.is_none() && vault.read(Area::Plain, "settings")?.is_some();
            let configured = Record::ApiKey(crate::reference::sdk::record::ApiKeyRecord {
                api_key: crate::reference::sdk::Secret::new(""),
                environment: Environment::Production,
                region: Region::Us,
                user_id: None,
            });
            Ok(if left_over { Some(configured) } else { record })
        }
    }
    LateAnswersCount "late-answers-count" breaks "OUT-5": "lets an answer bring the session back after a sign-out" {
        fn still_wanted(&self, _: u64, _: u64) -> bool {
            true
        }
    }
    MigrationNeedsReset "migration-needs-reset" breaks "MIG-2": "refuses to sign in before the older scheme is signed out" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::ApiKey(_)) => refuse(ErrorKind::AlreadySignedIn, "sign out first"),
                _ => Faithful.plan_sign_in(current, token, now_ms),
            }
        }
    }
    MigratesAnybody "migrates-anybody" breaks "MIG-3": "migrates whatever the user" {
        fn same_user(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    EnvironmentIgnored "environment-ignored" breaks "MIG-4": "migrates across environments" {
        fn same_realm(&self, one: Realm, other: Realm) -> bool {
            one.region == other.region
        }
    }
    RegionIgnored "region-ignored" breaks "MIG-5": "migrates across regions" {
        fn same_realm(&self, one: Realm, other: Realm) -> bool {
            one.environment == other.environment
        }
    }
    KeepsKey "keeps-key" breaks "MIG-6": "keeps the API key after the migration" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            if let Some(old) = vault.read(Area::Secure, SESSION)? {
                vault.write(Area::Secure, "previous", &old)?;
            }
            Faithful.save(vault, record)
        }
    }
    MigratesInMemory "migrates-in-memory" breaks "MIG-7": "does not write the migration down" {
        fn save(&self, vault: &dyn Vault, record: &Record) -> Stored<()> {
            match (Faithful.restore(vault)?, record) {
                (Some(Record::ApiKey(_)), Record::SignInToken(_)) => Ok(()),
                _ => Faithful.save(vault, record),
            }
        }
    }
    LetterCaseCounts "letter-case-counts" breaks "MIG-10": "compares user ids by letter case" {
        fn same_user(&self, one: &str, other: &str) -> bool {
            one == other
        }
    }
    AsksEveryTime "asks-every-time" breaks "REC-8": "asks the app for a token although the user is the same" {
        fn identified(&self, _: Option<&Record>, _: &str) -> bool {
            false
        }
    }
}
