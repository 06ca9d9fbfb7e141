//! Threads that answer what must be signed, where a signature takes long.

use crate::mock_cloud::MockCloud;
use crate::wire::{Link, Received, Reply};
use hyper::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{io, thread};
use tokio::sync::oneshot;

struct Job {
    link: Link,
    request: Received,
    done: oneshot::Sender<Reply>,
}

/// The threads' queue. A connection has one call in it at the most (HTTP/2: one a stream), so that it stays short.
pub(super) struct Signers(Sender<Job>);

impl Signers {
    pub fn start(cloud: &MockCloud, threads: usize) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let (cloud, receiver) = (cloud.clone(), receiver.clone());
            thread::Builder::new().name(format!("sign-{number}")).spawn(move || work(&cloud, &receiver))?;
        }
        Ok(Self(sender))
    }

    pub async fn answer(&self, link: Link, request: Received) -> Reply {
        let (done, reply) = oneshot::channel();
        // A thread that is gone has dropped the other end: that is told below.
        let _ = self.0.send(Job { link, request, done });
        reply.await.unwrap_or_else(|_| {
            Reply::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "detail": "a signing thread ended" }))
        })
    }
}

fn work(cloud: &MockCloud, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().recv();
        let Ok(Job { link, request, done }) = job else { return };
        if !done.is_closed() {
            // A caller that left in between misses its answer.
            let _ = done.send(cloud.answer_now(link, &request));
        }
    }
}
