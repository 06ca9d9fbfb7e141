//! `either`: the case goes on in one of several ways, where the scheme allows several states.

use super::{Reading, ScenarioStep, Step, StepFields};
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Goes on in the way whose first step holds.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Either {
    /// The ways: lists of steps. The first step of each is a check that decides whether the case goes this way: `status`,
    /// `currentUser`, `storage`, or `await`. The others must then succeed.
    pub ways: Vec<Vec<ScenarioStep>>,
}

/// The fields, whose steps are read by themselves.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    #[allow(dead_code, reason = "read as steps")]
    ways: Vec<Vec<serde_json::Value>>,
}

impl StepFields for Either {
    const NAME: &str = "either";
    const ABOUT: &str = "Goes on in the first of several ways whose first step, a check, holds.";

    fn describe(&self) -> String {
        let way = |steps: &Vec<ScenarioStep>| {
            steps.iter().map(|step| step.step.describe()).collect::<Vec<_>>().join(", then ")
        };
        format!("either: {}", self.ways.iter().map(way).collect::<Vec<_>>().join("; or: "))
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        self.ways.iter().flatten().collect()
    }
}

impl Either {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let _: Fields = reading.decoder.decode(node)?;
        let list = node.get("ways").unwrap_or(node).as_list()?;
        let mut ways = Vec::new();
        for way in list {
            let steps =
                way.as_list()?.iter().map(|step| ScenarioStep::read(step, reading)).collect::<Option<Vec<_>>>()?;
            let decides = steps.first().is_some_and(|first| can_decide(&first.step));
            if !decides {
                reading.decoder.wrong(
                    way.span,
                    "a way begins with a check that decides whether the case goes this way",
                    "begin it with `status`, `currentUser`, `storage` or `await`",
                );
                return None;
            }
            ways.push(steps);
        }
        if ways.len() < 2 {
            reading.decoder.wrong(
                node.span,
                "`either` needs two ways at the least",
                "write the steps without `either`",
            );
            return None;
        }
        Some(Self { ways })
    }
}

/// Whether a step changes nothing, so that it can be tried.
fn can_decide(step: &Step) -> bool {
    matches!(step, Step::Status(_) | Step::CurrentUser(_) | Step::Storage(_) | Step::Await(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Decoder, Source, yaml};

    /// The problems of a step, and whether it was read.
    fn read(text: &str) -> (Vec<String>, bool) {
        let source = Source::new("either.yaml", text.to_owned());
        let (tree, _) = yaml::parse(&source);
        let decoder = Decoder::new(&source);
        let reading = Reading { decoder: &decoder, proves: &[], users: &[] };
        let read = ScenarioStep::read(&tree.expect("a tree"), &reading).is_some();
        (decoder.finish().into_iter().map(|problem| problem.message).collect(), read)
    }

    #[test]
    fn each_way_begins_with_a_check_and_there_are_two_at_the_least() {
        assert_eq!(read("either: [[{status: []}, relaunch], [{currentUser: none}]]"), (vec![], true));
        let (problems, _) = read("either: [[signOut], [{status: []}]]");
        assert!(problems.iter().any(|problem| problem.contains("begins with a check")), "{problems:?}");
        let (problems, _) = read("either: [[{status: []}]]");
        assert!(problems.iter().any(|problem| problem.contains("two ways")), "{problems:?}");
    }
}
