//! Clouds that decide wrongly.

use super::mutants;
use crate::cloud::{Caller, Rules, Team, User};
use crate::mutant::Fault;
use crate::protocol::{Environment, Realm, Region};

mutants! { Rules, Fault::Cloud;
    EternalTokens "cloud-eternal-tokens" breaks "ISS-5": "accepts a sign-in token after its lifetime" {
        fn in_time(&self, _: i64, _: i64) -> bool {
            true
        }
    }
    OneRegionTokens "cloud-one-region-tokens" breaks "ISS-6": "issues every sign-in token for the region us" {
        fn issuer_realm(&self, realm: Realm, _: &Team) -> Realm {
            Realm { region: Region::Us, ..realm }
        }
    }
    OneEnvironmentTokens "cloud-one-environment-tokens" breaks "ISS-6": "issues every sign-in token for production" {
        fn issuer_realm(&self, realm: Realm, _: &Team) -> Realm {
            Realm { environment: Environment::Production, ..realm }
        }
    }
    OwnRefused "cloud-own-refused" breaks "SCO-1": "refuses installations everything" {
        fn may_read_user(&self, caller: &Caller, _: &User) -> bool {
            *caller == Caller::Team
        }
    }
    OthersReadable "cloud-others-readable" breaks "SCO-2": "lets an installation read other users" {
        fn may_read_user(&self, _: &Caller, _: &User) -> bool {
            true
        }
    }
    TeamOpen "cloud-team-open" breaks "SCO-3": "lets an installation use team-level resources" {
        fn may_use_team(&self, _: &Caller) -> bool {
            true
        }
    }
    RegionIgnored "cloud-region-ignored" breaks "SCO-4": "accepts tokens of the other region" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token.environment == host.environment
        }
    }
    EnvironmentIgnored "cloud-environment-ignored" breaks "SCO-4": "accepts tokens of the other environment" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token.region == host.region
        }
    }
}
