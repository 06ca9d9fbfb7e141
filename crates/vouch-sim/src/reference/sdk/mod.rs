//! The reference SDK: the client side of the scheme, written as a tutorial. Ports are compared with it.
//!
//! - [`token`]: the content of a sign-in token, read without verifying the signature.
//! - [`record`]: the persistent state. It is always one complete sign-in of one scheme, or nothing.
//! - [`policy`]: every decision of the scheme, one method each.
//! - [`ports`]: what the SDK needs from its device: storage, a network, a clock; [`http_network`]: its HTTP client.
//! - `sign_in`, `refresh`, `request`: the three flows. `timer`: refreshes ahead of time.
//!
//! It must not know that it is tested.

pub mod http_network;
pub mod policy;
pub mod ports;
pub mod previous;
pub mod record;
mod refresh;
mod request;
mod sign_in;
mod timer;
pub mod token;
mod token_parser;

pub use record::{Record, Secret};
pub use request::ApiResponse;

use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use policy::{SdkPolicy, Unread};
use ports::{Network, Section, Storage, StorageError, Time};
use std::fmt;
use std::sync::{Arc, Weak};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, Realm, StatusWord};

/// A call that the SDK refuses. The text is for the app's developer and holds no secret (EXC-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdkError {
    pub kind: ErrorKind,
    pub text: String,
}

impl SdkError {
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for SdkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SdkError {}

impl From<StorageError> for SdkError {
    fn from(error: StorageError) -> Self {
        SdkError::new(ErrorKind::Storage, error.to_string())
    }
}

pub type Result<T> = std::result::Result<T, SdkError>;

/// Where the app runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppState {
    Foreground,
    /// Without a user interface, possibly before the first unlock of the device.
    Background,
}

/// What an SDK is launched with.
pub struct SdkEnvironment {
    pub policy: Arc<dyn SdkPolicy>,
    /// The wire profile of the identity provider.
    pub profile: Arc<Profile>,
    pub storage: Arc<dyn Storage>,
    pub net: Arc<dyn Network>,
    pub time: Arc<dyn Time>,
    /// Where the app is launched.
    pub app_state: AppState,
    /// Called after every status change, in order (LIF-6).
    pub on_status: Box<dyn Fn(Vec<StatusWord>) + Send + Sync>,
}

/// One launched SDK.
pub struct Sdk {
    device: SdkEnvironment,
    state: Mutex<State>,
    /// Held while something is made to last, so that a sign-out comes before it or after it.
    write_lock: Mutex<()>,
    /// Sign-ins queue here, so that two at once end with one session (LIF-5).
    sign_in_turn: tokio::sync::Mutex<()>,
    /// Held while this process refreshes, against other processes on the storage (MUL-1).
    refresh_turn: Mutex<Weak<ports::ProcessLock>>,
    /// Where the app runs now.
    app_state: Mutex<AppState>,
}

/// A refresh under way, for all who wait for it.
type Refresh = Shared<BoxFuture<'static, Result<()>>>;

#[derive(Default)]
struct State {
    /// None until storage could be read: it may be locked at launch (PER-6).
    loaded: Option<Option<Record>>,
    /// Counts sign-outs. An answer that was asked for before one is not wanted after it (OUT-5).
    epoch: u64,
    /// Why the last epoch ended: the error for its late callers (DEL-5).
    ended: Option<SdkError>,
    /// The refresh in flight and its epoch. All callers of the epoch share it (REF-4).
    refreshing: Option<(u64, Refresh)>,
    /// The time before which the server wants no refresh, and the epoch of that request (REF-9).
    wait: Option<(u64, i64)>,
    last_status: Vec<StatusWord>,
    /// Storage that could not be read is read again in the foreground only.
    waits_for_foreground: bool,
    /// The record in storage, when this process last looked or wrote.
    stored: Option<Vec<u8>>,
}

impl Sdk {
    /// Launches the SDK: restores what was signed in, and sends nothing (LIF-1, KEY-2).
    pub fn launch(device: SdkEnvironment) -> Arc<Self> {
        let app_state = device.app_state;
        let sdk = Self {
            device,
            state: Mutex::default(),
            write_lock: Mutex::default(),
            sign_in_turn: tokio::sync::Mutex::default(),
            refresh_turn: Mutex::default(),
            app_state: Mutex::new(app_state),
        };
        let sdk = Arc::new(sdk);
        if sdk.device.policy.restores_at_launch(app_state) {
            // If storage cannot be read now, the next call tries again.
            let _ = sdk.record();
            sdk.set_timers();
        }
        sdk
    }

    /// The app, which was launched in the background, has come to the foreground.
    pub fn come_to_foreground(self: &Arc<Self>) {
        *self.app_state.lock() = AppState::Foreground;
        let is_restored = {
            let mut state = self.state.lock();
            state.waits_for_foreground = false;
            state.loaded.is_some()
        };
        if !is_restored {
            let _ = self.record();
            self.set_timers();
        }
    }

    fn app_state(&self) -> AppState {
        *self.app_state.lock()
    }

    /// The status set (LIF-7).
    pub fn status(&self) -> Result<Vec<StatusWord>> {
        Ok(self.device.policy.status(self.shown_record()?.as_ref()))
    }

    /// The record for status and user.
    fn shown_record(&self) -> Result<Option<Record>> {
        if !self.device.policy.reports_user(self.app_state()) {
            return Ok(None);
        }
        match self.record() {
            Err(error) if error.kind == ErrorKind::Storage && self.device.policy.locked_looks_empty() => Ok(None),
            record => record,
        }
    }

    pub fn current_user_id(&self) -> Result<Option<String>> {
        Ok(self.shown_record()?.and_then(|record| record.user_id().map(str::to_owned)))
    }

    /// Erases every session and configuration item, on the device and in memory. Works offline, any number of times
    /// (OUT-1, OUT-2, OUT-3).
    pub fn sign_out(&self) -> Result<()> {
        let _write = self.write_lock.lock();
        self.end_session(SdkError::new(ErrorKind::NotSignedIn, "signed out meanwhile"))
    }

    /// Signs out automatically after the user of an epoch was deleted; returns the error for callers (DEL-1, DEL-2).
    fn user_gone(&self, epoch: u64) -> SdkError {
        let gone = SdkError::new(ErrorKind::InvalidUser, "the user no longer exists; signed out");
        let _write = self.write_lock.lock();
        match self.ended_since(epoch) {
            Some(ended) => ended,
            None => self.end_session(gone.clone()).err().unwrap_or(gone),
        }
    }

    /// Why a response to a request of an epoch must be discarded; none if it is still valid (OUT-5).
    fn ended_since(&self, epoch: u64) -> Option<SdkError> {
        let state = self.state.lock();
        let wanted = self.device.policy.accepts_late_answer(epoch, state.epoch);
        (!wanted).then(|| state.ended.clone().unwrap_or_else(refresh::not_signed_in))
    }

    fn end_session(&self, why: SdkError) -> Result<()> {
        {
            let mut state = self.state.lock();
            state.epoch += 1;
            state.ended = Some(why);
        }
        let _section = self.device.storage.lock(Section::Write);
        self.device.policy.erase(&*self.device.storage)?;
        self.note_stored(&mut self.state.lock());
        self.set_record(None);
        Ok(())
    }

    /// API-key scheme: names the team, environment and region (KEY-1).
    pub fn configure(&self, api_key: &str, realm: Realm) -> Result<()> {
        self.device.policy.check_api_key(api_key, realm)?;
        let user_id = match self.record()? {
            Some(Record::SignInToken(_)) if !self.device.policy.key_replaces_session() => return Err(uses_tokens()),
            Some(Record::SignInToken(_)) => None,
            Some(Record::ApiKey(current)) if current.user_id.is_some() && current.realm() != realm => {
                return Err(SdkError::new(ErrorKind::AlreadySignedIn, "signed in elsewhere; sign out first"));
            }
            Some(Record::ApiKey(current)) => self.device.policy.user_after_configure(&current, api_key)?,
            None => None,
        };
        self.persist(Record::ApiKey(record::ApiKeyRecord {
            api_key: Secret::new(api_key),
            environment: realm.environment,
            region: realm.region,
            user_id,
        }))
    }

    /// API-key scheme: names the user (KEY-1, KEY-3).
    pub fn set_user_id(&self, user_id: &str) -> Result<()> {
        match self.record()? {
            None => self.device.policy.user_before_configuration(),
            Some(Record::SignInToken(session)) if self.device.policy.may_rename_session() => {
                self.persist(Record::SignInToken(record::TokenRecord { user_id: user_id.to_owned(), ..session }))
            }
            Some(Record::SignInToken(_)) => Err(uses_tokens()),
            Some(Record::ApiKey(_)) if !self.device.policy.accepts_user_id(user_id) => {
                Err(SdkError::new(ErrorKind::Unsupported, "the user id is not a UUID"))
            }
            Some(Record::ApiKey(mut record)) => {
                if record.user_id.as_deref().is_some_and(|current| !self.device.policy.may_set_user(current, user_id)) {
                    return Err(SdkError::new(ErrorKind::AlreadySignedIn, "another user is signed in; sign out first"));
                }
                record.user_id = Some(user_id.to_owned());
                self.persist(Record::ApiKey(record))
            }
        }
    }

    /// The current record, read from storage at the first call that can read it.
    fn record(&self) -> Result<Option<Record>> {
        if let Some(_write) = self.write_lock.try_lock() {
            self.follow_other_processes();
        }
        let mut state = self.state.lock();
        if let Some(record) = &state.loaded {
            return Ok(record.clone());
        }
        if state.waits_for_foreground {
            return Err(StorageError::Locked.into());
        }
        let record = self.restore(&mut state)?;
        self.note_stored(&mut state);
        state.last_status = self.device.policy.status(record.as_ref());
        state.loaded = Some(record.clone());
        Ok(record)
    }

    fn restore(&self, state: &mut State) -> Result<Option<Record>> {
        let (policy, storage) = (&self.device.policy, &*self.device.storage);
        let restored = policy.adopt_previous(storage).and_then(|()| policy.restore(storage));
        let Err(error) = restored else { return Ok(restored?) };
        match policy.after_failed_restore(storage, self.app_state()) {
            Unread::TryAgain => Err(error.into()),
            Unread::TryInForeground => {
                state.waits_for_foreground = true;
                Err(error.into())
            }
            Unread::NobodySignedIn => Ok(None),
        }
    }

    /// Makes a record last, and only then true in memory (PER-4).
    fn persist(&self, record: Record) -> Result<()> {
        let _write = self.write_lock.lock();
        self.save(record)
    }

    /// Stores the record that a request of an epoch led to, if the epoch has not ended (OUT-5, MUL-2).
    fn persist_in(&self, epoch: u64, record: Record) -> Result<()> {
        let _write = self.write_lock.lock();
        let _section = self.device.storage.lock(Section::Write);
        if self.device.policy.looks_before_storing() {
            self.follow_other_processes();
        }
        match self.ended_since(epoch) {
            Some(ended) => Err(ended),
            None => self.save(record),
        }
    }

    fn save(&self, record: Record) -> Result<()> {
        if self.device.policy.stores_at_once(self.app_state()) {
            self.device.policy.save(&*self.device.storage, &record)?;
        }
        self.note_stored(&mut self.state.lock());
        self.set_record(Some(record));
        Ok(())
    }

    /// Notes the record in storage as it is written there, if it can be read now.
    fn note_stored(&self, state: &mut State) {
        if self.device.storage.is_shared()
            && let Ok(stored) = self.device.storage.read(Area::Secure, policy::SESSION)
        {
            state.stored = stored;
        }
    }

    /// Takes over what another process stored since this one last looked: a refresh, a sign-out, another user (MUL-1 to MUL-3).
    /// The caller holds the write lock, so that a change is not its own.
    fn follow_other_processes(&self) {
        if !self.device.storage.is_shared() {
            return;
        }
        // Locked storage shows nothing.
        let Ok(stored) = self.device.storage.read(Area::Secure, policy::SESSION) else { return };
        let before = {
            let mut state = self.state.lock();
            if state.loaded.is_none() || state.stored == stored {
                return;
            }
            state.stored.clone_from(&stored);
            state.loaded.clone().flatten()
        };
        let record = match stored.map(|bytes| serde_json::from_slice::<Record>(&bytes)) {
            // What cannot be read, no process of this SDK has written.
            Some(Err(_)) => return,
            Some(Ok(record)) => Some(record),
            None => None,
        };
        if !self.device.policy.follows_other_processes(before.as_ref(), record.as_ref()) {
            return;
        }
        let user = |record: &Option<Record>| record.as_ref().and_then(|record| record.user_id().map(str::to_owned));
        if user(&before) != user(&record) {
            let mut state = self.state.lock();
            state.epoch += 1;
            state.ended = Some(refresh::not_signed_in());
        }
        self.set_record(record);
    }

    fn set_record(&self, record: Option<Record>) {
        let mut state = self.state.lock();
        let status = self.device.policy.status(record.as_ref());
        // A call that began while the user was leaving saw the one who left.
        state.epoch += u64::from(record.is_none());
        state.loaded = Some(record);
        if state.last_status != status {
            state.last_status.clone_from(&status);
            // Reported under the lock, so that two changes cannot overtake each other.
            self.device.policy.report_status(&self.device.on_status, status);
        }
    }
}

/// How long an access token is good, in milliseconds.
fn lifetime_ms(tokens: &policy::TokenSet) -> i64 {
    i64::try_from(tokens.expires_in.as_millis()).unwrap_or(i64::MAX / 4)
}

fn uses_tokens() -> SdkError {
    SdkError::new(ErrorKind::AlreadySignedIn, "this installation uses sign-in tokens; sign out first")
}
