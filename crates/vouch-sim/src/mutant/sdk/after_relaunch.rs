//! SDK mutants that show after a relaunch, a hold, a second user or a late response.

use super::{NetworkResult, StorageResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, RefreshReason, SdkPolicy, SignInPlan, TokenSet};
use crate::reference::sdk::ports::{HttpResponse, Storage};
use crate::reference::sdk::record::{Record, TokenRecord};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{SdkError, Secret};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, ErrorKind, Realm, StatusWord};

/// Erases all but one thing.
fn erase_but(storage: &dyn Storage, what: impl Fn(TokenRecord) -> String) -> StorageResult<()> {
    let left = match DefaultSdkPolicy.restore(storage)? {
        Some(Record::SignInToken(session)) => Some(what(session)),
        _ => None,
    };
    DefaultSdkPolicy.erase(storage)?;
    left.map_or(Ok(()), |left| storage.write(Area::Plain, "last", left.as_bytes()))
}

mutants! { SdkPolicy, sdk_policy;
    PlaceForgotten "place-forgotten" breaks "EXC-8": "Restores every session at launch as one of production us" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(storage)?.map(|record| match record {
                Record::SignInToken(mut session) => {
                    (session.environment, session.region) = (Environment::Production, vouch_spec::protocol::Region::Us);
                    Record::SignInToken(session)
                }
                record @ Record::ApiKey(_) => record,
            }))
        }
    }
    BusyEndsHold[held: AtomicBool, lost: AtomicBool] "busy-ends-hold" breaks "EXC-4": "Signs out when a sign-in fails while the session is on hold" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            self.held.store(current.is_some_and(Record::is_on_hold), Relaxed);
            DefaultSdkPolicy.plan_sign_in(current, token, now_ms)
        }
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            self.lost.store(self.held.load(Relaxed), Relaxed);
            DefaultSdkPolicy.exchange_failure(profile, answer)
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            if self.lost.load(Relaxed) { vec![] } else { DefaultSdkPolicy.status(record) }
        }
    }
    RestoredInMemory "restored-in-memory-only" breaks "REF-7": "Does not store the session that ended a hold" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            let was = DefaultSdkPolicy.restore(storage)?.is_some_and(|record| record.is_on_hold());
            if was && !record.is_on_hold() { Ok(()) } else { DefaultSdkPolicy.save(storage, record) }
        }
    }
    ProjectStays "project-stays" breaks "OUT-1": "Leaves the project's public key in storage after a sign-out" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            erase_but(storage, |session| session.public_key)
        }
    }
    BareIdStays "bare-id-stays" breaks "OUT-1": "Leaves the user id, without its dashes, in storage after a sign-out" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            erase_but(storage, |session| session.user_id.replace('-', ""))
        }
    }
    StormAtLaunch[settled: AtomicBool] "storm-at-launch" breaks "REF-4": "Shares no refresh until the first refresh after a launch has ended" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            self.settled.store(true, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn may_share_refresh(&self, why: RefreshReason, same_epoch: bool) -> bool {
            self.settled.load(Relaxed) && DefaultSdkPolicy.may_share_refresh(why, same_epoch)
        }
        fn was_replaced(&self, stale: &Secret, now: &Secret) -> bool {
            self.settled.load(Relaxed) && stale != now
        }
    }
    LateRefusalRefreshes "late-refusal-refreshes" breaks "REF-3": "Refreshes again when a 401 arrives after another call's refresh" {
        fn was_replaced(&self, _: &Secret, _: &Secret) -> bool {
            false
        }
    }
    MovesAway "moves-away" breaks "LIF-2": "Moves a session to the environment and region of a newer token" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match (current, DefaultSdkPolicy.plan_sign_in(current, token, now_ms)) {
                (Some(Record::SignInToken(_)), SignInPlan::Refuse(error)) if error.kind == ErrorKind::Incompatible => SignInPlan::Exchange,
                (_, plan) => plan,
            }
        }
    }
    DevIsAnywhere "dev-is-anywhere" breaks "MIG-4": "Migrates from and to the environment dev" {
        fn same_realm(&self, one: Realm, other: Realm) -> bool {
            let dev = [one, other].iter().any(|realm| realm.environment == Environment::Dev);
            one.region == other.region && (dev || one.environment == other.environment)
        }
    }
    DeniesSomeAlgorithms "denies-some-algorithms" breaks "EXC-6": "Rejects known bad algorithms and accepts any other" {
        fn accepts_algorithm(&self, alg: &str) -> bool {
            !["none", "HS256"].contains(&alg)
        }
    }
    IssuerInPart "issuer-in-part" breaks "EXC-6": "Checks only the beginning of the issuer" {
        fn realm_of_issuer(&self, issuer: &str) -> Option<Realm> {
            let beginning = issuer.split('@').next()?;
            let place = beginning.strip_prefix("id-signer-")?;
            DefaultSdkPolicy.realm_of_issuer(issuer).or_else(|| {
                DefaultSdkPolicy.realm_of_issuer(&format!("{beginning}@vital-id-{place}.iam.gserviceaccount.com"))
            })
        }
    }
}
