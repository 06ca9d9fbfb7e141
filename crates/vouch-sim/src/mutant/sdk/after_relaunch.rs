//! SDKs that go wrong in what comes after: a relaunch, a hold, a second user, a late answer.

use super::{SentRequests, Stored, role};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, Plan, SdkPolicy, Tokens, Why};
use crate::reference::sdk::ports::{HttpResponse, Storage};
use crate::reference::sdk::record::{Record, TokenRecord};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{SdkError, Secret};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, ErrorKind, Realm, StatusWord};

/// Erases all but one thing.
fn erase_but(vault: &dyn Storage, what: impl Fn(TokenRecord) -> String) -> Stored<()> {
    let left = match DefaultSdkPolicy.restore(vault)? {
        Some(Record::SignInToken(session)) => Some(what(session)),
        _ => None,
    };
    DefaultSdkPolicy.erase(vault)?;
    left.map_or(Ok(()), |left| vault.write(Area::Plain, "last", left.as_bytes()))
}

mutants! { SdkPolicy, role;
    PlaceForgotten "place-forgotten" breaks "EXC-8": "takes a session that it restores at launch for one of production us" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(vault)?.map(|record| match record {
                Record::SignInToken(mut session) => {
                    (session.environment, session.region) = (Environment::Production, vouch_spec::protocol::Region::Us);
                    Record::SignInToken(session)
                }
                record => record,
            }))
        }
    }
    BusyEndsHold[held: AtomicBool, lost: AtomicBool] "busy-ends-hold" breaks "EXC-4": "signs out when a sign-in on hold fails" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            self.held.store(current.is_some_and(Record::is_on_hold), Relaxed);
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
        fn exchange_failure(&self, profile: &Profile, answer: &SentRequests) -> SdkError {
            self.lost.store(self.held.load(Relaxed), Relaxed);
            DefaultSdkPolicy.exchange_failure(profile, answer)
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            if self.lost.load(Relaxed) { vec![] } else { DefaultSdkPolicy.status(record) }
        }
    }
    RestoredInMemory "restored-in-memory-only" breaks "REF-7": "does not keep the session that ended a hold" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            let was = DefaultSdkPolicy.restore(vault)?.is_some_and(|record| record.is_on_hold());
            if was && !record.is_on_hold() { Ok(()) } else { DefaultSdkPolicy.save(vault, record) }
        }
    }
    ProjectStays "project-stays" breaks "OUT-1": "leaves the project's public key behind at a sign-out" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            erase_but(vault, |session| session.public_key)
        }
    }
    BareIdStays "bare-id-stays" breaks "OUT-1": "leaves the user's id behind at a sign-out, without its dashes" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            erase_but(vault, |session| session.user_id.replace('-', ""))
        }
    }
    StormAtLaunch[settled: AtomicBool] "storm-at-launch" breaks "REF-4": "shares no refresh until the first one after a launch is done" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
            self.settled.store(true, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn may_share_refresh(&self, why: Why, same_era: bool) -> bool {
            self.settled.load(Relaxed) && DefaultSdkPolicy.may_share_refresh(why, same_era)
        }
        fn was_replaced(&self, stale: &Secret, now: &Secret) -> bool {
            self.settled.load(Relaxed) && stale != now
        }
    }
    LateRefusalRefreshes "late-refusal-refreshes" breaks "REF-3": "refreshes again when a 401 comes after another's refresh" {
        fn was_replaced(&self, _: &Secret, _: &Secret) -> bool {
            false
        }
    }
    KeyOfAnybody "key-of-anybody" breaks "LIF-2": "lets setUserId replace the user who is signed in by API key" {
        fn may_set_user(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    MovesAway "moves-away" breaks "LIF-2": "moves a session to wherever a newer token of its user is from" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match (current, DefaultSdkPolicy.plan_sign_in(current, token, now_ms)) {
                (Some(Record::SignInToken(_)), Plan::Refuse(error)) if error.kind == ErrorKind::Incompatible => Plan::Exchange,
                (_, plan) => plan,
            }
        }
    }
    DevIsAnywhere "dev-is-anywhere" breaks "MIG-4": "migrates from dev and to dev" {
        fn same_realm(&self, one: Realm, other: Realm) -> bool {
            let dev = [one, other].iter().any(|realm| realm.environment == Environment::Dev);
            one.region == other.region && (dev || one.environment == other.environment)
        }
    }
    DeniesSomeAlgorithms "denies-some-algorithms" breaks "EXC-6": "refuses the algorithms that it knows to be bad, and takes any other" {
        fn accepts_algorithm(&self, alg: &str) -> bool {
            !["none", "HS256"].contains(&alg)
        }
    }
    IssuerInPart "issuer-in-part" breaks "EXC-6": "looks at the beginning of an issuer only" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            let beginning = issuer.split('@').next()?;
            let place = beginning.strip_prefix("id-signer-")?;
            DefaultSdkPolicy.realm_of_issuer(issuer).or_else(|| {
                DefaultSdkPolicy.realm_of_issuer(&format!("{beginning}@vital-id-{place}.iam.gserviceaccount.com"))
            })
        }
    }
}
