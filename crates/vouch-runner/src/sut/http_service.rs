//! A program that serves HTTP: a backend or a cloud under test.

use super::StartError;
use super::child_process::{self, Program};
use super::http::{HttpCall, Template, fill};
use super::process::{ProcessHandle, ProcessState, SutError};
use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use vouch_sim::wire::client;

/// How to start a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    pub program: String,
    pub args: Vec<Template>,
    pub folder: PathBuf,
    pub environment: Vec<(String, Template)>,
    /// A path or URL that answers with a status below 500 when the service is ready. Without one, an open port is enough.
    pub ready: Option<Template>,
    /// The maximum time until it is ready.
    pub connect_timeout: Duration,
}

/// A running service. It is killed when this value is dropped.
pub struct Service {
    handle: Arc<dyn ProcessHandle>,
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    port: ReservedPort,
}

/// The first of the ports for services. They are below the system's ephemeral ports, so that no other socket takes one before
/// the service listens.
const FIRST_PORT: u16 = 21_000;
const PORTS: u16 = 8_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);
/// How many ports are tried if other programs take them.
const PORT_ATTEMPTS: u32 = 5;

/// A port that no other run of Vouch uses until this value is dropped: a lock on a file of its number. The kernel ends the lock
/// with the process.
struct ReservedPort {
    number: String,
    _lock: File,
}

/// Reserves a port. `None` if another run has it, or if something listens on it.
fn reserve(port: u16) -> std::io::Result<Option<ReservedPort>> {
    let folder = std::env::temp_dir().join("vouch-ports");
    std::fs::create_dir_all(&folder)?;
    // Other users of the machine share the folder.
    #[cfg(unix)]
    let _ = std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o1777));
    let path = folder.join(port.to_string());
    let lock = match File::options().create(true).truncate(false).write(true).open(&path) {
        Ok(lock) => lock,
        // The file of another user, who may have the port.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let is_free = is_free(port);
    Ok(is_free.then(|| ReservedPort { number: port.to_string(), _lock: lock }))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that is free at the moment and reserved.
fn free_port() -> std::io::Result<ReservedPort> {
    let start = u16::try_from(std::process::id() % 7_919).unwrap_or(0);
    for _ in 0..PORTS {
        let offset = (u32::from(start) + u32::from(NEXT_PORT.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(offset).unwrap_or(0);
        if let Some(reserved) = reserve(port)? {
            return Ok(reserved);
        }
    }
    Err(std::io::Error::other("no free port"))
}

/// Why a service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The harness could not start the program.
    #[error(transparent)]
    StartError(#[from] StartError),
    /// The program started and did not become ready: a fault of the service.
    #[error("the service is not ready: {0}")]
    Unready(SutError),
}

impl Service {
    /// Starts a service and waits until it is ready. `values` are the values of the template variables; `port` is added.
    ///
    /// If a program that is not Vouch's takes the port in the meantime, the service is started again on another one.
    pub async fn start(spec: &ServiceSpec, values: &[(&str, &str)]) -> Result<Self, ServiceError> {
        for _ in 0..PORT_ATTEMPTS {
            if let Some(service) = Self::start_once(spec, values).await? {
                return Ok(service);
            }
        }
        let taken = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        Err(ServiceError::StartError(cannot_start(spec, &taken)))
    }

    /// `None` if another program took the port.
    async fn start_once(spec: &ServiceSpec, values: &[(&str, &str)]) -> Result<Option<Self>, ServiceError> {
        let port = free_port().map_err(|error| cannot_start(spec, &error))?;
        let number = port.number.clone();
        let values: Vec<_> = values.iter().copied().chain([("port", number.as_str())]).collect();
        let program = Program {
            program: spec.program.clone(),
            args: spec.args.iter().map(|arg| fill(arg, &values)).collect(),
            folder: spec.folder.clone(),
            environment: spec.environment.iter().map(|(name, text)| (name.clone(), fill(text, &values))).collect(),
        };
        let handle = child_process::start(&program).map_err(|error| cannot_start(spec, &error))?;
        let address = format!("http://127.0.0.1:{number}");
        let ready = spec.ready.as_ref().map(|ready| fill(ready, &values));
        let service = Self { handle, address, port };
        match service.await_ready(ready.as_deref(), spec.connect_timeout).await {
            Ok(()) if service.exit_status().is_none() => Ok(Some(service)),
            // Its process ended, and something listens: the port is another program's.
            _ if service.exit_status().is_some() && !number.parse().is_ok_and(is_free) => Ok(None),
            Ok(()) => Err(ServiceError::Unready(service.error("it ended as soon as it was ready".into()))),
            Err(error) => Err(ServiceError::Unready(error)),
        }
    }

    async fn await_ready(&self, ready: Option<&str>, connect_timeout: Duration) -> Result<(), SutError> {
        let started = Instant::now();
        let base = ready.filter(|ready| !ready.starts_with('/')).unwrap_or(&self.address);
        let client =
            client(base, connect_timeout).map_err(|error| SutError::new(format!("no HTTP client: {error}")))?;
        loop {
            if let ProcessState::Exited(how) = &*self.handle.state().borrow() {
                return Err(self.error(format!("it ended before it was ready: {how}")));
            }
            let left = connect_timeout.saturating_sub(started.elapsed());
            if self.is_ready(&client, ready).await {
                return Ok(());
            }
            if left.is_zero() {
                return Err(self.error(format!("it was not ready within {connect_timeout:?}")));
            }
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
    }

    async fn is_ready(&self, client: &reqwest::Client, ready: Option<&str>) -> bool {
        let Some(ready) = ready else {
            return tokio::net::TcpStream::connect(self.address.trim_start_matches("http://")).await.is_ok();
        };
        let (base, path) = if ready.starts_with('/') { (self.address.as_str(), ready) } else { (ready, "") };
        let call =
            HttpCall { method: hyper::Method::GET, path: path.into(), headers: [].into(), body: None, raw_body: None };
        call.send(client, base, Duration::from_secs(1)).await.is_ok_and(|reply| reply.status < 500)
    }

    /// An error with the last part of the service's output.
    pub fn error(&self, what: String) -> SutError {
        SutError { stderr: self.handle.stderr_tail(), ..SutError::new(what) }
    }

    /// Its output since the previous call.
    pub fn take_output(&self) -> String {
        self.handle.take_stderr()
    }

    /// The last part of its output.
    pub fn stderr(&self) -> String {
        self.handle.stderr_tail()
    }

    /// The port that it listens on.
    pub fn port(&self) -> &str {
        &self.port.number
    }

    /// How it exited, if it did.
    pub fn exit_status(&self) -> Option<String> {
        match &*self.handle.state().borrow() {
            ProcessState::Running => None,
            ProcessState::Exited(how) => Some(how.clone()),
        }
    }
}

fn cannot_start(spec: &ServiceSpec, error: &std::io::Error) -> StartError {
    StartError { program: spec.program.clone(), folder: spec.folder.clone(), why: error.to_string() }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.handle.kill_now();
    }
}
