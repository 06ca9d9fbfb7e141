//! `sent:`: what must go over the wire during a step.

use crate::operation::Operation;
use crate::protocol::{Environment, Region};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a step may send, by operation. What is not named may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrafficExpectation {
    /// `sent: nothing`: no exchange at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Only>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_request: Option<TrafficCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find_user: Option<TrafficCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_user: Option<TrafficCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuance: Option<TrafficCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<TrafficCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<TrafficCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<TrafficCount>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Only {
    Nothing,
}

/// How many exchanges of one operation, and what each must look like. A bare number is `count`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrafficCount {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<usize>,
    /// What every one of them authenticates with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// The environment of the host that every one of them goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The region of that host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The least time between two of them, in seconds of the case's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_gap_seconds: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    ApiKey,
    AccessToken,
    None,
}

impl Credential {
    /// The credential as reports name it.
    pub fn words(self) -> &'static str {
        match self {
            Credential::ApiKey => "the API key",
            Credential::AccessToken => "an access token",
            Credential::None => "no credential",
        }
    }
}

impl TrafficExpectation {
    /// The counts that are given.
    pub fn counts(&self) -> impl Iterator<Item = (Operation, &TrafficCount)> {
        [
            (Operation::TokenRequest, &self.token_request),
            (Operation::FindUser, &self.find_user),
            (Operation::CreateUser, &self.create_user),
            (Operation::Issuance, &self.issuance),
            (Operation::Exchange, &self.exchange),
            (Operation::Refresh, &self.refresh),
            (Operation::Api, &self.api),
        ]
        .into_iter()
        .filter_map(|(operation, count)| Some((operation, count.as_ref()?)))
    }
}
