//! Ctrl-C and SIGTERM.

use crate::run::Interrupted;
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
