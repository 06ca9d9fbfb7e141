//! What a cloud under test says of itself: its version and the machines that it runs on. A load report needs it, because a
//! latency means little without them.

use super::hook_command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The description of a system under test. Every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SystemDescription {
    /// The version of the software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The revision that it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The number of instances of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// The virtual CPUs of all instances together. Results per vCPU need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<f64>,
    /// The memory of an instance, for example `2 GiB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// The database, for example `PostgreSQL 16, 4 vCPUs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Where it runs, for example `eu-west-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Settings that matter for the load, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, String>,
}

impl SystemDescription {
    /// The virtual CPUs, if results can be divided by them.
    pub fn usable_vcpus(&self) -> Option<f64> {
        self.vcpus.filter(|vcpus| vcpus.is_finite() && *vcpus > 0.0)
    }

    /// Names and values, in the order in which they are shown.
    pub fn facts(&self) -> Vec<(String, String)> {
        let fixed = [
            ("version", self.version.clone()),
            ("commit", self.commit.clone()),
            ("instances", self.instances.map(|count| count.to_string())),
            ("vCPUs of all instances", self.vcpus.map(|count| count.to_string())),
            ("memory of an instance", self.memory.clone()),
            ("database", self.database.clone()),
            ("region", self.region.clone()),
        ];
        let fixed = fixed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        fixed.chain(self.configuration.iter().map(|(name, value)| (name.clone(), value.clone()))).collect()
    }
}

/// Where the description of a cloud comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DescribeSource {
    /// The target file has it.
    Table(SystemDescription),
    /// A command that prints it as JSON.
    Command(Vec<String>),
}

/// Why a command did not describe the system.
#[derive(Debug)]
pub struct DescribeError(String);

impl fmt::Display for DescribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the command of `describe` {}", self.0)
    }
}

impl std::error::Error for DescribeError {}

impl DescribeSource {
    /// The description.
    ///
    /// # Errors
    /// If the command fails, or prints something else.
    pub(super) async fn read(
        &self,
        folder: &Path,
        environment: Vec<(String, String)>,
        limit: Duration,
    ) -> Result<SystemDescription, DescribeError> {
        let words = match self {
            Self::Table(description) => return Ok(description.clone()),
            Self::Command(words) => words,
        };
        let Some((program, args)) = words.split_first() else { return Ok(SystemDescription::default()) };
        let ran = hook_command::run((program, args), folder, environment, limit).await;
        let output = ran.map_err(|failure| DescribeError(failure.predicate()))?;
        serde_json::from_str(&output.stdout).map_err(|error| {
            DescribeError(format!(
                "printed no JSON object with version, commit, instances, vcpus, memory, database, region or configuration: {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn printed(script: &str) -> Result<SystemDescription, DescribeError> {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        DescribeSource::Command(words).read(&std::env::temp_dir(), vec![], Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn a_command_prints_the_description() {
        let description = printed(r#"echo '{"version": "2.1", "vcpus": 4, "configuration": {"pool": "20"}}'"#).await;
        let description = description.expect("a description");
        assert_eq!(description.usable_vcpus(), Some(4.0));
        let facts: Vec<String> =
            description.facts().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(facts, ["version=2.1", "vCPUs of all instances=4", "pool=20"]);
    }

    #[tokio::test]
    async fn a_command_that_fails_or_prints_something_else_is_an_error() {
        for (script, part) in [
            ("echo no >&2; exit 3", "failed (exit status: 3): no"),
            ("echo 2.1", "printed no JSON object"),
            (r#"echo '{"cpus": 4}'"#, "unknown field `cpus`"),
        ] {
            let error = printed(script).await.expect_err(script).to_string();
            assert!(error.starts_with("the command of `describe` ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn results_are_not_divided_by_no_processors() {
        for vcpus in [0.0, -1.0, f64::NAN] {
            assert_eq!(SystemDescription { vcpus: Some(vcpus), ..SystemDescription::default() }.usable_vcpus(), None);
        }
    }
}
