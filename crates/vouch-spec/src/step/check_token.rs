//! `checkToken`: what a sign-in token says (ISS-3, ISS-5, ISS-6).

use super::StepFields;
use crate::protocol::Environment;
use crate::protocol::Region;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckToken {
    /// For example `$token`.
    pub token: Text,
    /// Whose it must be, for example `$ada.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The longest life that counts as short, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives_at_most: Option<i64>,
}

impl StepFields for CheckToken {
    const NAME: &str = "checkToken";
    const ABOUT: &str = "Checks what a sign-in token says.";

    fn describe(&self) -> String {
        format!("what {} says", self.token.0)
    }
}
