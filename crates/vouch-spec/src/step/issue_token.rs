//! `issueToken`: the app gets a sign-in token from its backend. Another environment or region means another team there, whose vendor knows a user of the same id: only the place differs.

use super::StepFields;
use crate::protocol::Control;
use crate::protocol::Environment;
use crate::protocol::Realm;
use crate::protocol::Region;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueToken {
    /// A person of the scenario.
    pub user: String,
    /// The name of the token from here on.
    #[serde(rename = "as")]
    pub bind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The claims' encoding contains `-` and `_`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub url_safe_characters: bool,
    /// How many `=` end the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<u8>,
    /// The user id in the token stands in capitals.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub capital_user_id: bool,
    /// The token names another team than that of the scenario.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub other_team: bool,
}

impl IssueToken {
    /// A token of the usual shape for the scenario's own environment and region.
    pub fn new(user: impl Into<String>, bind: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            bind: bind.into(),
            environment: None,
            region: None,
            url_safe_characters: false,
            padding: None,
            capital_user_id: false,
            other_team: false,
        }
    }

    /// The token's shape; only a cloud of our own can make another than the usual one.
    pub fn shape(&self) -> TokenShape {
        TokenShape {
            url_safe_characters: self.url_safe_characters,
            padding: self.padding,
            capital_user_id: self.capital_user_id,
            other_team: self.other_team,
        }
    }
}

/// Ways in which a well-formed sign-in token can look (EXC-7, MIG-10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenShape {
    /// The `Base64URL` of the claims contains `-` and `_`.
    pub url_safe_characters: bool,
    /// How many `=` end the token: 0, 1 or 2. None leaves it to chance.
    pub padding: Option<u8>,
    /// The user id stands in capitals.
    pub capital_user_id: bool,
    /// The team is another one.
    pub other_team: bool,
}

impl StepFields for IssueToken {
    const NAME: &str = "issueToken";
    const ABOUT: &str = "Has the backend issue a sign-in token for a person.";
    const HAS_RESULT: bool = true;
    const NAMES_USER: bool = true;

    fn demands(&self) -> &'static [Control] {
        if self.shape() == TokenShape::default() { &[] } else { &[Control::Shape] }
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }

    fn describe(&self) -> String {
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!(" in {}", place.join(" ")) };
        format!("a sign-in token for {}{place}", self.user)
    }
}
