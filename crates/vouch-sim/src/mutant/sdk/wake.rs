//! SDK mutants that show when the app is launched in the background.

use super::{StorageResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::AppState;
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, SESSION, SdkPolicy, Unread};
use crate::reference::sdk::ports::Storage;
use crate::reference::sdk::record::Record;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use vouch_spec::protocol::message::Area;

mutants! { SdkPolicy, sdk_policy;
    WritesEmptyState[wrote: AtomicBool] "wake-writes-empty-state" breaks "WAK-1": "Notes in plain storage, while it runs in the background with locked storage, that nobody is signed in" {
        fn after_failed_restore(&self, storage: &dyn Storage, app_state: AppState) -> Unread {
            if app_state == AppState::Background {
                self.wrote.store(storage.erase(Area::Plain, INSTALLED).is_ok(), Relaxed);
            }
            Unread::TryAgain
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            // The process that wrote it knows better once it can read.
            if storage.read(Area::Secure, SESSION)?.is_some() && self.wrote.swap(false, Relaxed) {
                storage.write(Area::Plain, INSTALLED, b"")?;
            }
            DefaultSdkPolicy.restore(storage)
        }
    }
    NeverReadsAgain "wake-never-recovers" breaks "WAK-1": "Takes locked storage for empty storage in a process that is launched in the background" {
        fn after_failed_restore(&self, _: &dyn Storage, app_state: AppState) -> Unread {
            if app_state == AppState::Background { Unread::NobodySignedIn } else { Unread::TryAgain }
        }
        fn follows_other_processes(&self, own: Option<&Record>, _: Option<&Record>) -> bool {
            own.is_some()
        }
    }
    StoresInForeground "wake-stores-nothing" breaks "WAK-1": "Keeps tokens that it renews in the background in memory" {
        fn stores_at_once(&self, app_state: AppState) -> bool {
            app_state == AppState::Foreground
        }
    }
    ConfiguresInForeground "wake-without-configuration" breaks "WAK-2": "Configures itself only when the app comes to the foreground" {
        fn reports_user(&self, app_state: AppState) -> bool {
            app_state == AppState::Foreground
        }
    }
}
