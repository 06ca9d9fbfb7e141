//! A program that serves HTTP by itself: a backend or a cloud under test.

use super::StartError;
use super::child_process::{self, Program};
use super::http::{HttpCall, Template, fill};
use super::process::{End, ProcessHandle, SutError, trouble};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use vouch_sim::wire::client;

/// How to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    pub program: String,
    pub args: Vec<Template>,
    pub folder: PathBuf,
    pub environment: Vec<(String, Template)>,
    /// A path or URL that answers below 500 as soon as it is ready; without one, an open port is enough.
    pub ready: Option<Template>,
    /// How long that may take.
    pub connect_timeout: Duration,
}

/// A running one. It ends when this is dropped.
pub struct Service {
    watch: Arc<dyn ProcessHandle>,
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    port: String,
}

/// Ports below those that the system gives out itself, so that nobody else takes one between here and there.
const FIRST_PORT: u16 = 21_000;
const PORTS: u16 = 8_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A port that is free now.
fn free_port() -> std::io::Result<u16> {
    let start = u16::try_from(std::process::id() % 7_919).unwrap_or(0);
    for _ in 0..PORTS {
        let offset = (u32::from(start) + u32::from(NEXT_PORT.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(offset).unwrap_or(0);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::Error::other("no free port"))
}

/// Why a service is not there.
pub enum ServiceError {
    StartError(StartError),
    /// It started and did not become ready: its own fault.
    Unready(SutError),
}

impl Service {
    /// Starts it and waits until it is ready. `values` fill the variables; `port` is added.
    pub async fn start(spec: &ServiceSpec, values: &[(&str, &str)]) -> Result<Self, ServiceError> {
        let port = free_port().map_err(|error| ServiceError::StartError(cannot(spec, &error)))?.to_string();
        let values: Vec<_> = values.iter().copied().chain([("port", port.as_str())]).collect();
        let program = Program {
            program: spec.program.clone(),
            args: spec.args.iter().map(|arg| fill(arg, &values)).collect(),
            folder: spec.folder.clone(),
            environment: spec.environment.iter().map(|(name, text)| (name.clone(), fill(text, &values))).collect(),
        };
        let watch = child_process::start(&program).map_err(|error| ServiceError::StartError(cannot(spec, &error)))?;
        let address = format!("http://127.0.0.1:{port}");
        let ready = spec.ready.as_ref().map(|ready| fill(ready, &values));
        let service = Self { watch, address, port };
        service.await_ready(ready.as_deref(), spec.connect_timeout).await.map_err(ServiceError::Unready)?;
        Ok(service)
    }

    async fn await_ready(&self, ready: Option<&str>, connect_timeout: Duration) -> Result<(), SutError> {
        let began = Instant::now();
        let base = ready.filter(|ready| !ready.starts_with('/')).unwrap_or(&self.address);
        let client = client(base, connect_timeout).map_err(|error| trouble(format!("no HTTP client: {error}")))?;
        loop {
            if let End::Ended(how) = &*self.watch.end().borrow() {
                return Err(self.explained(format!("it ended before it was ready: {how}")));
            }
            let left = connect_timeout.saturating_sub(began.elapsed());
            if self.is_ready(&client, ready).await {
                return Ok(());
            }
            if left.is_zero() {
                return Err(self.explained(format!("it was not ready within {connect_timeout:?}")));
            }
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
    }

    async fn is_ready(&self, client: &reqwest::Client, ready: Option<&str>) -> bool {
        let Some(ready) = ready else {
            return tokio::net::TcpStream::connect(self.address.trim_start_matches("http://")).await.is_ok();
        };
        let (base, path) = if ready.starts_with('/') { (self.address.as_str(), ready) } else { (ready, "") };
        let call = HttpCall { method: hyper::Method::GET, path: path.into(), headers: [].into(), body: None };
        call.send(client, base, Duration::from_secs(1)).await.is_ok_and(|reply| reply.status < 500)
    }

    /// A trouble with the tail of what it wrote.
    pub fn explained(&self, what: String) -> SutError {
        SutError { stderr: self.watch.stderr_tail(), ..trouble(what) }
    }

    pub fn stderr(&self) -> String {
        self.watch.stderr_tail()
    }

    pub fn port(&self) -> &str {
        &self.port
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<String> {
        match &*self.watch.end().borrow() {
            End::Running => None,
            End::Ended(how) => Some(how.clone()),
        }
    }
}

fn cannot(spec: &ServiceSpec, error: &std::io::Error) -> StartError {
    StartError { program: spec.program.clone(), folder: spec.folder.clone(), why: error.to_string() }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.watch.kill_now();
    }
}
