//! `currentUser`: who is signed in, or `none`. Letter case does not count (MIG-10).

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CurrentUser {
    /// For example `$ada.id`, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Text>,
    /// Any of these users, or `none`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is_one_of: Vec<Text>,
    /// Anybody but this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Text>,
    /// The name of the user's id for later steps: `$NAME`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
}

impl CurrentUser {
    /// The check for one user, or for `none`.
    pub fn is(user: Text) -> Self {
        Self { is: Some(user), ..Self::default() }
    }
}

impl StepFields for CurrentUser {
    const NAME: &str = "currentUser";
    const ABOUT: &str = "Checks who is signed in.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        if let Some(user) = &self.is {
            return format!("currentUser is {}", user.0);
        }
        if let Some(user) = &self.not {
            return format!("currentUser is not {}", user.0);
        }
        let users: Vec<_> = self.is_one_of.iter().map(|user| user.0.as_str()).collect();
        if users.is_empty() { "currentUser".into() } else { format!("currentUser is {}", users.join(" or ")) }
    }
}
