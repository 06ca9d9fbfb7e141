//! The users of one thread: when each is due, and how many there are while the master changes its mind.

use super::counters::Tally;
use super::test_plan::Wait;
use crate::failure::Failure;
use rand::{SeedableRng, rngs::SmallRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A user who finds no idle installation or sign-in token tries again after so long, in nanoseconds.
const STARVED_NS: u64 = 1_000_000_000;

/// How many users of each workload are wanted and how many there are, over all threads.
pub struct Crowd {
    wanted: Vec<AtomicU32>,
    live: Vec<AtomicU32>,
    /// How often users of a workload moved on to other threads, where tokens are left.
    moves: Vec<AtomicU32>,
    /// Counts the changes of `wanted`.
    changes: AtomicU64,
    threads: u32,
}

impl Crowd {
    /// Nobody yet, for so many workloads on so many threads.
    pub fn new(workloads: usize, threads: u32) -> Self {
        let none = || (0..workloads).map(|_| AtomicU32::new(0)).collect();
        Self { wanted: none(), live: none(), moves: none(), changes: AtomicU64::new(0), threads: threads.max(1) }
    }

    /// Asks for so many users of each workload. Threads follow within a fraction of a second.
    pub fn want(&self, counts: &[u32]) {
        for (wanted, count) in self.wanted.iter().zip(counts) {
            wanted.store(*count, Ordering::Relaxed);
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// How many users there are, by workload.
    pub fn live(&self) -> Vec<u32> {
        self.live.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Whether there are as many users as were asked for.
    pub fn settled(&self) -> bool {
        self.wanted.iter().zip(&self.live).all(|(a, b)| a.load(Ordering::Relaxed) == b.load(Ordering::Relaxed))
    }

    /// A thread's share of a workload's users. What does not divide goes to another thread for each workload.
    fn share(&self, workload: usize, thread: u32) -> u32 {
        let wanted = self.wanted[workload].load(Ordering::Relaxed);
        let moves = self.moves[workload].load(Ordering::Relaxed);
        let turn = (thread + u32::try_from(workload).unwrap_or(0) + moves) % self.threads;
        wanted / self.threads + u32::from(turn < wanted % self.threads)
    }

    /// Users of a workload, if they are fewer than threads, move on to other threads: each thread has a stock of its own.
    fn move_on(&self, workload: usize) {
        let next = |moves: u32| (moves + 1 < self.threads).then_some(moves + 1);
        if self.moves[workload].fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok() {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}

/// The users of one thread, as the [`Scheduler`](crate::scheduler::Scheduler) asks for them. Times are nanoseconds of its clock.
pub struct Users {
    crowd: Arc<Crowd>,
    tally: Arc<Mutex<Tally>>,
    thread: u32,
    wait: Wait,
    random: SmallRng,
    /// How many there are, by workload; those in the middle of it too.
    live: Vec<u32>,
    /// Users who pause: when each is due, and its workload.
    pausing: BinaryHeap<Reverse<(u64, u16)>>,
    /// The change of the crowd that was followed last.
    followed: u64,
    closed: bool,
}

impl Users {
    /// The users of one of the crowd's threads. What they do is noted in `tally`.
    pub fn new(crowd: Arc<Crowd>, tally: Arc<Mutex<Tally>>, thread: u32, wait: Wait, seed: u64) -> Self {
        let live = vec![0; crowd.wanted.len()];
        let random = SmallRng::seed_from_u64(seed ^ (u64::from(thread) << 32));
        Self { crowd, tally, thread, wait, random, live, pausing: BinaryHeap::new(), followed: 0, closed: false }
    }

    /// When the next user is due: at once after a change, never when all are sent away.
    pub fn next_due(&self) -> Option<u64> {
        if self.closed {
            return None;
        }
        if self.crowd.changes.load(Ordering::Acquire) != self.followed {
            return Some(0);
        }
        Some(self.pausing.peek().map_or(u64::MAX, |Reverse((due, _))| *due))
    }

    /// The next user that is due: its workload, and since when it was due.
    pub fn take(&mut self, now: u64) -> Option<(u16, u64)> {
        let changes = self.crowd.changes.load(Ordering::Acquire);
        if changes != self.followed && !self.closed {
            self.followed = changes;
            self.follow(now);
        }
        let Reverse((due, workload)) = *self.pausing.peek().filter(|Reverse((due, _))| *due <= now)?;
        self.pausing.pop();
        Some((workload, due))
    }

    /// Makes as many users as this thread's share is, and sends those away that are too many and pause.
    fn follow(&mut self, now: u64) {
        let mut excess = Vec::new();
        for workload in 0..self.live.len() {
            let share = self.crowd.share(workload, self.thread);
            for _ in self.live[workload]..share {
                self.pausing.push(Reverse((now, u16::try_from(workload).unwrap_or(0))));
                self.come_or_go(workload, 1);
            }
            excess.push(self.live[workload].saturating_sub(share));
        }
        if excess.iter().all(|count| *count == 0) {
            return;
        }
        let stay: Vec<_> = std::mem::take(&mut self.pausing)
            .into_iter()
            .filter(|Reverse((_, workload))| {
                let excess = &mut excess[usize::from(*workload)];
                let goes = *excess > 0;
                *excess -= u32::from(goes);
                if goes {
                    self.live[usize::from(*workload)] -= 1;
                    self.crowd.live[usize::from(*workload)].fetch_sub(1, Ordering::Relaxed);
                }
                !goes
            })
            .collect();
        self.pausing = stay.into();
    }

    fn come_or_go(&mut self, workload: usize, by: i32) {
        self.live[workload] = self.live[workload].saturating_add_signed(by);
        if by > 0 {
            self.crowd.live[workload].fetch_add(1, Ordering::Relaxed);
        } else {
            self.crowd.live[workload].fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A user is through with its workload: it pauses, or goes when there are too many.
    pub fn back(&mut self, workload: u16, now: u64) {
        let number = usize::from(workload);
        if self.closed || self.live[number] > self.crowd.share(number, self.thread) {
            return self.come_or_go(number, -1);
        }
        let pause = self.wait.draw(&mut self.random);
        self.pausing.push(Reverse((now.saturating_add(pause), workload)));
    }

    /// A user found no installation or token to work with.
    pub fn starve(&mut self, workload: u16, now: u64) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).starved(usize::from(workload));
        let pause = self.wait.draw(&mut self.random).max(STARVED_NS);
        self.pausing.push(Reverse((now.saturating_add(pause), workload)));
        self.crowd.move_on(usize::from(workload));
    }

    /// Notes a request: workload and step, what failed, how long it took, and how long the answer was.
    pub fn note(&mut self, request: (u16, u16), failure: Option<Failure>, latency_ns: u64, bytes: usize) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.note(request, failure, latency_ns, bytes as u64);
    }

    /// Sends all users away; those in the middle of a workload go when they are through.
    pub fn close(&mut self) {
        self.closed = true;
        for Reverse((_, workload)) in std::mem::take(&mut self.pausing) {
            self.come_or_go(usize::from(workload), -1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counters::Names;
    use super::*;
    use std::time::Duration;

    fn users(crowd: &Arc<Crowd>, thread: u32) -> Users {
        let names = Names(vec![vec![("POST", "a".into())], vec![("POST", "b".into())]]);
        let wait = Wait { least: Duration::from_secs(1), most: Duration::from_secs(1) };
        Users::new(crowd.clone(), Arc::new(Mutex::new(Tally::new(&names))), thread, wait, 1)
    }

    #[test]
    fn users_come_and_go_with_what_the_master_wants_over_all_threads() {
        let crowd = Arc::new(Crowd::new(2, 2));
        let mut threads = [users(&crowd, 0), users(&crowd, 1)];
        assert!(threads.iter().all(|users| users.next_due() == Some(u64::MAX)), "nobody was asked for");
        crowd.want(&[3, 1]);
        let mut taken = Vec::new();
        for users in &mut threads {
            assert_eq!(users.next_due(), Some(0));
            taken.push(std::iter::from_fn(|| users.take(5)).collect::<Vec<_>>());
        }
        assert!(crowd.settled() && crowd.live() == [3, 1], "{:?}", crowd.live());
        assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "spread evenly: {taken:?}");
        for (users, taken) in threads.iter_mut().zip(&taken) {
            taken.iter().for_each(|(workload, _)| users.back(*workload, 10));
            assert_eq!(users.next_due(), Some(1_000_000_010), "a second's pause");
        }
        crowd.want(&[1, 0]);
        for users in &mut threads {
            assert_eq!(users.take(20), None, "all pause");
        }
        assert_eq!(crowd.live(), [1, 0]);
    }

    #[test]
    fn who_is_in_the_middle_of_a_workload_goes_when_it_is_through() {
        let crowd = Arc::new(Crowd::new(2, 1));
        let mut users = users(&crowd, 0);
        crowd.want(&[2, 0]);
        assert_eq!((users.take(0), users.take(0), users.take(0)), (Some((0, 0)), Some((0, 0)), None));
        crowd.want(&[1, 0]);
        assert_eq!((users.take(1), crowd.settled()), (None, false));
        users.back(0, 2);
        assert!(crowd.settled());
        users.close();
        assert_eq!((users.next_due(), crowd.live()), (None, vec![1, 0]));
        users.back(0, 3);
        assert_eq!(crowd.live(), [0, 0]);
    }

    #[test]
    fn who_finds_no_token_tries_again_later() {
        let crowd = Arc::new(Crowd::new(2, 1));
        let mut users = users(&crowd, 0);
        crowd.want(&[0, 1]);
        assert_eq!(users.take(0), Some((1, 0)));
        users.starve(1, 0);
        assert_eq!((users.next_due(), crowd.live()), (Some(STARVED_NS), vec![0, 1]));
    }
    #[test]
    fn who_finds_no_token_moves_on_to_a_thread_that_has_some() {
        let crowd = Arc::new(Crowd::new(2, 2));
        let mut threads = [users(&crowd, 0), users(&crowd, 1)];
        crowd.want(&[1, 0]);
        assert_eq!((threads[0].take(0), threads[1].take(0)), (Some((0, 0)), None));
        threads[0].starve(0, 0);
        assert_eq!((threads[0].take(1), threads[1].take(1)), (None, Some((0, 1))));
        threads[1].starve(0, 1);
        assert_eq!((crowd.live(), threads[1].next_due()), (vec![1, 0], Some(STARVED_NS + 1)), "once round is enough");
    }
}
