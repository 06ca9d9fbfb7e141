//! `app`: who is signed in to the app itself.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The word for no user, in `app` and `currentUser`.
pub const NO_USER: &str = "none";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppUser {
    /// A user of the scenario, or `none`.
    pub user: String,
}

impl StepFields for AppUser {
    const NAME: &str = "app";
    const ABOUT: &str = "Signs a user in to the app itself, or out of it (`none`).";
    const NAMES_USER: bool = true;

    fn describe(&self) -> String {
        format!("{} is signed in to the app", self.user)
    }
}
