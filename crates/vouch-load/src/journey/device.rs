//! The device of a virtual user: storage in memory, and a clock that can be advanced.

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use vouch_sim::reference::sdk::ports::{Storage, StorageError, Time};
use vouch_spec::protocol::message::{Area, Item};

/// In-memory storage, kept as long as the virtual user.
#[derive(Default)]
pub struct MemoryStorage(Mutex<BTreeMap<(&'static str, String), Vec<u8>>>);

impl MemoryStorage {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Vec<u8>>> {
        self.0.lock()
    }
}

impl Storage for MemoryStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.lock().get(&(area.word(), key.to_owned())).cloned())
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.lock().insert((area.word(), key.to_owned()), value.to_vec());
        Ok(())
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.lock().remove(&(area.word(), key.to_owned()));
        Ok(())
    }

    fn remove_partial_writes(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Empty: a load does not inspect the storage.
    fn items(&self) -> Result<Vec<Item>, StorageError> {
        Ok(vec![])
    }
}

/// A clock that is ahead of the machine's clock by this offset, in milliseconds.
#[derive(Default)]
pub struct AdjustableClock(AtomicI64);

impl AdjustableClock {
    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4), Ordering::Relaxed);
    }

    /// Sets the offset to zero.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[async_trait]
impl Time for AdjustableClock {
    fn now_ms(&self) -> i64 {
        vouch_sim::clock::real_now_ms().saturating_add(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
