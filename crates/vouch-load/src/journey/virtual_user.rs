//! One user of a load: its phone with the reference SDK, the persons of the scenario that it plays, and what it remembers.

use super::actions::JourneyAction;
use super::definition::{Journey, Step};
use super::device::{AheadTime, Memory};
use super::http_client::{Port, Reply, Wire};
use super::metrics::End;
use super::results::{Impossible, http, refused, split, told};
use crate::endpoints::LoadCall;
use crate::failure::Failure;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_runner::run::step::token_grant;
use vouch_runner::sut::{HttpReply, Place};
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::{Device, Sdk};
use vouch_sim::sign_in_token::{TokenParts, forge};
use vouch_spec::profile::{self, Values};
use vouch_spec::scenario::Text;
use vouch_spec::step::StepResult;
use vouch_spec::step::{ClientCall, ForgeToken, GrantCall};

/// A user of the load.
pub struct VirtualUser {
    journey: usize,
    script: Arc<Journey>,
    wire: Arc<Wire>,
    /// The user of the fleet that plays each person, and whether the vendor has deleted it.
    people: Vec<(u32, bool)>,
    /// The installation of the fleet for calls that the SDK does not make.
    client: u32,
    token: Place,
    time: Arc<AheadTime>,
    vault: Arc<Memory>,
    sdk: Arc<Sdk>,
    /// What `as` named in this lifecycle.
    values: HashMap<String, String>,
    /// Whose a token is.
    owners: HashMap<String, usize>,
    broken_off: bool,
    taken_ns: u64,
    lives: u64,
}

/// What a user is made of.
pub struct VirtualUserParts {
    pub journey: usize,
    pub script: Arc<Journey>,
    pub wire: Arc<Wire>,
    /// Users of the fleet, one for each person of the script.
    pub people: Vec<u32>,
    pub client: u32,
    pub token: Place,
}

type Moved = Result<StepResult, Impossible>;

impl VirtualUser {
    pub fn new(parts: VirtualUserParts) -> Self {
        let VirtualUserParts { journey, script, wire, people, client, token } = parts;
        let (time, vault) = (Arc::new(AheadTime::default()), Arc::new(Memory::default()));
        let sdk = launch(&wire, &vault, &time);
        let people = people.into_iter().map(|user| (user, false)).collect();
        let (values, owners) = (HashMap::new(), HashMap::new());
        let (broken_off, taken_ns, lives) = (false, 0, 0);
        Self {
            journey,
            script,
            wire,
            people,
            client,
            token,
            time,
            vault,
            sdk,
            values,
            owners,
            broken_off,
            taken_ns,
            lives,
        }
    }

    /// Lives through one stage. The first begins a new lifecycle; after a failure the rest of it is passed over.
    pub async fn live(&mut self, stage: usize) {
        // Goose looks twice a second whether it is over.
        if !self.wire.tally.goes_on() {
            return;
        }
        let script = self.script.clone();
        if stage == 0 {
            self.begin().await;
        }
        let Some(stage_now) = script.stages.get(stage).filter(|_| !self.broken_off) else { return };
        for step in &stage_now.steps {
            let began = Instant::now();
            if let Err(why) = self.step(step).await {
                self.broken_off = true;
                if let Some(failure) = why {
                    self.wire.tally.lived(self.journey, &Err(failure), began);
                }
                return;
            }
        }
        if stage + 1 == script.stages.len() {
            self.wire.tally.lived(self.journey, &Ok(self.taken_ns), Instant::now());
        }
    }

    /// A new installation, and users in the place of those that were deleted. What this takes is not measured.
    async fn begin(&mut self) {
        (self.broken_off, self.taken_ns) = (false, 0);
        self.lives += 1;
        self.values.clear();
        self.owners.clear();
        self.time.reset();
        self.vault = Arc::new(Memory::default());
        self.sdk = launch(&self.wire, &self.vault, &self.time);
        for person in 0..self.people.len() {
            if !self.people[person].1 {
                continue;
            }
            self.become_client(person, "");
            {
                let mut books = self.wire.tally.lock();
                let user = books.fleet.user_mut(self.client);
                user.id = "".into();
                // A backend makes its user anew by itself when it is asked for a token.
                if self.wire.site.through_backend {
                    self.people[person].1 = false;
                    continue;
                }
                user.name = format!("{}-{}", user.name, self.lives).into_boxed_str();
            }
            let began = Instant::now();
            let made = self.wire.call(LoadCall::CreateUser, self.client).await;
            let failure = self.wire.take().pop().and_then(|made| made.verdict.err());
            if self.wire.was_cut() {
                self.broken_off = true;
                return;
            }
            match failure {
                None if made.is_some() => self.people[person].1 = false,
                failure => {
                    let none = || (Failure::Lost, "no user could be made for the next lifecycle".to_owned());
                    self.broken_off = true;
                    self.wire.tally.lived(self.journey, &Err(failure.unwrap_or_else(none)), began);
                }
            }
        }
    }

    /// Why the lifecycle cannot go on, if it cannot; nothing where the load is over.
    async fn step(&mut self, step: &Step) -> Result<(), Option<(Failure, String)>> {
        let answer = self.act(&step.act).await;
        let made = self.wire.take();
        let cut = self.wire.was_cut();
        self.taken_ns = made.iter().fold(self.taken_ns, |all, made| all.saturating_add(made.latency_ns));
        let success = |answer: &StepResult| match answer {
            StepResult::Done | StepResult::Ok => true,
            StepResult::Http { status } => (200..300).contains(status),
            StepResult::Refused { .. } | StepResult::Killed => false,
        };
        let end = match &answer {
            Err(Impossible(what)) => End::Unmet(format!("{}: {what}", step.place)),
            Ok(answer) if !step.expect.accepts(answer) => {
                End::Unmet(format!("{}: expected {}, got {answer}", step.place, step.expect))
            }
            Ok(answer) if success(answer) => End::Good,
            Ok(_) => End::Refused,
        };
        let end = if cut { End::Cut } else { end };
        match self.wire.tally.resolve(self.journey, made, &end) {
            Ok(()) if cut => Err(None),
            settled => settled.map_err(Some),
        }
    }

    async fn act(&mut self, act: &JourneyAction) -> Moved {
        Ok(match act {
            JourneyAction::Issue { person, bind } => {
                return self.issue(*person, bind.as_deref()).await.map(|(answer, _)| answer);
            }
            JourneyAction::SignedIn(person) => match self.issue(*person, None).await? {
                (StepResult::Ok, token) => self.sign_in(&token).await,
                (other, _) => other,
            },
            JourneyAction::SignIn(token) => {
                let token = self.text(token)?;
                self.sign_in(&token).await
            }
            JourneyAction::SignedInWithKey(person) => {
                let id = self.id(*person);
                self.own(*person);
                let configured = self.sdk.configure(&self.wire.bases.key, self.wire.site.realm);
                told(configured.and_then(|()| self.sdk.set_user_id(&id)))
            }
            JourneyAction::Configure => told(self.sdk.configure(&self.wire.bases.key, self.wire.site.realm)),
            JourneyAction::SetUserId(id) => {
                let id = self.text(id)?;
                if let Some(person) = (0..self.people.len()).find(|person| self.id(*person) == id) {
                    self.own(person);
                }
                told(self.sdk.set_user_id(&id))
            }
            JourneyAction::SignOut => told(self.sdk.sign_out()),
            JourneyAction::Refresh => told(self.sdk.refresh().await),
            JourneyAction::Request(call) => {
                let call = self.text(call)?;
                let (method, path) = split(&call)?;
                match self.sdk.request(method, path).await {
                    Ok(answer) => StepResult::Http { status: answer.status },
                    Err(error) => refused(error),
                }
            }
            JourneyAction::Relaunch => {
                self.sdk = launch(&self.wire, &self.vault, &self.time);
                StepResult::Done
            }
            JourneyAction::Expire => {
                self.time.advance(self.wire.lifetime() + Duration::from_secs(1));
                StepResult::Done
            }
            JourneyAction::Advance(by) => {
                self.time.advance(*by);
                StepResult::Done
            }
            JourneyAction::DeleteUser(person) => {
                self.become_client(*person, "");
                self.people[*person].1 = true;
                http(self.wire.call(LoadCall::DeleteUser, self.client).await)
            }
            JourneyAction::ClientExchange(grant) => return self.grant(profile::IdpCall::Exchange, grant).await,
            JourneyAction::ClientRefresh(grant) => return self.grant(profile::IdpCall::Refresh, grant).await,
            JourneyAction::ClientCall(call) => return self.client_call(call).await,
            JourneyAction::Forge(forged) => return self.forge(forged),
        })
    }

    async fn issue(&mut self, person: usize, bind: Option<&str>) -> Result<(StepResult, String), Impossible> {
        self.become_client(person, "");
        let reply = self.wire.call(LoadCall::Issue, self.client).await;
        let Some(Reply { status: 200..300, body, .. }) = reply else { return Ok((http(reply), String::new())) };
        let place = if self.wire.site.through_backend { &self.token } else { &Place::Json("/sign_in_token".into()) };
        let reply = HttpReply { status: 200, headers: hyper::HeaderMap::new(), body };
        let token = place.read(&reply).ok_or_else(|| Impossible("the answer holds no sign-in token".into()))?;
        self.owners.insert(token.clone(), person);
        if let Some(bind) = bind {
            self.values.insert(bind.to_owned(), token.clone());
        }
        Ok((StepResult::Ok, token))
    }

    async fn sign_in(&mut self, token: &str) -> StepResult {
        let before = self.wire.tally.lock().fleet.installations[self.wire.device as usize].user;
        if let Some(person) = self.owners.get(token).copied() {
            self.own(person);
        }
        let done = self.sdk.sign_in(token).await;
        if done.is_err() {
            // Whoever was signed in before still is.
            self.wire.tally.lock().fleet.of(self.wire.device).user = before;
        }
        told(done)
    }

    async fn grant(&mut self, call: profile::IdpCall, grant: &GrantCall) -> Moved {
        let token = self.text(&grant.token)?;
        let owner = self.owners.get(&token).copied().unwrap_or(0);
        self.become_client(owner, if call == profile::IdpCall::Refresh { &token } else { "" });
        let TokenParts { jwt, public_key, tenant } = match call {
            profile::IdpCall::Exchange => TokenParts::of(&token),
            profile::IdpCall::Refresh => {
                let public_key = self.wire.tally.lock().checker.public_key.clone();
                TokenParts { jwt: String::new(), public_key, tenant: String::new() }
            }
        };
        let values = Values { token: &jwt, public_key: &public_key, tenant: &tenant, refresh_token: &token };
        let profile = self.wire.site.profile.clone();
        let reply = self.wire.grant(call, self.client, profile.request(call, &values)).await;
        let Some(reply) = reply else { return Ok(http(None)) };
        let granted = match token_grant(&profile, call, reply.status, &reply.body) {
            Ok(granted) => granted,
            Err(Some(answer)) => return Ok(answer),
            Err(None) => return Err(Impossible("a good answer without tokens and lifetime".into())),
        };
        self.owners.insert(granted.access_token.clone(), owner);
        self.owners.insert(granted.refresh_token.clone(), owner);
        if let Some(name) = &grant.bind {
            self.values.insert(format!("{name}.accessToken"), granted.access_token);
            self.values.insert(format!("{name}.refreshToken"), granted.refresh_token);
        }
        Ok(StepResult::Ok)
    }

    async fn client_call(&mut self, call: &ClientCall) -> Moved {
        let line = self.text(&call.call)?;
        let (method, path) = split(&line)?;
        let mut fields = Vec::new();
        let mut own = None;
        if let Some(bearer) = &call.bearer {
            let bearer = self.text(bearer)?;
            if let Some(owner) = self.owners.get(&bearer).copied()
                && method == "GET"
                && path == format!("/v2/user/{}", self.id(owner))
            {
                self.become_client(owner, "");
                own = Some(self.client);
            }
            fields.push(("authorization".to_owned(), format!("Bearer {bearer}")));
        }
        if let Some(key) = &call.key {
            fields.push(("x-vital-api-key".to_owned(), self.text(key)?));
        }
        let body = match &call.body {
            Some(body) => {
                fields.push(("content-type".to_owned(), "application/json".to_owned()));
                Some(self.text(body)?.into_bytes())
            }
            None => None,
        };
        let reply = self.wire.api(method, path, fields, body, own).await;
        if let (Some(field), Some(Reply { status: 200..300, body, .. })) = (&call.field, &reply) {
            let wanted = self.text(&field.is)?;
            if let Some(got) = field.unmet(&wanted, body) {
                return Err(Impossible(format!("expected `{}` to be {wanted}, got {got}", field.at)));
            }
        }
        Ok(http(reply))
    }

    fn forge(&mut self, forged: &ForgeToken) -> Moved {
        let good = self.text(&forged.from)?;
        let token = forge(&good, forged.how).ok_or_else(|| Impossible("`from` is no sign-in token".into()))?;
        if let Some(owner) = self.owners.get(&good).copied() {
            self.owners.insert(token.clone(), owner);
        }
        self.values.insert(forged.bind.clone(), token);
        Ok(StepResult::Done)
    }

    /// The client's next call is for this person; `refresh_token` is the one that it uses.
    fn become_client(&self, person: usize, refresh_token: &str) {
        let mut books = self.wire.tally.lock();
        let installation = books.fleet.of(self.client);
        installation.user = self.people[person].0;
        installation.refresh_token.clear();
        installation.refresh_token.push_str(refresh_token);
    }

    /// The phone is this person's.
    fn own(&self, person: usize) {
        self.wire.tally.lock().fleet.of(self.wire.device).user = self.people[person].0;
    }

    fn id(&self, person: usize) -> String {
        self.wire.tally.lock().fleet.users[self.people[person].0 as usize].id.to_string()
    }

    /// A text of the scenario with its variables filled in.
    fn text(&self, text: &Text) -> Result<String, Impossible> {
        let value = |name: &str| {
            let known = || self.values.get(name).cloned();
            let person = |of: &str| self.script.people.iter().position(|person| person == of);
            match name.split_once('.') {
                Some(("team", "key")) => Some(self.wire.bases.key.clone()),
                Some((of, "id")) if person(of).is_some() => person(of).map(|person| self.id(person)),
                Some((of, "externalId")) if person(of).is_some() => {
                    let user = self.people[person(of)?].0 as usize;
                    Some(self.wire.tally.lock().fleet.users[user].name.to_string())
                }
                _ => known(),
            }
        };
        text.resolve(value).map_err(|name| Impossible(format!("`${name}` has no value")))
    }
}

/// Starts the SDK on the user's storage.
fn launch(wire: &Arc<Wire>, vault: &Arc<Memory>, time: &Arc<AheadTime>) -> Arc<Sdk> {
    Sdk::launch(Device {
        policy: Arc::new(DefaultSdkPolicy),
        profile: wire.site.profile.clone(),
        vault: vault.clone(),
        net: Arc::new(Port(wire.clone())),
        time: time.clone(),
        on_status: Box::new(|_| {}),
    })
}
