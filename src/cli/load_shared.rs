//! What the commands share that put a load on something: `load`, `journeys` and `worker`.

use super::Stop;
use super::interrupts::INTERRUPTED;
use vouch_load::{
    Crew, CrewParts, Judged, Limits, Load, Protocol, Round, Running, Seated, Trouble, Verdict, allow_sockets, seat,
    tls_config,
};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Environment, Region};
use vouch_runner::target_file::Target;
use std::path::Path;
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

/// A crew with its target, ready to prepare.
pub struct Crewed {
    pub crew: Crew,
    pub keep: Running,
    pub name: String,
}

/// Seats a load and puts its crew together.
pub async fn crew(ca: Option<&Path>, load: &Load, target: &Target, profile: Arc<Profile>) -> Result<Crewed, Stop> {
    let alpn = if load.protocol == Protocol::Http2 { "h2" } else { "http/1.1" };
    let tls = tls_config(ca, &[alpn]).map_err(|error| Stop::Usage(error.to_string()))?;
    allow_sockets(load.connections).map_err(Stop::Usage)?;
    let Seated { site, users, token_place, keep, name } = seat(load, target, profile).await.map_err(trouble)?;
    let limits = Limits::of(load, tls);
    let crew = Crew::new(CrewParts { load: load.clone(), site, limits, users, token_place });
    Ok(Crewed { crew, keep, name })
}
