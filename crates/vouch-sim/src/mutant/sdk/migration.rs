//! SDK mutants of the API-key scheme, the migration from it, and `identify`.

use super::{refuse, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::Result;
use crate::reference::sdk::policy::{DefaultSdkPolicy, SdkPolicy, SignInPlan};
use crate::reference::sdk::record::Record;
use crate::reference::sdk::token::SignInToken;
use vouch_spec::protocol::{ErrorKind, Realm, Region};

mutants! { SdkPolicy, sdk_policy;
    NoMigration "no-migration" breaks "MIG-2": "Treats the API-key sign-in of the same user as sufficient" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match (current, DefaultSdkPolicy.plan_sign_in(current, token, now_ms)) {
                (Some(Record::ApiKey(_)), SignInPlan::Exchange) => SignInPlan::NothingToDo,
                (_, plan) => plan,
            }
        }
    }
    EnvironmentOfKeyOnly "environment-of-key-only" breaks "KEY-5": "Does not check the region in an API key" {
        fn check_api_key(&self, key: &str, realm: Realm) -> Result<()> {
            let other = Realm { region: if realm.region == Region::Us { Region::Eu } else { Region::Us }, ..realm };
            DefaultSdkPolicy.check_api_key(key, realm).or_else(|error| DefaultSdkPolicy.check_api_key(key, other).map_err(|_| error))
        }
    }
    AnybodyIdentified "anybody-identified" breaks "REC-8": "Treats any signed-in user as the user that `identify` names" {
        fn is_identified(&self, current: Option<&Record>, _: &str) -> bool {
            matches!(current, Some(Record::SignInToken(_)))
        }
    }
    SilentBeforeConfiguration "silent-before-configuration" breaks "KEY-3": "Ignores a call made before configuration" {
        fn user_before_configuration(&self) -> Result<()> {
            Ok(())
        }
    }
    AnyKey "any-key" breaks "KEY-5": "Accepts any API key" {
        fn check_api_key(&self, _: &str, _: Realm) -> Result<()> {
            Ok(())
        }
    }
    MigrationNeedsReset "migration-needs-reset" breaks "MIG-2": "Refuses to sign in until the API-key scheme is signed out" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match current {
                Some(Record::ApiKey(_)) => refuse(ErrorKind::AlreadySignedIn, "sign out first"),
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
    }
    MigratesAnybody "migrates-anybody" breaks "MIG-3": "Migrates without comparing the users" {
        fn same_user(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    EnvironmentIgnored "environment-ignored" breaks "MIG-4": "Migrates across environments" {
        fn same_realm(&self, one: Realm, other: Realm) -> bool {
            one.region == other.region
        }
    }
    RegionIgnored "region-ignored" breaks "MIG-5": "Migrates across regions" {
        fn same_realm(&self, one: Realm, other: Realm) -> bool {
            one.environment == other.environment
        }
    }
    IgnoresTeam "ignores-team" breaks "REF-12": "Lets a sign-in token of another team end the hold" {
        fn same_team(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    LetterCaseCounts "letter-case-counts" breaks "MIG-10": "Compares user ids case-sensitively" {
        fn same_user(&self, one: &str, other: &str) -> bool {
            one == other
        }
    }
    AsksEveryTime "asks-every-time" breaks "REC-8": "Requests a sign-in token although the user is the same" {
        fn is_identified(&self, _: Option<&Record>, _: &str) -> bool {
            false
        }
    }
}
