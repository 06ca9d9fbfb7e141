//! Runs the connection tasks of a worker and measures their time: a worker that polls in a loop is awake but not busy.

use hyper::rt::Executor;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Runs tasks on the current thread and sums up the time they take.
#[derive(Clone, Default)]
pub struct TimedExecutor(Rc<Cell<Duration>>);

impl TimedExecutor {
    /// The time that all tasks have taken.
    pub fn busy_time(&self) -> Duration {
        self.0.get()
    }
}

impl<F: Future + 'static> Executor<F> for TimedExecutor {
    fn execute(&self, task: F) {
        let busy = self.0.clone();
        tokio::task::spawn_local(async move {
            let mut task = pin!(task);
            let timed = poll_fn(|context| {
                let start = Instant::now();
                let polled = task.as_mut().poll(context);
                busy.set(busy.get() + start.elapsed());
                polled.map(drop)
            });
            timed.await;
        });
    }
}
