//! What can be seen of the SDK from outside: what it keeps, tells and writes.

use super::super::device_error::DeviceError;
use super::{Called, Device, lock};
use crate::sut::SutError;
use serde_json::json;
use std::collections::BTreeSet;
use vouch_spec::protocol::message::{Item, Items};
use vouch_spec::protocol::{Capability, ErrorKind, StatusWord};

impl Device {
    /// Everything that the SDK keeps, as far as it can be seen from outside.
    pub async fn items(&self) -> Result<Vec<Item>, DeviceError> {
        let mut items = self.storage.items()?;
        if self.capabilities.contains(&Capability::StorageFiles) || self.running().is_none() {
            return Ok(items);
        }
        match self.call::<Items>("storage", json!({})).await? {
            Called::Ok(told) => items.extend(told.items),
            Called::Killed => {}
            // What is locked cannot be listed.
            Called::Refused { kind: ErrorKind::Storage, .. } if *lock(&self.locked) => {}
            Called::Refused { kind, text } => {
                return Err(DeviceError::Adapter(SutError::new(format!(
                    "the adapter does not claim `storageFiles` and refused `storage`, with the error {kind}: {text}"
                ))));
            }
        }
        Ok(items)
    }

    /// The changes of the status that were told since the last time they were taken.
    pub fn take_status_changes(&self) -> Vec<BTreeSet<StatusWord>> {
        lock(&self.heard).take_changes()
    }

    /// A status that was told and is no documented combination.
    pub fn odd_status(&self) -> Option<Vec<StatusWord>> {
        lock(&self.heard).odd_status.clone()
    }

    /// A notification that could not be read.
    pub fn unreadable(&self) -> Option<String> {
        lock(&self.heard).unreadable.clone()
    }

    /// What the SDK wrote since the last time this was asked, where others can read it: its log and standard error.
    pub fn take_written(&self) -> String {
        let mut text = std::mem::take(&mut lock(&self.heard).logs);
        text.push_str(&std::mem::take(&mut *lock(&self.unsearched)));
        if let Some(process) = self.running() {
            text.push_str(&process.take_stderr());
        }
        text.push_str(&self.app.take_stderr());
        text
    }

    pub fn stderr(&self) -> String {
        let mut text = lock(&self.stderr).clone();
        if let Some(process) = self.running() {
            text.push_str(&process.stderr_tail());
        }
        text.push_str(&self.app.stderr());
        text
    }
}
