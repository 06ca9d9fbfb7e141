//! SDKs that sign in wrongly: tokens, exchanges, who may come in.

use super::{SentRequests, refuse, role};
use crate::mutant::mutants;
use crate::reference::sdk::SdkError;
use crate::reference::sdk::policy::{DefaultSdkPolicy, Plan, SdkPolicy, Tokens};
use crate::reference::sdk::ports::HttpResponse;
use crate::reference::sdk::record::Record;
use crate::reference::sdk::token::SignInToken;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use vouch_spec::profile::{IdpCall, Profile, Request};
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};

mutants! { SdkPolicy, role;
    WrongSubjectType "wrong-subject-type" breaks "EXC-1": "exchanges with the subject token type of a plain JWT" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
            let right = DefaultSdkPolicy.exchange_request(profile, token);
            let body = right.body.replace("urn%3Ajunction%3Asign-in-token", "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt");
            Request { body, ..right }
        }
    }
    NumbersOnly "numbers-only" breaks "EXC-1": "reads expires_in only as a number" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
            DefaultSdkPolicy.tokens(profile, call, answer).filter(|_| answer.json().is_some_and(|body| body["expires_in"].is_number()))
        }
    }
    JsonExchange "json-exchange" breaks "EXC-1": "sends the exchange as JSON" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> Request {
            let right = DefaultSdkPolicy.exchange_request(profile, token);
            Request { content_type: "application/json", ..right }
        }
    }
    TokenInError "token-in-error" breaks "EXC-3": "quotes the sign-in token in an error" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match DefaultSdkPolicy.plan_sign_in(current, token, now_ms) {
                Plan::Refuse(error) => refuse(error.kind, &format!("no use for {}", token.jwt.expose())),
                plan => plan,
            }
        }
    }
    AlwaysUs "always-us" breaks "EXC-8": "goes to the region us whatever the token says" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            DefaultSdkPolicy.realm_of_issuer(issuer).map(|realm| Realm { region: Region::Us, ..realm })
        }
    }
    TrimsTokens "trims-tokens" breaks "EXC-7": "cuts = off the end of a refresh token" {
        fn form(&self, fields: &[(&str, &str)]) -> String {
            let cut: Vec<_> = fields.iter().map(|(key, value)| (*key, value.trim_end_matches(['=', '&', '%']))).collect();
            DefaultSdkPolicy.form(&cut)
        }
    }
    EncodesTwice "encodes-twice" breaks "EXC-7": "percent-encodes a form twice" {
        fn form(&self, fields: &[(&str, &str)]) -> String {
            DefaultSdkPolicy.form(fields).replace("%2B", "%252B").replace("%2F", "%252F")
        }
    }
    HoldForEver "hold-for-ever" breaks "REF-7": "takes no new sign-in token while on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold => Plan::NothingToDo,
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    RepeatsExchange "repeats-exchange" breaks "EXC-2": "sends an exchange again after its answer was lost" {
        fn exchange_tries(&self) -> u32 {
            2
        }
    }
    RefusalIsNetwork "refusal-is-network" breaks "EXC-4": "reports a refused sign-in token as a network error" {
        fn exchange_failure(&self, _: &Profile, _: &SentRequests) -> SdkError {
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
            Some(DefaultSdkPolicy.realm_of_issuer(issuer).unwrap_or(fallback))
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
            DefaultSdkPolicy.form(fields).replace("%2B", "+")
        }
    }
    AlwaysProduction "always-production" breaks "EXC-8": "goes to production whatever the token says" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            DefaultSdkPolicy.realm_of_issuer(issuer).map(|realm| Realm { environment: Environment::Production, ..realm })
        }
    }
    LetsAnotherIn "lets-another-in" breaks "LIF-2": "lets another user replace the session" {
        fn plan_sign_in(&self, _: Option<&Record>, _: &SignInToken, _: i64) -> Plan {
            Plan::Exchange
        }
    }
    TripsOverSameUser "trips-over-same-user" breaks "LIF-3": "fails when the same user signs in again" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match DefaultSdkPolicy.plan_sign_in(current, token, now_ms) {
                Plan::NothingToDo => refuse(ErrorKind::Internal, "assertion failed"),
                plan => plan,
            }
        }
    }
    NoQueue "no-queue" breaks "LIF-5": "lets two sign-ins run at once" {
        fn takes_turns(&self) -> bool {
            false
        }
    }
    HoldIsOpen "hold-is-open" breaks "REF-7": "lets anybody take over a session on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::SignInToken(session)) if session.on_hold => Plan::Exchange,
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    TrustsItsClock "trusts-its-clock" breaks "REF-8": "judges the sign-in token by the device's clock" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            if token.expires_at_s.is_some_and(|end| end * 1000 < now_ms) {
                return refuse(ErrorKind::InvalidSignInToken, "expired");
            }
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
    }
    BusyIsRefused "busy-is-refused" breaks "EXC-4": "takes an identity provider that is busy for one that refuses" {
        fn exchange_failure(&self, profile: &Profile, answer: &SentRequests) -> SdkError {
            match answer {
                Ok(busy) if busy.status == 429 || busy.status >= 500 => SdkError::new(ErrorKind::InvalidSignInToken, "refused"),
                _ => DefaultSdkPolicy.exchange_failure(profile, answer),
            }
        }
    }
    OddStatusThrows "odd-status-throws" breaks "REF-10": "throws at the app when an exchange is answered with an odd status" {
        fn exchange_failure(&self, profile: &Profile, answer: &SentRequests) -> SdkError {
            match DefaultSdkPolicy.exchange_failure(profile, answer) {
                error if error.kind == ErrorKind::UnexpectedAnswer && answer.as_ref().is_ok_and(|a| a.status != 200) => {
                    SdkError::new(ErrorKind::Internal, "KeyError")
                }
                error => error,
            }
        }
    }
}
