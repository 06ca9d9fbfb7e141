//! `expire`: time passes until a kind of token issued so far has expired. Costs real time where the SDK keeps its own clock.

use super::Expiries;
use super::StepFields;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expire {
    pub what: ExpiringToken,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExpiringToken {
    AccessToken,
    SignInToken,
}

impl StepFields for Expire {
    const NAME: &str = "expire";
    const ABOUT: &str = "Time passes until the tokens issued so far have expired.";
    const DEMANDS: &[Control] = &[Control::Advance];

    fn describe(&self) -> String {
        match self.what {
            ExpiringToken::AccessToken => "the access token expires".into(),
            ExpiringToken::SignInToken => "the sign-in token expires".into(),
        }
    }

    fn expiries(&self) -> Expiries {
        match self.what {
            ExpiringToken::AccessToken => Expiries { access_token: 1, ..Expiries::default() },
            ExpiringToken::SignInToken => Expiries { sign_in_token: 1, ..Expiries::default() },
        }
    }
}
