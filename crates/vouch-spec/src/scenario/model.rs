//! The parts of a scenario file that are the same for all steps.

use super::advice::Advice;
use crate::profile::{NumberForm, Standard};
use crate::protocol::{Capability, Environment, Realm, Region, Role};
use crate::text::Spanned;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The fields that say what a scenario is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// Unique in the suite; lower-case words joined by hyphens.
    pub id: Spanned<String>,
    /// One sentence that is true when the build conforms.
    pub title: String,
    /// Why the scenario is as it is.
    #[serde(default)]
    pub note: Option<String>,
    /// The clauses that a passing run proves.
    pub proves: Vec<Spanned<String>>,
    /// The roles whose builds it puts to the test.
    #[serde(default = "sdk_only")]
    pub roles: Vec<Role>,
    /// What to change in a build that fails. A step's own `advice` goes before it.
    #[serde(default)]
    pub advice: Option<Spanned<Advice>>,
    /// Standards that the wire profile must claim.
    #[serde(default)]
    pub claims: Vec<Standard>,
    /// Capabilities needed beyond those that the steps need by themselves.
    #[serde(default)]
    pub needs: Vec<Capability>,
    /// Why it stays, where every injected fault that it catches is caught by another scenario too (`vouch mutants --kill-matrix`).
    #[serde(default)]
    pub rationale: Option<String>,
    /// Compares the wire with the snapshot beside the scenario.
    #[serde(default)]
    pub wire: Option<WireCheck>,
}

pub(super) fn sdk_only() -> Vec<Role> {
    vec![Role::Sdk]
}

/// What is checked about the whole wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WireCheck {
    Snapshot,
}

/// The world before the first step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Given {
    /// The environment of the customer's team.
    pub environment: Environment,
    /// Its region.
    pub region: Region,
    /// App users that have a vendor user already; `$name.id` and `$name.externalId` are theirs.
    pub users: Vec<String>,
    /// App users whom the vendor does not know yet; only `$name.externalId` is theirs.
    pub newcomers: Vec<String>,
    /// Ids of app users that are not the usual `app-user-NAME`, by name. A backend under test that refuses to log such a user in
    /// skips the case.
    pub external_ids: BTreeMap<String, String>,
    /// How many further users the team has at the vendor, made before all others.
    pub strangers: usize,
    pub cloud: CloudGiven,
    /// A wire profile of the mock cloud for this scenario alone.
    pub profile: Option<OwnProfile>,
    /// The wire profile that the previous build speaks, where that is not the one of the run.
    pub previous_profile: Option<PreviousProfile>,
}

/// A wire profile of earlier releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PreviousProfile {
    /// That of the identity provider which the vendor used before `junction`.
    Gcip,
}

/// A wire profile that a scenario can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OwnProfile {
    /// Keeps to RFC 6749 and RFC 8693.
    Standard,
}

impl PreviousProfile {
    /// What a build claims that speaks it.
    pub fn capability(self) -> Capability {
        match self {
            PreviousProfile::Gcip => Capability::Gcip,
        }
    }
}

impl Default for Given {
    fn default() -> Self {
        Self {
            environment: Environment::Production,
            region: Region::Us,
            users: vec!["ada".into()],
            newcomers: vec![],
            external_ids: BTreeMap::new(),
            strangers: 0,
            cloud: CloudGiven::default(),
            profile: None,
            previous_profile: None,
        }
    }
}

impl Given {
    /// Where the team lives.
    pub fn realm(&self) -> Realm {
        Realm { environment: self.environment, region: self.region }
    }
}

/// What the cloud does where the scheme leaves room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CloudGiven {
    /// How the lifetime of an access token is written; left out, as the wire profile has it.
    pub expires_in: Option<NumberForm>,
    /// What refresh tokens are like.
    pub refresh_tokens: RefreshTokens,
    /// How long access tokens are good, in seconds; left out, an hour.
    pub access_token_seconds: Option<u32>,
    /// Whether the servers write header names as `Retry-After` instead of `retry-after`.
    pub title_case_headers: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RefreshTokens {
    #[default]
    Plain,
    /// They hold characters that a form must percent-encode.
    Awkward,
    /// They are two thousand characters long.
    Long,
}
