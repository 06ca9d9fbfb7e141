//! A child process that speaks the adapter protocol on its standard input and output.

use super::callback_binding::CallbackBinding;
use super::cpu_wait::{self, Waits};
use super::http::{Template, fill};
use super::outside_files::OutsideFiles;
use super::process::{CLEAN_EXIT, HostCallbacks, Process, ProcessHandle, ProcessState};
use super::signal::signal_group;
use super::write_interceptor::{self, WriteInterceptor};
use super::{Deadlines, LaunchOptions};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_spec::protocol::{MAX_UNSOLICITED, connect};

/// The maximum length of standard error in reports, in bytes.
const STDERR_TAIL: usize = 64 * 1024;
/// The maximum length of standard error that is kept until it is searched for secrets, in bytes.
const STDERR_LIMIT: usize = 16 << 20;
/// How long to wait for the rest of standard error after the process exited.
const STDERR_DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// The child's standard input and output.
struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
}

/// The standard error of a child process.
#[derive(Default)]
struct Stderr {
    kept: VecDeque<u8>,
    /// The number of bytes that the child wrote.
    written: usize,
    /// The number of bytes that were taken.
    taken: usize,
    /// The number of bytes that the child wrote before the current case.
    before: usize,
}

/// A running or exited child process.
struct ChildProcess {
    /// Kills the process at a write to storage, if the case has a `crash` step.
    interceptor: Option<Arc<WriteInterceptor>>,
    /// The process id of the child, which is also its process group id.
    group: i32,
    state: watch::Sender<ProcessState>,
    stderr: Mutex<Stderr>,
    /// How long its threads had waited for a processor before the current case.
    waited_before: Mutex<Waits>,
}

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub program: String,
    pub args: Vec<String>,
    /// The working directory.
    pub folder: PathBuf,
    pub environment: Vec<(String, String)>,
}

/// A program to start, with variables that get their values at each start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramTemplate {
    pub program: String,
    pub args: Vec<Template>,
    /// The working directory.
    pub folder: PathBuf,
    pub environment: Vec<(String, Template)>,
}

impl ProgramTemplate {
    /// The program with its variables replaced.
    pub(super) fn fill(&self, values: &[(&str, &str)]) -> Program {
        Program {
            program: self.program.clone(),
            args: self.args.iter().map(|arg| fill(arg, values)).collect(),
            folder: self.folder.clone(),
            environment: self.environment.iter().map(|(name, text)| (name.clone(), fill(text, values))).collect(),
        }
    }
}

/// Starts a program in a process group of its own: its own children are killed with it, and Ctrl-C reaches the harness only.
fn spawn(program: &Program, stdin: Stdio, options: LaunchOptions<'_>) -> std::io::Result<(Pipes, Arc<ChildProcess>)> {
    let mut command = Command::new(&program.program);
    command.args(&program.args).current_dir(&program.folder);
    command.envs(options.environment.iter().copied());
    command.envs(options.temp_dir.map(|folder| ("TMPDIR", folder))).envs(program.environment.iter().cloned());
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    die_with_the_harness(&mut command);
    let interceptor = match options.watch {
        Some(watch) => {
            let (interceptor, handover) = write_interceptor::prepare(watch)?;
            write_interceptor::install_into(&mut command, handover);
            Some(interceptor)
        }
        None => None,
    };
    let mut child = command.spawn()?;
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;
    let pipes = Pipes { stdin: child.stdin.take(), stdout: child.stdout.take().ok_or_else(no_pipe)? };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(no_pipe)?;
    if let Some(interceptor) = &interceptor {
        interceptor.set_group(group);
    }
    let process = Arc::new(ChildProcess {
        interceptor,
        group,
        state: watch::channel(ProcessState::Running).0,
        stderr: Mutex::default(),
        waited_before: Mutex::default(),
    });
    let stderr_reader = tokio::spawn(collect_output(stderr, process.clone()));
    tokio::spawn(reap(child, process.clone(), stderr_reader));
    Ok((pipes, process))
}

fn no_pipe() -> std::io::Error {
    std::io::Error::other("no pipe to the child process")
}

/// Starts a program that speaks the adapter protocol.
pub(super) fn launch(
    program: &Program,
    callbacks: Arc<dyn HostCallbacks>,
    deadlines: Deadlines,
    options: LaunchOptions<'_>,
) -> std::io::Result<Process> {
    let (Pipes { stdin, stdout }, process) = spawn(program, Stdio::piped(), options)?;
    let stdin = stdin.ok_or_else(no_pipe)?;
    let binding = Arc::new(CallbackBinding::new(callbacks));
    let (peer, conversation) = connect(stdout, stdin, MAX_UNSOLICITED, {
        let binding = binding.clone();
        move |_| binding
    });
    tokio::spawn(conversation);
    Ok(Process::new(peer, process, deadlines).reusable(binding))
}

/// Starts a program that serves HTTP. Its standard output is collected together with its standard error.
pub(super) fn start(program: &Program) -> std::io::Result<Arc<dyn ProcessHandle>> {
    start_with(program, LaunchOptions::default())
}

/// Starts a program that is reached over a connection. Its standard output is collected together with its standard error.
pub(super) fn start_with(program: &Program, options: LaunchOptions<'_>) -> std::io::Result<Arc<dyn ProcessHandle>> {
    let (Pipes { stdout, .. }, process) = spawn(program, Stdio::null(), options)?;
    tokio::spawn(collect_output(stdout, process.clone()));
    Ok(process)
}

/// Asks the kernel to kill the child when the harness itself is killed, and lets the child have the usual reaction to the limit
/// on the size of files, which the harness ignores.
fn die_with_the_harness(command: &mut Command) {
    // SAFETY: between fork and exec only async-signal-safe system calls are made.
    unsafe {
        command.pre_exec(|| {
            #[cfg(target_os = "linux")]
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            Ok(())
        });
    }
}

/// Collects the output of a process until it closes the pipe.
async fn collect_output(mut output: impl AsyncRead + Unpin, process: Arc<ChildProcess>) {
    let mut chunk = vec![0; 8192];
    while let Ok(count @ 1..) = output.read(&mut chunk).await {
        process.stderr.lock().add(&chunk[..count]);
    }
}

impl Stderr {
    fn add(&mut self, more: &[u8]) {
        self.written += more.len();
        self.kept.extend(more);
        // Keep what was not taken yet, up to a limit, and at least the tail.
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

/// Waits for the exit of a child and records it.
async fn reap(mut child: Child, process: Arc<ChildProcess>, stderr_reader: JoinHandle<()>) {
    let how = match child.wait().await {
        Ok(status) => describe(status),
        Err(error) => format!("unknown ({error})"),
    };
    if let Some(interceptor) = &process.interceptor {
        interceptor.end();
    }
    // Kill the processes that it started and left running.
    signal_group(process.group);
    // Read the rest of its output, unless a process that left the group keeps the pipe open.
    let _ = tokio::time::timeout(STDERR_DRAIN_TIMEOUT, stderr_reader).await;
    process.state.send_replace(ProcessState::Exited(how));
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => CLEAN_EXIT.into(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[async_trait]
impl ProcessHandle for ChildProcess {
    async fn kill(&self) {
        self.kill_now();
        let _ = self.state.subscribe().wait_for(|state| *state != ProcessState::Running).await;
    }

    fn kill_now(&self) {
        // The process id can be reused as soon as the child has been waited for.
        if *self.state.borrow() == ProcessState::Running {
            signal_group(self.group);
        }
    }

    fn state(&self) -> watch::Receiver<ProcessState> {
        self.state.subscribe()
    }

    fn arm(&self, write: u32, fault: WriteFault) -> bool {
        self.interceptor.as_ref().is_some_and(|interceptor| interceptor.arm(write, fault))
    }

    fn disarm(&self) -> bool {
        self.interceptor.as_ref().is_some_and(|interceptor| interceptor.disarm())
    }

    fn cpu_wait(&self) -> Option<Duration> {
        cpu_wait::of_group(self.group)?.longest_since(&self.waited_before.lock())
    }

    fn group(&self) -> Option<i32> {
        Some(self.group)
    }

    fn stderr_tail(&self) -> String {
        let stderr = self.stderr.lock();
        stderr.last(STDERR_TAIL.min(stderr.written - stderr.before))
    }

    fn take_stderr(&self) -> String {
        let mut stderr = self.stderr.lock();
        let fresh = stderr.written - stderr.taken;
        stderr.taken = stderr.written;
        stderr.last(fresh)
    }

    fn begin_case(&self, outside: &Arc<OutsideFiles>) {
        if let Some(interceptor) = &self.interceptor {
            interceptor.note_in(outside.clone());
        }
        *self.waited_before.lock() = cpu_wait::of_group(self.group).unwrap_or_default();
        let mut stderr = self.stderr.lock();
        (stderr.before, stderr.taken) = (stderr.written, stderr.written);
    }
}
