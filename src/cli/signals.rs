//! Ctrl-C, SIGTERM, and SIGHUP, which comes when the terminal is closed.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use vouch_runner::run::summary::Outcome;
use vouch_runner::run::{Interrupted, wanted};

/// The exit code of what was interrupted.
pub const INTERRUPTED: u8 = Outcome::Interrupted.exit_code();

/// The first of these signals ends the run in order, the second at once.
pub fn interrupts() -> Interrupted {
    let (sender, receiver) = watch::channel(false);
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    // `nohup` means it.
    let heard = kinds.into_iter().filter(|kind| *kind != SignalKind::hangup() || !is_ignored(*kind));
    let Ok(mut signals) = heard.map(signal).collect::<Result<Vec<Signal>, _>>() else { return receiver };
    tokio::spawn(async move {
        for _ in 0..2 {
            futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
            if sender.send_replace(true) {
                std::process::exit(INTERRUPTED.into());
            }
        }
    });
    receiver
}

fn is_ignored(kind: SignalKind) -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is changed, and what was written is read only where the call says that it was.
    unsafe {
        libc::sigaction(kind.as_raw_value(), std::ptr::null(), now.as_mut_ptr()) == 0
            && now.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// As [`interrupts`], for threads that look at it now and then.
pub fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (told, mut pressed) = (stop.clone(), interrupts());
    tokio::spawn(async move {
        wanted(&mut pressed).await;
        told.store(true, Ordering::Relaxed);
    });
    stop
}
