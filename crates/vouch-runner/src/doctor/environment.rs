//! The environment variables that the programs of a target get.

use super::start_programs::NamedProgram;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The variables of one program.
pub(super) struct Environment {
    /// Whose they are, for example `[sdk]`.
    pub owner: String,
    /// The working directory.
    pub folder: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of each program, and of this process where there is none.
    pub fn of_programs(programs: &[NamedProgram]) -> Vec<Self> {
        let own: BTreeMap<_, _> = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        if programs.is_empty() {
            return vec![Self { owner: "the environment".into(), folder: ".".into(), variables: own }];
        }
        let mut environments: Vec<Self> = Vec::new();
        for NamedProgram { section, program } in programs {
            let mut variables = own.clone();
            variables.extend(program.environment.iter().cloned());
            let is_new = environments.iter().all(|other| other.variables != variables);
            if is_new {
                environments.push(Self { owner: section.clone(), folder: program.folder.clone(), variables });
            }
        }
        environments
    }

    /// The value of a variable. An empty one counts as none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A path as the program sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(Path::new(path))
    }

    #[cfg(test)]
    pub fn new(variables: &[(&str, &str)], folder: &Path) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { owner: "[sdk]".into(), folder: folder.to_owned(), variables }
    }
}
