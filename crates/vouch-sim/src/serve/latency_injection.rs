//! Injected latency: delayed responses and stalls.

use std::cell::Cell;
use std::str::FromStr;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// A period in which the server answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    pub lasts: Duration,
    /// After the first request.
    pub after: Duration,
}

impl FromStr for Stall {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || {
            format!(
                "`{text}` is not a stall; write for example 2s@4s: two seconds, four seconds after the first request"
            )
        };
        let (lasts, after) = text.split_once('@').ok_or_else(help)?;
        let read = |text: &str| humantime::parse_duration(text).map_err(|_| help());
        Ok(Self { lasts: read(lasts)?, after: read(after)? })
    }
}

/// Decides when a response is sent.
#[derive(Default)]
pub struct LatencyInjection {
    delay: Duration,
    stall: Option<Stall>,
    first: OnceLock<Instant>,
}

impl LatencyInjection {
    /// `delay` is added to each answer of the identity provider.
    pub fn new(delay: Duration, stall: Option<Stall>) -> Self {
        Self { delay, stall, first: OnceLock::new() }
    }

    /// Called when a request starts to arrive.
    pub(super) fn begin(&self) {
        if self.stall.is_some() {
            self.first.get_or_init(Instant::now);
        }
    }

    /// Waits until a response may be sent.
    pub(super) async fn delay_response(&self, of_identity_provider: bool) {
        if of_identity_provider && !self.delay.is_zero() {
            sleep_precisely(self.delay).await;
        }
        if let (Some(stall), Some(first)) = (self.stall, self.first.get()) {
            let (begin, end) = (*first + stall.after, *first + stall.after + stall.lasts);
            if (begin..end).contains(&Instant::now()) {
                tokio::time::sleep_until(end.into()).await;
            }
        }
    }
}

/// The last part of a delay is a spin wait, because the runtime's timer is accurate only to a millisecond.
const SPIN_TIME: Duration = Duration::from_millis(2);
/// How long a thread spins before it yields its core.
const YIELD_INTERVAL: Duration = Duration::from_micros(20);

thread_local! {
    /// When this thread last yielded its core.
    static YIELDED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Waits for a duration, accurate to some microseconds. The thread serves other connections meanwhile.
async fn sleep_precisely(length: Duration) {
    let end = Instant::now() + length;
    if length > SPIN_TIME {
        tokio::time::sleep_until(end.checked_sub(SPIN_TIME).unwrap().into()).await;
    }
    loop {
        let now = Instant::now();
        if now >= end {
            return;
        }
        if YIELDED.get().is_none_or(|last| now - last > YIELD_INTERVAL) {
            thread::yield_now();
            YIELDED.set(Some(now));
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_a_length_and_a_time() {
        let stall = Stall { lasts: Duration::from_secs(2), after: Duration::from_millis(4500) };
        assert_eq!("2s@4s 500ms".parse(), Ok(stall));
        for wrong in ["2s", "@4s", "2@4", "2s@"] {
            assert!(wrong.parse::<Stall>().unwrap_err().contains("2s@4s"), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_delay_of_less_than_a_millisecond_is_one() {
        let latency = LatencyInjection::new(Duration::from_micros(200), None);
        let mut took = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            latency.delay_response(true).await;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        assert!(took[0] >= Duration::from_micros(200), "{took:?}");
        assert!(
            took[10] < Duration::from_micros(900),
            "the runtime's own timer takes a millisecond at least: {took:?}"
        );
    }
}
