//! An SDK in this process, on storage and a network in memory.

use super::app::Called;
use super::network::{DeviceNetwork, ProcessNetwork};
use super::record::Foreground;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_explore::{Disk, MemoryStorage, ended_in_time};
use vouch_sim::reference::adapter::SdkFactory;
use vouch_sim::reference::sdk::ports::ProcessLifetime;
use vouch_sim::reference::sdk::{AppState, Sdk, SdkEnvironment};
use vouch_spec::protocol::StatusWord;
use vouch_spec::protocol::message::Area;

pub(super) struct InProcess {
    factory: Arc<dyn SdkFactory>,
    network: Arc<DeviceNetwork>,
    disk: Disk,
    locked: Arc<AtomicBool>,
    process: Option<Process>,
}

struct Process {
    sdk: Arc<Sdk>,
    life: ProcessLifetime,
}

impl InProcess {
    pub fn new(factory: Arc<dyn SdkFactory>, network: Arc<DeviceNetwork>) -> Self {
        Self { factory, network, disk: Disk::default(), locked: Arc::default(), process: None }
    }

    pub fn has_process(&self) -> bool {
        self.process.is_some()
    }

    pub fn runs(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.life.is_over())
    }

    pub fn launch(&mut self, foreground: Foreground) {
        let life = ProcessLifetime::default();
        let storage = MemoryStorage { disk: self.disk.clone(), life: life.clone(), locked: self.locked.clone() };
        let network = ProcessNetwork { network: self.network.clone(), process: life.clone() };
        let parts = self.factory.assemble(Arc::new(storage), Arc::new(network));
        let sdk = Sdk::launch(SdkEnvironment {
            policy: parts.policy,
            profile: self.network.profile.clone(),
            storage: parts.storage,
            net: parts.net,
            time: self.network.time.clone(),
            app_state: if foreground == Foreground::Yes { AppState::Foreground } else { AppState::Background },
            on_status: Box::new(|_| {}),
        });
        self.process = Some(Process { sdk, life });
    }

    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.life.end();
        }
    }

    pub fn come_to_foreground(&self) {
        if let Some(process) = &self.process {
            process.sdk.come_to_foreground();
        }
    }

    pub fn set_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }

    pub fn reboot(&self) {
        self.disk.lock().retain(|(area, _), _| *area != Area::Volatile);
    }

    fn sdk(&self) -> Option<Arc<Sdk>> {
        self.process.as_ref().map(|process| process.sdk.clone())
    }

    pub async fn sign_in(&self, token: &str) -> Called<()> {
        ended_in_time(self.sdk()?.sign_in(token)).await
    }

    pub fn sign_out(&self) {
        if let Some(sdk) = self.sdk() {
            let _ = sdk.sign_out();
        }
    }

    pub async fn request(&self, path: &str) -> Called<u16> {
        let answered = ended_in_time(self.sdk()?.request("GET", path)).await?;
        Some(answered.map(|answer| answer.status))
    }

    pub fn status(&self) -> Called<Vec<StatusWord>> {
        Some(self.sdk()?.status())
    }
}
