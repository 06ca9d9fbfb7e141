//! The signals that interrupt a run: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (a closed terminal).

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use vouch_runner::report::print_stderr;
use vouch_runner::run::summary::Outcome;
use vouch_runner::run::{Interrupted, wanted};

/// The exit code of an interrupted command.
pub const INTERRUPTED: u8 = Outcome::Interrupted.exit_code();

/// What a load leaves behind that is interrupted while it ends.
pub const USERS_LEFT: &str = "the users of this load may not be deleted; their names start with `vouch-load-`";

/// Later signals within this time are part of the first: a terminal signals the whole process group, and a program that started
/// this one may pass its own signal on.
const ONE_INTERRUPT: Duration = Duration::from_secs(1);

/// Installs the signal handlers. The first signal stops the run in order, a later one exits at once.
pub fn interrupts() -> Interrupted {
    interrupts_leaving(None)
}

/// As [`interrupts`]. `left`: what an exit at once leaves behind.
fn interrupts_leaving(left: Option<&'static str>) -> Interrupted {
    let (sender, receiver) = watch::channel(false);
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    // Under `nohup`, SIGHUP stays ignored.
    let handled = kinds.into_iter().filter(|kind| *kind != SignalKind::hangup() || !is_ignored(*kind));
    let Ok(mut signals) = handled.map(signal).collect::<Result<Vec<Signal>, _>>() else { return receiver };
    tokio::spawn(async move {
        let mut first = None;
        loop {
            futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
            let again = first.get_or_insert_with(Instant::now).elapsed() > ONE_INTERRUPT;
            sender.send_replace(true);
            if again {
                left.into_iter().for_each(|left| print_stderr(format!("vouch: interrupted again: {left}")));
                std::process::exit(INTERRUPTED.into());
            }
        }
    });
    receiver
}

fn is_ignored(kind: SignalKind) -> bool {
    let mut current = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the call changes nothing, and `current` is read only if the call reports that it was written.
    unsafe {
        libc::sigaction(kind.as_raw_value(), std::ptr::null(), current.as_mut_ptr()) == 0
            && current.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Like [`interrupts`], as a flag for threads that poll it. `left`: what an exit at once leaves behind.
pub fn stop_on_interrupt(left: Option<&'static str>) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, mut interrupted) = (stop.clone(), interrupts_leaving(left));
    tokio::spawn(async move {
        wanted(&mut interrupted).await;
        flag.store(true, Ordering::Relaxed);
    });
    stop
}

/// A write beyond the limit on the size of files (`ulimit -f`) fails, in place of ending this process by a signal: what was
/// measured is then kept, and the error says what happened. The programs that Vouch starts get the signal back.
pub fn fail_writes_beyond_the_limit() {
    #[cfg(unix)]
    // SAFETY: a plain system call at the start of the process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// A question on a terminal hides the cursor. Ctrl-C then ends this process, and shows it again.
pub fn restore_cursor_on_interrupt() {
    extern "C" fn end(_: libc::c_int) {
        const SHOW_CURSOR: &[u8] = b"\x1b[?25h\n";
        // SAFETY: both calls are safe in a signal handler; what cannot be written is lost.
        unsafe {
            let _ = libc::write(libc::STDERR_FILENO, SHOW_CURSOR.as_ptr().cast(), SHOW_CURSOR.len());
            libc::_exit(INTERRUPTED.into());
        }
    }
    let handler: extern "C" fn(libc::c_int) = end;
    // SAFETY: the handler makes async-signal-safe calls only.
    unsafe {
        libc::signal(libc::SIGINT, handler as libc::sighandler_t);
    }
}
