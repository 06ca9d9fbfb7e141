//! `present`: the harness itself shows a token of the installation's session to a host, its own or another's (SCO-4,
//! IDP-1, IDP-2).

use super::StepFields;
use crate::protocol::Environment;
use crate::protocol::Realm;
use crate::protocol::Region;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresentToken {
    pub token: PresentedToken,
    /// Of the host; left out, the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::enum_variant_names, reason = "the words of scenario files")]
pub enum PresentedToken {
    /// Shown to the API.
    AccessToken,
    /// Shown to the identity provider.
    RefreshToken,
    /// The sign-in token that began the session, shown to the identity provider once more.
    SignInToken,
    /// A refresh token that was rotated out and whose successor is in use, shown to the identity provider.
    OldRefreshToken,
}

impl PresentedToken {
    pub fn words(self) -> &'static str {
        match self {
            PresentedToken::AccessToken => "access token",
            PresentedToken::RefreshToken => "refresh token",
            PresentedToken::SignInToken => "sign-in token, used up,",
            PresentedToken::OldRefreshToken => "refresh token that was rotated out",
        }
    }
}

impl StepFields for PresentToken {
    const NAME: &str = "presentToken";
    const ABOUT: &str = "Shows a token of the installation's session to a host, its own or another's.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { "its own realm".to_owned() } else { place.join(" ") };
        format!("the installation's newest {} is shown to a host of {place}", self.token.words())
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }
}
