//! What happened to a device, as the steps of a scenario.

use super::{Replay, Shrunk};
use crate::cause::{Cause, Ending, slug};
use crate::forecast::Forecast;
use crate::life::{ExchangeOutcome, Foreground, Moment};
use std::fmt::Write;
use std::time::Duration;
use vouch_spec::operation::Operation;
use vouch_spec::protocol::StatusWord;
use vouch_spec::scenario::Text;
use vouch_spec::step::{
    Advance, ClearFaults, ClockSkew, Fault, FaultKind, IssueToken, Kill, Launch, LockStorage, Outcome, Outcomes,
    Reboot, Request, Revoke, ScenarioStep, SignIn, SignedIn, Status, UnlockStorage, Wake,
};
use vouch_spec::text::OutsideText;

/// The user of a replay.
const USER: &str = "ada";

/// The scenario of a shrunk life.
pub(super) fn replay(forecast: &Forecast, cause: Cause, ending: Ending, device: u32, shrunk: &Shrunk) -> Replay {
    let suffix = if ending == Ending::SignOut { "-signed-out" } else { "" };
    let of_build = slug(&forecast.build);
    let of_build = if of_build.is_empty() { "sdk".to_owned() } else { of_build };
    let id = format!("forecast-{of_build}-{}{suffix}", cause.slug());
    let mut text = String::new();
    let _ = writeln!(text, "id: {id}");
    let _ =
        writeln!(text, "title: {}", quoted(&format!("A replay of a forecast: {}, {}", cause.words(), ending.words())));
    let _ = writeln!(text, "note: {}", quoted(&note(forecast, cause, device)));
    let _ = writeln!(text, "proves: [{}]", clause(cause));
    let _ = writeln!(text, "steps:");
    for step in steps(&shrunk.life.moments, cause) {
        let _ = writeln!(text, "  - {}", step.to_yaml().replace('\n', "\n  "));
    }
    Replay { cause, ending, device, events: shrunk.events.len(), id, text }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn note(forecast: &Forecast, cause: Cause, device: u32) -> String {
    let Forecast { build, policy, seed, .. } = forecast;
    let (build, name) = (OutsideText::line(build), OutsideText::line(&policy.name));
    let how = match cause {
        Cause::LostAnswer | Cause::KilledInRefresh if !policy.provider.keeps_predecessor => {
            " The mock cloud of a run keeps the old refresh token good; `vouch run --variant cloud-no-grace` does not."
        }
        Cause::IdleLimit | Cause::SessionLifetime => {
            " The mock cloud of a run has no such limit; the step revoke stands for it."
        }
        _ => "",
    };
    format!("Device {device} of `vouch forecast --seed {seed}`, build {build}, policy {name}.{how}")
}

/// The clause that the end of the session is about.
fn clause(cause: Cause) -> &'static str {
    match cause {
        Cause::Revoked | Cause::IdleLimit | Cause::SessionLifetime => "REF-7",
        Cause::LostAnswer | Cause::NoConnection | Cause::ServerError => "REF-6",
        Cause::KilledInRefresh | Cause::ProcessEnd => "PER-3",
        Cause::LockedStorage => "PER-8",
        Cause::ClockError => "REF-8",
        Cause::Reboot => "PER-2",
        Cause::Update => "PER-1",
        Cause::Undisturbed => "REF-2",
    }
}

/// Writes moments as steps.
struct Steps {
    steps: Vec<ScenarioStep>,
    /// How the app runs; none if it does not.
    running: Option<Foreground>,
    tokens: usize,
}

fn steps(moments: &[Moment], cause: Cause) -> Vec<ScenarioStep> {
    let mut writer = Steps { steps: Vec::new(), running: Some(Foreground::Yes), tokens: 0 };
    writer.add(SignedIn { user: USER.into() });
    for moment in moments {
        writer.moment(moment);
    }
    let mut last = vec![StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseSignInToken];
    if cause.is_ordered() {
        last.push(StatusWord::PendingReauthentication);
    }
    writer.add(Status { is: Some(last), includes: vec![], excludes: vec![] });
    writer.steps
}

impl Steps {
    fn add(&mut self, step: impl Into<vouch_spec::step::Step>) {
        self.steps.push(ScenarioStep::new(step));
    }

    fn moment(&mut self, moment: &Moment) {
        match moment {
            Moment::Passed(time) => self.pass(*time),
            Moment::ProcessEnded => self.kill(),
            // The process has ended, and the build is the same one.
            Moment::Updated | Moment::Lost(..) => {}
            Moment::Launched(foreground) => self.launch(*foreground),
            Moment::Unlocked => self.add(UnlockStorage {}),
            Moment::Rebooted => {
                self.add(Reboot {});
                self.running = Some(Foreground::Yes);
                self.kill();
                self.add(LockStorage {});
            }
            Moment::ClockSet { skew_ms } => self.add(ClockSkew { minutes: skew_ms / 60_000 }),
            Moment::SessionEnded => self.add(Revoke { user: USER.into() }),
            Moment::Called(outcomes) => {
                let call = Request { call: Text(format!("GET /v2/user/${USER}.id")), body: [].into(), json: [].into() };
                self.call(outcomes, vec![ScenarioStep::new(call).expect(Outcomes::of([Outcome::Any]))]);
            }
            Moment::SignedIn(outcomes) => {
                self.tokens += 1;
                let token = format!("token{}", self.tokens);
                let sign_in =
                    ScenarioStep::new(SignIn { token: Text(format!("${token}")) }).expect(Outcomes::of([Outcome::Any]));
                self.call(outcomes, vec![ScenarioStep::new(IssueToken::new(USER, token)), sign_in]);
            }
        }
    }

    /// Time in whole seconds; less is none.
    fn pass(&mut self, time: Duration) {
        let seconds = (time + Duration::from_millis(500)).as_secs();
        if seconds > 0 {
            self.add(Advance::unused(format!("{seconds}s")));
        }
    }

    fn kill(&mut self) {
        if self.running.take().is_some() {
            self.add(Kill {});
        }
    }

    fn launch(&mut self, foreground: Foreground) {
        if foreground == Foreground::Yes && self.running != Some(Foreground::Yes) {
            self.add(Launch {});
        } else if foreground == Foreground::No {
            self.kill();
            self.add(Wake {});
        }
        self.running = Some(foreground);
    }

    /// A call with the faults of its exchanges before it.
    fn call(&mut self, outcomes: &[(Operation, ExchangeOutcome)], calls: Vec<ScenarioStep>) {
        let mut faults: Vec<Fault> = Vec::new();
        for (operation, outcome) in outcomes {
            let Some(fault) = fault(*operation, *outcome) else { continue };
            match faults.last_mut() {
                Some(last) if (last.on, last.kind) == (fault.on, fault.kind) => {
                    last.times = last.times.map(|times| times + 1);
                }
                _ => faults.push(fault),
            }
        }
        let is_killed = outcomes
            .iter()
            .any(|(_, outcome)| matches!(outcome, ExchangeOutcome::KilledBefore | ExchangeOutcome::KilledAfter));
        let are_faults = !faults.is_empty();
        for fault in faults {
            self.add(fault);
        }
        self.steps.extend(calls);
        if are_faults {
            self.add(ClearFaults {});
        }
        if is_killed {
            self.running = None;
        }
    }
}

fn fault(operation: Operation, outcome: ExchangeOutcome) -> Option<Fault> {
    let kind = match outcome {
        ExchangeOutcome::Answered => return None,
        ExchangeOutcome::RequestLost | ExchangeOutcome::Offline => FaultKind::LoseRequest,
        ExchangeOutcome::AnswerLost => FaultKind::LoseResponse,
        ExchangeOutcome::ServerError => FaultKind::Status,
        ExchangeOutcome::KilledBefore => FaultKind::KillBefore,
        ExchangeOutcome::KilledAfter => FaultKind::KillAfter,
    };
    let status = (outcome == ExchangeOutcome::ServerError).then_some(503);
    Some(Fault { on: Some(operation), times: Some(1), status, ..Fault::new(kind) })
}
