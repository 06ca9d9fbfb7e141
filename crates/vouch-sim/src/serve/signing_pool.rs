//! Threads that answer calls with a slow signature.

use crate::mock_cloud::MockCloud;
use crate::wire::{Link, WireRequest, WireResponse};
use hyper::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{io, thread};
use tokio::sync::oneshot;

struct SigningJob {
    link: Link,
    request: WireRequest,
    done: oneshot::Sender<WireResponse>,
}

/// The queue of the threads. It stays short, because a connection has at most one call in it (HTTP/2: one per stream).
pub(super) struct SigningPool(Sender<SigningJob>);

impl SigningPool {
    pub fn start(cloud: &MockCloud, threads: usize) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let (cloud, receiver) = (cloud.clone(), receiver.clone());
            thread::Builder::new().name(format!("sign-{number}")).spawn(move || run_worker(&cloud, &receiver))?;
        }
        Ok(Self(sender))
    }

    pub async fn answer(&self, link: Link, request: WireRequest) -> WireResponse {
        let (done, reply) = oneshot::channel();
        // If the thread has ended, the receiver below reports it.
        let _ = self.0.send(SigningJob { link, request, done });
        reply.await.unwrap_or_else(|_| {
            WireResponse::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "detail": "a signing thread ended" }))
        })
    }
}

fn run_worker(cloud: &MockCloud, jobs: &Mutex<Receiver<SigningJob>>) {
    loop {
        let job = jobs.lock().recv();
        let Ok(SigningJob { link, request, done }) = job else { return };
        if !done.is_closed() {
            // A caller that left in between misses its answer.
            let _ = done.send(cloud.answer_now(link, &request));
        }
    }
}
