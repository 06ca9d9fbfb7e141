//! Where a run comes from: target, suite, arguments, host.

use super::digest::{BuildDigest, of_bytes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vouch_spec::protocol::Role;
use vouch_spec::scenario::{Clauses, SuiteFiles};

/// What the caller of a run knows about it.
#[derive(Clone, Debug, Default)]
pub struct RunContext {
    /// The roles under test. None: the built-in parts.
    pub roles: Vec<Role>,
    /// The path of the target file.
    pub target_file: Option<String>,
    pub build_digest: Option<BuildDigest>,
    pub suite: SuiteInfo,
    /// The arguments of the command line.
    pub arguments: Vec<String>,
}

/// The suite of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuiteInfo {
    /// SHA-256 over the files of the suite, in lower-case hexadecimal.
    pub sha256: String,
    /// The edition: the highest `since` of its clauses.
    pub edition: u32,
    /// Whether it is the suite that is bundled with this version of Vouch.
    pub bundled: bool,
    pub clauses: Clauses,
}

impl SuiteInfo {
    /// What a record says of a suite. Its digest does not depend on where the files lie: it is that of the sorted digests of
    /// their texts, one a line.
    pub fn of(files: &SuiteFiles, clauses: &Clauses, bundled: bool) -> Self {
        let mut digests: Vec<_> = files.sources().map(|source| of_bytes(source.text().as_bytes()) + "\n").collect();
        digests.sort();
        Self {
            sha256: of_bytes(digests.concat().as_bytes()),
            edition: clauses.iter().map(|clause| clause.since).max().unwrap_or(1),
            bundled,
            clauses: clauses.clone(),
        }
    }
}

/// The machine of a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    pub name: String,
    /// For example `linux`.
    pub os: String,
    /// For example `x86_64`.
    pub architecture: String,
    /// The number of processors that this process may use.
    pub processors: usize,
}

impl Host {
    /// The machine in a line, for example `runner-7: linux x86_64, 2 processors`.
    pub fn describe(&self) -> String {
        format!("{}: {} {}, {} processors", self.name, self.os, self.architecture, self.processors)
    }

    /// This machine.
    pub fn this() -> Self {
        Self {
            name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            os: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        }
    }
}
