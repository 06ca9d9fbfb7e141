//! In-memory storage of a device.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_sim::reference::sdk::ports::{FileChange, ProcessLifetime, Storage, StorageError};
use vouch_spec::protocol::message::{Area, Item};
use vouch_spec::text::lossy;

/// The storage of a device. It outlives the processes that write to it.
pub type Disk = Arc<Mutex<BTreeMap<(Area, String), Vec<u8>>>>;

/// The storage as one process accesses it.
pub struct MemoryStorage {
    pub disk: Disk,
    pub life: ProcessLifetime,
    /// Whether secure storage is locked.
    pub locked: Arc<AtomicBool>,
}

impl MemoryStorage {
    fn unlocked(&self, area: Area) -> Result<(), StorageError> {
        let locked = area == Area::Secure && self.locked.load(Ordering::Relaxed);
        if locked { Err(StorageError::Locked) } else { Ok(()) }
    }

    /// Performs one write. As with files, a change takes one or two writes, and the process can crash before each of them.
    fn write_of(&self, change: impl FnOnce(&mut BTreeMap<(Area, String), Vec<u8>>)) -> Result<(), StorageError> {
        self.life.may_write(FileChange::Write)?;
        change(&mut self.disk.lock());
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.unlocked(area)?;
        Ok(self.disk.lock().get(&(area, key.to_owned())).cloned())
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.unlocked(area)?;
        let beside = format!(".{key}.new");
        self.write_of(|disk| drop(disk.insert((area, beside.clone()), value.to_vec())))?;
        self.write_of(|disk| {
            if let Some(value) = disk.remove(&(area, beside)) {
                disk.insert((area, key.to_owned()), value);
            }
        })
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.unlocked(area)?;
        self.write_of(|disk| drop(disk.remove(&(area, format!(".{key}.new")))))?;
        self.write_of(|disk| drop(disk.remove(&(area, key.to_owned()))))
    }

    fn remove_partial_writes(&self) -> Result<(), StorageError> {
        self.unlocked(Area::Secure)?;
        self.disk.lock().retain(|(_, key), _| !key.ends_with(".new"));
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn items(&self) -> Result<Vec<Item>, StorageError> {
        Ok(items(&self.disk))
    }
}

/// All stored items.
pub(super) fn items(disk: &Disk) -> Vec<Item> {
    let item = |((area, key), value): (&(Area, String), &Vec<u8>)| Item {
        area: *area,
        key: key.clone(),
        value: lossy(value).into_owned(),
    };
    disk.lock().iter().map(item).collect()
}
