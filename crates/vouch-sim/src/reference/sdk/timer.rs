//! Timers that refresh the access token ahead of its end. The reference sets none; others of its kind do.

use super::policy::RefreshReason;
use super::record::{Record, Secret};
use super::{Result, Sdk};
use std::sync::Arc;
use std::time::Duration;

impl Sdk {
    /// Sets the timers of the current access token.
    pub(super) fn set_timers(self: &Arc<Self>) {
        let epoch = self.state.lock().epoch;
        let Ok(Some(Record::SignInToken(session))) = self.record() else { return };
        let left = session.expires_at_ms.saturating_sub(self.device.time.now_ms());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        for after in self.device.policy.refresh_timers(left) {
            tokio::spawn(self.clone().run_timer(epoch, session.access_token.clone(), after));
        }
    }

    /// Waits, refreshes, and tries again until there is a newer access token, or no session that could have one.
    async fn run_timer(self: Arc<Self>, epoch: u64, token: Secret, after: Duration) {
        let mut wait = after;
        let mut tries = 0;
        while self.device.time.sleep_in_background(wait).await {
            if !self.timer_applies(epoch, &token) || self.refresh_by_timer().await.is_ok() {
                return;
            }
            tries += 1;
            wait = self.device.policy.retry_timer_after(tries);
        }
    }

    fn timer_applies(&self, epoch: u64, token: &Secret) -> bool {
        let same_epoch = self.state.lock().epoch == epoch;
        match self.record() {
            Ok(Some(Record::SignInToken(session))) => {
                self.device.policy.timer_applies(same_epoch && session.access_token == *token, session.on_hold)
            }
            _ => false,
        }
    }

    async fn refresh_by_timer(self: &Arc<Self>) -> Result<()> {
        match self.join_refresh(None, RefreshReason::Expired) {
            Some((refresh, _)) => refresh.await,
            None => Ok(()),
        }
    }
}
