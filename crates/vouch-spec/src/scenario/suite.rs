//! A folder of scenarios: `clauses.yaml`, one folder a group, one file a scenario.

use super::clause::Clauses;
use super::parse::Scenario;
use crate::text::{Diagnostic, Diagnostics, Source};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// All scenarios of a folder and the clauses that they prove.
#[derive(Clone, Debug)]
pub struct Suite {
    pub clauses: Clauses,
    pub scenarios: Vec<Scenario>,
}

/// Why there is no suite.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    #[error("{0}")]
    Io(String),
    #[error("{0}")]
    Diagnostics(Diagnostics),
}

impl Suite {
    /// Reads a suite's folder, or single files and chapters of it. The clauses come from the suggest `clauses.yaml` at or
    /// above the first path.
    ///
    /// Diagnostics are returned beside what could be read, so that the plan can add what it finds.
    pub fn load(paths: &[PathBuf]) -> Result<(Self, Vec<Diagnostic>), SuiteError> {
        let first = paths.first().ok_or_else(|| SuiteError::Io("no scenario path given".into()))?;
        let clauses_file = find_clauses(first)?;
        let root = clauses_file.parent().unwrap_or(Path::new(".")).to_path_buf();
        let clauses =
            Clauses::parse(&read(&clauses_file)?).map_err(|p| SuiteError::Diagnostics(Diagnostics(p).tidy()))?;
        let mut files = Vec::new();
        for path in paths {
            collect(path, &clauses_file, &mut files)?;
        }
        files.sort();
        files.dedup();
        if files.is_empty() {
            return Err(SuiteError::Io(format!("no scenario files (*.yaml) in {}", first.display())));
        }
        let mut suite = Self { clauses, scenarios: Vec::new() };
        let mut problems = Vec::new();
        for file in files {
            let group = group_of(&file, &root);
            let (scenario, found) = Scenario::parse(&read(&file)?, &group, &suite.clauses);
            suite.scenarios.extend(scenario);
            problems.extend(found);
        }
        problems.extend(duplicate_ids(&suite.scenarios));
        Ok((suite, problems))
    }
}

fn read(path: &Path) -> Result<Source, SuiteError> {
    Source::read(path).map_err(|e| SuiteError::Io(e.to_string()))
}

fn find_clauses(start: &Path) -> Result<PathBuf, SuiteError> {
    if !start.exists() {
        return Err(SuiteError::Io(format!("{} does not exist", start.display())));
    }
    let absolute = std::path::absolute(start).unwrap_or_else(|_| start.to_path_buf());
    for folder in absolute.ancestors() {
        let candidate = folder.join("clauses.yaml");
        if candidate.is_file() {
            // Shown as the user would write it, where that is possible.
            let here = std::env::current_dir().unwrap_or_default();
            return Ok(candidate.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(candidate));
        }
    }
    Err(SuiteError::Io(format!("no clauses.yaml at or above {}: a suite's folder has one", start.display())))
}

fn collect(path: &Path, clauses_file: &Path, files: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let failed = |e: std::io::Error| SuiteError::Io(format!("cannot read {}: {e}", path.display()));
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let yaml = entry.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if entry.is_dir() && !hidden {
            collect(&entry, clauses_file, files)?;
        } else if yaml && !hidden && entry.file_name() != clauses_file.file_name() {
            files.push(entry);
        }
    }
    Ok(())
}

fn group_of(file: &Path, root: &Path) -> String {
    let folder = file.parent().unwrap_or(Path::new(""));
    let below = folder.strip_prefix(root).unwrap_or(folder);
    match below.components().next() {
        Some(first) => first.as_os_str().to_string_lossy().into_owned(),
        None => "suite".into(),
    }
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
