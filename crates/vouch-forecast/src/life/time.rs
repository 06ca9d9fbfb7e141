//! The clock of a device: virtual, possibly wrong, and at an end when its process is killed.

use super::timeline::whole_ms;
use async_trait::async_trait;
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use vouch_sim::clock::Clock;
use vouch_sim::reference::sdk::ports::Time;

/// The time of one device. A sleep ends at once and advances the clock of the device and of its provider.
pub(super) struct DeviceTime {
    clock: Clock,
    /// How far the device's clock is ahead, in milliseconds.
    pub skew_ms: AtomicI64,
    random: Mutex<SmallRng>,
}

impl DeviceTime {
    pub fn new(clock: Clock) -> Self {
        Self { clock, skew_ms: AtomicI64::new(0), random: Mutex::new(SmallRng::seed_from_u64(0)) }
    }

    /// Starts the random numbers of a visit.
    pub fn seed(&self, seed: u64) {
        *self.random.lock() = SmallRng::seed_from_u64(seed);
    }

    /// The true clock, which the provider has too.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The true time, in milliseconds since 1970.
    pub fn true_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub fn pass(&self, duration: Duration) {
        self.clock.set_ahead(duration);
    }

    /// Waits until this true time; not at all if it has passed.
    pub fn pass_until(&self, true_ms: i64) {
        let left = true_ms.saturating_sub(self.true_ms());
        self.pass(Duration::from_millis(u64::try_from(left).unwrap_or(0)));
    }

    /// The true time after a duration from now.
    pub fn after(&self, duration: Duration) -> i64 {
        self.true_ms().saturating_add(whole_ms(duration))
    }
}

#[async_trait]
impl Time for DeviceTime {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
        // A caller that sleeps in a loop must not keep the thread.
        tokio::task::yield_now().await;
    }

    fn chance(&self) -> f64 {
        self.random.lock().random_range(0.0..1.0)
    }
}
