//! An adapter starts, answers `initialize` in time, leaves its temporary files where it is told to, and stops when asked.

use super::Diagnosis;
use super::temporary_files;
use crate::adapter_test::{Session, Wrong, with_stderr};
use crate::resource_limits::jobs_that_start_in_time;
use crate::sut::{AppRole, Deadlines, OutsideFiles, SdkRole, StartError, SutError};
use crate::target_file::Target;
use crate::target_setup;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_spec::protocol::message::Initialized;

const START: &str = "adapter";
const STOP: &str = "stop";
const SLOW: &str = "docs/sdk-authors.md has advice under \"Start-up cost\"";

/// The adapters of the SDK and of the app.
pub(super) async fn check(target: &Target) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if let Some((_, role)) = &target.sdk {
        found.extend(sdk(role, target.deadlines).await);
    }
    if let Some((_, role)) = &target.app {
        found.extend(app(role, target.deadlines).await);
    }
    found
}

async fn sdk(role: &SdkRole, deadlines: Deadlines) -> Vec<Diagnosis> {
    if let Err(error) = role.install().await {
        return vec![Diagnosis::problem(START, error.to_string(), "run this command by hand until it succeeds")];
    }
    let began = Instant::now();
    let probed = role.probe(deadlines).await;
    let start =
        Start { section: "[sdk]", took: began.elapsed(), deadlines, is_remote: matches!(role, SdkRole::Remote(_)) };
    let claims = match start.judge(probed) {
        Ok(claims) => claims,
        Err(diagnosis) => return vec![diagnosis],
    };
    let mut found = vec![match target_setup::unfit(&claims) {
        Some(why) => Diagnosis::problem(START, why, "keep tokens in `secure` storage, and declare it so"),
        None => start.in_time(&claims),
    }];
    if !claims.capabilities.unknown.is_empty() {
        let what = crate::adapter_test::unknown_words(&claims.capabilities.unknown);
        found.push(Diagnosis::warning("capabilities", what, "correct the word, or use a later version of Vouch"));
    }
    found.extend(one_case(role, deadlines, &claims).await);
    found
}

/// What the adapter does from `start` to `stop`.
async fn one_case(role: &SdkRole, deadlines: Deadlines, claims: &Initialized) -> Vec<Diagnosis> {
    const ADVICE: &str = "`vouch adapter test` checks each rule of the protocol";
    let outside = role.can_crash_at_writes().then(Arc::<OutsideFiles>::default);
    let session = match Session::launch(role, deadlines, claims, outside.as_ref()).await {
        Ok(session) => session,
        Err(wrong) => {
            let found = format!("it started once, and did not start again: {wrong}");
            return vec![Diagnosis::problem(START, found, "have each process free what it uses when it ends")];
        }
    };
    if let Err(wrong) = session.start().await {
        let found = session.explain(wrong.to_string()).await;
        session.end().await;
        return vec![Diagnosis::problem("start", found, ADVICE)];
    }
    let mut found: Vec<_> = temporary_files::check(session.folder(), role, outside.as_deref()).into_iter().collect();
    found.push(stopped(session.stop().await, deadlines));
    session.end().await;
    found
}

async fn app(role: &AppRole, deadlines: Deadlines) -> Vec<Diagnosis> {
    let began = Instant::now();
    let Some(probed) = role.probe(deadlines).await else { return vec![] };
    let start = Start { section: "[app]", took: began.elapsed(), deadlines, is_remote: false };
    match start.judge(probed) {
        Ok(claims) => vec![start.in_time(&claims)],
        Err(diagnosis) => vec![diagnosis],
    }
}

/// How an adapter started.
pub(super) struct Start {
    pub section: &'static str,
    pub took: Duration,
    pub deadlines: Deadlines,
    /// It is reached over a connection.
    pub is_remote: bool,
}

impl Start {
    pub fn judge(&self, probed: Result<Result<Initialized, SutError>, StartError>) -> Result<Initialized, Diagnosis> {
        let found = match probed {
            Ok(Ok(initialized)) => return Ok(initialized),
            Ok(Err(error)) => with_stderr(error),
            Err(error) => error.to_string(),
        };
        let advice = match (self.is_remote, self.took >= self.deadlines.call) {
            (true, _) => {
                "check that the app uses the address of the target file; if it is only slow, raise `start` in \
                 [deadlines]; see docs/connections.md"
                    .to_owned()
            }
            (false, true) => {
                format!("if it is only slow, raise `call` in [deadlines] (now {:?}); {SLOW}", self.deadlines.call)
            }
            (false, false) => {
                "start the command by hand in the folder of the target file; standard output is for the protocol alone"
                    .into()
            }
        };
        Err(Diagnosis::problem(START, format!("{}: {found}", self.section), advice))
    }

    /// Its time to `initialize` against the limit.
    pub fn in_time(&self, claims: &Initialized) -> Diagnosis {
        let Self { section, took, deadlines, .. } = self;
        let (took, limit) = (seconds(*took), deadlines.call);
        let found =
            format!("{section} ({}) answers `initialize` after {took}; the limit is {limit:?}", claims.sdk.name);
        let (jobs, usual) = (jobs_that_start_in_time(self.took, limit), jobs_that_start_in_time(Duration::ZERO, limit));
        if jobs * 2 > usual || self.is_remote {
            return Diagnosis::ok(START, found);
        }
        let found = format!("{found}. So `vouch run` runs {jobs} cases at once in place of {usual}");
        Diagnosis::warning(START, found, format!("raise `call` in [deadlines], or make it start faster: {SLOW}"))
    }
}

fn stopped(result: Result<(), Wrong>, deadlines: Deadlines) -> Diagnosis {
    match result {
        Ok(()) => Diagnosis::ok(STOP, "it ends when asked"),
        Err(wrong) => {
            let limit = deadlines.stop;
            let advice = format!(
                "answer `stop`, then end the process within {limit:?} (`stop` in [deadlines]); threads often keep it alive"
            );
            Diagnosis::problem(STOP, wrong.to_string(), advice)
        }
    }
}

/// A time with two digits after the point.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
