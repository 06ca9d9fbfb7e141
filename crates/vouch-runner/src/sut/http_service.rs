//! A program that serves HTTP: a backend or a cloud under test.

use super::StartError;
use super::child_process::{self, ProgramTemplate};
use super::http::{HttpCall, Template, fill};
use super::metrics_probe::MetricsProbe;
use super::ports::{ReservedPort, free_port, is_free};
use super::process::{ProcessHandle, ProcessState, SutError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_sim::wire::client;

/// How to start a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    pub program: ProgramTemplate,
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

/// How many ports are tried if other programs take them.
const PORT_ATTEMPTS: u32 = 5;

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
        let handle = child_process::start(&spec.program.fill(&values)).map_err(|error| cannot_start(spec, &error))?;
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
        HttpCall::get(path).send(client, base, Duration::from_secs(1)).await.is_ok_and(|reply| reply.status < 500)
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

    /// Reads what its processes use, where this operating system tells of them.
    pub fn metrics(&self) -> Option<MetricsProbe> {
        MetricsProbe::process_group(self.handle.group()?)
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
    StartError::of_program(&spec.program.program, &spec.program.folder, error)
}

impl Drop for Service {
    fn drop(&mut self) {
        self.handle.kill_now();
    }
}
