//! The requests and notifications that an SDK's process sends to the harness: sleep, authenticate, status changes, log lines.

use crate::sut::HostCallbacks;
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use vouch_sim::clock::{Clock, SleepPurpose};
use vouch_spec::protocol::message::{self, Status};
use vouch_spec::protocol::{Refusal, StatusWord, is_documented};

/// Answers the SDK's authenticate callback.
#[async_trait]
pub(super) trait Authenticator: Send + Sync {
    /// A sign-in token of the user with this app user id.
    async fn authenticate(&self, external_user_id: &str) -> Result<String, Refusal>;
}

/// The notifications of the SDK over all launches of a case.
#[derive(Default)]
pub(super) struct Notifications {
    /// The statuses since the previous call of [`Notifications::take_changes`].
    pub statuses: Vec<Vec<StatusWord>>,
    /// The last status before those. A new installation has an empty status.
    pub previous_status: BTreeSet<StatusWord>,
    /// The first status that is not a documented combination.
    pub undocumented_status: Option<Vec<StatusWord>>,
    /// The log lines since the previous check of the log.
    pub logs: String,
    /// Why the first invalid notification is invalid.
    pub invalid: Option<String>,
}

impl Notifications {
    fn record_invalid(&mut self, method: &str, error: &serde_json::Error) {
        self.invalid.get_or_insert_with(|| format!("its notification `{method}` cannot be read: {error}"));
    }

    fn record_status(&mut self, status: Vec<StatusWord>) {
        if !is_documented(&status) {
            self.undocumented_status.get_or_insert_with(|| status.clone());
        }
        self.statuses.push(status);
    }

    /// The changes of the status since the previous call. A repeated status, or the current one at launch, is not a change.
    pub fn take_changes(&mut self) -> Vec<BTreeSet<StatusWord>> {
        let mut changes: Vec<BTreeSet<_>> = Vec::new();
        for status in std::mem::take(&mut self.statuses) {
            let status: BTreeSet<_> = status.into_iter().collect();
            if status != *changes.last().unwrap_or(&self.previous_status) {
                changes.push(status);
            }
        }
        if let Some(last) = changes.last() {
            self.previous_status.clone_from(last);
        }
        changes
    }
}

/// The callbacks of one launched process.
pub(super) struct SdkCallbacks {
    pub clock: Clock,
    /// How far the device's clock is ahead, in milliseconds.
    pub clock_skew_ms: Arc<AtomicI64>,
    pub notifications: Arc<Mutex<Notifications>>,
    pub authenticator: Option<Arc<dyn Authenticator>>,
    pub sleepers: Arc<Sleepers>,
    /// The number of the launch of this process. `None` for a second process, whose timers outlast the launches of the app.
    pub launch: Option<u64>,
}

/// What the SDK's timers wait for in addition to the clock.
pub(super) struct Sleepers {
    /// Time has passed that the device has not noticed yet.
    pub time_unnoticed: watch::Sender<bool>,
    /// The number of launches. A launch ends the timers of the process before it.
    pub launches: watch::Sender<u64>,
    /// The number of timers that fire when the device notices the time.
    pub due: AtomicUsize,
}

impl Default for Sleepers {
    fn default() -> Self {
        Self { time_unnoticed: watch::Sender::new(false), launches: watch::Sender::new(0), due: AtomicUsize::new(0) }
    }
}

impl SdkCallbacks {
    /// Sleeps as the SDK requests. On a device that is not in use, no timer fires before the device is used again.
    async fn sleep(&self, duration: Duration, purpose: SleepPurpose) {
        let (mut launches, mut unnoticed) =
            (self.sleepers.launches.subscribe(), self.sleepers.time_unnoticed.subscribe());
        tokio::select! {
            () = self.clock.sleep(duration, purpose) => {}
            _ = launches.wait_for(|launch| self.launch.is_some_and(|own| own != *launch)) => return,
        }
        if *unnoticed.borrow_and_update() {
            self.sleepers.due.fetch_add(1, Ordering::Relaxed);
            let _ = unnoticed.wait_for(|unnoticed| !unnoticed).await;
            self.sleepers.due.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The maximum length of the log of one step that is searched, in bytes.
const LOG_LIMIT: usize = 16 << 20;

#[async_trait]
impl HostCallbacks for SdkCallbacks {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "sleep" => {
                let sleep: message::Sleep =
                    serde_json::from_value(params).map_err(|error| Refusal::bad_params(method, &error))?;
                let purpose = if sleep.background { SleepPurpose::Background } else { SleepPurpose::Wait };
                self.sleep(Duration::from_millis(sleep.milliseconds), purpose).await;
                Ok(json!({ "now": self.clock.now_ms().saturating_add(self.clock_skew_ms.load(Ordering::Relaxed)) }))
            }
            "authenticate" => {
                let request: message::Authenticate =
                    serde_json::from_value(params).map_err(|error| Refusal::bad_params(method, &error))?;
                let Some(authenticator) = &self.authenticator else { return Err(Refusal::unknown_method(method)) };
                let token = authenticator.authenticate(&request.external_user_id).await?;
                Ok(json!({ "token": token }))
            }
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn notification(&self, method: &str, params: Value) {
        let mut notifications = self.notifications.lock();
        match method {
            "statusChanged" => match serde_json::from_value::<Status>(params) {
                Ok(changed) => notifications.record_status(changed.status),
                Err(error) => notifications.record_invalid(method, &error),
            },
            "log" => match serde_json::from_value::<message::Log>(params) {
                Ok(line) if notifications.logs.len() < LOG_LIMIT => {
                    notifications.logs.push_str(&line.text);
                    notifications.logs.push('\n');
                }
                Ok(_) => {}
                Err(error) => notifications.record_invalid(method, &error),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_status_is_not_a_change_and_a_return_to_it_is() {
        const SIGNED_IN: [StatusWord; 3] = [StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseSignInToken];
        let mut notifications = Notifications::default();
        let set = |status: &[StatusWord]| status.iter().copied().collect::<BTreeSet<_>>();
        notifications.record_status(vec![]);
        assert!(notifications.take_changes().is_empty(), "the status of a new installation");
        notifications.record_status(SIGNED_IN.to_vec());
        assert_eq!(notifications.take_changes(), [set(&SIGNED_IN)]);
        notifications.record_status(SIGNED_IN.to_vec());
        assert!(notifications.take_changes().is_empty());
        notifications.record_status(vec![]);
        notifications.record_status(SIGNED_IN.to_vec());
        assert_eq!(notifications.take_changes(), [set(&[]), set(&SIGNED_IN)]);
        assert_eq!(notifications.undocumented_status, None);
    }
}
