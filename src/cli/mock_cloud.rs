//! `vouch mock-cloud`.

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
use vouch_sim::mock_cloud::{CloudPolicy, Keys, Lifetimes};
use vouch_sim::mutant::Mutation;
use vouch_sim::serve::{LatencyInjection, Server, Settings, Stall, Tls};
use vouch_spec::profile::{BUILT_IN, Profile};
use vouch_spec::text::did_you_mean;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen. Port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9500")]
    listen: SocketAddr,

    /// How the identity provider is spoken to: junction, gcip or standard.
    #[arg(long, value_name = "PROFILE", default_value = "junction")]
    profile: String,

    /// What access tokens are signed with: rs256, es256, or hmac, which only this cloud can check. Sign-in tokens are
    /// RS256, as the vendor's are; with hmac, they only say so.
    #[arg(long, value_name = "KEYS", value_enum, default_value = "rs256")]
    keys: KeyKind,

    /// Threads that serve connections; as many again make RS256 signatures. Left out, one for each core.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// How long access tokens live.
    #[arg(long, value_name = "TIME", default_value = "3600s", value_parser = lifetime)]
    access_token_lifetime: Duration,

    /// How long sign-in tokens live.
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = lifetime)]
    sign_in_token_lifetime: Duration,

    /// Add this to each answer of the identity provider, for example 200us: exact to some microseconds, for it is
    /// waited for busily.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    delay: Duration,

    /// Answer nothing for a while: 2s@4s is two seconds, from four seconds after the first request.
    #[arg(long, value_name = "TIME@TIME")]
    stall: Option<Stall>,

    /// Plant a fault of the cloud, by its name in `vouch mutants`: a load test should notice.
    #[arg(long, value_name = "FAULT")]
    inject: Option<String>,

    /// Write the target file for `vouch run --target` here, for its owner only: it holds keys. Left out, it is printed.
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Serve HTTPS, with a certificate made at the start.
    #[arg(long)]
    tls: bool,

    /// With --tls: write the certificate of the CA here, for those who are to trust it.
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum KeyKind {
    Rs256,
    Es256,
    Hmac,
}

/// A duration of time, zero included.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("`{text}` is not a duration; write for example 200us or 2s"))
}

/// A lifetime: tokens count in whole seconds (RFC 7519 section 2, NumericDate).
fn lifetime(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.as_secs() == 0 || duration.subsec_nanos() != 0 {
        return Err(format!("`{text}` is no lifetime: tokens live for whole seconds, one at the least"));
    }
    Ok(duration)
}

/// Serves until Ctrl-C or SIGTERM, then says what was served.
pub fn run(args: &Args) -> Done {
    let settings = settings(args)?;
    let ca = settings.tls.as_ref().map(|tls| tls.ca_pem().to_owned());
    raise_open_file_limit();
    let server = Server::start(settings).map_err(|error| cannot_listen(args.listen, &error))?;
    if let (Some(path), Some(pem)) = (&args.ca, ca) {
        write(path, &pem, 0o644)?;
    }
    let program = std::env::current_exe().unwrap_or_else(|_| "vouch".into());
    let target = server.target(&program);
    match &args.target {
        Some(path) => write(path, &target, 0o600)?,
        None => write!(Out, "{target}")?,
    }
    Out.flush()?;
    print_stderr(format!("vouch: the simulated cloud listens on {}; Ctrl-C ends it", server.origin()));
    wait_for_the_end()?;
    print_stderr(server.summary());
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &Args) -> Result<Settings, CliError> {
    let profile = Profile::built_in(&args.profile).ok_or_else(|| {
        CliError::Usage(format!(
            "there is no wire profile `{}`; {}",
            args.profile,
            did_you_mean(&args.profile, BUILT_IN)
        ))
    })?;
    let failed = |error: &dyn std::fmt::Display| CliError::Environment(error.to_string());
    let keys = match args.keys {
        KeyKind::Rs256 => Keys::generate(),
        KeyKind::Es256 => Keys::es256(),
        KeyKind::Hmac => Keys::hmac(),
    };
    let tls = if args.tls { Some(Tls::new(args.listen.ip()).map_err(|error| failed(&error))?) } else { None };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(Settings {
        listen: args.listen,
        profile,
        keys: Arc::new(keys.map_err(|error| failed(&error))?),
        fault: args.inject.as_deref().map(fault).transpose()?,
        lifetimes: Lifetimes { sign_in_token: args.sign_in_token_lifetime, access_token: args.access_token_lifetime },
        threads: args.threads.map_or(cores, usize::from),
        pace: LatencyInjection::new(args.delay, args.stall),
        tls,
    })
}

/// The fault of a name, if it is one of a cloud.
fn fault(name: &str) -> Result<Arc<dyn CloudPolicy>, CliError> {
    match mutant(name)?.role {
        Mutation::Cloud(policy) => Ok(policy),
        role => Err(CliError::Usage(format!(
            "`{name}` is a fault of the {}, not of the cloud; those begin with cloud-",
            role.word()
        ))),
    }
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> CliError {
    let advice = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program has the port: choose another, or port 0 for any that is free",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need rights: choose a higher one",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the simulated cloud cannot start",
    };
    CliError::Environment(format!("cannot listen on {address}: {error}; {advice}"))
}

/// Writes a file of a given mode, whatever it was before.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let open = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    };
    open().map_err(|error| CliError::Environment(format!("cannot write {}: {error}", path.display())))
}

fn wait_for_the_end() -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Environment(format!("cannot wait for signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    runtime.block_on(async { wanted(&mut interrupts()).await });
    Ok(())
}
