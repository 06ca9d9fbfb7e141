//! Wire snapshots: compares the transcript of a passed case with the file beside its scenario.

use super::plan::PlannedCase;
use super::step_result::{About, StepError, StepFailure};
use super::world::World;
use parking_lot::Mutex;
use similar::TextDiff;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use vouch_sim::clock::ClockMode;
use vouch_sim::wire::snapshot::{self, Snapshot};
use vouch_spec::scenario::{SnapshotStore, WireCheck};
use vouch_spec::step::Expiries;

/// What to do if a snapshot is missing or differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// Fail, and write a `.snap.new` file for `cargo insta review`.
    Review,
    /// Fail and write nothing.
    Check,
    /// Write the snapshot.
    Update,
}

/// The wire snapshots of a run.
pub(super) struct Snapshots {
    mode: SnapshotMode,
    /// The folder of the snapshots. Default: beside each scenario.
    folder: Option<PathBuf>,
    /// The case and the transcript of each snapshot of this run: the cases of one scenario share a snapshot.
    compared: Mutex<HashMap<PathBuf, (String, String)>>,
}

impl Snapshots {
    pub fn new(mode: SnapshotMode, folder: Option<PathBuf>) -> Self {
        Self { mode, folder, compared: Mutex::default() }
    }

    /// Compares the transcript of a case with its snapshot, if its scenario has one.
    pub fn check(&self, case: &PlannedCase, world: &World) -> Result<(), Box<StepFailure>> {
        if case.scenario.header.wire != Some(WireCheck::Snapshot) {
            return Ok(());
        }
        // With short-lived tokens in real time an SDK may refresh earlier than in virtual time.
        if world.clock.mode() == ClockMode::Real && case.expiries() != Expiries::default() {
            return Ok(());
        }
        let got = snapshot::render(&world.transcript.since(0), &world.redactor, case.given.realm());
        let path = self.path(case);
        self.compare(case, &path, &got).map_err(|error| {
            let description = format!("wire snapshot {}", path.display());
            Box::new(StepFailure {
                span: case.scenario.header.id.span,
                description,
                kind: "wire".into(),
                // Other traffic than before may be right: it violates no clause by itself.
                about: About::Clauses(vec![]),
                advice: None,
                error,
            })
        })
    }

    fn path(&self, case: &PlannedCase) -> PathBuf {
        let beside = || case.scenario.source.path().with_file_name("snapshots");
        let folder = self.folder.clone().unwrap_or_else(beside);
        folder.join(format!("{}.snap", case.scenario.id()))
    }

    fn compare(&self, case: &PlannedCase, path: &Path, got: &str) -> Result<(), StepError> {
        let mut compared = self.compared.lock();
        if let Some((sibling, first)) = compared.get(path)
            && first != got
        {
            return Err(StepError::Unmet {
                expected: format!("the same traffic as in {sibling}"),
                got: diff(first, got),
            });
        }
        compared.insert(path.to_path_buf(), (case.id.clone(), got.to_owned()));
        let harness =
            |e: std::io::Error| StepError::Harness(format!("cannot use the snapshot {}: {e}", path.display()));
        // A snapshot folder of the target takes the place of what is embedded.
        let embedded = match &case.scenario.snapshot {
            SnapshotStore::Embedded(snapshot) if self.folder.is_none() => Some(snapshot),
            _ => None,
        };
        let stored = match embedded {
            Some(snapshot) => snapshot.as_ref().map(|source| snapshot::parse(source.text())).transpose(),
            None => snapshot::read(path),
        };
        let stored = stored.map_err(harness)?;
        if stored.as_ref().is_some_and(|stored| stored.contents == got) {
            return Ok(());
        }
        let hint = if embedded.is_some() {
            EMBEDDED_HINT
        } else {
            let source = case.scenario.source.path().display().to_string();
            let fresh = Snapshot { source, contents: got.to_owned() };
            match self.mode {
                SnapshotMode::Update => return snapshot::write(path, &fresh).map_err(harness),
                SnapshotMode::Review => snapshot::write(&path.with_extension("snap.new"), &fresh).map_err(harness)?,
                SnapshotMode::Check => {}
            }
            HINT
        };
        Err(match stored {
            Some(stored) => StepError::Unmet {
                expected: "the traffic of its wire snapshot".into(),
                got: format!("a difference (- snapshot, + this run); {hint}\n{}", diff(&stored.contents, got)),
            },
            None => StepError::Unmet { expected: "a wire snapshot".into(), got: format!("none yet; {hint}") },
        })
    }
}

const HINT: &str = "accept it with `vouch run --update-snapshots` or `cargo insta review`, if the change is intended";
const EMBEDDED_HINT: &str = "snapshots of the bundled suite cannot be changed; to accept it, run the scenarios from a folder \
    (`vouch suite export DIR`, then `vouch run --update-snapshots DIR`)";

fn diff(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(2).to_string()
}
