//! Drafts a scenario of recorded traffic: the steps that the wire shows, and comments where a person must decide.
//!
//! The wire does not show what the app called, launches of the app, or what changed at the vendor. A draft guesses the usual
//! cause of what it shows, and says so.

use super::exchanges::{self, RecordedExchange};
use super::har_file::{self, HarError};
use super::{Dialect, secrets};
use crate::invariant::user_of_token;
use std::fmt::Write;
use std::path::Path;
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{Operation, Party};
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::scenario::Text;
use vouch_spec::step::{
    DeleteUser, Expire, ExpiringToken, IssueToken, Outcome, Outcomes, Refresh, RefuseAccessTokens, Request, Revoke,
    ScenarioStep, SignIn, SignOut, SignedInWithApiKey, Step, TrafficCount, TrafficExpectation,
};
use vouch_spec::text::OutsideText;

/// The names of the first users.
const NAMES: [&str; 4] = ["ada", "bob", "carol", "dave"];
/// The longest draft, in steps.
const MAX_STEPS: usize = 200;
/// A request follows the refresh that it needed within this time, in milliseconds.
const FOLLOWS_MS: i64 = 2_000;
/// A pause in which the app may have been launched again, in milliseconds.
const PAUSE_MS: i64 = 5_000;

/// The draft of what a HAR file shows. `None` if it shows no step.
///
/// # Errors
/// If the file cannot be read as a HAR file.
pub fn draft_har(path: &Path, dialects: &[Dialect]) -> Result<Option<String>, HarError> {
    let recorded = exchanges::of_entries(har_file::read(path)?, dialects).exchanges;
    let redactor = secrets::of(&recorded);
    let of_sdk: Vec<_> = recorded.iter().filter(|of| concerns_the_session(of)).collect();
    let Some(first) = of_sdk.first() else { return Ok(None) };
    let profile = dialects.get(first.dialect).map_or_else(Profile::junction, |dialect| dialect.profile.clone());
    let realm = first.exchange.link.realm;
    let mut draft =
        Draft { profile: &profile, redactor, users: vec![], tokens: vec![], signed_in: None, lines: vec![] };
    draft.add(&of_sdk);
    Ok(draft.has_steps().then(|| draft.text(realm)))
}

/// What an SDK sends, and deletions of a user.
fn concerns_the_session(of: &RecordedExchange) -> bool {
    let exchange = &of.exchange;
    let from_sdk = exchange.link.from == Party::Sdk && exchange.status().is_some();
    from_sdk && matches!(exchange.operation, Operation::Exchange | Operation::Refresh | Operation::Api)
}

enum Line {
    Step(Box<ScenarioStep>),
    Comment(String),
}

struct Draft<'a> {
    profile: &'a Profile,
    redactor: Redactor,
    /// The ids of the vendor users, in lower case.
    users: Vec<String>,
    /// The sign-in tokens, as they were exchanged.
    tokens: Vec<String>,
    /// The number of the user who is signed in.
    signed_in: Option<usize>,
    lines: Vec<Line>,
}

impl Draft<'_> {
    fn add(&mut self, all: &[&RecordedExchange]) {
        let mut index = 0;
        let mut ended_ms = None;
        while let Some(of) = all.get(index) {
            if self.lines.iter().filter(|line| matches!(line, Line::Step(_))).count() >= MAX_STEPS {
                self.comment(format!("The recording goes on; a draft has at most {MAX_STEPS} steps."));
                return;
            }
            let pause_ms = ended_ms.map_or(0, |end: i64| of.exchange.at_ms - end);
            if pause_ms >= PAUSE_MS {
                self.comment(format!(
                    "{} s later. Was the app launched again? Then add `- relaunch`.",
                    pause_ms / 1000
                ));
            }
            let used = match of.exchange.operation {
                Operation::Exchange => self.exchange(of),
                Operation::Refresh => self.refresh(&all[index..]),
                _ => self.api_call(&all[index..]),
            };
            let last = all[(index + used - 1).min(all.len() - 1)];
            ended_ms = Some(last.exchange.completed_ms.unwrap_or(last.exchange.at_ms));
            index += used;
        }
    }

    /// An exchange: a sign-in with a token. Returns how many exchanges it is, as the functions below do.
    fn exchange(&mut self, of: &RecordedExchange) -> usize {
        let Some(jwt) = of.exchange.tokens.token.clone() else { return 1 };
        let Some(id) = user_of_token(&jwt) else {
            self.comment("A sign-in with a token that cannot be read. See `vouch steps forgeToken`.");
            return 1;
        };
        let user = self.user(&id);
        if self.signed_in.is_some_and(|other| other != user) {
            self.comment("Another user signs in: after a sign-out, or on another device. Then take these steps out.");
            self.step(ScenarioStep::new(SignOut {}));
        }
        let known = self.tokens.iter().position(|token| *token == jwt);
        let number = known.unwrap_or(self.tokens.len());
        if known.is_none() {
            self.tokens.push(jwt);
            let (user, bind) = (name(user), format!("token{}", number + 1));
            self.step(ScenarioStep::new(IssueToken::new(user, bind)));
        }
        let sign_in = ScenarioStep::new(SignIn { token: Text(format!("$token{}", number + 1)) });
        match self.refusal(of, IdpCall::Exchange) {
            None => {
                self.signed_in = Some(user);
                self.step(sign_in);
            }
            Some(kind) => {
                if kind == ErrorKind::Network {
                    self.comment(
                        "Not answered as a success. Add the `fault` before it that makes the mock cloud do so.",
                    );
                }
                self.step(sign_in.expect(Outcomes::of([Outcome::Refused(kind)])));
            }
        }
        1
    }

    /// A refresh. Before a request that follows at once, it is a part of that request.
    fn refresh(&mut self, rest: &[&RecordedExchange]) -> usize {
        let of = rest[0];
        let refusal = self.refusal(of, IdpCall::Refresh);
        let follows = |next: &&RecordedExchange| {
            let end = of.exchange.completed_ms.unwrap_or(of.exchange.at_ms);
            next.exchange.operation == Operation::Api && next.exchange.at_ms - end < FOLLOWS_MS
        };
        if refusal.is_none() && rest.get(1).is_some_and(follows) {
            self.comment("The request refreshed first: the access token had expired, or was about to.");
            self.step(ScenarioStep::new(Expire::all(ExpiringToken::AccessToken)));
            return 1 + self.request(rest[1], Some(1));
        }
        if let (Some(kind), Some(user)) = (refusal, self.signed_in.map(name)) {
            let cause: Step = match kind {
                ErrorKind::InvalidUser => DeleteUser { user, any_refusal: false }.into(),
                ErrorKind::NeedsReauthentication => Revoke { user }.into(),
                _ => Expire::all(ExpiringToken::AccessToken).into(),
            };
            self.comment("The refresh was refused; this is the usual cause.");
            self.step(ScenarioStep::new(cause));
        }
        self.comment("A call of the app, or the SDK by itself? In the second case take this step out.");
        let step = ScenarioStep::new(Refresh {});
        self.step(match refusal {
            None => step,
            Some(kind) => step.expect(Outcomes::of([Outcome::Refused(kind)])),
        });
        if refusal == Some(ErrorKind::InvalidUser) {
            self.signed_in = None;
        }
        1
    }

    /// A call of the API; with a 401, the refresh after it and its repetition, if they are there.
    fn api_call(&mut self, rest: &[&RecordedExchange]) -> usize {
        let of = rest[0];
        if let Some(user) = self.deleted_user(of) {
            self.step(ScenarioStep::new(DeleteUser { user, any_refusal: false }));
            return 1;
        }
        self.sign_in_with_key(of);
        let status = |of: &RecordedExchange| of.exchange.status().map(|status| status.as_u16());
        let same = |other: &RecordedExchange| {
            let (one, other) = (&of.exchange.request, &other.exchange.request);
            one.method == other.method && one.path == other.path
        };
        if let [_, refresh, again, ..] = rest
            && status(of) == Some(401)
            && refresh.exchange.operation == Operation::Refresh
            && again.exchange.operation == Operation::Api
            && same(again)
        {
            if let Some(user) = self.signed_in.map(name) {
                self.comment("The API refused the access token; the SDK refreshed and repeated the request.");
                self.step(ScenarioStep::new(RefuseAccessTokens { user }));
            }
            return 2 + self.request(again, Some(1));
        }
        self.request(of, None)
    }

    /// A request of the app through the SDK.
    fn request(&mut self, of: &RecordedExchange, refreshes: Option<usize>) -> usize {
        let request = &of.exchange.request;
        let path = self.path(&request.path);
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '[' | ']');
        let without_ids = NAMES.iter().fold(path.clone(), |path, name| path.replace(&format!("${name}.id"), ""));
        if !path.chars().all(is_plain) || without_ids.contains('$') {
            self.comment(format!("A request that no step can have: {} {}", request.method, path));
            return 1;
        }
        if !request.body.is_empty() {
            self.comment("It had a body: give its fields with `json:`, see `vouch steps request`.");
        }
        let call = Text(format!("{} {path}", request.method));
        let step = ScenarioStep::new(Request { call, body: [].into(), json: [].into() });
        let expect = match of.exchange.status().map(|status| status.as_u16()) {
            Some(status) if status != 401 && status < 500 => Outcome::Http(status),
            other => {
                let status = other.unwrap_or_default();
                self.comment(format!("Answered {status}. Add the `fault` before it that makes the mock cloud do so."));
                Outcome::Any
            }
        };
        let refresh = refreshes.map(|count| TrafficCount { count: Some(count), ..TrafficCount::default() });
        let sent =
            refresh.map(|refresh| TrafficExpectation { refresh: Some(refresh), ..TrafficExpectation::default() });
        self.step(ScenarioStep { sent, ..step.expect(Outcomes::of([expect])) });
        1
    }

    /// An API key in the app's traffic is the older scheme.
    fn sign_in_with_key(&mut self, of: &RecordedExchange) {
        let request = &of.exchange.request;
        if !request.headers.contains_key("x-vital-api-key") || request.bearer().is_some() || self.signed_in.is_some() {
            return;
        }
        let id = request.path.strip_prefix("/v2/user/").and_then(|rest| rest.split(['/', '?']).next());
        let Some(id) = id.filter(|id| !id.is_empty()) else { return };
        let user = self.user(&id.to_lowercase());
        self.signed_in = Some(user);
        self.comment("A call with the API key. Of a backend? Then take it out, with this step.");
        self.step(ScenarioStep::new(SignedInWithApiKey { user: name(user) }));
    }

    fn deleted_user(&mut self, of: &RecordedExchange) -> Option<String> {
        let request = &of.exchange.request;
        let by_team = request.method == hyper::Method::DELETE && request.headers.contains_key("x-vital-api-key");
        let id = request.path.strip_prefix("/v2/user/").filter(|_| by_team)?.to_lowercase();
        self.users.iter().position(|user| *user == id).map(name)
    }

    /// What a refusal means to the SDK. An answer that the profile has no word for is a temporary failure.
    fn refusal(&self, of: &RecordedExchange, call: IdpCall) -> Option<ErrorKind> {
        let status = of.exchange.status().filter(|status| !status.is_success())?;
        let body = of.exchange.answer().filter(|_| status.is_client_error());
        Some(body.and_then(|body| self.profile.meaning(call, body)).unwrap_or(ErrorKind::Network))
    }

    fn user(&mut self, id: &str) -> usize {
        self.users.iter().position(|known| known == id).unwrap_or_else(|| {
            self.users.push(id.to_owned());
            self.users.len() - 1
        })
    }

    /// A path with the users' names in place of their ids, and without secrets.
    fn path(&self, path: &str) -> String {
        let path = self.redactor.scrub(path).to_string();
        self.users.iter().enumerate().fold(path, |path, (number, id)| {
            let variable = format!("${}.id", name(number));
            path.replace(id, &variable).replace(&id.to_uppercase(), &variable)
        })
    }

    fn step(&mut self, step: ScenarioStep) {
        self.lines.push(Line::Step(Box::new(step)));
    }

    fn comment(&mut self, text: impl AsRef<str>) {
        let text = OutsideText::line(self.redactor.scrub(text.as_ref()).as_str()).into_string();
        self.lines.push(Line::Comment(text));
    }

    fn has_steps(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Step(_)))
    }

    fn text(&self, realm: Realm) -> String {
        let Realm { environment, region } = realm;
        let names: Vec<_> = (0..self.users.len().max(1)).map(name).collect();
        let mut out = String::from(
            "# A draft of what was recorded. The wire shows requests, not what the app called, when it was launched, or what\n\
             # changed at the vendor. Read each step, and give the scenario its id, its title and the clauses that it is about.\n",
        );
        if self.profile.name != "junction" {
            let _ = writeln!(out, "# Run it with --profile {}.", self.profile.name);
        }
        let signs_in =
            self.lines.iter().any(|line| matches!(line, Line::Step(of) if matches!(of.step, Step::SignIn(_))));
        let proves = if signs_in { "EXC-1" } else { "SCO-1" };
        let _ = write!(
            out,
            "id: captured-session\ntitle: A session that was captured\nproves: [{proves}]\n\
             given: {{environment: {environment}, region: {region}, users: [{}]}}\nsteps:\n",
            names.join(", ")
        );
        for line in &self.lines {
            let _ = match line {
                Line::Step(step) => writeln!(out, "  - {}", step.to_yaml().replace('\n', "\n  ")),
                Line::Comment(text) => writeln!(out, "  # {text}"),
            };
        }
        out
    }
}

/// The name of the user of a number.
fn name(number: usize) -> String {
    NAMES.get(number).map_or_else(|| format!("user{}", number + 1), |name| (*name).to_owned())
}
