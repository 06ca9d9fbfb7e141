//! `storage`: what the device keeps. `clean` means no secret and no user id of this case anywhere.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<CleanStorage>,
    /// Kinds of secret that must be nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<StoredSecret>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CleanStorage {
    Clean,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StoredSecret {
    SignInToken,
    AccessToken,
    RefreshToken,
    ApiKey,
}

impl StoredSecret {
    /// The kind of secret as reports name it.
    pub fn words(self) -> &'static str {
        match self {
            StoredSecret::SignInToken => "sign-in token",
            StoredSecret::AccessToken => "access token",
            StoredSecret::RefreshToken => "refresh token",
            StoredSecret::ApiKey => "API key",
        }
    }
}

impl StepFields for Storage {
    const NAME: &str = "storage";
    const ABOUT: &str = "Checks what the device keeps.";

    fn describe(&self) -> String {
        match &self.is {
            Some(CleanStorage::Clean) => "storage is clean".into(),
            None => {
                format!("storage lacks {}", self.lacks.iter().map(|s| s.words()).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
