//! A process of the SDK of the target file for each virtual user. Its calls pass through this process, which measures and checks
//! them as it does those of the reference SDK.

use super::app::ActionResult;
use super::device::AdjustableClock;
use super::http_client::{JourneyClient, Response};
use super::results::ActionError;
use super::sdk_memory::{MemorySample, SdkMemory};
use async_trait::async_trait;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use vouch_runner::installation::{
    DeviceClock, InstallableSdk, Installation, InstallationError, SdkAddresses, SdkRefusal,
};
use vouch_runner::sut::{MemoryUse, Process, cpu_time, free_memory, memory_use};
use vouch_sim::clock::{Clock, ClockMode};
use vouch_sim::reference::sdk::ports::Time;
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{Link, Party, Upstream, WireRequest, WireResponse};
use vouch_spec::protocol::message::{Configure, Endpoint, Request, Requested, SetUserId, SignIn};
use vouch_spec::protocol::{Capability, Realm, SdkMethod};
use vouch_spec::step::StepResult;

/// This part of the free memory is for processes of the SDK.
const SHARE_OF_MEMORY: (u64, u64) = (9, 10);

/// The processes of an SDK that the users of a load drive.
pub struct SdkProcesses {
    pub sdk: Arc<InstallableSdk>,
    launched: Mutex<Vec<Weak<Process>>>,
    memory: Mutex<SdkMemory>,
    /// Bounds how many processes start at a time.
    starts: Semaphore,
    /// How long users have waited for that, all together.
    waited: Mutex<Duration>,
}

/// What one process of an SDK needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The memory of one process that has started its SDK, in bytes.
    pub memory: u64,
    /// How many such processes this machine holds now, with a tenth of its free memory left.
    pub capacity: u64,
}

impl Footprint {
    fn of(memory: u64, free: u64) -> Self {
        let (part, whole) = SHARE_OF_MEMORY;
        Self { memory, capacity: free / whole * part / memory.max(1) }
    }
}

/// So many processes start at a time. More would share the processors, and each would take longer than its adapter may.
pub fn starts_at_a_time() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * threads).max(4)
}

/// The time between two looks at whether the load is over.
const TICK: Duration = Duration::from_millis(100);

impl SdkProcesses {
    pub fn new(sdk: InstallableSdk) -> Self {
        let starts = Semaphore::new(starts_at_a_time());
        Self {
            sdk: Arc::new(sdk),
            launched: Mutex::default(),
            memory: Mutex::default(),
            starts,
            waited: Mutex::default(),
        }
    }

    /// Whether its clock can be advanced.
    pub fn takes_time(&self) -> bool {
        self.sdk.claims.contains(&Capability::Clock)
    }

    /// Starts one process with its SDK, measures it and ends it. None where this machine does not say what a process uses.
    ///
    /// # Errors
    /// If the SDK cannot be started.
    pub async fn footprint(&self, realm: Realm) -> Result<Option<Footprint>, InstallationError> {
        // Nothing answers at these addresses: a port that was free a moment ago.
        let port = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}");
        let endpoint = Endpoint { environment: realm.environment, region: realm.region, api: url.clone(), auth: url };
        let clock = Arc::new(AdjustableClock::default());
        let mut installation = Installation::new(self.sdk.clone(), clock, vec![endpoint])?;
        installation.launch(false).await?;
        // Its answer shows that it has started.
        let _ = installation.call::<Value>(SdkMethod::Status, json!({})).await?;
        let group = installation.process().and_then(|process| process.group());
        let memory = memory_use(&group.into_iter().collect()).of_each();
        installation.kill().await;
        let free = free_memory();
        Ok(memory.zip(free).map(|(memory, free)| Footprint::of(memory, free)))
    }

    fn note(&self, process: Option<Arc<Process>>) {
        let mut launched = self.launched.lock();
        launched.retain(|known| known.strong_count() > 0);
        if let Some(process) =
            process.filter(|process| !launched.iter().any(|known| known.as_ptr() == Arc::as_ptr(process)))
        {
            launched.push(Arc::downgrade(&process));
        }
    }

    /// The share of the time, from 0 to 1, that the users of a load waited until their process could start.
    pub fn waited_share(&self, users: u32, measured: Duration) -> f64 {
        self.waited.lock().as_secs_f64() / (f64::from(users) * measured.as_secs_f64()).max(f64::EPSILON)
    }

    /// The process groups of the processes that run now.
    fn groups(&self) -> BTreeSet<i32> {
        self.launched.lock().iter().filter_map(|process| process.upgrade()?.group()).collect()
    }

    /// The CPU time of the processes that run now.
    pub fn cpu_time(&self) -> Duration {
        cpu_time(&self.groups())
    }

    /// Reads the memory that the processes use now, for the report. `started`: the start of the load.
    pub fn measure_memory(&self, started: Instant) {
        let MemoryUse { groups, bytes } = memory_use(&self.groups());
        if bytes > 0 {
            let at = started.elapsed().as_secs_f64();
            self.memory.lock().add(MemorySample { at, processes: groups, bytes });
        }
    }

    /// The memory that the processes used during the load; none where this machine does not say.
    pub fn memory(&self) -> Option<SdkMemory> {
        Some(self.memory.lock().clone()).filter(|memory| memory.peak().is_some())
    }

    /// How much memory the processes used, and how many of them this machine holds.
    pub fn report(&self) -> Option<String> {
        let memory = self.memory()?;
        let (peak, last) = (memory.peak()?, memory.samples.last()?);
        // By now they have ended, so what they used is free.
        let Footprint { capacity, .. } = Footprint::of(peak.of_each()?, free_memory()?);
        Some(format!(
            "the processes of this SDK used most memory after {:.0} s: {peak}; at the end: {last}; this machine holds about \
             {capacity}",
            peak.at
        ))
    }
}

#[async_trait]
impl DeviceClock for AdjustableClock {
    fn now_ms(&self) -> i64 {
        Time::now_ms(self)
    }

    async fn sleep(&self, duration: Duration, _: bool) {
        tokio::time::sleep(duration).await;
    }
}

/// The app of a virtual user around a process of the SDK.
pub struct ProcessApp {
    client: Arc<JourneyClient>,
    processes: Arc<SdkProcesses>,
    pub clock: Arc<AdjustableClock>,
    /// None before the first launch.
    device: Option<Device>,
    /// It was installed before the load, for the first lifecycle.
    is_ready: bool,
}

struct Device {
    installation: Installation,
    _addresses: SdkAddresses,
}

impl ProcessApp {
    pub fn new(client: Arc<JourneyClient>, processes: Arc<SdkProcesses>) -> Self {
        Self { client, processes, clock: Arc::default(), device: None, is_ready: false }
    }

    /// Installs the app before the load.
    pub async fn prepare(&mut self) -> Result<(), ActionError> {
        self.is_ready = false;
        self.reinstall().await?;
        self.is_ready = true;
        Ok(())
    }

    pub async fn install(&mut self) -> Result<(), ActionError> {
        self.clock.reset();
        let runs = self.device.as_ref().is_some_and(|device| device.installation.runs());
        if std::mem::take(&mut self.is_ready) && runs {
            return Ok(());
        }
        if runs && self.processes.sdk.claims.contains(&Capability::Reuse) {
            return self.reinstall().await;
        }
        let processes = self.processes.clone();
        let _permit = self.permit_to_start(&processes).await?;
        self.reinstall().await
    }

    async fn reinstall(&mut self) -> Result<(), ActionError> {
        if self.device.is_none() {
            let target = &self.client.load_target;
            let (clock, upstream) = (Clock::new(ClockMode::Real), Arc::new(Measured(self.client.clone())));
            let opened = SdkAddresses::open(target.realm, clock, target.profile.clone(), upstream).await;
            let addresses = opened.map_err(InstallationError::from).map_err(failed)?;
            let endpoints = vec![addresses.endpoint.clone()];
            let installation = Installation::new(self.processes.sdk.clone(), self.clock.clone(), endpoints);
            self.device = Some(Device { installation: installation.map_err(failed)?, _addresses: addresses });
        }
        let installed = self.installation()?.install_again().await;
        self.note();
        installed.map_err(failed)
    }

    pub async fn relaunch(&mut self) -> ActionResult {
        self.installation()?.stop().await.map_err(failed)?;
        let processes = self.processes.clone();
        let _permit = self.permit_to_start(&processes).await?;
        let launched = self.installation()?.launch(false).await;
        self.note();
        launched.map(|()| StepResult::Done).map_err(failed)
    }

    /// Waits until another process may start, or the load is over.
    async fn permit_to_start<'p>(&self, processes: &'p SdkProcesses) -> Result<SemaphorePermit<'p>, ActionError> {
        let began = Instant::now();
        let mut permit = None;
        while permit.is_none() && self.client.is_sending() {
            permit = tokio::time::timeout(TICK, processes.starts.acquire()).await.ok().and_then(Result::ok);
        }
        *processes.waited.lock() += began.elapsed();
        permit.ok_or_else(|| {
            self.client.abort();
            ActionError("the load is over".into())
        })
    }

    fn installation(&mut self) -> Result<&mut Installation, ActionError> {
        let device = self.device.as_mut().ok_or_else(|| ActionError("the SDK was not installed".into()))?;
        Ok(&mut device.installation)
    }

    fn note(&self) {
        self.processes.note(self.device.as_ref().and_then(|device| device.installation.process()));
    }

    async fn call(&mut self, method: SdkMethod, params: impl serde::Serialize) -> ActionResult {
        let called = self.installation()?.call::<Value>(method, params).await.map_err(failed)?;
        Ok(called.map_or_else(refused, |_| StepResult::Ok))
    }

    pub async fn configure(&mut self) -> ActionResult {
        let Realm { environment, region } = self.client.load_target.realm;
        let api_key = self.client.bases.key.clone();
        self.call(SdkMethod::Configure, Configure { api_key, environment, region }).await
    }

    pub async fn set_user_id(&mut self, id: &str) -> ActionResult {
        self.call(SdkMethod::SetUserId, SetUserId { user_id: id.to_owned() }).await
    }

    pub async fn sign_in(&mut self, token: &str) -> ActionResult {
        self.call(SdkMethod::SignIn, SignIn { token: token.to_owned() }).await
    }

    pub async fn sign_out(&mut self) -> ActionResult {
        self.call(SdkMethod::SignOut, json!({})).await
    }

    pub async fn refresh(&mut self) -> ActionResult {
        self.call(SdkMethod::Refresh, json!({})).await
    }

    pub async fn request(&mut self, method: &str, path: &str) -> ActionResult {
        let request = Request { method: method.to_owned(), path: path.to_owned(), body: None };
        let called = self.installation()?.call::<Requested>(SdkMethod::Request, request).await.map_err(failed)?;
        Ok(called.map_or_else(refused, |answer| StepResult::Http { status: answer.status }))
    }
}

/// The text of the SDK is left out: it may hold a token of the target's.
fn refused(refusal: SdkRefusal) -> StepResult {
    StepResult::Refused { kind: refusal.kind, text: String::new() }
}

fn failed(error: InstallationError) -> ActionError {
    ActionError(Redactor::default().scrub(&format!("the SDK's process: {error}")).as_str().to_owned())
}

/// Passes the calls of one SDK on to the target.
struct Measured(Arc<JourneyClient>);

#[async_trait]
impl Upstream for Measured {
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse> {
        let WireRequest { method, path, mut headers, body } = request;
        // Those of the connection, and what would hide the answer from its check.
        for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, ACCEPT_ENCODING] {
            headers.remove(name);
        }
        let text = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = headers.iter().map(text).collect();
        let body = Some(body.to_vec()).filter(|body| !body.is_empty());
        let answer = match link.to {
            Party::Api => self.0.api_of_sdk(method.as_str(), &path, headers, body).await,
            _ => self.0.auth_of_sdk(method, path, headers, body).await,
        };
        let Response { status, headers, body } = answer?;
        let mut headers = headers;
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        Some(WireResponse { status: StatusCode::from_u16(status).ok()?, headers, body: Bytes::from(body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_holds_what_fits_into_nine_tenths_of_its_free_memory() {
        let each = 25 << 20;
        assert_eq!(Footprint::of(each, 1000 << 20), Footprint { memory: each, capacity: 36 });
        assert_eq!(Footprint::of(each, 0).capacity, 0);
    }
}
