//! Functions shared by the commands that generate load: `load`, `journeys` and `worker`.

use crate::cli::CliError;
use crate::cli::signals::INTERRUPTED;
use crate::suite::named_profile;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use vouch_load::record::LoadRecord;
use vouch_load::system::SystemUnderTest;
use vouch_load::{
    ClientOptions, Load, LoadError, LoadVerdict, Protocol, RunningServices, TargetSetup, WorkerParts, Workers,
    allow_connections, set_up_target,
};
use vouch_runner::target_file::Target;
use vouch_sim::wire::TlsConfig;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Environment, Region};

/// The value of `--environment`.
pub fn environment(word: &str) -> Result<Environment, &'static str> {
    Environment::parse(word).ok_or("expected production, sandbox or dev")
}

/// The value of `--region`.
pub fn region(word: &str) -> Result<Region, &'static str> {
    Region::parse(word).ok_or("expected us or eu")
}

/// The wire profile: that of `--profile`, else that of the target file, else `junction`.
pub fn profile(name: Option<&str>, target: &Target) -> Result<Arc<Profile>, CliError> {
    let named = named_profile(name, target)?;
    Ok(named.or_else(|| target.profile.clone()).unwrap_or_else(Profile::junction))
}

/// The command-line error for a load that could not be carried out.
pub fn load_error(load_error: LoadError) -> CliError {
    let help = load_error.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
    CliError::Environment(format!("{}{help}", load_error.what))
}

/// Writes a JSON report.
pub fn write_json(path: &Path, report: &serde_json::Value) -> Result<(), CliError> {
    std::fs::write(path, format!("{report:#}\n"))
        .map_err(|error| CliError::Environment(format!("cannot write {}: {error}", path.display())))
}

/// The exit code of a load.
pub fn exit_code(record: &LoadRecord) -> ExitCode {
    match record.result.evaluation.verdict {
        _ if record.result.round.interrupted => ExitCode::from(INTERRUPTED),
        LoadVerdict::Passed => ExitCode::SUCCESS,
        LoadVerdict::Failed => ExitCode::from(1),
        LoadVerdict::Inconclusive => ExitCode::from(4),
    }
}

/// The TLS configuration of a load's clients: what the target file says, and the file of `--ca`.
pub fn tls(ca: Option<&Path>, target: &Target, alpn: &[&str]) -> Result<TlsConfig, CliError> {
    let mut tls = target.cloud.as_ref().map(|cloud| cloud.tls.clone()).unwrap_or_default();
    tls.ca.extend(ca.map(Path::to_owned));
    tls.config(alpn).map_err(|error| CliError::Usage(error.to_string()))
}

/// The workers of a load, connected to its target; `prepare` has not run yet.
pub struct PreparedLoad {
    pub workers: Workers,
    pub services: RunningServices,
    pub name: String,
    pub system: SystemUnderTest,
}

/// Sets up the target of a load, and its workers.
pub async fn workers(
    ca: Option<&Path>,
    load: &Load,
    target: &Target,
    profile: Arc<Profile>,
) -> Result<PreparedLoad, CliError> {
    let alpn = if load.protocol == Protocol::Http2 { "h2" } else { "http/1.1" };
    let tls = tls(ca, target, &[alpn])?;
    allow_connections(load.connections)
        .map_err(|error| CliError::Usage(format!("{error}, or use fewer --connections")))?;
    let TargetSetup { load_target, users, token_place, services, name, system } =
        set_up_target(load, target, profile, &crate::cli::program()?).await.map_err(load_error)?;
    let client_options = ClientOptions::of(load, tls);
    let workers = Workers::new(WorkerParts { load: load.clone(), load_target, client_options, users, token_place });
    Ok(PreparedLoad { workers, services, name, system })
}
