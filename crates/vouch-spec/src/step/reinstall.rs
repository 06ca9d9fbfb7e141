//! `reinstall`: the app is removed and installed again. A keychain may outlive that.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reinstall {
    /// What outlives the removal: `secure` (as on iOS) or `nothing` (as on Android).
    pub keeps: Keeps,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Keeps {
    Secure,
    Nothing,
}

impl StepFields for Reinstall {
    const NAME: &str = "reinstall";
    const ABOUT: &str = "Removes the app, installs and launches it again.";

    fn describe(&self) -> String {
        match self.keeps {
            Keeps::Secure => "the app is reinstalled, secure storage outlives it".into(),
            Keeps::Nothing => "the app is reinstalled, nothing outlives it".into(),
        }
    }
}
