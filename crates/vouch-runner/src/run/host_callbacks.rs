//! The harness's side of the conversation with one process: its clock, its callback, what it says of itself.

use crate::sut::HostCallbacks;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use vouch_sim::clock::{Clock, Purpose};
use vouch_spec::protocol::message::{self, Status};
use vouch_spec::protocol::{Refusal, StatusWord, is_documented};

/// Who answers the SDK's authenticate callback.
#[async_trait]
pub(super) trait Authenticator: Send + Sync {
    async fn authenticate(&self, external_user_id: &str) -> Result<String, Refusal>;
}

/// What the SDK's process said of itself.
#[derive(Default)]
pub(super) struct Notifications {
    /// What was told since the last time it was taken.
    pub statuses: Vec<Vec<StatusWord>>,
    /// The last status that was told before those: a new installation has none.
    pub told_before: BTreeSet<StatusWord>,
    /// The first status that is no documented combination.
    pub odd_status: Option<Vec<StatusWord>>,
    pub logs: String,
    /// The first notification that could not be read.
    pub unreadable: Option<String>,
}

impl Notifications {
    fn cannot_read(&mut self, method: &str, why: &serde_json::Error) {
        self.unreadable.get_or_insert_with(|| format!("its notification `{method}` cannot be read: {why}"));
    }

    fn status(&mut self, status: Vec<StatusWord>) {
        if !is_documented(&status) {
            self.odd_status.get_or_insert_with(|| status.clone());
        }
        self.statuses.push(status);
    }

    /// The changes of the status since the last time they were taken. Telling the same status twice misses nothing, nor does
    /// beginning with the present one.
    pub fn take_changes(&mut self) -> Vec<BTreeSet<StatusWord>> {
        let mut changes: Vec<BTreeSet<_>> = Vec::new();
        for status in std::mem::take(&mut self.statuses) {
            let status: BTreeSet<_> = status.into_iter().collect();
            if status != *changes.last().unwrap_or(&self.told_before) {
                changes.push(status);
            }
        }
        if let Some(last) = changes.last() {
            self.told_before.clone_from(last);
        }
        changes
    }
}

/// The harness's side of the conversation with one process.
pub(super) struct SdkCallbacks {
    pub clock: Clock,
    pub clock_off_ms: Arc<AtomicI64>,
    pub heard: Arc<Mutex<Notifications>>,
    pub authenticator: Option<Arc<dyn Authenticator>>,
    pub rest: Arc<Rest>,
    /// Which launch it is that this process began with.
    pub launch: u64,
}

/// What the sleepers of a device wait for beside the clock.
pub(super) struct Rest {
    /// Time has passed that the device has not noticed yet.
    pub unnoticed: watch::Sender<bool>,
    /// Grows with each launch: those who slept in the process before are gone.
    pub launches: watch::Sender<u64>,
    /// How many sleepers wake as soon as the device notices.
    pub due: AtomicUsize,
}

impl Default for Rest {
    fn default() -> Self {
        Self { unnoticed: watch::Sender::new(false), launches: watch::Sender::new(0), due: AtomicUsize::new(0) }
    }
}

impl SdkCallbacks {
    /// Sleeps as the SDK asks for. On a device that is not in use nobody wakes before it is used again.
    async fn sleep(&self, duration: Duration, purpose: Purpose) {
        let (mut launches, mut unnoticed) = (self.rest.launches.subscribe(), self.rest.unnoticed.subscribe());
        tokio::select! {
            () = self.clock.sleep(duration, purpose) => {}
            _ = launches.wait_for(|launch| *launch != self.launch) => return,
        }
        if *unnoticed.borrow_and_update() {
            self.rest.due.fetch_add(1, Ordering::Relaxed);
            let _ = unnoticed.wait_for(|unnoticed| !unnoticed).await;
            self.rest.due.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// How much of the SDK's log of one step is searched, in bytes.
const LOG_LIMIT: usize = 16 << 20;

#[async_trait]
impl HostCallbacks for SdkCallbacks {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "sleep" => {
                let sleep: message::Sleep =
                    serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))?;
                let purpose = if sleep.background { Purpose::Background } else { Purpose::Wait };
                self.sleep(Duration::from_millis(sleep.milliseconds), purpose).await;
                Ok(json!({ "now": self.clock.now_ms().saturating_add(self.clock_off_ms.load(Ordering::Relaxed)) }))
            }
            "authenticate" => {
                let who: message::Authenticate =
                    serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))?;
                let Some(authenticator) = &self.authenticator else { return Err(Refusal::unknown_method(method)) };
                let token = authenticator.authenticate(&who.external_user_id).await?;
                Ok(json!({ "token": token }))
            }
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn notification(&self, method: &str, params: Value) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "statusChanged" => match serde_json::from_value::<Status>(params) {
                Ok(told) => heard.status(told.status),
                Err(why) => heard.cannot_read(method, &why),
            },
            "log" => match serde_json::from_value::<message::Log>(params) {
                Ok(line) if heard.logs.len() < LOG_LIMIT => {
                    heard.logs.push_str(&line.text);
                    heard.logs.push('\n');
                }
                Ok(_) => {}
                Err(why) => heard.cannot_read(method, &why),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_told_twice_is_no_change_and_one_that_was_left_between_is() {
        const SIGNED_IN: [StatusWord; 3] = [StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseSignInToken];
        let mut heard = Notifications::default();
        let set = |status: &[StatusWord]| status.iter().copied().collect::<BTreeSet<_>>();
        heard.status(vec![]);
        assert!(heard.take_changes().is_empty(), "a new installation begins so");
        heard.status(SIGNED_IN.to_vec());
        assert_eq!(heard.take_changes(), [set(&SIGNED_IN)]);
        heard.status(SIGNED_IN.to_vec());
        assert!(heard.take_changes().is_empty());
        heard.status(vec![]);
        heard.status(SIGNED_IN.to_vec());
        assert_eq!(heard.take_changes(), [set(&[]), set(&SIGNED_IN)]);
        assert_eq!(heard.odd_status, None);
    }
}
