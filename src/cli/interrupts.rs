//! Ctrl-C and SIGTERM.

use crate::run::Interrupted;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// The first Ctrl-C (or SIGTERM) ends the run in order, the second at once.
pub fn interrupts() -> Interrupted {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            return;
        };
        for _ in 0..2 {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            if sender.send_replace(true) {
                std::process::exit(130);
            }
        }
    });
    receiver
}

/// As [`interrupts`], for threads that look at it now and then.
pub fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (told, mut pressed) = (stop.clone(), interrupts());
    tokio::spawn(async move {
        if pressed.wait_for(|pressed| *pressed).await.is_ok() {
            told.store(true, Ordering::Relaxed);
        }
    });
    stop
}
