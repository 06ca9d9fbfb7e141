//! One virtual user: its app with the SDK, its vendor users for the persons of the scenario, and its variables.

use super::actions::JourneyAction;
use super::app::{ActionResult, App};
use super::definition::{Journey, Step};
use super::http_client::{JourneyClient, Response};
use super::metrics::{CompletedCall, StepOutcome};
use super::results::{ActionError, http_result, method_and_path};
use super::sdk_calls::ExpectedRequest;
use super::sdk_process::SdkProcesses;
use crate::endpoints::LoadCall;
use crate::failure::{Failure, WrongResponse};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_runner::run::step::token_grant;
use vouch_runner::sut::{HttpReply, Place};
use vouch_sim::sign_in_token::{TokenParts, forge};
use vouch_spec::profile::{self, RequestValues};
use vouch_spec::scenario::Text;
use vouch_spec::step::StepResult;
use vouch_spec::step::{ClientCall, ForgeToken, GrantCall};

/// A virtual user.
pub struct VirtualUser {
    journey_index: usize,
    journey: Arc<Journey>,
    client: Arc<JourneyClient>,
    /// The user of each person, by index, and whether the vendor has deleted it.
    people: Vec<(u32, bool)>,
    /// The installation for calls that the SDK does not make.
    client_installation: u32,
    token: Place,
    app: App,
    /// The values that `as` has bound in this lifecycle.
    values: HashMap<String, String>,
    /// The person that each token was issued for.
    owners: HashMap<String, usize>,
    abandoned: bool,
    lifecycle_ns: u64,
    lifecycles: u64,
}

/// The parts of a [`VirtualUser`].
pub struct VirtualUserParts {
    pub journey_index: usize,
    pub journey: Arc<Journey>,
    pub client: Arc<JourneyClient>,
    /// The user of each person of the scenario, by index.
    pub people: Vec<u32>,
    pub client_installation: u32,
    pub token: Place,
    /// The processes of the SDK; none for the reference SDK.
    pub processes: Option<Arc<SdkProcesses>>,
}

impl VirtualUser {
    pub fn new(parts: VirtualUserParts) -> Self {
        let VirtualUserParts { journey_index, journey, client, people, client_installation, token, processes } = parts;
        let app = App::new(client.clone(), processes);
        let people = people.into_iter().map(|user| (user, false)).collect();
        let (values, owners) = (HashMap::new(), HashMap::new());
        let (abandoned, lifecycle_ns, lifecycles) = (false, 0, 0);
        Self {
            journey_index,
            journey,
            client,
            people,
            client_installation,
            token,
            app,
            values,
            owners,
            abandoned,
            lifecycle_ns,
            lifecycles,
        }
    }

    pub fn journey_index(&self) -> usize {
        self.journey_index
    }

    /// Starts the app before the load.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn prepare(&mut self) -> Result<(), ActionError> {
        self.app.prepare().await
    }

    /// Runs one stage. The first stage starts a new lifecycle. After a failure the other stages of the lifecycle are skipped.
    pub async fn run_stage(&mut self, stage: usize) {
        // Goose checks only twice per second whether the run is over.
        if !self.client.metrics.is_running() {
            return;
        }
        let journey = self.journey.clone();
        if stage == 0 {
            self.start_lifecycle().await;
        }
        let Some(stage_now) = journey.stages.get(stage).filter(|_| !self.abandoned) else { return };
        for step in &stage_now.steps {
            let started = Instant::now();
            if let Err(why) = self.step(step).await {
                self.abandoned = true;
                if let Some(failure) = why {
                    self.client.metrics.record_lifecycle(self.journey_index, &Err(failure), started);
                }
                return;
            }
        }
        if stage + 1 == journey.stages.len() {
            self.client.metrics.record_lifecycle(self.journey_index, &Ok(self.lifecycle_ns), Instant::now());
        }
    }

    /// Resets the device, and replaces deleted users. These calls are not measured.
    async fn start_lifecycle(&mut self) {
        (self.abandoned, self.lifecycle_ns) = (false, 0);
        self.lifecycles += 1;
        self.values.clear();
        self.owners.clear();
        let started = Instant::now();
        if let Err(ActionError(why)) = self.app.install().await {
            self.abandoned = true;
            if self.client.take_aborted() {
                return;
            }
            self.client.metrics.note(why.clone());
            let failure = (Failure::Wrong(WrongResponse::Unexpected), why);
            self.client.metrics.record_lifecycle(self.journey_index, &Err(failure), started);
            return;
        }
        for person in 0..self.people.len() {
            if !self.people[person].1 {
                continue;
            }
            self.set_client_user(person, "");
            {
                let mut totals = self.client.metrics.lock();
                let user = totals.installations.user_mut(self.client_installation);
                user.id = "".into();
                // A backend creates its user again when a token is requested.
                if self.client.load_target.uses_backend {
                    self.people[person].1 = false;
                    continue;
                }
                user.name = format!("{}-{}", user.name, self.lifecycles).into_boxed_str();
            }
            let started = Instant::now();
            let completed = self.client.call(LoadCall::CreateUser, self.client_installation).await;
            let created = |completed: &CompletedCall| completed.call == LoadCall::CreateUser.into();
            let failure = self.client.take_completed().into_iter().find(created).and_then(|call| call.check.err());
            if self.client.take_aborted() {
                self.abandoned = true;
                return;
            }
            match failure {
                None if completed.is_some() => self.people[person].1 = false,
                failure => {
                    let none =
                        || (Failure::ConnectionLost, "no user could be created for the next lifecycle".to_owned());
                    self.abandoned = true;
                    self.client.metrics.record_lifecycle(
                        self.journey_index,
                        &Err(failure.unwrap_or_else(none)),
                        started,
                    );
                }
            }
        }
    }

    /// Runs one step. An error ends the lifecycle: `Some` is a failure; `None` means that the load is over,
    /// or that the step ended with a warning.
    async fn step(&mut self, step: &Step) -> Result<(), Option<(Failure, String)>> {
        let answer = self.perform(&step.act).await;
        let completed = self.client.take_completed();
        let aborted = self.client.take_aborted();
        self.lifecycle_ns =
            completed.iter().fold(self.lifecycle_ns, |all, completed| all.saturating_add(completed.latency_ns));
        let success = |answer: &StepResult| match answer {
            StepResult::Done | StepResult::Ok => true,
            StepResult::Http { status } => (200..300).contains(status),
            StepResult::Refused { .. } | StepResult::Killed => false,
        };
        let what = |got: String| {
            let got = self.client.metrics.scrub(&got, self.client.device);
            format!("{}: {}: expected {}, got {got}", step.place, step.words, step.expect)
        };
        let end = match &answer {
            Err(ActionError(why)) => StepOutcome::Unexpected(what(why.clone())),
            Ok(answer) if !step.expect.accepts(answer) && step.warns => StepOutcome::Warned(what(answer.to_string())),
            Ok(answer) if !step.expect.accepts(answer) => StepOutcome::Unexpected(what(answer.to_string())),
            Ok(answer) if success(answer) => StepOutcome::Succeeded,
            Ok(_) => StepOutcome::ExpectedRefusal,
        };
        let end = if aborted { StepOutcome::Aborted } else { end };
        match &end {
            StepOutcome::Warned(what) => self.client.metrics.warn(self.journey_index, what),
            // It shows at no call.
            StepOutcome::Unexpected(what) if completed.is_empty() => self.client.metrics.note(what.clone()),
            _ => {}
        }
        match self.client.metrics.resolve(self.journey_index, completed, &end) {
            Ok(()) if matches!(end, StepOutcome::Aborted | StepOutcome::Warned(_)) => Err(None),
            resolved => resolved.map_err(Some),
        }
    }

    async fn perform(&mut self, act: &JourneyAction) -> ActionResult {
        Ok(match act {
            JourneyAction::Issue { person, bind } => {
                return self.issue(*person, bind.as_deref()).await.map(|(answer, _)| answer);
            }
            JourneyAction::SignedIn(person) => match self.issue(*person, None).await? {
                (StepResult::Ok, token) => self.sign_in(&token).await?,
                (other, _) => other,
            },
            JourneyAction::SignIn(token) => {
                let token = self.text(token)?;
                self.sign_in(&token).await?
            }
            JourneyAction::SignedInWithKey(person) => {
                let id = self.id(*person);
                self.set_device_user(*person);
                match self.app.configure().await? {
                    StepResult::Ok => self.app.set_user_id(&id).await?,
                    refused => refused,
                }
            }
            JourneyAction::Configure => self.app.configure().await?,
            JourneyAction::SetUserId(id) => {
                let id = self.text(id)?;
                if let Some(person) = (0..self.people.len()).find(|person| self.id(*person) == id) {
                    self.set_device_user(person);
                }
                self.app.set_user_id(&id).await?
            }
            JourneyAction::SignOut => self.app.sign_out().await?,
            JourneyAction::Refresh => self.app.refresh().await?,
            JourneyAction::Request(call) => {
                let call = self.text(call)?;
                let (method, path) = method_and_path(&call)?;
                self.client.expect_request(Some(ExpectedRequest::new(method, path)));
                let answer = self.app.request(method, path).await;
                self.client.expect_request(None);
                answer?
            }
            JourneyAction::Relaunch => self.app.relaunch().await?,
            JourneyAction::Expire => {
                self.app.advance(self.client.lifetime() + Duration::from_secs(1));
                StepResult::Done
            }
            JourneyAction::Advance(by) => {
                self.app.advance(*by);
                StepResult::Done
            }
            JourneyAction::DeleteUser(person) => {
                self.set_client_user(*person, "");
                self.people[*person].1 = true;
                http_result(self.client.call(LoadCall::DeleteUser, self.client_installation).await)
            }
            JourneyAction::ClientExchange(token_request) => {
                return self.token_request(profile::IdpCall::Exchange, token_request).await;
            }
            JourneyAction::ClientRefresh(token_request) => {
                return self.token_request(profile::IdpCall::Refresh, token_request).await;
            }
            JourneyAction::ClientCall(call) => return self.client_call(call).await,
            JourneyAction::Forge(forged) => return self.forge(forged),
        })
    }

    async fn issue(&mut self, person: usize, bind: Option<&str>) -> Result<(StepResult, String), ActionError> {
        self.set_client_user(person, "");
        let response = self.client.call(LoadCall::Issue, self.client_installation).await;
        let Some(Response { status: 200..300, body, .. }) = response else {
            return Ok((http_result(response), String::new()));
        };
        let place =
            if self.client.load_target.uses_backend { &self.token } else { &Place::Json("/sign_in_token".into()) };
        let response = HttpReply { status: 200, headers: hyper::HeaderMap::new(), body };
        let token = place.read(&response).ok_or_else(|| ActionError("the response has no sign-in token".into()))?;
        self.owners.insert(token.clone(), person);
        if let Some(bind) = bind {
            self.values.insert(bind.to_owned(), token.clone());
        }
        Ok((StepResult::Ok, token))
    }

    async fn sign_in(&mut self, token: &str) -> ActionResult {
        let before = self.client.metrics.lock().installations.all[self.client.device as usize].user;
        if let Some(person) = self.owners.get(token).copied() {
            self.set_device_user(person);
        }
        let done = self.app.sign_in(token).await;
        if !matches!(done, Ok(StepResult::Ok)) {
            // A failed sign-in leaves the previous user signed in.
            self.client.metrics.lock().installations.get_mut(self.client.device).user = before;
        }
        done
    }

    async fn token_request(&mut self, call: profile::IdpCall, token_request: &GrantCall) -> ActionResult {
        let token = self.text(&token_request.token)?;
        let owner = self.owners.get(&token).copied().unwrap_or(0);
        self.set_client_user(owner, if call == profile::IdpCall::Refresh { &token } else { "" });
        let TokenParts { jwt, public_key, tenant, .. } = match call {
            profile::IdpCall::Exchange => TokenParts::of(&token),
            profile::IdpCall::Refresh => {
                let public_key = self.client.metrics.lock().checker.public_key.clone();
                TokenParts { jwt: String::new(), public_key, tenant: String::new(), team: String::new() }
            }
        };
        let values = RequestValues { token: &jwt, public_key: &public_key, tenant: &tenant, refresh_token: &token };
        let profile = self.client.load_target.profile.clone();
        let response = self.client.token_request(call, self.client_installation, profile.request(call, &values)).await;
        let Some(response) = response else { return Ok(http_result(None)) };
        let granted = match token_grant(&profile, call, (response.status, &response.body), Some(&token)) {
            Ok(granted) => granted,
            Err(Some(answer)) => return Ok(answer),
            Err(None) => return Err(ActionError("a successful response without tokens or lifetime".into())),
        };
        self.owners.insert(granted.access_token.clone(), owner);
        self.owners.insert(granted.refresh_token.clone(), owner);
        if let Some(name) = &token_request.bind {
            self.values.insert(format!("{name}.accessToken"), granted.access_token);
            self.values.insert(format!("{name}.refreshToken"), granted.refresh_token);
        }
        Ok(StepResult::Ok)
    }

    async fn client_call(&mut self, call: &ClientCall) -> ActionResult {
        let line = self.text(&call.call)?;
        let (method, path) = method_and_path(&line)?;
        let mut fields = Vec::new();
        let mut set_device_user = None;
        if let Some(bearer) = &call.bearer {
            let bearer = self.text(bearer)?;
            if let Some(owner) = self.owners.get(&bearer).copied()
                && method == "GET"
                && path == format!("/v2/user/{}", self.id(owner))
            {
                self.set_client_user(owner, "");
                set_device_user = Some(self.client_installation);
            }
            fields.push(("authorization".to_owned(), format!("Bearer {bearer}")));
        }
        let key = call.key.as_ref().map(|key| self.text(key)).transpose()?;
        if let Some(key) = key.or_else(|| call.as_team.then(|| self.client.bases.key.clone())) {
            fields.push(("x-vital-api-key".to_owned(), key));
        }
        let body = match &call.body {
            Some(body) => {
                fields.push(("content-type".to_owned(), "application/json".to_owned()));
                Some(self.text(body)?.into_bytes())
            }
            None => None,
        };
        let response = self.client.api(method, path, fields, body, set_device_user).await;
        if let (Some(field), Some(Response { status: 200..300, body, .. })) = (&call.field, &response) {
            let wanted = self.text(&field.is)?;
            if let Some(got) = field.unmet(&wanted, body) {
                return Err(ActionError(format!("expected `{}` to be {wanted}, got {got}", field.at)));
            }
        }
        Ok(http_result(response))
    }

    fn forge(&mut self, forged: &ForgeToken) -> ActionResult {
        let good = self.text(&forged.from)?;
        let token = forge(&good, forged.how).ok_or_else(|| ActionError("`from` is not a sign-in token".into()))?;
        if let Some(owner) = self.owners.get(&good).copied() {
            self.owners.insert(token.clone(), owner);
        }
        self.values.insert(forged.bind.clone(), token);
        Ok(StepResult::Done)
    }

    /// Prepares the client's installation for a call of this person; `refresh_token` is the one that it uses.
    fn set_client_user(&self, person: usize, refresh_token: &str) {
        let mut totals = self.client.metrics.lock();
        let installation = totals.installations.get_mut(self.client_installation);
        installation.user = self.people[person].0;
        installation.refresh_token.clear();
        installation.refresh_token.push_str(refresh_token);
    }

    /// Assigns the device to this person.
    fn set_device_user(&self, person: usize) {
        self.client.metrics.lock().installations.get_mut(self.client.device).user = self.people[person].0;
    }

    fn id(&self, person: usize) -> String {
        self.client.metrics.lock().installations.users[self.people[person].0 as usize].id.to_string()
    }

    /// Resolves the variables in a text of the scenario.
    fn text(&self, text: &Text) -> Result<String, ActionError> {
        let value = |name: &str| {
            let known = || self.values.get(name).cloned();
            let person = |of: &str| self.journey.people.iter().position(|person| person == of);
            match name.split_once('.') {
                Some(("team", "key")) => Some(self.client.bases.key.clone()),
                Some(("team", "keyStart")) => {
                    let key = &self.client.bases.key;
                    key.get(..key.len().checked_sub(1)?).map(str::to_owned)
                }
                Some((of, "jwt")) => self.values.get(of).map(|token| TokenParts::of(token).jwt),
                Some((of, "id")) if person(of).is_some() => person(of).map(|person| self.id(person)),
                Some((of, "externalId")) if person(of).is_some() => {
                    let user = self.people[person(of)?].0 as usize;
                    Some(self.client.metrics.lock().installations.users[user].name.to_string())
                }
                _ => known(),
            }
        };
        text.resolve(value).map_err(|name| ActionError(format!("`${name}` has no value")))
    }
}
