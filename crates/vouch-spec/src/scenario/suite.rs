//! A suite: clauses, and the scenarios that prove them.

use super::clause::Clauses;
use super::parse::{Scenario, SnapshotStore};
use super::suite_files::{ScenarioFile, SuiteFiles};
use crate::text::{Diagnostic, Diagnostics, Source};
use std::collections::HashMap;
use std::path::PathBuf;

/// Scenarios and the clauses that they prove.
#[derive(Clone, Debug)]
pub struct Suite {
    pub clauses: Clauses,
    pub scenarios: Vec<Scenario>,
}

/// Why there is no suite.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or folder cannot be used.
    #[error("{0}")]
    Io(String),
    /// `clauses.yaml` has mistakes.
    #[error("{0}")]
    Diagnostics(Diagnostics),
}

impl Suite {
    /// Reads scenario files, or folders of them, from disk; see [`SuiteFiles::read`] and [`Suite::parse`].
    pub fn load(paths: &[PathBuf]) -> Result<(Self, Vec<Diagnostic>), SuiteError> {
        Self::parse(&SuiteFiles::read(paths)?)
    }

    /// Parses the files of a suite.
    ///
    /// Mistakes in scenarios are returned beside what could be read, so that the plan can add those that it finds.
    pub fn parse(files: &SuiteFiles) -> Result<(Self, Vec<Diagnostic>), SuiteError> {
        let mut clauses = Clauses::default();
        let mut mistakes: Vec<_> = files.clauses.iter().flat_map(|source| clauses.add(source)).collect();
        if !mistakes.is_empty() {
            return Err(SuiteError::Diagnostics(Diagnostics(mistakes).tidy()));
        }
        let mut suite = Self { clauses, scenarios: Vec::new() };
        for file in &files.scenarios {
            let (scenario, found) = Scenario::parse(&file.source, &file.group, &suite.clauses);
            suite.scenarios.extend(scenario.map(|mut scenario| {
                scenario.snapshot = snapshot_store(file, scenario.id());
                scenario
            }));
            mistakes.extend(found);
        }
        mistakes.extend(duplicate_ids(&suite.scenarios));
        Ok((suite, mistakes))
    }
}

fn snapshot_store(file: &ScenarioFile, id: &str) -> SnapshotStore {
    let Some(embedded) = file.embedded else { return SnapshotStore::Beside };
    let path = file.source.path().with_file_name("snapshots").join(format!("{id}.snap"));
    let found = embedded.iter().find(|other| path.as_os_str() == other.path);
    SnapshotStore::Embedded(found.map(|file| Source::new(file.path, file.text)))
}

fn duplicate_ids(scenarios: &[Scenario]) -> Vec<Diagnostic> {
    let mut first: HashMap<&str, &Scenario> = HashMap::new();
    let mut problems = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| !scenario.id().is_empty()) {
        if let Some(other) = first.get(scenario.id()) {
            let place = other.source.place(other.header.id.span);
            problems.push(
                Diagnostic::new(
                    &scenario.source,
                    scenario.header.id.span,
                    format!("the id `{}` is taken", scenario.id()),
                )
                .help(format!("the other one stands in {place}")),
            );
        } else {
            first.insert(scenario.id(), scenario);
        }
    }
    problems
}
