//! The tasks beside a worker's own, and how long they have worked: a worker that looks again and again whether something has
//! come is awake, but not busy.

use hyper::rt::Executor;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Runs tasks on this thread.
#[derive(Clone, Default)]
pub struct Work(Rc<Cell<Duration>>);

impl Work {
    /// How long the tasks have worked.
    pub fn so_far(&self) -> Duration {
        self.0.get()
    }
}

impl<F: Future + 'static> Executor<F> for Work {
    fn execute(&self, task: F) {
        let spent = self.0.clone();
        tokio::task::spawn_local(async move {
            let mut task = pin!(task);
            let timed = poll_fn(|context| {
                let start = Instant::now();
                let polled = task.as_mut().poll(context);
                spent.set(spent.get() + start.elapsed());
                polled.map(drop)
            });
            timed.await;
        });
    }
}
