//! `network`: the device loses or regains its network.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    pub is: NetworkState,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkState {
    Up,
    Down,
}

impl StepFields for Network {
    const NAME: &str = "network";
    const ABOUT: &str = "Takes the device off the network, or brings it back.";

    fn describe(&self) -> String {
        match self.is {
            NetworkState::Down => "the network is down".into(),
            NetworkState::Up => "the network is up".into(),
        }
    }
}
