//! `parallel`: several steps at once.

use super::{Reading, ScenarioStep, StepFields};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs several steps at once.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parallel {
    /// The steps.
    pub steps: Vec<ScenarioStep>,
    /// How many times each of them.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: usize,
    /// How many of all must end with `ok`; left out, each step's own `expect` decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successes: Option<usize>,
    /// How many of all may end with `ok` at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successes_at_most: Option<usize>,
    /// How many of all must end with `ok` at the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successes_at_least: Option<usize>,
}

/// The fields beside the steps, which are read by themselves.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    #[allow(dead_code, reason = "read as steps")]
    steps: Vec<serde_json::Value>,
    #[serde(default = "once")]
    times: usize,
    #[serde(default)]
    successes: Option<usize>,
    #[serde(default)]
    successes_at_most: Option<usize>,
    #[serde(default)]
    successes_at_least: Option<usize>,
}

fn once() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_once(times: &usize) -> bool {
    *times == once()
}

/// More than this at once is a load test.
const MOST: usize = 100;

impl StepFields for Parallel {
    const NAME: &str = "parallel";
    const ABOUT: &str = "Runs several steps at once.";

    fn describe(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(|step| step.step.describe()).collect();
        let times = if self.times > 1 { format!(" ({} times each)", self.times) } else { String::new() };
        format!("in parallel{times}: {}", steps.join("; "))
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        self.steps.iter().collect()
    }

    fn calls(&self) -> usize {
        self.steps.iter().map(|step| step.step.calls()).sum::<usize>() * self.times
    }
}

impl Parallel {
    /// Steps that run this many times each.
    pub fn new(steps: Vec<ScenarioStep>, times: usize) -> Self {
        Self { steps, times, successes: None, successes_at_most: None, successes_at_least: None }
    }

    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let Fields { times, successes, successes_at_most, successes_at_least, .. } = reading.decoder.decode(node)?;
        let list = node.get("steps").unwrap_or(node);
        let steps: Vec<_> =
            list.as_list()?.iter().map(|step| ScenarioStep::read(step, reading)).collect::<Option<_>>()?;
        if steps.is_empty() || times == 0 || times.saturating_mul(steps.len()) > MOST {
            reading.decoder.wrong(
                node.span,
                "between 1 and 100 steps can run in parallel",
                "give some steps, and `times` if they are to be repeated",
            );
            return None;
        }
        Some(Self { steps, times, successes, successes_at_most, successes_at_least })
    }
}
