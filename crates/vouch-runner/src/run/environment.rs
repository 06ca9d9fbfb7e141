//! The environment of a case: its cloud, and the addresses that its SDK calls.

use super::conditions::Conditions;
use super::role_setup::RoleSetup;
use super::vendor::{ExternalVendor, Vendor, VendorError};
use crate::sut::CloudRole;
use vouch_sim::clock::Clock;
use vouch_sim::mock_cloud::{self, CloudBehaviour, CloudParts, MockCloud};
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{Link, Party, RecordingProxy, SpokenProfile};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Realm;
use vouch_spec::protocol::message::Endpoint;
use vouch_spec::scenario::{Given, RefreshTokens};

/// The cloud of one case.
pub(super) fn vendor(
    setup: &RoleSetup,
    (given, conditions): (&Given, &Conditions),
    clock: &Clock,
    redactor: &Redactor,
    profile: &SpokenProfile,
) -> Result<Vendor, VendorError> {
    match &setup.cloud {
        CloudRole::Simulated { keys, policy } => Ok(Vendor::Simulated(MockCloud::new(CloudParts {
            keys: keys.clone(),
            clock: clock.clone(),
            redactor: redactor.clone(),
            behaviour: CloudBehaviour {
                expires_in: given.cloud.expires_in,
                token_padding: conditions.token_padding,
                refresh_tokens: match given.cloud.refresh_tokens {
                    RefreshTokens::Plain => mock_cloud::RefreshTokenFormat::Plain,
                    RefreshTokens::Awkward => mock_cloud::RefreshTokenFormat::NeedsEscaping,
                    RefreshTokens::Long => mock_cloud::RefreshTokenFormat::Long,
                },
            },
            profile: profile.clone(),
            policy: policy.clone(),
        }))),
        CloudRole::External(cloud) => {
            let timeout = setup.request_timeout;
            ExternalVendor::new(cloud.clone(), profile.now().clone(), redactor.clone(), timeout).map(Vendor::External)
        }
    }
}

/// The same addresses for a build that speaks another profile.
pub(super) async fn endpoints_of_earlier(
    proxy: &RecordingProxy,
    vendor: &Vendor,
    (profile, current): (&Profile, &[Endpoint]),
    home: Realm,
) -> std::io::Result<Vec<Endpoint>> {
    if !profile.one_auth_host {
        return Ok(current.to_vec());
    }
    let auth = proxy.open(Link { from: Party::Sdk, to: Party::Auth, realm: home }, vendor.upstream()).await?;
    Ok(current.iter().map(|endpoint| Endpoint { auth: format!("http://{auth}"), ..endpoint.clone() }).collect())
}

/// Opens the addresses that the SDK calls: an API for each realm, and an identity provider for each realm or one for all.
pub(super) async fn endpoints(
    proxy: &RecordingProxy,
    vendor: &Vendor,
    profile: &Profile,
    home: Realm,
) -> std::io::Result<Vec<Endpoint>> {
    let open = |to, realm| proxy.open(Link { from: Party::Sdk, to, realm }, vendor.upstream());
    let shared_auth = if profile.one_auth_host { Some(open(Party::Auth, home).await?) } else { None };
    let mut endpoints = Vec::new();
    for realm in Realm::all() {
        let api = open(Party::Api, realm).await?;
        let auth = match shared_auth {
            Some(shared) => shared,
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
