//! The users of one thread: when each is due, and how their number follows the master's requests.

use super::counters::ThreadCounters;
use super::test_plan::WaitTime;
use crate::failure::Failure;
use parking_lot::Mutex;
use rand::{SeedableRng, rngs::SmallRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A user without an idle installation or a sign-in token retries after this time, in nanoseconds.
const STARVED_RETRY_NS: u64 = 1_000_000_000;

/// The requested and the current number of users of each workload, over all threads.
pub struct UserPopulation {
    wanted: Vec<AtomicU32>,
    counts: Vec<AtomicU32>,
    /// How often users of a workload moved to another thread, which may have unused tokens.
    moves: Vec<AtomicU32>,
    /// The number of changes of `wanted`.
    changes: AtomicU64,
    threads: u32,
}

impl UserPopulation {
    /// No users, for a number of workloads and threads.
    pub fn new(workloads: usize, threads: u32) -> Self {
        let none = || (0..workloads).map(|_| AtomicU32::new(0)).collect();
        Self { wanted: none(), counts: none(), moves: none(), changes: AtomicU64::new(0), threads: threads.max(1) }
    }

    /// Requests a number of users of each workload. Threads apply it within a fraction of a second.
    pub fn set_wanted(&self, counts: &[u32]) {
        for (wanted, count) in self.wanted.iter().zip(counts) {
            wanted.store(*count, Ordering::Relaxed);
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The current number of users, by workload.
    pub fn counts(&self) -> Vec<u32> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Whether the current numbers are the requested ones.
    pub fn is_settled(&self) -> bool {
        self.wanted.iter().zip(&self.counts).all(|(a, b)| a.load(Ordering::Relaxed) == b.load(Ordering::Relaxed))
    }

    /// A thread's share of a workload's users. The remainder goes to different threads for each workload.
    fn share(&self, workload: usize, thread: u32) -> u32 {
        let wanted = self.wanted[workload].load(Ordering::Relaxed);
        let moves = self.moves[workload].load(Ordering::Relaxed);
        let turn = (thread + u32::try_from(workload).unwrap_or(0) + moves) % self.threads;
        wanted / self.threads + u32::from(turn < wanted % self.threads)
    }

    /// Moves users of a workload to other threads, if they are fewer than the threads: each thread has its own tokens.
    fn move_to_next_thread(&self, workload: usize) {
        let next = |moves: u32| (moves + 1 < self.threads).then_some(moves + 1);
        if self.moves[workload].fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok() {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}

/// The users of one thread, as the `Scheduler` asks for them. Times are nanoseconds of its clock.
pub struct ThreadUsers {
    population: Arc<UserPopulation>,
    metrics: Arc<Mutex<ThreadCounters>>,
    thread: u32,
    wait: WaitTime,
    random: SmallRng,
    /// The current number of users, by workload, including those with a workload in progress.
    counts: Vec<u32>,
    /// Waiting users: when each is due, and its workload.
    waiting: BinaryHeap<Reverse<(u64, u16)>>,
    /// The number of changes that were applied.
    applied: u64,
    closed: bool,
}

impl ThreadUsers {
    /// The users of one thread. Their requests are counted in `counters`.
    pub fn new(
        population: Arc<UserPopulation>,
        metrics: Arc<Mutex<ThreadCounters>>,
        thread: u32,
        wait: WaitTime,
        seed: u64,
    ) -> Self {
        let counts = vec![0; population.wanted.len()];
        let random = SmallRng::seed_from_u64(seed ^ (u64::from(thread) << 32));
        Self {
            population,
            metrics,
            thread,
            wait,
            random,
            counts,
            waiting: BinaryHeap::new(),
            applied: 0,
            closed: false,
        }
    }

    /// When the next user is due: immediately after a change, and never when all are stopped.
    pub fn next_due(&self) -> Option<u64> {
        if self.closed {
            return None;
        }
        if self.population.changes.load(Ordering::Acquire) != self.applied {
            return Some(0);
        }
        Some(self.waiting.peek().map_or(u64::MAX, |Reverse((due, _))| *due))
    }

    /// Takes the next due user: its workload, and when it was due.
    pub fn take(&mut self, now: u64) -> Option<(u16, u64)> {
        let changes = self.population.changes.load(Ordering::Acquire);
        if changes != self.applied && !self.closed {
            self.applied = changes;
            self.apply_changes(now);
        }
        let Reverse((due, workload)) = *self.waiting.peek().filter(|Reverse((due, _))| *due <= now)?;
        self.waiting.pop();
        Some((workload, due))
    }

    /// Adds users up to this thread's share, and removes waiting users beyond it.
    fn apply_changes(&mut self, now: u64) {
        let mut excess = Vec::new();
        for workload in 0..self.counts.len() {
            let share = self.population.share(workload, self.thread);
            for _ in self.counts[workload]..share {
                self.waiting.push(Reverse((now, u16::try_from(workload).unwrap_or(0))));
                self.change_count(workload, 1);
            }
            excess.push(self.counts[workload].saturating_sub(share));
        }
        if excess.iter().all(|count| *count == 0) {
            return;
        }
        let stay: Vec<_> = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(|Reverse((_, workload))| {
                let excess = &mut excess[usize::from(*workload)];
                let goes = *excess > 0;
                *excess -= u32::from(goes);
                if goes {
                    self.counts[usize::from(*workload)] -= 1;
                    self.population.counts[usize::from(*workload)].fetch_sub(1, Ordering::Relaxed);
                }
                !goes
            })
            .collect();
        self.waiting = stay.into();
    }

    fn change_count(&mut self, workload: usize, by: i32) {
        self.counts[workload] = self.counts[workload].saturating_add_signed(by);
        if by > 0 {
            self.population.counts[workload].fetch_add(1, Ordering::Relaxed);
        } else {
            self.population.counts[workload].fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A user has completed its workload: it waits, or is removed if there are too many.
    pub fn on_complete(&mut self, workload: u16, now: u64) {
        let number = usize::from(workload);
        if self.closed || self.counts[number] > self.population.share(number, self.thread) {
            return self.change_count(number, -1);
        }
        let wait_ns = self.wait.sample(&mut self.random);
        self.waiting.push(Reverse((now.saturating_add(wait_ns), workload)));
    }

    /// A user had no idle installation or sign-in token.
    pub fn on_starved(&mut self, workload: u16, now: u64) {
        self.metrics.lock().starved(usize::from(workload));
        let wait_ns = self.wait.sample(&mut self.random).max(STARVED_RETRY_NS);
        self.waiting.push(Reverse((now.saturating_add(wait_ns), workload)));
        self.population.move_to_next_thread(usize::from(workload));
    }

    /// Counts a request: workload and step, failure, latency, and size of the response.
    pub fn record(&mut self, request: (u16, u16), failure: Option<Failure>, latency_ns: u64, bytes: usize) {
        let mut metrics = self.metrics.lock();
        metrics.record(request, failure, latency_ns, bytes as u64);
    }

    /// Stops all users; those with a workload in progress complete it.
    pub fn close(&mut self) {
        self.closed = true;
        for Reverse((_, workload)) in std::mem::take(&mut self.waiting) {
            self.change_count(usize::from(workload), -1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counters::RequestNames;
    use super::*;
    use std::time::Duration;

    fn users(population: &Arc<UserPopulation>, thread: u32) -> ThreadUsers {
        let names = RequestNames(vec![vec![("POST", "a".into())], vec![("POST", "b".into())]]);
        let wait = WaitTime { min: Duration::from_secs(1), max: Duration::from_secs(1) };
        ThreadUsers::new(population.clone(), Arc::new(Mutex::new(ThreadCounters::new(&names))), thread, wait, 1)
    }

    #[test]
    fn users_of_all_threads_follow_the_requests_of_the_master() {
        let population = Arc::new(UserPopulation::new(2, 2));
        let mut threads = [users(&population, 0), users(&population, 1)];
        assert!(threads.iter().all(|users| users.next_due() == Some(u64::MAX)), "no user was requested");
        population.set_wanted(&[3, 1]);
        let mut taken = Vec::new();
        for users in &mut threads {
            assert_eq!(users.next_due(), Some(0));
            taken.push(std::iter::from_fn(|| users.take(5)).collect::<Vec<_>>());
        }
        assert!(population.is_settled() && population.counts() == [3, 1], "{:?}", population.counts());
        assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "spread evenly: {taken:?}");
        for (users, taken) in threads.iter_mut().zip(&taken) {
            taken.iter().for_each(|(workload, _)| users.on_complete(*workload, 10));
            assert_eq!(users.next_due(), Some(1_000_000_010), "a wait of one second");
        }
        population.set_wanted(&[1, 0]);
        for users in &mut threads {
            assert_eq!(users.take(20), None, "all wait");
        }
        assert_eq!(population.counts(), [1, 0]);
    }

    #[test]
    fn a_user_with_a_workload_in_progress_completes_it_first() {
        let population = Arc::new(UserPopulation::new(2, 1));
        let mut users = users(&population, 0);
        population.set_wanted(&[2, 0]);
        assert_eq!((users.take(0), users.take(0), users.take(0)), (Some((0, 0)), Some((0, 0)), None));
        population.set_wanted(&[1, 0]);
        assert_eq!((users.take(1), population.is_settled()), (None, false));
        users.on_complete(0, 2);
        assert!(population.is_settled());
        users.close();
        assert_eq!((users.next_due(), population.counts()), (None, vec![1, 0]));
        users.on_complete(0, 3);
        assert_eq!(population.counts(), [0, 0]);
    }

    #[test]
    fn a_user_without_a_token_retries_later() {
        let population = Arc::new(UserPopulation::new(2, 1));
        let mut users = users(&population, 0);
        population.set_wanted(&[0, 1]);
        assert_eq!(users.take(0), Some((1, 0)));
        users.on_starved(1, 0);
        assert_eq!((users.next_due(), population.counts()), (Some(STARVED_RETRY_NS), vec![0, 1]));
    }
    #[test]
    fn a_user_without_a_token_moves_to_another_thread() {
        let population = Arc::new(UserPopulation::new(2, 2));
        let mut threads = [users(&population, 0), users(&population, 1)];
        population.set_wanted(&[1, 0]);
        assert_eq!((threads[0].take(0), threads[1].take(0)), (Some((0, 0)), None));
        threads[0].on_starved(0, 0);
        assert_eq!((threads[0].take(1), threads[1].take(1)), (None, Some((0, 1))));
        threads[1].on_starved(0, 1);
        assert_eq!(
            (population.counts(), threads[1].next_due()),
            (vec![1, 0], Some(STARVED_RETRY_NS + 1)),
            "each thread is tried once"
        );
    }
}
