//! Answers that come late on purpose.

use std::io;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A time in which nothing is answered.
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
                "`{text}` is no stall; write for example 2s@4s: two seconds, from four seconds after the first request"
            )
        };
        let (lasts, after) = text.split_once('@').ok_or_else(help)?;
        let read = |text: &str| humantime::parse_duration(text).map_err(|_| help());
        Ok(Self { lasts: read(lasts)?, after: read(after)? })
    }
}

/// When answers leave.
#[derive(Default)]
pub struct Pace {
    delay: Option<Delay>,
    stall: Option<Stall>,
    first: OnceLock<Instant>,
}

impl Pace {
    /// `delay` is added to each answer of the identity provider. Fails where its thread cannot be had.
    pub fn new(delay: Duration, stall: Option<Stall>) -> io::Result<Self> {
        let delay = if delay.is_zero() { None } else { Some(Delay::start(delay)?) };
        Ok(Self { delay, stall, first: OnceLock::new() })
    }

    /// A request has begun to arrive.
    pub(super) fn begin(&self) {
        if self.stall.is_some() {
            self.first.get_or_init(Instant::now);
        }
    }

    /// Waits until an answer may leave.
    pub(super) async fn hold(&self, of_identity_provider: bool) {
        if let Some(delay) = &self.delay
            && of_identity_provider
        {
            delay.pass().await;
        }
        if let (Some(stall), Some(first)) = (self.stall, self.first.get()) {
            let (begin, end) = (*first + stall.after, *first + stall.after + stall.lasts);
            if (begin..end).contains(&Instant::now()) {
                tokio::time::sleep_until(end.into()).await;
            }
        }
    }
}

/// One length of time, to within some tens of microseconds: a thread sleeps by the kernel's own timer, where the runtime's
/// counts in milliseconds. As all wait equally long, they wake in the order in which they came.
struct Delay {
    length: Duration,
    waiting: Sender<(Instant, oneshot::Sender<()>)>,
}

impl Delay {
    fn start(length: Duration) -> io::Result<Self> {
        let (waiting, waiters) = channel();
        thread::Builder::new().name("delay".into()).spawn(move || wake(&waiters))?;
        Ok(Self { length, waiting })
    }

    async fn pass(&self) {
        let (wake, woken) = oneshot::channel();
        let _ = self.waiting.send((Instant::now() + self.length, wake));
        let _ = woken.await;
    }
}

fn wake(waiters: &Receiver<(Instant, oneshot::Sender<()>)>) {
    exact_sleeps();
    for (at, waiter) in waiters {
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::sleep(left);
        }
        // A caller may have left.
        let _ = waiter.send(());
    }
}

/// Has the kernel end this thread's sleeps when they are over, not up to 50 µs later.
#[cfg(target_os = "linux")]
fn exact_sleeps() {
    // SAFETY: a plain system call on the calling thread, without pointers.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0_u64, 0_u64, 0_u64);
    }
}

#[cfg(not(target_os = "linux"))]
fn exact_sleeps() {}

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
        let pace = Pace::new(Duration::from_micros(200), None).unwrap();
        let mut took = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            pace.hold(true).await;
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
