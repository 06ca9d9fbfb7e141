//! A process of the SDK of the target file for each virtual user. Its calls pass through this process, which measures and checks
//! them as it does those of the reference SDK.

use super::app::ActionResult;
use super::device::AdjustableClock;
use super::http_client::{JourneyClient, Response};
use super::results::ActionError;
use async_trait::async_trait;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use vouch_runner::installation::{
    DeviceClock, InstallableSdk, Installation, InstallationError, SdkAddresses, SdkRefusal,
};
use vouch_runner::sut::{Process, Usage, free_memory, usage};
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
    /// The measurement with the most processes.
    measured: Mutex<Usage>,
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

impl SdkProcesses {
    pub fn new(sdk: InstallableSdk) -> Self {
        Self { sdk: Arc::new(sdk), launched: Mutex::default(), measured: Mutex::default() }
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
        let memory = usage(&group.into_iter().collect()).memory_of_each();
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

    /// What the processes use now.
    pub fn measure(&self) -> Usage {
        let groups: BTreeSet<i32> =
            self.launched.lock().iter().filter_map(|process| process.upgrade()?.group()).collect();
        let now = usage(&groups);
        let mut most = self.measured.lock();
        if (now.groups, now.memory) > (most.groups, most.memory) {
            *most = now;
        }
        now
    }

    /// How much memory the processes used while most of them ran, and how many this machine holds.
    pub fn report(&self) -> Option<String> {
        let most = *self.measured.lock();
        let (each, free) = (most.memory_of_each()?, free_memory()?);
        // By now they have ended, so what they used is free.
        let Footprint { capacity, .. } = Footprint::of(each, free);
        let processes = if most.groups == 1 { "1 process".into() } else { format!("{} processes", most.groups) };
        Some(format!(
            "{processes} of this SDK used about {} each; this machine holds about {capacity}",
            mebibytes(each)
        ))
    }
}

/// Bytes in words, for people.
pub fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
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
}

struct Device {
    installation: Installation,
    _addresses: SdkAddresses,
}

impl ProcessApp {
    pub fn new(client: Arc<JourneyClient>, processes: Arc<SdkProcesses>) -> Self {
        Self { client, processes, clock: Arc::default(), device: None }
    }

    pub async fn install(&mut self) -> Result<(), ActionError> {
        self.clock.reset();
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
        let installation = self.installation()?;
        installation.stop().await.map_err(failed)?;
        let launched = installation.launch(false).await;
        self.note();
        launched.map(|()| StepResult::Done).map_err(failed)
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
        assert_eq!(mebibytes(each + (1 << 19)), "25.5 MiB");
    }
}
