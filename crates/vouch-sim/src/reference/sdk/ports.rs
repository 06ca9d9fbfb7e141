//! What the SDK needs from its device, and the ordinary ways to have it.

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use rand::Rng;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vouch_spec::profile;
use vouch_spec::protocol::Realm;
use vouch_spec::protocol::message::{Area, Item};

/// Storage that cannot be used now.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    #[error("secure storage is locked until the device is unlocked")]
    Locked,
    #[error("storage failed: {0}")]
    Failed(String),
}

/// Named values in areas that last differently long.
pub trait Storage: Send + Sync {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// All or nothing, also when the process is killed in the middle.
    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError>;
    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError>;
    /// Forgets what an earlier launch had not finished writing.
    fn remove_partial_writes(&self) -> Result<(), StorageError>;
    fn items(&self) -> Result<Vec<Item>, StorageError>;
    /// Whether other processes may use it, too.
    fn is_shared(&self) -> bool {
        false
    }
    /// Keeps other processes on this storage out, until the value is dropped. None if another process is inside. Storage that no
    /// other process can use needs no lock.
    fn lock(&self, _: Section) -> Option<ProcessLock> {
        Some(ProcessLock(None))
    }
}

/// What only one process on a storage may do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// A refresh. The caller tries again while another process is inside.
    Refresh,
    /// A look at the record and the write that follows. Takes microseconds, so the lock waits.
    Write,
}

/// A lock that other processes on the storage see. It ends with its process, too.
pub struct ProcessLock(#[allow(dead_code, reason = "the open file is the lock")] Option<std::fs::File>);

/// Which server of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    Api,
    Auth,
}

/// An HTTP request of the SDK.
#[derive(Clone)]
pub struct HttpRequest {
    pub realm: Realm,
    pub host: Host,
    pub method: String,
    pub path: String,
    pub headers: Vec<(Cow<'static, str>, String)>,
    pub body: String,
}

impl HttpRequest {
    /// A request that a wire profile has made.
    pub fn post(realm: Realm, host: Host, request: profile::IdpRequest) -> Self {
        let mut headers = vec![("content-type".into(), request.content_type.to_owned())];
        headers.extend(request.headers.into_iter().map(|(name, value)| (name.into(), value)));
        Self { realm, host, method: "POST".into(), path: request.path, headers, body: request.body }
    }
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// None came before the time-out.
    Timeout,
    /// No connection, or one that ended early.
    ConnectionLost,
}

#[async_trait]
pub trait Network: Send + Sync {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError>;
}

#[async_trait]
pub trait Time: Send + Sync {
    /// Milliseconds since 1970, by the device's clock.
    fn now_ms(&self) -> i64;
    async fn sleep(&self, duration: Duration);
    /// The same for a timer that no call waits for. Returns whether it may go on; a device without timers answers no at once.
    async fn sleep_in_background(&self, _: Duration) -> bool {
        false
    }
    /// A random number in 0..1, for the delays between attempts.
    fn chance(&self) -> f64 {
        rand::rng().random_range(0.0..1.0)
    }
}

/// The machine's own time.
pub struct SystemTime;

#[async_trait]
impl Time for SystemTime {
    fn now_ms(&self) -> i64 {
        crate::clock::real_now_ms()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn sleep_in_background(&self, duration: Duration) -> bool {
        tokio::time::sleep(duration).await;
        true
    }
}

/// Storage in files, one per value. On a phone, keychain and preferences take this place.
pub struct FileStorage {
    secure: PathBuf,
    plain: PathBuf,
    volatile: PathBuf,
    pub locked: AtomicBool,
    life: ProcessLifetime,
}

/// Whether this process still lives. When Vouch kills a process that it hosts itself, nothing that was on its way may
/// reach storage or network afterwards, as with a real SIGKILL.
#[derive(Clone)]
pub struct ProcessLifetime(Arc<RwLock<bool>>, Arc<Mutex<Option<ArmedFault>>>);

/// What happens instead of a change to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The process ends.
    End,
    /// The disk is full: this change and each later one that needs space fail.
    NoSpace,
    /// This one change fails.
    IoError,
}

/// What a change to a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It writes data or makes a file, which needs space.
    Write,
    /// It needs no space.
    RenameOrRemove,
}

/// A fault that waits for its write.
pub struct ArmedFault {
    fault: WriteFault,
    /// How many writes are left, this one included; 0 when it has struck.
    left: u32,
}

impl ArmedFault {
    /// A fault that strikes the n-th write, counted from 1.
    pub fn new(write: u32, fault: WriteFault) -> Self {
        Self { fault, left: write }
    }

    /// Whether it has struck.
    pub fn has_struck(&self) -> bool {
        self.left == 0
    }

    /// Counts a write. Returns the fault if it strikes this one.
    pub fn count_write(&mut self, change: FileChange) -> Option<WriteFault> {
        if self.fault == WriteFault::NoSpace && change != FileChange::Write {
            return None;
        }
        let lasts = self.fault == WriteFault::NoSpace;
        let strikes = self.left == 1 || (lasts && self.left == 0);
        self.left = self.left.saturating_sub(1);
        strikes.then_some(self.fault)
    }
}

impl Default for ProcessLifetime {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(true)), Arc::default())
    }
}

impl ProcessLifetime {
    /// Holds off the end while something that must not outlive it is done. None after the end.
    pub(super) fn hold(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let guard = self.0.read();
        (*guard).then_some(guard)
    }

    /// Lets a fault strike instead of the n-th change to a file from now on, counted from 1.
    pub fn fail_at_write(&self, write: u32, fault: WriteFault) {
        *self.1.lock() = Some(ArmedFault::new(write, fault));
    }

    /// Takes back [`ProcessLifetime::fail_at_write`]. Returns whether the fault struck.
    pub fn clear_write_fault(&self) -> bool {
        self.1.lock().take().is_some_and(|armed| armed.has_struck())
    }

    pub fn is_over(&self) -> bool {
        self.hold().is_none()
    }

    /// Asked before each change to a file: whether it is still to happen.
    pub fn may_write(&self, change: FileChange) -> Result<(), StorageError> {
        match self.count_write(change) {
            Some(WriteFault::End) => self.end(),
            Some(WriteFault::NoSpace) => return Err(StorageError::Failed("no space left on device".into())),
            Some(WriteFault::IoError) => return Err(StorageError::Failed("input/output error".into())),
            None => {}
        }
        if self.is_over() { Err(ended()) } else { Ok(()) }
    }

    /// The fault that strikes now, if one does.
    fn count_write(&self, change: FileChange) -> Option<WriteFault> {
        self.1.lock().as_mut()?.count_write(change)
    }

    /// Ends it, after what is being written this moment.
    pub fn end(&self) {
        *self.0.write() = false;
    }
}

impl FileStorage {
    pub fn new(storage: &vouch_spec::protocol::message::Storage, life: ProcessLifetime) -> Self {
        Self {
            secure: storage.secure.clone(),
            plain: storage.plain.clone(),
            volatile: storage.volatile.clone(),
            locked: AtomicBool::new(storage.locked),
            life,
        }
    }

    /// Changes a file, unless the process has ended.
    fn change(&self, kind: FileChange, change: impl FnOnce() -> std::io::Result<()>) -> Result<(), StorageError> {
        self.life.may_write(kind)?;
        let _alive = self.life.hold().ok_or_else(ended)?;
        change().map_err(|e| failed(&e))
    }

    fn folder(&self, area: Area) -> Result<&Path, StorageError> {
        match area {
            Area::Secure if self.locked.load(Ordering::Acquire) => Err(StorageError::Locked),
            Area::Secure => Ok(&self.secure),
            Area::Plain => Ok(&self.plain),
            Area::Volatile => Ok(&self.volatile),
        }
    }
}

fn ended() -> StorageError {
    StorageError::Failed("the process has ended".into())
}

fn failed(error: &std::io::Error) -> StorageError {
    StorageError::Failed(error.to_string())
}

fn unless_missing<T>(result: std::io::Result<T>) -> Result<Option<T>, StorageError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

impl Storage for FileStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        unless_missing(std::fs::read(self.folder(area)?.join(key)))
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let folder = self.folder(area)?;
        // Written beside and renamed: the old value or the new one, never half of it.
        let beside = folder.join(format!(".{key}.new"));
        self.change(FileChange::Write, || std::fs::write(&beside, value))?;
        self.change(FileChange::RenameOrRemove, || std::fs::rename(&beside, folder.join(key)))
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        let folder = self.folder(area)?;
        for name in [format!(".{key}.new"), key.to_owned()] {
            self.change(FileChange::RenameOrRemove, || match std::fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                other => other,
            })?;
        }
        Ok(())
    }

    fn remove_partial_writes(&self) -> Result<(), StorageError> {
        let folder = self.folder(Area::Secure)?;
        for entry in std::fs::read_dir(folder).map_err(|e| failed(&e))? {
            let path = entry.map_err(|e| failed(&e))?.path();
            if path.extension().is_some_and(|extension| extension == "new") {
                self.change(FileChange::RenameOrRemove, || std::fs::remove_file(&path))?;
            }
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn lock(&self, section: Section) -> Option<ProcessLock> {
        // A lock of the folder itself leaves no file behind.
        let folder = if section == Section::Refresh { &self.secure } else { &self.plain };
        let Ok(folder) = std::fs::File::open(folder) else { return Some(ProcessLock(None)) };
        let locked = match section {
            Section::Refresh => folder.try_lock().map_err(std::io::Error::from),
            Section::Write => folder.lock(),
        };
        match locked {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            // A file system without locks.
            Err(_) => Some(ProcessLock(None)),
            Ok(()) => Some(ProcessLock(Some(folder))),
        }
    }

    fn items(&self) -> Result<Vec<Item>, StorageError> {
        let mut items = Vec::new();
        for area in Area::ALL {
            for entry in std::fs::read_dir(self.folder(area)?).map_err(|e| failed(&e))? {
                let path = entry.map_err(|e| failed(&e))?.path();
                let value = std::fs::read(&path).map_err(|e| failed(&e))?;
                let key = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                items.push(Item { area, key, value: String::from_utf8_lossy(&value).into_owned() });
            }
        }
        Ok(items)
    }
}
