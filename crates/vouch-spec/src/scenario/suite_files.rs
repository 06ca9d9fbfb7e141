//! The files of a suite: folders on disk, or files embedded in the program. Nothing is parsed here.

use super::suite::SuiteError;
use crate::text::Source;
use std::path::{Path, PathBuf};

/// A file that is embedded in the program.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedFile {
    /// The path that diagnostics show, for example `scenarios/migration/other-region.yaml`.
    pub path: &'static str,
    /// The whole text.
    pub text: &'static str,
}

/// The text of every file of a suite. [`super::Suite::parse`] gives it meaning.
#[derive(Clone, Debug, Default)]
pub struct SuiteFiles {
    pub(super) clauses: Vec<Source>,
    pub(super) scenarios: Vec<ScenarioFile>,
    /// The folder of its clauses has more scenarios.
    pub is_part: bool,
}

/// A scenario file that is not parsed yet.
#[derive(Clone, Debug)]
pub(super) struct ScenarioFile {
    pub source: Source,
    pub group: String,
    /// The files that it was embedded with; none for a file on disk.
    pub embedded: Option<&'static [EmbeddedFile]>,
}

impl SuiteFiles {
    /// A suite that is embedded below `root`: `root/clauses.yaml`, `root/GROUP/NAME.yaml`, and snapshots beside them.
    pub fn embedded(root: &str, files: &'static [EmbeddedFile]) -> Self {
        let root = Path::new(root);
        let mut suite = Self::default();
        for file in files.iter().filter(|file| is_yaml(Path::new(file.path))) {
            let source = Source::new(file.path, file.text);
            if source.path() == root.join(CLAUSES[0]) {
                suite.clauses.push(source);
            } else {
                let group = group_of(source.path(), root).unwrap_or_else(|| UNGROUPED.into());
                suite.scenarios.push(ScenarioFile { source, group, embedded: Some(files) });
            }
        }
        suite
    }

    /// Every file: clauses, then scenarios.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.clauses.iter().chain(self.scenarios.iter().map(|file| &file.source))
    }

    /// Reads scenario files, or folders of them. The clauses come from the nearest `clauses.yaml` at or above the first path.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SuiteError> {
        let first = paths.first().ok_or_else(|| SuiteError::Io("no scenario path is given".into()))?;
        let clauses = find_clauses(first)?;
        let root = clauses.parent().unwrap_or(Path::new(".")).to_path_buf();
        let mut files = Vec::new();
        for path in paths {
            collect(path, &mut files)?;
        }
        if files.is_empty() {
            return Err(no_scenarios(first));
        }
        let mut all = Vec::new();
        // The folder of a bare `clauses.yaml` is the current one.
        let folder = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
        collect(folder, &mut all)?;
        let mut suite = Self { clauses: vec![read(&clauses)?], ..Self::default() };
        suite.add_scenarios(files, &root, UNGROUPED)?;
        suite.is_part = suite.scenarios.len() < all.len();
        Ok(suite)
    }

    /// Adds a folder of scenarios. Its own `clauses.yaml`, if it has one, adds clauses to those of the suite.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), SuiteError> {
        if !folder.is_dir() {
            return Err(SuiteError::Io(format!("{} is not a folder", folder.display())));
        }
        let mut files = Vec::new();
        collect(folder, &mut files)?;
        if files.is_empty() {
            return Err(no_scenarios(folder));
        }
        if let Some(clauses) = clauses_in(folder) {
            self.clauses.push(read(&clauses)?);
        }
        let name = folder.file_name().map_or_else(|| UNGROUPED.into(), |name| name.to_string_lossy().into_owned());
        self.add_scenarios(files, folder, &name)
    }

    fn add_scenarios(&mut self, mut files: Vec<PathBuf>, root: &Path, ungrouped: &str) -> Result<(), SuiteError> {
        files.sort();
        files.dedup();
        for file in files {
            let group = group_of(&file, root).unwrap_or_else(|| ungrouped.to_owned());
            self.scenarios.push(ScenarioFile { source: read(&file)?, group, embedded: None });
        }
        Ok(())
    }
}

/// The names of the file with the clauses.
const CLAUSES: [&str; 2] = ["clauses.yaml", "clauses.yml"];
/// The group of scenarios that lie in no folder of their own.
const UNGROUPED: &str = "suite";

fn no_scenarios(path: &Path) -> SuiteError {
    SuiteError::Io(format!("no scenario files (*.yaml, *.yml) in {}", path.display()))
}

fn read(path: &Path) -> Result<Source, SuiteError> {
    Source::read(path).map_err(|error| SuiteError::Io(error.to_string()))
}

fn find_clauses(start: &Path) -> Result<PathBuf, SuiteError> {
    if !start.exists() {
        return Err(SuiteError::Io(format!("{} does not exist", start.display())));
    }
    let absolute = std::path::absolute(start).unwrap_or_else(|_| start.to_path_buf());
    for folder in absolute.ancestors() {
        if let Some(candidate) = clauses_in(folder) {
            // Relative to the current folder where possible, as the user would write it.
            let here = std::env::current_dir().unwrap_or_default();
            return Ok(candidate.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(candidate));
        }
    }
    Err(SuiteError::Io(format!(
        "no clauses.yaml at or above {}: a suite's folder has one; `--with DIR` adds a folder to the bundled suite",
        start.display()
    )))
}

/// The file with the clauses in a folder.
fn clauses_in(folder: &Path) -> Option<PathBuf> {
    CLAUSES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let failed = |error: std::io::Error| SuiteError::Io(format!("cannot read {}: {error}", path.display()));
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if entry.is_dir() && !hidden {
            collect(&entry, files)?;
        } else if is_yaml(&entry)
            && !hidden
            && entry.file_name().is_some_and(|name| !CLAUSES.iter().any(|clauses| name == *clauses))
        {
            files.push(entry);
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The first folder of a file below `root`.
fn group_of(file: &Path, root: &Path) -> Option<String> {
    let folder = file.parent()?;
    let first = folder.strip_prefix(root).unwrap_or(folder).components().next()?;
    Some(first.as_os_str().to_string_lossy().into_owned())
}
