//! `setUserId`: the older API-key scheme.

use super::StepFields;
use crate::protocol::Capability;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetUserId {
    /// For example `$ada.id`.
    pub user_id: Text,
}

impl StepFields for SetUserId {
    const NAME: &str = "setUserId";
    const ABOUT: &str = "API-key scheme: names the user.";
    const HAS_RESULT: bool = true;
    const NEEDS: &[Capability] = &[Capability::ApiKey];

    fn describe(&self) -> String {
        format!("setUserId {}", self.user_id.0)
    }
}
