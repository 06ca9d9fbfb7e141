//! Says why a target does not come up: checks this machine, and what a target file needs of it (`vouch doctor`).
//!
//! One file a check. A check knows what a run needs; it must not know what a scenario tests.

mod adapter;
mod certificates;
mod clock;
mod crash_points;
mod disk;
mod environment;
mod limits;
mod listen;
mod previous;
mod proxies;
mod servers;
mod services;
mod start_programs;
mod temporary_files;

use self::environment::Environment;
use crate::target_file::Target;

/// What one check found, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What was checked, in a word or two, for example `open files`.
    pub check: &'static str,
    /// What was found, in one sentence. Text from outside is in it as it is.
    pub found: String,
    pub state: State,
}

/// Whether something is as a run needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// A run starts, but it may go wrong or leave cases out.
    Warning {
        /// What to do.
        advice: String,
    },
    /// A run does not start, or cannot succeed.
    Problem {
        /// What to do.
        advice: String,
    },
}

impl State {
    /// As reports write it.
    pub fn word(&self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning { .. } => "warning",
            State::Problem { .. } => "problem",
        }
    }

    /// What to do, where something is to be done.
    pub fn advice(&self) -> Option<&str> {
        match self {
            State::Ok => None,
            State::Warning { advice } | State::Problem { advice } => Some(advice),
        }
    }
}

impl Diagnosis {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, found: found.into(), state: State::Ok }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, found: found.into(), state: State::Warning { advice: advice.into() } }
    }

    fn problem(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, found: found.into(), state: State::Problem { advice: advice.into() } }
    }

    /// Whether a run does not start, or cannot succeed.
    pub fn is_problem(&self) -> bool {
        matches!(self.state, State::Problem { .. })
    }
}

/// Checks this machine, then the target. `on_diagnosis` gets each diagnosis as soon as it is there: a program may take long
/// to start.
pub async fn examine(target: Option<&Target>, mut on_diagnosis: impl FnMut(Diagnosis)) {
    let none = Target::default();
    let target = target.unwrap_or(&none);
    let programs = start_programs::of(target);
    let environments = Environment::of_programs(&programs);
    let mut report = |found: Vec<Diagnosis>| {
        let is_fine = !found.iter().any(Diagnosis::is_problem);
        found.into_iter().for_each(&mut on_diagnosis);
        is_fine
    };
    report(limits::check());
    let can_store = report(disk::check());
    report(vec![crash_points::check()]);
    report(vec![clock::check().await]);
    report(proxies::check(&environments));
    report(certificates::check(&environments));
    if !target.fills_a_role() {
        return;
    }
    let exist = report(start_programs::check(&programs));
    let are_free = report(listen::check(target));
    // What is missing has been reported; a start would only say it again.
    if exist && are_free && can_store {
        for found in adapter::check(target).await {
            report(vec![found]);
        }
        report(previous::check(target).await.into_iter().collect());
        report(services::check_backend(target).await);
        report(services::check_cloud(target, &environments).await);
    }
}
