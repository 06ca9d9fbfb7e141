//! SDK mutants that refresh by timers, while the app makes no calls.

use super::{NetworkResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, RefreshOutcome, SdkPolicy};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use vouch_spec::profile::Profile;

/// Five minutes before the end of an access token, or when half of its time is left.
fn ahead(left: Duration) -> Duration {
    left.saturating_sub((left / 2).min(Duration::from_secs(300)))
}

mutants! { SdkPolicy, sdk_policy;
    TimersMultiply "timers-multiply" breaks "REF-13": "Sets two timers after each refresh" {
        fn refresh_timers(&self, left: Duration) -> Vec<Duration> {
            vec![ahead(left), ahead(left) + Duration::from_secs(1)]
        }
        fn timer_applies(&self, _: bool, on_hold: bool) -> bool {
            !on_hold
        }
    }
    OldTimersStay "old-timers-stay" breaks "REF-13": "Does not end the timer of an access token when a call replaces that token" {
        fn refresh_timers(&self, left: Duration) -> Vec<Duration> {
            vec![ahead(left)]
        }
        fn timer_applies(&self, _: bool, on_hold: bool) -> bool {
            !on_hold
        }
    }
    TimerEveryMinutes "timer-of-five-minutes" breaks "REF-13": "Refreshes every five minutes, however long the access token is good" {
        fn refresh_timers(&self, _: Duration) -> Vec<Duration> {
            vec![Duration::from_secs(300)]
        }
    }
    TimerInTightLoop "timer-without-back-off" breaks "REF-13": "Tries a timer's refresh again every second while the identity provider is down" {
        fn refresh_timers(&self, left: Duration) -> Vec<Duration> {
            vec![ahead(left)]
        }
        fn retry_timer_after(&self, _: u32) -> Duration {
            Duration::from_secs(1)
        }
    }
    TimerUnawareOfHold[on_hold: AtomicBool] "timer-ignores-hold" breaks "REF-13": "Goes on refreshing a session on hold by its timer" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::OnHold => {
                    self.on_hold.store(true, Relaxed);
                    RefreshOutcome::Unexpected
                }
                outcome => outcome,
            }
        }
        fn refresh_timers(&self, left: Duration) -> Vec<Duration> {
            vec![ahead(left)]
        }
        fn retry_timer_after(&self, tries: u32) -> Duration {
            if self.on_hold.load(Relaxed) { Duration::from_secs(60) } else { DefaultSdkPolicy.retry_timer_after(tries) }
        }
    }
}
