//! An SDK in processes of its own, driven through its adapter. Its HTTP calls come to this process, which passes them through the
//! device's network; a kill ends the process wherever it is.

use super::app::Called;
use super::network::{DeviceNetwork, ExchangeOutcome};
use super::record::Foreground;
use super::time::DeviceTime;
use crate::life::REALM;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use vouch_runner::installation::{
    DeviceClock, InstallableSdk, Installation, InstallationError, Killer, SdkAddresses, SdkRefusal,
};
use vouch_sim::reference::sdk::SdkError;
use vouch_sim::reference::sdk::ports::Time;
use vouch_sim::wire::{Link, Upstream, WireRequest, WireResponse};
use vouch_spec::protocol::message::{Request, Requested, SignIn, Status};
use vouch_spec::protocol::{SdkMethod, StatusWord};

pub(super) struct Processes {
    installation: Installation,
    in_background: bool,
    _addresses: SdkAddresses,
}

#[async_trait]
impl DeviceClock for DeviceTime {
    fn now_ms(&self) -> i64 {
        Time::now_ms(self)
    }

    /// A timer of the SDK never ends: a device of a forecast acts only when it is used.
    async fn sleep(&self, duration: Duration, background: bool) {
        if background {
            std::future::pending::<()>().await;
        }
        Time::sleep(self, duration).await;
    }
}

impl Processes {
    pub async fn new(sdk: Arc<InstallableSdk>, network: Arc<DeviceNetwork>) -> Result<Self, InstallationError> {
        let killer = Killer::default();
        let upstream = Arc::new(Disturbed { network: network.clone(), killer: killer.clone() });
        let addresses = SdkAddresses::open(REALM, network.time.clock(), network.profile.clone(), upstream).await?;
        let endpoints = vec![addresses.endpoint.clone()];
        let installation = Installation::with_killer(sdk, network.time.clone(), endpoints, killer)?;
        Ok(Self { installation, in_background: false, _addresses: addresses })
    }

    pub fn has_process(&self) -> bool {
        self.installation.process().is_some()
    }

    pub fn runs(&self) -> bool {
        self.installation.runs()
    }

    pub async fn launch(&mut self, foreground: Foreground) -> Result<(), InstallationError> {
        self.in_background = foreground == Foreground::No;
        let launched = self.installation.launch(self.in_background).await;
        unless_killed(launched).map(|_| ())
    }

    pub async fn kill(&mut self) {
        self.installation.kill().await;
    }

    pub async fn come_to_foreground(&mut self) -> Result<(), InstallationError> {
        if !std::mem::take(&mut self.in_background) {
            return Ok(());
        }
        unless_killed(self.installation.come_to_foreground().await).map(|_| ())
    }

    pub async fn set_locked(&mut self, locked: bool) -> Result<(), InstallationError> {
        unless_killed(self.installation.set_locked(locked).await).map(|_| ())
    }

    pub async fn reboot(&mut self) -> Result<(), InstallationError> {
        self.installation.reboot().await
    }

    pub async fn sign_in(&mut self, token: &str) -> Result<Called<()>, InstallationError> {
        let called = self.installation.call::<Value>(SdkMethod::SignIn, SignIn { token: token.to_owned() }).await;
        Ok(unless_killed(called)?.map(|result| result.map(|_| ()).map_err(sdk_error)))
    }

    pub async fn sign_out(&mut self) -> Result<(), InstallationError> {
        unless_killed(self.installation.call::<Value>(SdkMethod::SignOut, json!({})).await).map(|_| ())
    }

    pub async fn request(&mut self, path: &str) -> Result<Called<u16>, InstallationError> {
        let request = Request { method: "GET".into(), path: path.to_owned(), body: None };
        let called = self.installation.call::<Requested>(SdkMethod::Request, request).await;
        Ok(unless_killed(called)?.map(|result| result.map(|answer| answer.status).map_err(sdk_error)))
    }

    pub async fn status(&mut self) -> Result<Called<Vec<StatusWord>>, InstallationError> {
        let called = self.installation.call::<Status>(SdkMethod::Status, json!({})).await;
        Ok(unless_killed(called)?.map(|result| result.map(|answer| answer.status).map_err(sdk_error)))
    }
}

fn sdk_error(SdkRefusal { kind, text }: SdkRefusal) -> SdkError {
    SdkError::new(kind, text)
}

/// None where the process was killed, as the device's life wants it. Other failures are the build's.
fn unless_killed<T>(result: Result<T, InstallationError>) -> Result<Option<T>, InstallationError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(InstallationError::Adapter(error)) if error.killed_by_us => Ok(None),
        Err(error) => Err(error),
    }
}

/// The network of one device, as its processes see it.
struct Disturbed {
    network: Arc<DeviceNetwork>,
    killer: Killer,
}

#[async_trait]
impl Upstream for Disturbed {
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse> {
        let operation = self.network.operation(link.to, &request.method, &request.path, &request.body);
        let (outcome, answer) = self.network.exchange(Ok((link, request)));
        self.network.record_exchange(operation, outcome);
        if matches!(outcome, ExchangeOutcome::KilledBefore | ExchangeOutcome::KilledAfter) {
            // Before the connection closes: the SDK must not see that.
            self.killer.kill().await;
        }
        answer.ok()
    }
}
