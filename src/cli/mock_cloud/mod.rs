//! `vouch mock-cloud`.

mod ctl;
pub mod hook;
pub(super) mod proxy;

use super::signals::interrupts;
use super::stdout::Out;
use super::{CliError, Done, mutant};
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vouch_runner::report::print_stderr;
use vouch_runner::resource_limits::raise_open_file_limit;
use vouch_runner::run::wanted;
use vouch_sim::intercept::{CertificateAuthority, PassedHost};
use vouch_sim::mock_cloud::{CloudPolicy, Keys, Lifetimes};
use vouch_sim::mutant::Mutation;
use vouch_sim::serve::{LatencyInjection, MockCloudServer, ProxyConfig, ServerConfig, Stall, StartError, Tls};
use vouch_spec::profile::{BUILT_IN, Profile};
use vouch_spec::text::did_you_mean;

/// How many exchanges are kept for `vouch mock-cloud ctl log`.
const KEPT_EXCHANGES: usize = 500;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<MockCloudCommand>,

    /// Address to listen on. Port 0 selects a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9500")]
    listen: SocketAddr,

    /// Wire profile of the identity provider: junction, gcip or standard.
    #[arg(long, value_name = "PROFILE", default_value = "junction")]
    profile: String,

    /// Speak the wire profile of this target file in place of --profile, for example its `[custom]` mapping.
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    mapping: Option<PathBuf>,

    /// Algorithm that signs access tokens: rs256, es256, or hmac, which only this server can verify. Sign-in tokens are
    /// signed with RS256. With hmac, they claim RS256 but carry an HMAC.
    #[arg(long, value_name = "KEYS", value_enum, default_value = "rs256")]
    keys: KeyKind,

    /// Number of threads that serve connections. The same number again make RS256 signatures. Default: one per core.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Lifetime of access tokens, in whole seconds. Default: 3600s, or `defaultExpiresIn` of a mapping whose answers do not say it.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    access_token_lifetime: Option<Duration>,

    /// Lifetime of sign-in tokens, in whole seconds.
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = lifetime)]
    sign_in_token_lifetime: Duration,

    /// Delay added to each response of the identity provider, for example 200us. It is accurate to some microseconds
    /// and uses CPU time while it waits.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    delay: Duration,

    /// Stop answering for a while: 2s@4s stops for two seconds, four seconds after the first request.
    #[arg(long, value_name = "TIME@TIME")]
    stall: Option<Stall>,

    /// Run the cloud mutant with this name, as listed by `vouch mutants`. A load test should detect it.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,

    /// Write the target file for `vouch run --target` here, with mode 0600 because it holds keys. Default: print it.
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Serve HTTPS with a certificate that is generated at the start.
    #[arg(long)]
    tls: bool,

    /// Also serve an intercepting HTTPS proxy here: it answers the vendor's real host names, for builds that nobody changed.
    /// Its traffic is recorded. Port 0 selects a free port.
    #[arg(long, value_name = "ADDRESS")]
    proxy: Option<SocketAddr>,

    /// With --proxy, a host that is passed on unread: HOST, HOST:PORT or *.DOMAIN. May be repeated. All other hosts are refused.
    #[arg(long, value_name = "HOST", requires = "proxy")]
    proxy_pass: Vec<PassedHost>,

    /// With --tls or --proxy, write the CA certificate here, so that clients can trust it.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum MockCloudCommand {
    /// Change and inspect a running mock cloud.
    Ctl(ctl::Args),
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum KeyKind {
    Rs256,
    Es256,
    Hmac,
}

/// Parses a duration; zero is allowed.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("`{text}` is not a duration; write for example 200us or 2s"))
}

/// Parses a token lifetime in whole seconds (RFC 7519 section 2, `NumericDate`).
fn lifetime(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.as_secs() == 0 || duration.subsec_nanos() != 0 {
        return Err(format!("`{text}` is not a token lifetime; write whole seconds, at least 1s"));
    }
    Ok(duration)
}

/// Serves until Ctrl-C or SIGTERM, then prints a summary.
pub fn run(args: &Args) -> Done {
    if let Some(MockCloudCommand::Ctl(args)) = &args.command {
        return ctl::run(args);
    }
    if args.ca.is_some() && !args.tls && args.proxy.is_none() {
        return Err(CliError::Usage("--ca needs --tls or --proxy: without them there is no CA".into()));
    }
    let ca = CertificateAuthority::generate().map_err(|error| CliError::Environment(error.to_string()))?;
    let ca = Arc::new(ca);
    let settings = settings(args, &ca)?;
    raise_open_file_limit();
    // Before it says that it serves: who reads that may end it at once.
    let wait_for_the_end = end_of_serving()?;
    let profile = settings.profile.clone();
    let server = MockCloudServer::start(settings).map_err(|error| cannot_listen(&error))?;
    if let Some(path) = &args.ca {
        write(path, ca.pem(), 0o644)?;
    }
    let program = std::env::current_exe().unwrap_or_else(|_| "vouch".into());
    let target = server.target(&program);
    match &args.target {
        Some(path) => write(path, &target, 0o600)?,
        None => write!(Out, "{target}")?,
    }
    Out.flush()?;
    print_stderr(format!("vouch: the mock cloud listens on {}; press Ctrl-C to stop it", server.origin()));
    let _ca_file = match server.proxy_address() {
        Some(address) => Some(proxy::announce(address, &profile, &ca, args.ca.as_deref())?),
        None => None,
    };
    wait_for_the_end();
    print_stderr(server.summary());
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &Args, ca: &Arc<CertificateAuthority>) -> Result<ServerConfig, CliError> {
    let profile = profile(args)?;
    let failed = |error: &dyn std::fmt::Display| CliError::Environment(error.to_string());
    let keys = match args.keys {
        KeyKind::Rs256 => Keys::generate(),
        KeyKind::Es256 => Keys::es256(),
        KeyKind::Hmac => Keys::hmac(),
    };
    let tls = if args.tls { Some(Tls::new(ca, args.listen.ip()).map_err(|error| failed(&error))?) } else { None };
    let unannounced = profile.unannounced_lifetime().map(Duration::from_secs);
    let access_token = args.access_token_lifetime.or(unannounced).unwrap_or(Lifetimes::default().access_token);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(ServerConfig {
        listen: args.listen,
        profile,
        keys: Arc::new(keys.map_err(|error| failed(&error))?),
        fault: args.mutant.as_deref().map(fault).transpose()?,
        lifetimes: Lifetimes { sign_in_token: args.sign_in_token_lifetime, access_token },
        threads: args.threads.map_or(cores, usize::from),
        latency: LatencyInjection::new(args.delay, args.stall),
        tls,
        proxy: args.proxy.map(|listen| ProxyConfig {
            listen,
            ca: ca.clone(),
            passed: args.proxy_pass.clone(),
            kept_exchanges: KEPT_EXCHANGES,
            on_event: proxy::print_events(),
        }),
    })
}

fn profile(args: &Args) -> Result<Arc<Profile>, CliError> {
    if let Some(path) = &args.mapping {
        let no_profile = || CliError::Usage(format!("{} names no wire profile; see docs/profiles.md", path.display()));
        return crate::cli::target(Some(path))?.profile.ok_or_else(no_profile);
    }
    let name = &args.profile;
    Profile::built_in(name)
        .ok_or_else(|| CliError::Usage(format!("there is no wire profile `{name}`; {}", did_you_mean(name, BUILT_IN))))
}

/// The cloud mutant with this name.
fn fault(name: &str) -> Result<Arc<dyn CloudPolicy>, CliError> {
    match mutant(name)?.mutation {
        Mutation::Cloud(policy) => Ok(policy),
        role => Err(CliError::Usage(format!(
            "`{name}` is a mutant of the {}, not of the cloud; names of cloud mutants begin with cloud-",
            role.word()
        ))),
    }
}

fn cannot_listen(error: &StartError) -> CliError {
    let StartError { address, error } = error;
    let advice = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program uses the port: choose another one, or port 0 for a free port",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: choose a higher port",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the mock cloud cannot start",
    };
    CliError::Environment(format!("cannot listen on {address}: {error}; {advice}"))
}

/// Writes a file of a given mode, whatever it was before.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let open = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    };
    open().map_err(|error| CliError::Environment(format!("cannot write {}: {error}", path.display())))
}

/// Installs the handlers of signals. What is returned waits for the first of them.
fn end_of_serving() -> Result<impl FnOnce(), CliError> {
    let failed = |error: std::io::Error| CliError::Environment(format!("cannot wait for signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let mut interrupted = runtime.block_on(async { interrupts() });
    Ok(move || runtime.block_on(async { wanted(&mut interrupted).await }))
}
