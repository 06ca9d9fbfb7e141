//! A child process that speaks the protocol on its standard input and output.

use super::process::{CLEAN, End, HostCallbackHandler, HostCallbacks, Process, ProcessHandle};
use super::signal::signal_group;
use super::write_interceptor::{self, Trap};
use super::{Deadlines, LaunchOptions};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vouch_spec::protocol::{MAX_UNASKED, connect};

/// How much of standard error is shown at the most, in bytes.
const STDERR_TAIL: usize = 64 * 1024;
/// How much of it is kept until it is searched.
const STDERR_LIMIT: usize = 16 << 20;
/// How long the rest of standard error is waited for when the process has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The child's standard input and output.
struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
}

/// What a child wrote to standard error.
#[derive(Default)]
struct Stderr {
    kept: VecDeque<u8>,
    /// Bytes ever written.
    written: usize,
    /// How many of them were taken.
    taken: usize,
}

struct Watched {
    /// Ends the process at a write to storage, where a case wants that.
    trap: Option<Arc<Trap>>,
    /// The id of the child and of its process group.
    group: i32,
    end: watch::Sender<End>,
    stderr: Mutex<Stderr>,
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
fn spawn(what: &Program, stdin: Stdio, ground: LaunchOptions<'_>) -> std::io::Result<(Pipes, Arc<Watched>)> {
    let mut command = Command::new(&what.program);
    command.args(&what.args).current_dir(&what.folder);
    command.envs(ground.temporary.map(|folder| ("TMPDIR", folder))).envs(what.environment.iter().cloned());
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    die_with_the_harness(&mut command);
    let trap = match ground.trapped {
        Some(root) => {
            let (trap, handover) = write_interceptor::prepare(root)?;
            write_interceptor::install_into(&mut command, handover);
            Some(trap)
        }
        None => None,
    };
    let mut child = command.spawn()?;
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;
    let pipes = Pipes { stdin: child.stdin.take(), stdout: child.stdout.take().ok_or_else(no_pipe)? };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(no_pipe)?;
    if let Some(trap) = &trap {
        trap.set_group(group);
    }
    let watched = Arc::new(Watched { trap, group, end: watch::channel(End::Running).0, stderr: Mutex::default() });
    let heard_out = tokio::spawn(keep(stderr, watched.clone()));
    tokio::spawn(reap(child, watched.clone(), heard_out));
    Ok((pipes, watched))
}

fn no_pipe() -> std::io::Error {
    std::io::Error::other("no pipe to the child process")
}

/// Starts a program that speaks the protocol.
pub(super) fn launch(
    what: &Program,
    callbacks: Arc<dyn HostCallbacks>,
    deadlines: Deadlines,
    ground: LaunchOptions<'_>,
) -> std::io::Result<Process> {
    let (Pipes { stdin, stdout }, watched) = spawn(what, Stdio::piped(), ground)?;
    let stdin = stdin.ok_or_else(no_pipe)?;
    let (peer, conversation) = connect(stdout, stdin, MAX_UNASKED, |_| Arc::new(HostCallbackHandler(callbacks)));
    tokio::spawn(conversation);
    Ok(Process::new(peer, watched, deadlines))
}

/// Starts a program that serves by itself; what it prints is kept with its standard error.
pub(super) fn start(what: &Program) -> std::io::Result<Arc<dyn ProcessHandle>> {
    let (Pipes { stdout, .. }, watched) = spawn(what, Stdio::null(), LaunchOptions::default())?;
    tokio::spawn(keep(stdout, watched.clone()));
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

async fn keep(mut stderr: impl AsyncRead + Unpin, watched: Arc<Watched>) {
    let mut chunk = vec![0; 8192];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        watched.stderr.lock().unwrap_or_else(PoisonError::into_inner).add(&chunk[..count]);
    }
}

impl Stderr {
    fn add(&mut self, more: &[u8]) {
        self.written += more.len();
        self.kept.extend(more);
        // What nobody has taken yet is kept up to a limit, and of the rest the tail.
        let fresh = (self.written - self.taken).clamp(STDERR_TAIL, STDERR_LIMIT);
        let excess = self.kept.len().saturating_sub(fresh);
        self.kept.drain(..excess);
    }

    /// The last bytes.
    fn last(&self, count: usize) -> String {
        let bytes: Vec<u8> = self.kept.iter().skip(self.kept.len().saturating_sub(count)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

async fn reap(mut child: Child, watched: Arc<Watched>, heard_out: JoinHandle<()>) {
    let how = match child.wait().await {
        Ok(status) => describe(status),
        Err(error) => format!("unknown ({error})"),
    };
    if let Some(trap) = &watched.trap {
        trap.end();
    }
    // What it started and left behind goes too.
    signal_group(watched.group);
    // Its last words count too, unless somebody who got away keeps the pipe open.
    let _ = tokio::time::timeout(LAST_WORDS, heard_out).await;
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

#[async_trait]
impl ProcessHandle for Watched {
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
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).last(STDERR_TAIL)
    }

    fn take_stderr(&self) -> String {
        let mut stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = stderr.written - stderr.taken;
        stderr.taken = stderr.written;
        stderr.last(fresh)
    }
}
