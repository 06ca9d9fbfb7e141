//! What a sign-in token says. Source: wire facts, "Sign-in token".

use super::record::Secret;
use vouch_spec::protocol::{Environment, Realm, Region};

/// A well-formed sign-in token.
#[derive(Clone, Debug)]
pub struct SignInToken {
    pub user_id: String,
    pub realm: Realm,
    /// When it ends, in seconds since 1970 by the issuer's clock, if it says so.
    pub expires_at_s: Option<i64>,
    /// When it was issued, likewise.
    pub issued_at_s: Option<i64>,
    /// What names the project and the tenant at the identity provider.
    pub public_key: String,
    pub tenant: String,
    /// The team of the user; empty if the token does not name it.
    pub team: String,
    /// The subject token of the exchange.
    pub jwt: Secret,
}

/// `id-signer-{env}-{region}@vital-id-{env}-{region}.iam.gserviceaccount.com`
pub fn realm_of_issuer(issuer: &str) -> Option<Realm> {
    let rest = issuer.strip_prefix("id-signer-")?.strip_suffix(".iam.gserviceaccount.com")?;
    let (signer, project) = rest.split_once('@')?;
    if project.strip_prefix("vital-id-")? != signer {
        return None;
    }
    let (environment, region) = signer.split_once('-')?;
    Some(Realm { environment: Environment::from_issuer_label(environment)?, region: Region::parse(region)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_names_environment_and_region_and_nothing_else_does() {
        let realm = realm_of_issuer("id-signer-stg-eu@vital-id-stg-eu.iam.gserviceaccount.com");
        assert_eq!(realm, Some(Realm { environment: Environment::Sandbox, region: Region::Eu }));
        for wrong in [
            "id-signer-stg-eu@vital-id-prd-eu.iam.gserviceaccount.com",
            "id-signer-stg-mars@vital-id-stg-mars.iam.gserviceaccount.com",
            "id-signer-stg-eu@vital-id-stg-eu.iam.gserviceaccount.com.evil.example",
            "",
        ] {
            assert_eq!(realm_of_issuer(wrong), None, "{wrong}");
        }
    }
}
