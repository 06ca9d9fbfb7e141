//! The target file (`vouch.toml`): who sits on which seat. See `docs/targets.md`.

use crate::reference::adapter::{Reference, TimeSource};
use crate::seat::{Deadlines, SdkSeat};
use crate::text::{Decoder, Problem, Source, toml};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a target file says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetFile {
    pub sdk: SdkSection,
    #[serde(default)]
    pub deadlines: DeadlineSection,
    /// A folder for this target's own wire snapshots, relative to the file. Left out, those beside the scenarios count.
    #[serde(default)]
    pub snapshots: Option<PathBuf>,
}

/// The SDK seat.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SdkSection {
    /// What reports call it.
    pub name: String,
    /// The adapter's program and its arguments, run in the target file's folder. A program named with a slash is
    /// looked for there too.
    pub command: CommandLine,
    /// Environment variables for the adapter.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// How long the harness waits, in real time, for example `10s`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeadlineSection {
    /// For any call but `stop`. Default 10s.
    pub call: Option<Length>,
    /// From `stop` to the end of the process. Default 5s.
    pub stop: Option<Length>,
    /// How long the SDK may wait for one HTTP answer. Default 5s.
    pub request: Option<Length>,
}

/// A length of time that is not zero, written for example `10s` or `500ms`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Length(Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match humantime::parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => Ok(Self(duration)),
            _ => Err(format!("`{text}` is no length of time; write for example \"10s\" or \"500ms\"")),
        }
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>")]
#[schemars(with = "Vec<String>")]
pub struct CommandLine {
    program: String,
    args: Vec<String>,
}

impl TryFrom<Vec<String>> for CommandLine {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        let mut words = words.into_iter();
        let program = words.next().ok_or("`command` is empty: give the adapter's program and its arguments")?;
        Ok(Self { program, args: words.collect() })
    }
}

/// A target that is ready to be seated.
#[derive(Clone)]
pub struct Target {
    pub name: String,
    pub seat: SdkSeat,
    pub deadlines: Deadlines,
    pub request_timeout: Duration,
    pub snapshots: Option<PathBuf>,
}

impl Target {
    /// Everything built in.
    pub fn built_in() -> Self {
        Self {
            name: "built in".into(),
            seat: SdkSeat::Builtin { assembly: Arc::new(Reference), time: TimeSource::Harness },
            deadlines: Deadlines::default(),
            request_timeout: Duration::from_secs(5),
            snapshots: None,
        }
    }

    /// Reads a target file. All that is wrong is told together.
    pub fn parse(source: &Source) -> Result<Self, Vec<Problem>> {
        let (tree, mut problems) = toml::parse(source);
        let decoder = Decoder::new(source);
        let file: Option<TargetFile> = if problems.is_empty() { decoder.decode(&tree) } else { None };
        let target = file.and_then(|file| settle(file, source));
        problems.extend(decoder.finish());
        match target {
            Some(target) if problems.is_empty() => Ok(target),
            _ => Err(problems),
        }
    }
}

fn settle(file: TargetFile, source: &Source) -> Option<Target> {
    let folder = match source.path().parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let CommandLine { program, args } = file.sdk.command;
    let defaults = Target::built_in();
    let deadline = |given: Option<Length>, default: Duration| given.map_or(default, |length| length.0);
    let call = deadline(file.deadlines.call, defaults.deadlines.call);
    let stop = deadline(file.deadlines.stop, defaults.deadlines.stop);
    let request_timeout = deadline(file.deadlines.request, defaults.request_timeout);
    // Relative programs are meant from the file's folder, as the arguments are.
    let local = program.contains('/') && !Path::new(&program).is_absolute();
    let program = if local { std::path::absolute(folder.join(&program)).ok()?.display().to_string() } else { program };
    Some(Target {
        name: file.sdk.name,
        seat: SdkSeat::Command {
            program,
            args: args.to_vec(),
            folder: folder.clone(),
            environment: file.sdk.env.into_iter().collect(),
        },
        deadlines: Deadlines { call, stop },
        request_timeout,
        snapshots: file.snapshots.map(|path| folder.join(path)),
    })
}
