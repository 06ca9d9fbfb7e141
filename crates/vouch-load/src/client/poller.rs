//! Waits for sockets and for a moment, whichever comes first, to within microseconds: arrivals start on schedule.

use mio::{Events, Poll, Token};
use std::io;
use std::time::{Duration, Instant};

/// The token of the timer; connections have smaller ones.
const TIMER: Token = Token(usize::MAX);
/// Shorter waits are not worth a sleep: going to sleep and waking up takes about as long, and wakes up late.
const TOO_SHORT: Duration = Duration::from_micros(50);
/// Nobody waits longer than this without looking at the clock.
const LONGEST: Duration = Duration::from_millis(200);

/// A poll with a fine timer.
pub struct Waiter {
    poll: Poll,
    events: Events,
    timer: Timer,
}

impl Waiter {
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new(&poll)?;
        Ok(Self { poll, events: Events::with_capacity(1024), timer })
    }

    pub fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Waits at most so long; where the moment is not `exact`, up to a millisecond longer, which is cheaper. How long it
    /// was awake without anything to do.
    pub fn wait(&mut self, at_most: Duration, exact: bool) -> io::Result<Duration> {
        let timeout = match at_most {
            short if short < TOO_SHORT => return self.stay_awake(short),
            long if exact => self.timer.arm(long.min(LONGEST))?,
            long => Some(long.min(LONGEST)),
        };
        self.poll(timeout)?;
        Ok(Duration::ZERO)
    }

    fn stay_awake(&mut self, at_most: Duration) -> io::Result<Duration> {
        let (start, mut idle) = (Instant::now(), Duration::ZERO);
        loop {
            self.poll(Some(Duration::ZERO))?;
            // Nobody who is behind is idle.
            if !self.events.is_empty() || at_most.is_zero() {
                break;
            }
            idle = start.elapsed();
            if idle >= at_most {
                break;
            }
        }
        // What is longer was spent without the processor.
        Ok(idle.min(TOO_SHORT))
    }

    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    /// The connections that something happened to, and whether it was the server's end of the connection.
    pub fn ready(&self, into: &mut Vec<(usize, bool)>) {
        into.clear();
        let events = self.events.iter().filter(|event| event.token() != TIMER);
        into.extend(events.map(|event| (event.token().0, event.is_read_closed())));
    }
}

/// Linux' epoll waits in whole milliseconds; a timer descriptor is finer.
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

/// Elsewhere the poll itself is fine enough.
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
    fn a_short_wait_is_spent_awake_and_told_as_idle() {
        let mut waiter = Waiter::new().expect("a poll");
        let short = TOO_SHORT / 2;
        assert!((short..=TOO_SHORT).contains(&waiter.wait(short, true).expect("a wait")));
        let (behind, asleep) = (Duration::ZERO, 10 * TOO_SHORT);
        assert_eq!([behind, asleep].map(|duration| waiter.wait(duration, true).expect("a wait")), [Duration::ZERO; 2]);
    }

    #[test]
    fn a_wait_ends_within_a_millisecond_of_its_time() {
        let mut waiter = Waiter::new().expect("a poll");
        let mut late: Vec<_> = (0..20)
            .map(|_| {
                let (start, wanted) = (Instant::now(), Duration::from_micros(300));
                waiter.wait(wanted, true).expect("a wait");
                let waited = start.elapsed();
                assert!(waited >= wanted, "{waited:?} is too early");
                waited - wanted
            })
            .collect();
        late.sort();
        // The best of them: the machine may be busy, but a whole millisecond each time is a coarse timer.
        assert!(late[0] < Duration::from_micros(600), "{late:?}");
    }
}
