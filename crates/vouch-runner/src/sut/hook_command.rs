//! Runs the commands of hooks: those of a cloud and those of a device.

use super::signal::signal_group;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::task::JoinHandle;

/// The longest output that is read, in bytes.
const MAX_OUTPUT: u64 = 8 << 20;
/// How long the rest of its output is waited for when it has ended.
const DRAIN: Duration = Duration::from_millis(200);

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HookFailure {
    #[error("it did not end within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    NotStarted(std::io::Error),
    #[error("{status} ({last_line})")]
    Failed { status: ExitStatus, last_line: String },
}

impl HookFailure {
    /// What the command did, as a predicate: it follows the name of the command.
    pub fn predicate(&self) -> String {
        match self {
            Self::Timeout(limit) => format!("did not end within {limit:?}"),
            Self::NotStarted(error) => format!("cannot be started: {error}"),
            Self::Failed { status, last_line } => format!("failed ({status}): {last_line}"),
        }
    }
}

/// What a command that succeeded has printed.
pub(super) struct HookOutput {
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end, in a process group of its own. What it leaves running, an app for example, goes on.
pub(super) async fn run(
    (program, args): (&str, &[String]),
    folder: &Path,
    environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    limit: Duration,
) -> Result<HookOutput, HookFailure> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).envs(environment).kill_on_drop(true).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(HookFailure::NotStarted)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let stdout = tokio::spawn(read_to_limit(child.stdout.take(), limit));
    let stderr = tokio::spawn(read_to_limit(child.stderr.take(), limit));
    let Ok(status) = tokio::time::timeout(limit, child.wait()).await else {
        group.inspect(|group| signal_group(*group));
        return Err(HookFailure::Timeout(limit));
    };
    let status = status.map_err(HookFailure::NotStarted)?;
    // A program that the hook leaves running may hold the pipes.
    let (stdout, stderr) = (drained(stdout).await, drained(stderr).await);
    if status.success() {
        return Ok(HookOutput { stdout, stderr });
    }
    let last_line = stderr.lines().last().unwrap_or("no output on standard error").to_owned();
    Err(HookFailure::Failed { status, last_line })
}

/// Reads an output up to the limits.
async fn read_to_limit(output: Option<impl AsyncRead + Unpin>, limit: Duration) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(output) = output {
        let _ = tokio::time::timeout(limit, output.take(MAX_OUTPUT).read_to_end(&mut text)).await;
    }
    text
}

/// The output of a command that has ended.
async fn drained(mut reader: JoinHandle<Vec<u8>>) -> String {
    match tokio::time::timeout(DRAIN, &mut reader).await {
        Ok(Ok(text)) => String::from_utf8_lossy(&text).into_owned(),
        _ => {
            reader.abort();
            String::new()
        }
    }
}
