//! What a case's world is built from: its cloud, and the addresses that its SDK calls.

use super::vendor::{External, Vendor};
use super::world::Setup;
use vouch_sim::clock::Clock;
use vouch_sim::cloud::{self, Behaviour, Cloud, CloudParts};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Realm;
use vouch_spec::protocol::message::Endpoint;
use vouch_spec::scenario::{Given, RefreshTokens};
use crate::sut::CloudSeat;
use vouch_sim::wire::redact::Ledger;
use vouch_sim::wire::{Front, Link, Party};
use std::sync::Arc;

/// The cloud of one case.
pub(super) fn vendor(
    setup: &Setup,
    given: &Given,
    clock: &Clock,
    ledger: &Ledger,
    profile: &Arc<Profile>,
) -> Result<Vendor, String> {
    match &setup.cloud {
        CloudSeat::Simulated { keys, rules } => Ok(Vendor::Simulated(Cloud::new(CloudParts {
            keys: keys.clone(),
            clock: clock.clone(),
            ledger: ledger.clone(),
            behaviour: Behaviour {
                expires_in: given.cloud.expires_in,
                refresh_tokens: match given.cloud.refresh_tokens {
                    RefreshTokens::Plain => cloud::RefreshTokens::Plain,
                    RefreshTokens::Awkward => cloud::RefreshTokens::Awkward,
                    RefreshTokens::Long => cloud::RefreshTokens::Long,
                },
            },
            profile: profile.clone(),
            rules: rules.clone(),
        }))),
        CloudSeat::External(cloud) => {
            let patience = setup.request_timeout;
            External::new(cloud.clone(), profile.clone(), ledger.clone(), patience).map(Vendor::External)
        }
    }
}

/// Opens the addresses that the SDK calls: one pair for each realm, or one identity provider for all.
pub(super) async fn endpoints(
    front: &Front,
    vendor: &Vendor,
    profile: &Profile,
    home: Realm,
) -> std::io::Result<Vec<Endpoint>> {
    let open = |to, realm| front.open(Link { from: Party::Sdk, to, realm }, vendor.upstream());
    let one = if profile.one_auth_host { Some(open(Party::Auth, home).await?) } else { None };
    let mut endpoints = Vec::new();
    for realm in Realm::all() {
        let api = open(Party::Api, realm).await?;
        let auth = match one {
            Some(one) => one,
            None => open(Party::Auth, realm).await?,
        };
        endpoints.push(Endpoint {
            environment: realm.environment,
            region: realm.region,
            api: format!("http://{api}"),
            auth: format!("http://{auth}"),
        });
    }
    Ok(endpoints)
}
