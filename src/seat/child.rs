//! A child process that speaks the protocol on its standard input and output.

use super::Deadlines;
use super::process::{CLEAN, Ears, EarsHandler, End, Process, Watch};
use super::storage_trap::{self, Trap};
use crate::protocol::{MAX_UNASKED, connect};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How much of standard error is kept, in bytes.
const STDERR_TAIL: usize = 64 * 1024;

struct Watched {
    /// Ends the process at a write to storage, where a case wants that.
    trap: Option<Arc<Trap>>,
    /// The id of the child and of its process group.
    group: i32,
    end: watch::Sender<End>,
    stderr: Mutex<VecDeque<u8>>,
}

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub program: String,
    pub args: Vec<String>,
    pub folder: PathBuf,
    pub environment: Vec<(String, String)>,
}

/// A started program in a process group of its own: whatever it starts ends with it, and Ctrl-C reaches the harness alone.
fn spawn(what: &Program, stdin: Stdio, storage: Option<&Path>) -> std::io::Result<(Child, Arc<Watched>)> {
    let mut command = Command::new(&what.program);
    command.args(&what.args).current_dir(&what.folder).envs(what.environment.iter().cloned());
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    die_with_the_harness(&mut command);
    let trap = match storage {
        Some(root) => {
            let (trap, handover) = storage_trap::prepare(root)?;
            storage_trap::install_into(&mut command, handover);
            Some(trap)
        }
        None => None,
    };
    let mut child = command.spawn()?;
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(no_pipe)?;
    if let Some(trap) = &trap {
        trap.set_group(group);
    }
    let watched = Arc::new(Watched { trap, group, end: watch::channel(End::Running).0, stderr: Mutex::default() });
    tokio::spawn(keep_tail(stderr, watched.clone()));
    Ok((child, watched))
}

fn no_pipe() -> std::io::Error {
    std::io::Error::other("no pipe to the child process")
}

/// Starts a program that speaks the protocol.
pub(super) fn launch(
    what: &Program,
    ears: Arc<dyn Ears>,
    deadlines: Deadlines,
    storage: Option<&Path>,
) -> std::io::Result<Process> {
    let (mut child, watched) = spawn(what, Stdio::piped(), storage)?;
    let (stdin, stdout) = (child.stdin.take().ok_or_else(no_pipe)?, child.stdout.take().ok_or_else(no_pipe)?);
    tokio::spawn(reap(child, watched.clone()));
    let (peer, conversation) = connect(stdout, stdin, MAX_UNASKED, |_| Arc::new(EarsHandler(ears)));
    tokio::spawn(conversation);
    Ok(Process::new(peer, watched, deadlines))
}

/// Starts a program that serves by itself; what it prints is kept with its standard error.
pub(super) fn start(what: &Program) -> std::io::Result<Arc<dyn Watch>> {
    let (mut child, watched) = spawn(what, Stdio::null(), None)?;
    let stdout = child.stdout.take().ok_or_else(no_pipe)?;
    tokio::spawn(keep_tail(stdout, watched.clone()));
    tokio::spawn(reap(child, watched.clone()));
    Ok(watched)
}

/// Asks the kernel to kill the child when the harness itself is killed.
fn die_with_the_harness(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only an async-signal-safe system call is made.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

async fn keep_tail(mut stderr: impl AsyncRead + Unpin, watched: Arc<Watched>) {
    let mut chunk = vec![0; 8192];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let mut tail = watched.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&chunk[..count]);
        let excess = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..excess);
    }
}

async fn reap(mut child: Child, watched: Arc<Watched>) {
    let how = match child.wait().await {
        Ok(status) => describe(status),
        Err(error) => format!("unknown ({error})"),
    };
    if let Some(trap) = &watched.trap {
        trap.end();
    }
    // What it started and left behind goes too.
    signal_group(watched.group);
    watched.end.send_replace(End::Ended(how));
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => CLEAN.into(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

pub(super) fn signal_group(group: i32) {
    // SAFETY: a plain system call; a group that is gone gives an error, which is what is wanted.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}

#[async_trait]
impl Watch for Watched {
    async fn kill(&self) {
        self.kill_now();
        let _ = self.end.subscribe().wait_for(|end| *end != End::Running).await;
    }

    fn kill_now(&self) {
        // Only while the child has not been waited for: then its id cannot belong to somebody else yet.
        if *self.end.borrow() == End::Running {
            signal_group(self.group);
        }
    }

    fn end(&self) -> watch::Receiver<End> {
        self.end.subscribe()
    }

    fn arm(&self, writes: u32) -> bool {
        self.trap.as_ref().map(|trap| trap.arm(writes)).is_some()
    }

    fn disarm(&self) -> bool {
        self.trap.as_ref().is_some_and(|trap| trap.disarm())
    }

    fn stderr_tail(&self) -> String {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
