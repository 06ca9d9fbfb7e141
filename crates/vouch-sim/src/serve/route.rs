//! Routing: one port serves all realms, and the beginning of the path selects one.

use crate::wire::{Link, Party};
use vouch_spec::protocol::{Environment, Realm, Region};

/// The link of a path such as `/production/us/auth/v1/token`, and what is left of the path for the host behind it.
pub(super) fn route(path: &str) -> Option<(Link, &str)> {
    let (environment, rest) = path.strip_prefix('/')?.split_once('/')?;
    let (region, rest) = rest.split_once('/')?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, rest) = rest.split_at(end);
    let to = match host {
        "api" => Party::Api,
        "auth" => Party::Auth,
        _ => return None,
    };
    let realm = Realm { environment: Environment::parse(environment)?, region: Region::parse(region)? };
    Some((Link { from: Party::Sdk, to, realm }, rest))
}

/// The base URL of a host.
pub(super) fn base(origin: &str, realm: Realm, host: &str) -> String {
    format!("{origin}/{}/{}/{host}", realm.environment, realm.region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_every_realm_has_its_path() {
        for realm in Realm::all() {
            for (host, party) in [("api", Party::Api), ("auth", Party::Auth)] {
                let url = base("", realm, host) + "/v1/token?key=k";
                let (link, rest) = route(&url).expect("a route");
                assert_eq!((link.realm, link.to, rest), (realm, party, "/v1/token?key=k"));
            }
        }
        for stray in ["/", "/v1/token", "/production/us/apis/v2", "/production/mars/api/v2", "/prod/us/api/v2", "x"] {
            assert!(route(stray).is_none(), "{stray}");
        }
    }
}
