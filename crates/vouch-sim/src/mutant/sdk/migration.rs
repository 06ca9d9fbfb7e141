//! SDKs that are wrong about the API-key scheme, the way out of it, or `identify`.

use super::{refuse, role};
use crate::mutant::mutants;
use crate::reference::sdk::Result;
use crate::reference::sdk::policy::{DefaultSdkPolicy, Plan, SdkPolicy};
use crate::reference::sdk::record::Record;
use crate::reference::sdk::token::SignInToken;
use vouch_spec::protocol::{ErrorKind, Realm, Region};

mutants! { SdkPolicy, role;
    NoMigration "no-migration" breaks "MIG-2": "takes the API-key sign-in of the same user for good enough" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match (current, DefaultSdkPolicy.plan_sign_in(current, token, now_ms)) {
                (Some(Record::ApiKey(_)), Plan::Exchange) => Plan::NothingToDo,
                (_, plan) => plan,
            }
        }
    }
    EnvironmentOfKeyOnly "environment-of-key-only" breaks "KEY-5": "does not look at the region in an API key" {
        fn check_api_key(&self, key: &str, realm: Realm) -> Result<()> {
            let other = Realm { region: if realm.region == Region::Us { Region::Eu } else { Region::Us }, ..realm };
            DefaultSdkPolicy.check_api_key(key, realm).or_else(|error| DefaultSdkPolicy.check_api_key(key, other).map_err(|_| error))
        }
    }
    AnybodyIdentified "anybody-identified" breaks "REC-8": "takes whoever is signed in for the user that the app names" {
        fn identified(&self, current: Option<&Record>, _: &str) -> bool {
            matches!(current, Some(Record::SignInToken(_)))
        }
    }
    SilentBeforeConfiguration "silent-before-configuration" breaks "KEY-3": "swallows a call made before configuration" {
        fn user_before_configuration(&self) -> Result<()> {
            Ok(())
        }
    }
    AnyKey "any-key" breaks "KEY-5": "takes any API key" {
        fn check_api_key(&self, _: &str, _: Realm) -> Result<()> {
            Ok(())
        }
    }
    MigrationNeedsReset "migration-needs-reset" breaks "MIG-2": "refuses to sign in before the older scheme is signed out" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
            match current {
                Some(Record::ApiKey(_)) => refuse(ErrorKind::AlreadySignedIn, "sign out first"),
                _ => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
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
