//! What the harness observes of the SDK: its storage, its notifications, its log and its standard error.

use super::super::device_error::DeviceError;
use super::super::device_storage;
use super::{Called, Device};
use crate::sut::{DeviceHook, SutError};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use vouch_spec::protocol::message::{Item, Items};
use vouch_spec::protocol::{Capability, ErrorKind, SdkMethod, StatusWord};

impl Device {
    /// Every storage item, from the files of the device and from the adapter.
    pub async fn items(&self) -> Result<Vec<Item>, DeviceError> {
        let mut items = self.storage.items()?;
        if self.config.capabilities.contains(&Capability::StorageFiles) || self.running().is_none() {
            return Ok(items);
        }
        if let Some(printed) = self.run_hook(DeviceHook::Dump).await? {
            let dump = serde_json::from_str::<Items>(&printed).map_err(|why| {
                let what = format!("the device hook `dump` printed no result of the call `storage`: {why}");
                DeviceError::Io(std::io::Error::other(what))
            })?;
            items.extend(dump.items);
            return Ok(items);
        }
        match self.call::<Items>(SdkMethod::Storage, json!({})).await? {
            Called::Ok(storage) => items.extend(storage.items),
            Called::Killed => {}
            // Locked storage cannot be listed.
            Called::Refused { kind: ErrorKind::Storage, .. } if *self.locked.lock() => {}
            Called::Refused { kind, text } => {
                return Err(DeviceError::Adapter(SutError::new(format!(
                    "the adapter does not claim `storageFiles` and refused `storage`, with the error {kind}: {text}"
                ))));
            }
        }
        Ok(items)
    }

    /// The files outside its folders that the SDK wrote since the previous call and that still exist, where they are watched.
    pub fn outside_files(&self) -> Vec<Item> {
        self.outside.take_changed().iter().filter_map(|path| device_storage::outside_item(path)).collect()
    }

    /// Whether a failure of this case may come from a wrong claim of `reuse`: a process had served another case before, or
    /// failed when it was asked to serve another one.
    pub fn reuse_matters(&self) -> bool {
        self.reuse_matters.load(Ordering::Relaxed)
    }

    /// How long a thread of the SDK's process waited for a processor since its launch; zero if that is not known.
    pub fn cpu_wait(&self) -> Duration {
        self.running().map(|process| process.cpu_wait()).unwrap_or_default()
    }

    /// The number of exchanges in the transcript at each launch.
    pub fn launches(&self) -> Vec<usize> {
        self.launches.lock().clone()
    }

    /// The changes of the status that the SDK notified since the previous call.
    pub fn take_status_changes(&self) -> Vec<BTreeSet<StatusWord>> {
        self.notifications.lock().take_changes()
    }

    /// The first notified status that is not a documented combination.
    pub fn undocumented_status(&self) -> Option<Vec<StatusWord>> {
        self.notifications.lock().undocumented_status.clone()
    }

    /// Why the first invalid notification is invalid.
    pub fn invalid_notification(&self) -> Option<String> {
        self.notifications.lock().invalid.clone()
    }

    /// What SDK and app wrote to their log and standard error since the previous call.
    pub fn take_written(&self) -> String {
        let mut text = std::mem::take(&mut self.notifications.lock().logs);
        text.push_str(&self.stderr.take(self.running().as_deref()));
        text.push_str(&self.app.take_stderr());
        text
    }

    /// The last part of the standard error of SDK and app.
    pub fn stderr(&self) -> String {
        self.stderr.tail(self.running().as_deref()) + &self.app.stderr()
    }
}
