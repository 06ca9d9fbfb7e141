//! Waits for socket events or a deadline with microsecond precision, so that arrivals start on schedule.

use mio::{Events, Poll, Token};
use std::io;
use std::time::{Duration, Instant};

/// The token of the timer; connections have smaller ones.
const TIMER: Token = Token(usize::MAX);
/// Shorter waits are spun: a sleep of this length takes about as long to enter and leave, and wakes up late.
const MIN_SLEEP: Duration = Duration::from_micros(50);
/// The longest wait before the clock is checked again.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// A `mio` poll with a high-resolution timer.
pub struct Poller {
    poll: Poll,
    events: Events,
    timer: Timer,
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new(&poll)?;
        Ok(Self { poll, events: Events::with_capacity(1024), timer })
    }

    pub fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Waits for at most `at_most`, or up to a millisecond longer if the deadline is not `exact`, which is cheaper. Returns the
    /// time that was spent spinning.
    pub fn wait(&mut self, at_most: Duration, exact: bool) -> io::Result<Duration> {
        let timeout = match at_most {
            short if short < MIN_SLEEP => return self.spin(short),
            long if exact => self.timer.arm(long.min(MAX_WAIT))?,
            long => Some(long.min(MAX_WAIT)),
        };
        self.poll(timeout)?;
        Ok(Duration::ZERO)
    }

    fn spin(&mut self, at_most: Duration) -> io::Result<Duration> {
        let (start, mut idle) = (Instant::now(), Duration::ZERO);
        loop {
            self.poll(Some(Duration::ZERO))?;
            // A worker that is behind schedule is not idle.
            if !self.events.is_empty() || at_most.is_zero() {
                break;
            }
            idle = start.elapsed();
            if idle >= at_most {
                break;
            }
        }
        // A longer time means that the thread was preempted.
        Ok(idle.min(MIN_SLEEP))
    }

    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    /// Writes the connections with events to `out`, with whether the server has closed its side.
    pub fn ready(&self, out: &mut Vec<(usize, bool)>) {
        out.clear();
        let events = self.events.iter().filter(|event| event.token() != TIMER);
        out.extend(events.map(|event| (event.token().0, event.is_read_closed())));
    }
}

/// epoll on Linux has a resolution of one millisecond; a timer descriptor has a finer one.
#[cfg(target_os = "linux")]
struct Timer(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Timer {
    fn new(poll: &Poll) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let raw = timer.as_raw_fd();
        poll.registry().register(&mut mio::unix::SourceFd(&raw), TIMER, mio::Interest::READABLE)?;
        Ok(Self(timer))
    }

    fn arm(&mut self, duration: Duration) -> io::Result<Option<Duration>> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let end = Timespec::try_from(duration).unwrap_or(zero);
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: zero, it_value: end })?;
        Ok(None)
    }
}

/// On other systems the resolution of the poll suffices.
#[cfg(not(target_os = "linux"))]
struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    fn new(_: &Poll) -> io::Result<Self> {
        Ok(Self)
    }

    fn arm(&mut self, duration: Duration) -> io::Result<Option<Duration>> {
        Ok(Some(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_wait_is_spun_and_reported_as_idle() {
        let mut poller = Poller::new().expect("a poll");
        let short = MIN_SLEEP / 2;
        assert!((short..=MIN_SLEEP).contains(&poller.wait(short, true).expect("a wait")));
        let (behind, asleep) = (Duration::ZERO, 10 * MIN_SLEEP);
        assert_eq!([behind, asleep].map(|duration| poller.wait(duration, true).expect("a wait")), [Duration::ZERO; 2]);
    }

    #[test]
    fn a_wait_ends_within_a_millisecond_of_its_time() {
        let mut poller = Poller::new().expect("a poll");
        let mut late: Vec<_> = (0..20)
            .map(|_| {
                let (start, wanted) = (Instant::now(), Duration::from_micros(300));
                poller.wait(wanted, true).expect("a wait");
                let waited = start.elapsed();
                assert!(waited >= wanted, "{waited:?} is too early");
                waited.checked_sub(wanted).unwrap()
            })
            .collect();
        late.sort();
        // The best of all: a busy machine may delay some, but only a coarse timer delays all by a millisecond.
        assert!(late[0] < Duration::from_micros(600), "{late:?}");
    }
}
