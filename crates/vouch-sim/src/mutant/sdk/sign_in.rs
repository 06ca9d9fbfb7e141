//! SDK mutants of sign-in: token parsing, exchange, and who may sign in.

use super::{NetworkResult, refuse, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::SdkError;
use crate::reference::sdk::policy::{DefaultSdkPolicy, SdkPolicy, SignInPlan, TokenSet};
use crate::reference::sdk::ports::HttpResponse;
use crate::reference::sdk::record::Record;
use crate::reference::sdk::token::SignInToken;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use vouch_spec::profile::{IdpCall, IdpRequest, Profile};
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};

/// What every issuer ends with.
const ISSUER_DOMAIN: &str = ".iam.gserviceaccount.com";

mutants! { SdkPolicy, sdk_policy;
    WrongSubjectType "wrong-subject-type" breaks "EXC-1": "Exchanges with the subject token type of a plain JWT" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
            let right = DefaultSdkPolicy.exchange_request(profile, token);
            let body = right.body.replace("urn%3Ajunction%3Asign-in-token", "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt");
            IdpRequest { body, ..right }
        }
    }
    NumbersOnly "numbers-only" breaks "EXC-1": "Accepts `expires_in` only as a number" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            DefaultSdkPolicy.tokens(profile, call, answer).filter(|_| answer.json().is_some_and(|body| body["expires_in"].is_number()))
        }
    }
    JsonExchange "json-exchange" breaks "EXC-1": "Sends the exchange as JSON" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
            let right = DefaultSdkPolicy.exchange_request(profile, token);
            IdpRequest { content_type: "application/json", ..right }
        }
    }
    TokenInError "token-in-error" breaks "EXC-3": "Quotes the sign-in token in an error message" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match DefaultSdkPolicy.plan_sign_in(current, token, now_ms) {
                SignInPlan::Refuse(error) => refuse(error.kind, &format!("no use for {}", token.jwt.expose())),
                plan => plan,
            }
        }
    }
    AlwaysUs "always-us" breaks "EXC-8": "Calls the region us, whatever the token says" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            DefaultSdkPolicy.realm_of_issuer(issuer).map(|realm| Realm { region: Region::Us, ..realm })
        }
    }
    TrimsTokens "trims-tokens" breaks "EXC-7": "Removes `=`, `&` and `%` from the end of a refresh token" {
        fn encode_form(&self, fields: &[(&str, &str)]) -> String {
            let cut: Vec<_> = fields.iter().map(|(key, value)| (*key, value.trim_end_matches(['=', '&', '%']))).collect();
            DefaultSdkPolicy.encode_form(&cut)
        }
    }
    EncodesTwice "encodes-twice" breaks "EXC-7": "Percent-encodes a form twice" {
        fn encode_form(&self, fields: &[(&str, &str)]) -> String {
            DefaultSdkPolicy.encode_form(fields).replace("%2B", "%252B").replace("%2F", "%252F")
        }
    }
    HoldForEver "hold-for-ever" breaks "REF-7": "Accepts no new sign-in token while on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold => SignInPlan::NothingToDo,
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    UnnamedConfigurationError "unconfigured-unnamed" breaks "KEY-6": "Reports setUserId before configure as notSignedIn" {
        fn user_before_configuration(&self) -> crate::reference::sdk::Result<()> {
            Err(SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in"))
        }
    }
    RepeatsExchange "repeats-exchange" breaks "EXC-9": "Sends an exchange again after its response was lost" {
        fn exchange_tries(&self) -> u32 {
            2
        }
    }
    RefusalIsNetwork "refusal-is-network" breaks "EXC-4": "Reports a refused sign-in token as a network error" {
        fn exchange_failure(&self, _: &Profile, _: &NetworkResult) -> SdkError {
            SdkError::new(ErrorKind::Network, "try again")
        }
    }
    AnyAlgorithm "any-algorithm" breaks "EXC-6": "Accepts a sign-in token of any algorithm" {
        fn accepts_algorithm(&self, _: &str) -> bool {
            true
        }
    }
    AnyIssuer "any-issuer" breaks "EXC-6": "Treats an unknown issuer as production us" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            let fallback = Realm { environment: Environment::Production, region: Region::Us };
            Some(DefaultSdkPolicy.realm_of_issuer(issuer).unwrap_or(fallback))
        }
    }
    IssuerByItsBeginning "issuer-by-its-beginning" breaks "EXC-6": "Does not look at how an issuer ends" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            let end = issuer.find(ISSUER_DOMAIN)? + ISSUER_DOMAIN.len();
            DefaultSdkPolicy.realm_of_issuer(&issuer[..end])
        }
    }
    IssuerByItsFirstHalf "issuer-by-its-first-half" breaks "EXC-6": "Does not compare the halves of an issuer" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            let (name, project) = issuer.split_once('@')?;
            let own = name.strip_prefix("id-signer-").filter(|_| project.starts_with("vital-id-") && project.ends_with(ISSUER_DOMAIN))?;
            DefaultSdkPolicy.realm_of_issuer(&format!("{name}@vital-id-{own}{ISSUER_DOMAIN}"))
        }
    }
    AnyRsa "any-rsa-algorithm" breaks "EXC-6": "Accepts a sign-in token of any RSA algorithm" {
        fn accepts_algorithm(&self, alg: &str) -> bool {
            alg.starts_with("RS")
        }
    }
    StandardBase64Only "standard-base64-only" breaks "EXC-7": "Decodes the JWT as Base64 without `-` and `_`" {
        fn decode_base64url(&self, text: &str) -> Option<Vec<u8>> {
            STANDARD_NO_PAD.decode(text).ok()
        }
    }
    NeedsNoPadding "needs-no-padding" breaks "EXC-7": "Rejects sign-in tokens that end in `=`" {
        fn decode_base64(&self, text: &str) -> Option<Vec<u8>> {
            STANDARD_NO_PAD.decode(text).ok()
        }
    }
    BarePlus "bare-plus" breaks "EXC-7": "Does not percent-encode `+` in a form" {
        fn encode_form(&self, fields: &[(&str, &str)]) -> String {
            DefaultSdkPolicy.encode_form(fields).replace("%2B", "+")
        }
    }
    AlwaysProduction "always-production" breaks "EXC-8": "Calls production, whatever the token says" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            DefaultSdkPolicy.realm_of_issuer(issuer).map(|realm| Realm { environment: Environment::Production, ..realm })
        }
    }
    LetsAnotherIn "lets-another-in" breaks "LIF-2": "Lets another user replace the session" {
        fn plan_sign_in(&self, _: Option<&Record>, _: &SignInToken, _: i64) -> SignInPlan {
            SignInPlan::Exchange
        }
    }
    TripsOverSameUser "trips-over-same-user" breaks "LIF-3": "Fails when the same user signs in again" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match DefaultSdkPolicy.plan_sign_in(current, token, now_ms) {
                SignInPlan::NothingToDo => refuse(ErrorKind::Internal, "assertion failed"),
                plan => plan,
            }
        }
    }
    NoQueue "no-queue" breaks "LIF-5": "Lets two sign-ins run at the same time" {
        fn serializes_sign_ins(&self) -> bool {
            false
        }
    }
    HoldIsOpen "hold-is-open" breaks "REF-7": "Lets any user replace a session on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold => SignInPlan::Exchange,
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    TrustsItsClock "trusts-its-clock" breaks "REF-8": "Checks the sign-in token's expiry by the device's clock" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            if token.expires_at_s.is_some_and(|end| end * 1000 < now_ms) {
                return refuse(ErrorKind::InvalidSignInToken, "expired");
            }
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
    }
    BusyIsRefused "busy-is-refused" breaks "EXC-4": "Reports a busy identity provider as a refused sign-in token" {
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            match answer {
                Ok(busy) if busy.status == 429 || busy.status >= 500 => SdkError::new(ErrorKind::InvalidSignInToken, "refused"),
                _ => DefaultSdkPolicy.exchange_failure(profile, answer),
            }
        }
    }
    OddStatusThrows "odd-status-throws" breaks "REF-10": "Reports an internal error when an exchange gets an unexpected status" {
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            match DefaultSdkPolicy.exchange_failure(profile, answer) {
                error if error.kind == ErrorKind::UnexpectedAnswer && answer.as_ref().is_ok_and(|a| a.status != 200) => {
                    SdkError::new(ErrorKind::Internal, "KeyError")
                }
                error => error,
            }
        }
    }
}
