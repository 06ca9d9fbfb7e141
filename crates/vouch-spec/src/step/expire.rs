//! `expire`: time passes until a kind of token issued so far has expired. Costs real time where the SDK keeps its own clock.

use super::{Expiries, Reading, StepFields};
use crate::duration;
use crate::protocol::Control;
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expire {
    pub what: ExpiringToken,
    /// The name of a session of `clientExchange` or `clientRefresh`: its access token, by the lifetime that was announced with
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Ends so many seconds before the announced end. The token must still be good then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_before: Option<u64>,
}

impl Expire {
    /// All tokens of a kind that were issued so far expire.
    pub fn all(what: ExpiringToken) -> Self {
        Self { what, session: None, seconds_before: None }
    }
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
        if let (Some(session), before) = (&self.session, self.seconds_before) {
            return match before {
                Some(seconds) => format!("the announced lifetime of {session}'s access token ends in {seconds} s"),
                None => format!("the announced lifetime of {session}'s access token ends"),
            };
        }
        match self.what {
            ExpiringToken::AccessToken => "the access token expires".into(),
            ExpiringToken::SignInToken => "the sign-in token expires".into(),
        }
    }

    fn expiries(&self) -> Expiries {
        match self.what {
            _ if self.seconds_before.is_some() => Expiries::default(),
            ExpiringToken::AccessToken => Expiries { access_token: 1, ..Expiries::default() },
            ExpiringToken::SignInToken => Expiries { sign_in_token: 1, ..Expiries::default() },
        }
    }
}

impl Expire {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let step: Self = reading.decoder.decode(node)?;
        if step.seconds_before.is_some_and(|seconds| seconds > duration::LONGEST.as_secs()) {
            let place = node.get("secondsBefore").unwrap_or(node).span;
            reading.decoder.wrong(place, "no token lives for a century", "write for example `secondsBefore: 60`");
            return None;
        }
        Some(step)
    }
}
