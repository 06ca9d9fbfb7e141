//! What the commands share that put a load on something: `load`, `journeys` and `worker`.

use super::Stop;
use super::interrupts::INTERRUPTED;
use crate::load::{Judged, Round, Trouble, Verdict};
use crate::profile::Profile;
use crate::protocol::{Environment, Region};
use crate::target::Target;
use std::process::ExitCode;
use std::sync::Arc;

/// The value of `--environment`.
pub fn environment(word: &str) -> Result<Environment, &'static str> {
    Environment::parse(word).ok_or("there are production, sandbox and dev")
}

/// The value of `--region`.
pub fn region(word: &str) -> Result<Region, &'static str> {
    Region::parse(word).ok_or("there are us and eu")
}

/// The wire profile of `--profile`, else the target's, else the vendor's own.
pub fn profile(name: Option<&str>, target: &Target) -> Result<Arc<Profile>, Stop> {
    let named = super::run::profile(name, target)?;
    Ok(named.or_else(|| target.profile.clone()).unwrap_or_else(Profile::junction))
}

/// A load that could not be carried out, for the user.
pub fn trouble(trouble: Trouble) -> Stop {
    let help = trouble.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
    Stop::Environment(format!("{}{help}", trouble.what))
}

/// The exit code of a round.
pub fn exit_code(round: &Round, judged: &Judged) -> ExitCode {
    match judged.verdict {
        _ if round.interrupted => ExitCode::from(INTERRUPTED),
        Verdict::Kept => ExitCode::SUCCESS,
        Verdict::Broken => ExitCode::from(1),
        Verdict::Inconclusive => ExitCode::from(4),
    }
}
