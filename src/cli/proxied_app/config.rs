//! The file of `vouch proxied-app`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use vouch_spec::protocol::ErrorKind;

/// How long a hook may take. The harness usually gives up before.
const HOOK_LIMIT: Duration = Duration::from_secs(180);

/// What a hook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hook {
    /// Optional: launches the app.
    Launch,
    /// Optional: ends the app.
    Terminate,
    SignIn,
    SignOut,
    Status,
    CurrentUserId,
    Request,
    /// Optional: without it, cases that refresh on demand are skipped.
    Refresh,
}

/// The hooks that every case may need.
const NEEDED: [Hook; 5] = [Hook::SignIn, Hook::SignOut, Hook::Status, Hook::CurrentUserId, Hook::Request];

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hook::Launch => "launch",
            Hook::Terminate => "terminate",
            Hook::SignIn => "signIn",
            Hook::SignOut => "signOut",
            Hook::Status => "status",
            Hook::CurrentUserId => "currentUserId",
            Hook::Request => "request",
            Hook::Refresh => "refresh",
        })
    }
}

/// The content of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The name of the build in reports.
    pub name: String,
    #[serde(default)]
    pub version: String,
    /// The build speaks the wire profile of older releases.
    #[serde(default)]
    pub gcip: bool,
    /// The app takes one command after the other: cases that need two at once are skipped.
    #[serde(default)]
    pub one_at_a_time: bool,
    /// A command for each hook.
    hooks: BTreeMap<Hook, Vec<String>>,
    /// Where the hooks run.
    #[serde(skip)]
    folder: PathBuf,
}

/// Why a hook has no result.
pub enum HookError {
    /// The app reported an error.
    Refused {
        kind: ErrorKind,
        text: String,
    },
    Failed(String),
}

impl Config {
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let usable = |hook: &Hook| config.hooks.get(hook).is_some_and(|words| !words.is_empty());
        if let Some(missing) = NEEDED.iter().find(|hook| !usable(hook)) {
            return Err(format!(
                "{}: there is no hook `{missing}`; add `{missing} = [\"PROGRAM\", …]` to [hooks]. Every case may need it: a \
                 build without it cannot be judged this way",
                path.display()
            ));
        }
        if let Some((hook, _)) = config.hooks.iter().find(|(_, words)| words.is_empty()) {
            return Err(format!("{}: the hook `{hook}` is empty; give the program and its arguments", path.display()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.clone_into(&mut config.folder);
        Ok(config)
    }

    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains_key(&hook)
    }

    /// Runs a hook to its end; what it printed. An app that reports an error prints its kind as the last line and fails.
    pub async fn run<'a>(
        &self,
        hook: Hook,
        environment: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<String, HookError> {
        let failed = |what: String| HookError::Failed(format!("the hook `{hook}` {what}"));
        let Some((program, args)) = self.hooks.get(&hook).and_then(|words| words.split_first()) else {
            return Err(failed("is missing".into()));
        };
        // In the process group of this adapter: who kills it kills the app.
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder).envs(environment).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let output = tokio::time::timeout(HOOK_LIMIT, command.output()).await;
        let output = output.map_err(|_| failed(format!("did not end within {HOOK_LIMIT:?}")))?;
        let output = output.map_err(|error| failed(format!("cannot start `{program}`: {error}")))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let line = printed.lines().last().unwrap_or_default().trim();
        let (word, text) = line.split_once(' ').unwrap_or((line, line));
        match ErrorKind::parse(word) {
            Some(kind) => Err(HookError::Refused { kind, text: text.to_owned() }),
            None => {
                Err(failed(format!("failed ({}) and its last line does not begin with a kind of error", output.status)))
            }
        }
    }
}
