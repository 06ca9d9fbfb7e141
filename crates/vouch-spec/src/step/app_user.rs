//! `app`: who is signed in to the app itself.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The word for an app that nobody is signed in to.
pub const NOBODY: &str = "nobody";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppUser {
    /// A person of the scenario, or `nobody`.
    pub user: String,
}

impl StepFields for AppUser {
    const NAME: &str = "app";
    const ABOUT: &str = "Signs a person in to the app itself, or out of it (`nobody`).";
    const NAMES_USER: bool = true;

    fn describe(&self) -> String {
        format!("{} is signed in to the app", self.user)
    }
}
