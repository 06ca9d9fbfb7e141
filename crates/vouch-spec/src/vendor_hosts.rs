//! The vendor's real host names, and the part of a realm that each of them serves. Source: wire facts, "Hosts" and "Further
//! vendor facts".
//!
//! ```
//! use vouch_spec::profile::Profile;
//! use vouch_spec::vendor_hosts::{HostPart, VendorHosts};
//! let hosts = VendorHosts::of(&Profile::junction());
//! let (realm, part) = hosts.find("Auth.sandbox.eu.junction.com.").expect("a host of the vendor");
//! assert_eq!((realm.to_string().as_str(), part), ("sandbox eu", HostPart::Auth));
//! assert!(hosts.find("example.com").is_none());
//! ```

use crate::profile::Profile;
use crate::protocol::{Environment, Realm, Region};
use std::collections::BTreeMap;

/// What a host serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPart {
    /// The vendor API.
    Api,
    /// The identity provider.
    Auth,
}

/// The host names of one wire profile, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorHosts(BTreeMap<String, (Realm, HostPart)>);

impl VendorHosts {
    /// The hosts that a client of this profile calls. Where one identity provider serves all realms, its hosts belong to
    /// production us until a public key says otherwise.
    pub fn of(profile: &Profile) -> Self {
        let mut names = BTreeMap::new();
        for realm in Realm::all() {
            for name in api_names(realm) {
                names.insert(name, (realm, HostPart::Api));
            }
            if !profile.one_auth_host {
                names.insert(junction_name("auth", realm), (realm, HostPart::Auth));
            }
        }
        if profile.one_auth_host {
            let realm = Realm { environment: Environment::Production, region: Region::Us };
            let auth = profile.auth_hosts.iter().map(|name| (name.to_ascii_lowercase(), (realm, HostPart::Auth)));
            names.extend(auth);
        }
        Self(names)
    }

    /// What a host name serves: in any letter case, with or without the dot at its end (RFC 4343, RFC 1034 section 3.1).
    pub fn find(&self, name: &str) -> Option<(Realm, HostPart)> {
        self.0.get(&name.trim_end_matches('.').to_ascii_lowercase()).copied()
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The name of a host in a realm; production has no label.
fn junction_name(host: &str, realm: Realm) -> String {
    match realm.environment {
        Environment::Production => format!("{host}.{}.junction.com", realm.region),
        environment => format!("{host}.{environment}.{}.junction.com", realm.region),
    }
}

/// The API of a realm: today's name and the older one, in which the region us has no label.
fn api_names(realm: Realm) -> [String; 2] {
    let environment = match realm.environment {
        Environment::Production => String::new(),
        environment => format!("{environment}."),
    };
    let region = match realm.region {
        Region::Us => "",
        Region::Eu => "eu.",
    };
    [junction_name("api", realm), format!("api.{environment}{region}tryvital.io")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_realm_has_its_names_by_profile() {
        let junction = VendorHosts::of(&Profile::junction());
        for (name, realm, part) in [
            ("api.us.junction.com", "production us", HostPart::Api),
            ("api.dev.eu.junction.com", "dev eu", HostPart::Api),
            ("auth.sandbox.us.junction.com", "sandbox us", HostPart::Auth),
            ("api.tryvital.io", "production us", HostPart::Api),
            ("api.sandbox.tryvital.io", "sandbox us", HostPart::Api),
            ("API.DEV.EU.TRYVITAL.IO", "dev eu", HostPart::Api),
        ] {
            let found = junction.find(name).map(|(realm, part)| (realm.to_string(), part));
            assert_eq!(found, Some((realm.to_owned(), part)), "{name}");
        }
        assert_eq!(junction.names().count(), 18);
        assert!(junction.find("securetoken.googleapis.com").is_none() && junction.find("junction.com").is_none());

        let gcip = VendorHosts::of(&Profile::gcip());
        assert_eq!(gcip.names().count(), 14);
        assert!(gcip.find("auth.us.junction.com").is_none() && gcip.find("api.us.junction.com").is_some());
        for name in ["identitytoolkit.googleapis.com", "securetoken.googleapis.com"] {
            assert_eq!(gcip.find(name).map(|(_, part)| part), Some(HostPart::Auth), "{name}");
        }
    }
}
