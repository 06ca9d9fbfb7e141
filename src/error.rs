//! Why a run does not start.

use crate::report::Report;
use vouch_runner::resource_limits::TooFewFiles;
use vouch_runner::run::Shard;
use vouch_runner::target_setup::TargetError;
use vouch_spec::protocol::Role;
use vouch_spec::scenario::SuiteError;
use vouch_spec::text::{Diagnostics, suggest};

/// Why a run does not start. A build that fails scenarios is not an error: see [`Report`](crate::Report).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A scenario, clause or target file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Files have mistakes. The text shows each with its place.
    #[error("{0}")]
    Mistakes(Diagnostics),
    /// No case is left after the filter.
    #[error("no case matches {}; `vouch list` shows all cases", .0.join(", "))]
    NoMatchingCase(Vec<String>),
    /// No selected case tests these roles.
    #[error(
        "none of the selected cases tests the role {}; `vouch list --role {}` shows those that do",
        words(.0, " or "),
        words(&.0[..1], "")
    )]
    NoCaseOfRole(Vec<Role>),
    /// There are fewer cases than shards.
    #[error("shard {shard} has no case: {cases} cases are chosen; split them into at most {cases} shards")]
    EmptyShard {
        /// The chosen shard.
        shard: Shard,
        /// The number of cases of all shards.
        cases: usize,
    },
    /// The target file fills several roles, and none was chosen.
    #[error("the target file fills several roles; choose which to test: --role {}", words(.0, ", --role "))]
    SeveralRoles(Vec<Role>),
    /// A role was chosen that the target file does not fill.
    #[error("the target file does not fill the role {role}; it fills {}", words(filled, ", "))]
    RoleNotFilled {
        /// The chosen role.
        role: Role,
        /// Those that the file fills.
        filled: Vec<Role>,
    },
    /// The build under test has no digest.
    #[error(transparent)]
    Build(#[from] vouch_runner::record::DigestError),
    /// There is no list of known failures.
    #[error(
        "there is no file {}; `vouch run --known-failures {} --write-known-failures` makes it from the failures of the run",
        .0.display(), .0.display()
    )]
    NoKnownFailures(std::path::PathBuf),
    /// There is no wire profile of this name.
    #[error("unknown wire profile `{0}`; there are junction, gcip, standard and custom")]
    UnknownProfile(String),
    /// `custom` was chosen, and the target file has no mapping.
    #[error("the profile `custom` is a mapping in a target file; see docs/profiles.md")]
    NoCustomProfile,
    /// There is no mutant of this name.
    #[error("there is no mutant `{name}`; {help}")]
    UnknownMutant {
        /// The name that was given.
        name: String,
        /// What to do.
        help: String,
    },
    /// There is no legitimate variant of this name.
    #[error("there is no variant `{name}`; {help}")]
    UnknownVariant {
        /// The name that was given.
        name: String,
        /// What to do.
        help: String,
    },
    /// Snapshots that are embedded cannot be updated.
    #[error(
        "the snapshots of the bundled suite cannot be updated; export it (`vouch suite export DIR`), then run \
         `vouch run --update-snapshots DIR`, or set `snapshots` in the target file"
    )]
    BundledSnapshots,
    /// The roles cannot be filled: a program does not start, or the system under test does not answer.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The system under test cannot be started, or does not answer. The report has one case, which says so.
    #[error("{error}")]
    NotStarted {
        /// Why.
        error: TargetError,
        /// The report of the run.
        report: Box<Report>,
    },
    /// The limit on open files is too low.
    #[error(transparent)]
    TooFewFiles(#[from] TooFewFiles),
    /// The runtime cannot start.
    #[error("cannot start a runtime: {0}")]
    Runtime(std::io::Error),
    /// The run was interrupted before its first case.
    #[error("interrupted before the first case")]
    Interrupted,
}

impl Error {
    pub(crate) fn unknown_mutant(name: &str) -> Self {
        let all: Vec<_> = vouch_sim::mutant::all().into_iter().map(|mutant| mutant.name).collect();
        Error::UnknownMutant { name: name.to_owned(), help: listed(name, &all) }
    }

    pub(crate) fn unknown_variant(name: &str) -> Self {
        let all: Vec<_> = vouch_sim::variant::all().into_iter().map(|variant| variant.name).collect();
        Error::UnknownVariant { name: name.to_owned(), help: listed(name, &all) }
    }
}

/// The nearest name, and where all of them are listed.
fn listed(name: &str, all: &[&str]) -> String {
    let near = suggest(name, all.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!("{near}`vouch mutants` lists all {}", all.len())
}

impl From<SuiteError> for Error {
    fn from(error: SuiteError) -> Self {
        match error {
            SuiteError::Io(what) => Error::Unreadable(what),
            SuiteError::Diagnostics(mistakes) => Error::Mistakes(mistakes),
        }
    }
}

fn words(roles: &[Role], separator: &str) -> String {
    roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(separator)
}
