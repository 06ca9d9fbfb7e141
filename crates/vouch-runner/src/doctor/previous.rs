//! The build before the one under test starts, or what it left on its device can be read.

use super::Diagnosis;
use super::adapter::Start;
use crate::museum::StoredInstallation;
use crate::sut::Deadlines;
use crate::target_file::{PreviousSource, Target};
use std::path::Path;
use std::time::Instant;

const CHECK: &str = "previous build";

/// One diagnosis if the target file has `[sdk.previous]`.
pub(super) async fn check(target: &Target) -> Option<Diagnosis> {
    match target.previous.as_ref()? {
        PreviousSource::Stored(folder) => Some(stored(folder)),
        PreviousSource::Program(previous) => Some(program(&previous.role, target.deadlines).await),
    }
}

async fn program(role: &crate::sut::SdkRole, deadlines: Deadlines) -> Diagnosis {
    let began = Instant::now();
    let probed = role.probe(deadlines).await;
    let start = Start { section: "[sdk.previous]", took: began.elapsed(), deadlines, is_remote: false };
    start.judge(probed).map_or_else(|diagnosis| diagnosis, |claims| start.in_time(&claims))
}

fn stored(folder: &Path) -> Diagnosis {
    let installation = match StoredInstallation::read(folder) {
        Ok(installation) => installation.description,
        Err(error) => {
            let text = error.to_string();
            let (found, advice) = text.rsplit_once("; ").unwrap_or((&text, "capture it again"));
            return Diagnosis::problem(CHECK, found, advice);
        }
    };
    let states: Vec<_> = installation.states.keys().map(|state| state.word()).collect();
    let (build, profile) = (&installation.build, &installation.profile);
    let folder = folder.display();
    let what = format!("{folder} is what {} {} left ({profile}): {}", build.name, build.version, states.join(", "));
    Diagnosis::ok(CHECK, what)
}
