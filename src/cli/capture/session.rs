//! `vouch capture`: the mock cloud and its proxy before a real session, whose traffic is recorded.

use crate::Error;
use crate::cli::judge::judge_captured;
use crate::cli::mock_cloud::{self, proxy};
use crate::cli::proxied_app::hook::proxy_environment;
use crate::cli::signals::interrupts;
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, runtime};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use vouch_report::wrapped;
use vouch_runner::recorded_traffic::{Dialect, Hosts, draft_har, har};
use vouch_runner::report::print_stderr;
use vouch_runner::resource_limits::raise_open_file_limit;
use vouch_runner::run::{Interrupted, wanted};
use vouch_runner::temporary_folder;
use vouch_sim::intercept::{CertificateAuthority, PassedHost};
use vouch_sim::mock_cloud::{Keys, Lifetimes};
use vouch_sim::serve::{LatencyInjection, MockCloudServer, ProxyConfig, ServerConfig};
use vouch_spec::profile::Profile;

/// How many exchanges are kept. A recording has the newest.
const KEPT_EXCHANGES: usize = 20_000;
/// The threads of the mock cloud, which serves one app.
const THREADS: usize = 2;
/// The hosts that the command calls without the proxy.
const DIRECT: &str = "localhost,127.0.0.1,::1";
/// The names of the files that are written.
const TRAFFIC: &str = "traffic.har";
const SCENARIO: &str = "captured-session.yaml";

#[derive(clap::Args)]
#[group(id = "session")]
pub struct Args {
    /// The folder for the recorded traffic, traffic.har, and the draft of a scenario, captured-session.yaml.
    #[arg(short, long, value_name = "FOLDER", required = true)]
    output: Option<PathBuf>,

    /// The wire profile that the app speaks: junction, gcip or standard.
    #[arg(long, value_name = "PROFILE", default_value = "junction")]
    profile: String,

    /// The address of the proxy. Port 0 selects a free port.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    proxy: SocketAddr,

    /// A host that is passed on unread: HOST, HOST:PORT or *.DOMAIN. May be repeated. All hosts but the vendor's are refused.
    #[arg(long, value_name = "HOST")]
    proxy_pass: Vec<PassedHost>,

    /// The program to run through the proxy, and its arguments. Without it, the session ends with Ctrl-C.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub fn run(args: &Args) -> Done {
    let Some(folder) = &args.output else { return Err(CliError::Usage("give --output".into())) };
    let profile = Profile::built_in(&args.profile).ok_or_else(|| Error::UnknownProfile(args.profile.clone()))?;
    let files = [TRAFFIC, SCENARIO].map(|name| folder.join(name));
    if let Some(there) = files.iter().find(|file| file.exists()) {
        return Err(CliError::Usage(format!("{} is there already; choose another folder", there.display())));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| CliError::Environment(format!("cannot make {}: {error}", folder.display())))?;
    let ended = Session::start(args, &profile)?.run(&args.command)?;
    let [traffic, scenario] = files;
    let code = write(&ended.server, &profile, &traffic, &scenario)?;
    if let Some(failure) = ended.failure {
        print_stderr(format!("vouch: {failure}"));
    }
    Ok(ExitCode::from(code))
}

/// The mock cloud and its proxy.
struct Session {
    server: MockCloudServer,
    ca: Arc<CertificateAuthority>,
    profile: Arc<Profile>,
}

/// A session that is over.
struct Ended {
    server: MockCloudServer,
    /// How the command failed.
    failure: Option<String>,
}

impl Session {
    fn start(args: &Args, profile: &Arc<Profile>) -> Result<Self, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::Environment(error.to_string());
        raise_open_file_limit();
        let ca = Arc::new(CertificateAuthority::generate().map_err(|error| failed(&error))?);
        let config = ServerConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            profile: profile.clone(),
            keys: Arc::new(Keys::generate().map_err(|error| failed(&error))?),
            fault: None,
            lifetimes: Lifetimes::default(),
            threads: THREADS,
            latency: LatencyInjection::default(),
            tls: None,
            proxy: Some(ProxyConfig {
                listen: args.proxy,
                ca: ca.clone(),
                passed: args.proxy_pass.clone(),
                kept_exchanges: KEPT_EXCHANGES,
                on_event: proxy::print_events(),
            }),
        };
        let server = MockCloudServer::start(config).map_err(|error| failed(&error))?;
        Ok(Self { server, ca, profile: profile.clone() })
    }

    /// Runs the command to its end, or waits for Ctrl-C.
    fn run(self, command: &[String]) -> Result<Ended, CliError> {
        let failed = |error: std::io::Error| CliError::Environment(format!("cannot make a folder: {error}"));
        let folder = temporary_folder::create().map_err(failed)?;
        let (target, ca) = (folder.path().join("vouch.toml"), folder.path().join("ca.pem"));
        let program = std::env::current_exe().unwrap_or_else(|_| "vouch".into());
        mock_cloud::write(&target, &self.server.target(&program), 0o600)?;
        mock_cloud::write(&ca, self.ca.pem(), 0o600)?;
        let Some(address) = self.server.proxy_address() else {
            return Err(CliError::Environment("the proxy does not listen".into()));
        };
        let runtime = runtime()?;
        let failure = match command.split_first() {
            Some((program, arguments)) => {
                let mut environment = proxy_environment(&format!("http://{address}"), &ca, DIRECT);
                environment.push(("NODE_USE_ENV_PROXY".into(), "1".into()));
                environment.push(("VOUCH_TARGET".into(), target.display().to_string()));
                let mut command = tokio::process::Command::new(program);
                command.args(arguments).envs(environment).kill_on_drop(true);
                runtime.block_on(async { run_command(command, program, &mut interrupts()).await })?
            }
            None => {
                // Who reads the instructions may end it at once.
                let mut interrupted = runtime.block_on(async { interrupts() });
                proxy::announce(address, &self.profile, &self.ca, Some(&ca))?;
                let target = target.display();
                print_stderr(format!("vouch: `vouch mock-cloud ctl --target {target}` makes users and sign-in tokens"));
                print_stderr("vouch: use the app; Ctrl-C ends the recording");
                runtime.block_on(async { wanted(&mut interrupted).await });
                None
            }
        };
        Ok(Ended { server: self.server, failure })
    }
}

/// Runs the command, which Ctrl-C ends. Returns how it failed.
async fn run_command(
    mut command: tokio::process::Command,
    program: &str,
    interrupted: &mut Interrupted,
) -> Result<Option<String>, CliError> {
    let mut child =
        command.spawn().map_err(|error| CliError::Environment(format!("cannot start `{program}`: {error}")))?;
    let status = tokio::select! {
        status = child.wait() => status,
        () = wanted(interrupted) => {
            // It got the signal of the terminal, too.
            let _ = child.kill().await;
            return Ok(Some("interrupted; what was recorded until then is written".into()));
        }
    };
    let status = status.map_err(|error| CliError::Environment(format!("cannot wait for `{program}`: {error}")))?;
    Ok((!status.success()).then(|| format!("`{program}` failed: {status}")))
}

/// Writes what was recorded, and judges it. Returns the exit code.
fn write(server: &MockCloudServer, profile: &Arc<Profile>, traffic: &Path, scenario: &Path) -> Result<u8, CliError> {
    let recorded = har(&server.recorded(), profile);
    // It holds tokens and keys, if only of a mock cloud.
    mock_cloud::write(traffic, &format!("{recorded:#}\n"), 0o600)?;
    let dialect = Dialect { hosts: Hosts::of_profile(profile), profile: profile.clone() };
    let draft = draft_har(traffic, &[dialect]).map_err(|error| CliError::Environment(error.to_string()))?;
    writeln!(Out, "{}", wrapped(&format!("recorded traffic: {}", traffic.display()), "", "  "))?;
    match draft {
        Some(text) => {
            mock_cloud::write(scenario, &text, 0o644)?;
            let folder = scenario.parent().unwrap_or(Path::new(".")).display();
            let text = format!("draft of a scenario: {}; `vouch check --with {folder}` reads it", scenario.display());
            writeln!(Out, "{}\n", wrapped(&text, "", "  "))?;
        }
        None => writeln!(Out, "no draft of a scenario: the app made no sign-in, refresh or API call\n")?,
    }
    judge_captured(traffic, profile)
}
