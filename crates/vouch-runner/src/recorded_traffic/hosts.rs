//! Which hosts are the vendor's.

use crate::sut::CloudSpec;
use url::Url;
use vouch_sim::wire::Party;
use vouch_spec::base_url::BaseUrl;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Realm;
use vouch_spec::vendor_hosts::{HostPart, VendorHosts};

/// The hosts of a cloud.
pub enum Hosts {
    /// The vendor's real names.
    Vendor(VendorHosts),
    /// Those that a target file gives.
    Given(Vec<GivenHost>),
}

/// A base URL of a target file.
pub struct GivenHost {
    base: BaseUrl,
    realm: Realm,
    part: HostPart,
}

/// Where a request went.
pub struct Destination {
    pub realm: Realm,
    pub to: Party,
    /// Path and query, without the prefix of the base URL.
    pub path: String,
    /// The request went over `http:`, and the vendor serves `https:`.
    pub plain_http: bool,
}

impl Hosts {
    /// The vendor's hosts, as clients of a wire profile call them.
    pub fn of_profile(profile: &Profile) -> Self {
        Self::Vendor(VendorHosts::of(profile))
    }

    /// The hosts of the cloud of a target file.
    pub fn of_cloud(cloud: &CloudSpec) -> Self {
        let parts = cloud
            .realms
            .iter()
            .flat_map(|(realm, urls)| [(*realm, &urls.api, HostPart::Api), (*realm, &urls.auth, HostPart::Auth)]);
        // A URL with `$port` is that of a program which Vouch starts: nothing that was recorded before went there.
        let given = |(realm, url, part): (Realm, &crate::sut::Template, _)| {
            Some(GivenHost { base: url.0.parse().ok()?, realm, part })
        };
        Self::Given(parts.filter_map(given).collect())
    }

    /// Where a request went, if to one of these hosts.
    pub fn find(&self, url: &Url) -> Option<Destination> {
        let (host, port) = (url.host_str()?.trim_matches(['[', ']']), url.port_or_known_default()?);
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let path = path_of(url);
        match self {
            Hosts::Vendor(hosts) => {
                let (realm, part) = hosts.find(host).filter(|_| url.port().is_none())?;
                Some(Destination { realm, to: party(part), path, plain_http: !tls })
            }
            Hosts::Given(given) => given.iter().find_map(|given| {
                let base = &given.base;
                let same = base.host.eq_ignore_ascii_case(host) && base.port == port && base.tls == tls;
                let rest = path.strip_prefix(&base.prefix).filter(|rest| same && rest.starts_with('/'))?;
                Some(Destination {
                    realm: given.realm,
                    to: party(given.part),
                    path: rest.to_owned(),
                    plain_http: false,
                })
            }),
        }
    }

    /// Whether the address of the identity provider is also that of the API.
    pub fn shares_address(&self, destination: &Destination) -> bool {
        let Hosts::Given(given) = self else { return false };
        let of = |part| given.iter().find(|given| given.realm == destination.realm && given.part == part);
        matches!((of(HostPart::Api), of(HostPart::Auth)), (Some(api), Some(auth)) if api.base == auth.base)
    }
}

/// The path and query of a URL.
pub fn path_of(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

fn party(part: HostPart) -> Party {
    match part {
        HostPart::Api => Party::Api,
        HostPart::Auth => Party::Auth,
    }
}
