//! `failSdkCall`: a call of the SDK by the app fails.

use super::StepFields;
use crate::protocol::ErrorKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailSdkCall {
    /// The method that the app calls.
    pub call: AppSdkCall,
    /// The error that the app gets.
    pub error: ErrorKind,
    /// How many calls fail; all of them if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// A method of the SDK that an app calls to reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AppSdkCall {
    Status,
    CurrentUserId,
    SignIn,
    SignOut,
}

impl AppSdkCall {
    /// The name in scenario files.
    pub fn word(self) -> &'static str {
        match self {
            AppSdkCall::Status => "status",
            AppSdkCall::CurrentUserId => "currentUserId",
            AppSdkCall::SignIn => "signIn",
            AppSdkCall::SignOut => "signOut",
        }
    }
}

impl StepFields for FailSdkCall {
    const NAME: &str = "failSdkCall";
    const ABOUT: &str = "Calls of an SDK method by the app fail with an error; the SDK does not get them.";

    fn describe(&self) -> String {
        format!("the app's calls of {} fail with {}", self.call.word(), self.error)
    }
}
