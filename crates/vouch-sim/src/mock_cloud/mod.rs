//! The simulated vendor cloud: users, sign-in tokens, exchange, refresh and resources, in the terms of the `junction`
//! wire profile. One cloud serves one case.
//!
//! The cloud knows its own state and clock. It does not know scenarios, roles or how it is reached.

mod adopted;
mod api;
mod idp;
mod keys;
mod policy;
mod segmented_vec;
mod store;
mod team;
mod token;
mod users;

pub use adopted::SessionTokens;
pub use keys::{KeyError, Keys};
pub use policy::{Caller, CloudPolicy, DefaultCloudPolicy};
pub use store::Store;
pub use team::Team;
pub use token::TokenShape;
pub use users::User;

use crate::clock::Clock;
use crate::wire::redact::{Redactor, SecretKind};
use crate::wire::{Link, Party, SpokenProfile, Upstream, WireRequest, WireResponse};
use async_trait::async_trait;
use hyper::StatusCode;
use parking_lot::{Mutex, MutexGuard};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::TokenGeneration;
use vouch_spec::profile::{NumberForm, Rotation};
use vouch_spec::protocol::Realm;

/// The id of a team that is not the scenario's.
const OTHER_TEAM: &str = "7e57ab1e-0000-4000-8000-00000000beef";

/// How this cloud behaves where the scheme leaves room.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloudBehaviour {
    /// How `expires_in` is written, where not as the profile has it.
    pub expires_in: Option<NumberForm>,
    pub refresh_tokens: RefreshTokenFormat,
    /// How many bytes tokens are longer than they need be.
    pub token_padding: usize,
}

/// What refresh tokens are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokenFormat {
    #[default]
    Plain,
    /// They hold characters that a form must percent-encode.
    NeedsEscaping,
    /// They are two thousand characters long.
    Long,
}

/// How long the tokens live that are issued from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    pub sign_in_token: Duration,
    pub access_token: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { sign_in_token: Duration::from_secs(300), access_token: Duration::from_secs(3600) }
    }
}

/// How long requests of a policy that loses races wait for each other.
const RACE_WINDOW: Duration = Duration::from_millis(30);

/// The cloud of one case. Cheap to clone.
#[derive(Clone)]
pub struct MockCloud(Arc<CloudState>);

/// What a cloud is made of.
pub struct CloudParts {
    pub keys: Arc<Keys>,
    pub clock: Clock,
    pub redactor: Redactor,
    pub behaviour: CloudBehaviour,
    pub profile: SpokenProfile,
    pub policy: Arc<dyn CloudPolicy>,
}

struct CloudState {
    keys: Arc<Keys>,
    clock: Clock,
    redactor: Redactor,
    behaviour: CloudBehaviour,
    profile: SpokenProfile,
    /// By session: the newest generation whose refresh token was the first one, where that was so in the earlier profile.
    unrotated: Mutex<HashMap<u64, u64>>,
    lifetimes: Mutex<Lifetimes>,
    policy: Arc<dyn CloudPolicy>,
    store: Mutex<Store>,
    mac: keys::TokenMac,
    response_templates: Option<idp::ResponseTemplates>,
    exchanges: AtomicU64,
    refreshes: AtomicU64,
    in_flight: Mutex<InFlight>,
}

/// The requests that wait to be answered at the same time, for policies that lose races.
#[derive(Default)]
struct InFlight {
    count: usize,
    /// The user of the first that was answered.
    user: Option<String>,
}

/// How often the identity provider gave tokens out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenGrantCount {
    pub exchanges: u64,
    pub refreshes: u64,
}

impl CloudState {
    fn lifetimes(&self) -> Lifetimes {
        *self.lifetimes.lock()
    }

    /// The generation of the refresh token that comes with an access token. Where the profile does not say that every
    /// refresh brings a new one, the same one comes back, as from the servers of `gcip`.
    fn refresh_generation(&self, of: TokenGeneration) -> u64 {
        let unrotated = self.profile.earlier().is_some()
            && self.unrotated.lock().get(&of.sid).is_some_and(|newest| of.generation <= *newest);
        if self.rotates() && !unrotated { self.policy.refresh_generation(of.generation) } else { 0 }
    }

    fn rotates(&self) -> bool {
        self.profile.now().rotation().is_none_or(|rotation| rotation == Rotation::Required)
    }

    /// Remembers that a refresh brought no new refresh token, for the time when the profile is another one.
    fn note_unrotated(&self, of: TokenGeneration) {
        if self.profile.earlier().is_some() && !self.rotates() {
            self.unrotated.lock().insert(of.sid, of.generation);
        }
    }

    /// Whether a request is answered without regard to others at the same time.
    fn loses_race(&self) -> bool {
        self.policy.loses_races() && self.in_flight.lock().count > 1
    }

    /// The user of the first of the requests at the same time; `user_id` if there are no others.
    fn user_of_first_in_flight(&self, user_id: String) -> String {
        let mut in_flight = self.in_flight.lock();
        if in_flight.count < 2 {
            return user_id;
        }
        in_flight.user.get_or_insert(user_id).clone()
    }
}

impl MockCloud {
    pub fn new(parts: CloudParts) -> Self {
        let CloudParts { keys, clock, redactor, behaviour, profile, policy } = parts;
        let cloud = Self(Arc::new(CloudState {
            keys,
            clock,
            redactor,
            behaviour,
            profile,
            unrotated: Mutex::default(),
            policy,
            lifetimes: Mutex::default(),
            store: Mutex::new(Store::new()),
            mac: keys::TokenMac::new(),
            response_templates: None,
            exchanges: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
            in_flight: Mutex::default(),
        }));
        for profile in std::iter::once(cloud.0.profile.now()).chain(cloud.0.profile.earlier()) {
            cloud.0.redactor.client_of(profile);
        }
        for (realm, team) in cloud.store().teams() {
            cloud.0.redactor.named_secret(SecretKind::ApiKey, &team.key, format!("API key of {realm}"));
            cloud.0.redactor.id(&team.id, format!("team {realm}"));
        }
        cloud
    }

    /// Has good answers of the identity provider made from text that is templates, past [`CloudPolicy::token_answer`]: for clouds
    /// without a fault, before they are shared.
    #[must_use]
    pub fn with_response_templates(mut self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.response_templates =
                Some(idp::ResponseTemplates::new(inner.profile.now(), inner.behaviour.expires_in));
        }
        self
    }

    /// The cloud's state, for the scenario's hand.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock()
    }

    /// Deletes a user or brings it back; whether there was one.
    pub fn set_deleted(&self, realm: Realm, user_id: &str, deleted: bool) -> bool {
        self.store().set_deleted(realm, user_id, deleted, &*self.0.policy)
    }

    /// Revokes the sessions of a user; how many.
    pub fn revoke(&self, realm: Realm, user_id: &str) -> usize {
        let policy = &self.0.policy;
        let exact = policy.time_resolution().is_zero();
        let before_s = if exact { i64::MAX } else { self.0.clock.now_s() };
        self.store().end_sessions(realm, user_id, policy.ends_all_sessions(), before_s)
    }

    /// The public keys of its tokens, as a JWK Set.
    pub fn jwks(&self) -> serde_json::Value {
        self.0.keys.jwks()
    }

    pub fn lifetimes(&self) -> Lifetimes {
        self.0.lifetimes()
    }

    /// How long a refresh token that was rotated out may be used again.
    pub fn reuse_interval(&self) -> Duration {
        self.0.policy.reuse_interval()
    }

    /// The unit of the times that its tokens and revocations carry.
    pub fn time_resolution(&self) -> Duration {
        self.0.policy.time_resolution()
    }

    /// Gives a team another API key: one that a backend under test has already.
    pub fn set_api_key(&self, realm: Realm, key: &str) {
        self.store().set_api_key(realm, key);
    }

    pub fn set_lifetimes(&self, lifetimes: Lifetimes) {
        *self.0.lifetimes.lock() = lifetimes;
    }

    /// Sets the cloud's clock ahead.
    pub fn set_ahead(&self, by: Duration) {
        self.0.clock.set_ahead(by);
    }

    /// How often tokens were given out so far.
    pub fn granted(&self) -> TokenGrantCount {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TokenGrantCount { exchanges: read(&self.0.exchanges), refreshes: read(&self.0.refreshes) }
    }

    /// The answer to a request. It may sign, which takes long with some keys; it waits for nothing.
    pub fn answer_now(&self, link: Link, request: &WireRequest) -> WireResponse {
        match link.to {
            Party::Auth => idp::answer(&self.0, link.realm, request),
            Party::Api => api::answer(&self.0, link.realm, request),
            _ => refuse(StatusCode::NOT_FOUND, "not_found"),
        }
    }

    /// Makes a sign-in token as the API would, in a given shape.
    pub fn sign_in_token(&self, realm: Realm, user_id: &str, shape: &TokenShape) -> Option<String> {
        let mut team = self.store().team(realm).clone();
        if shape.other_team {
            team.id = OTHER_TEAM.into();
        }
        token::sign_in_token(&self.0, realm, &team, user_id, shape)
    }
}

#[async_trait]
impl Upstream for MockCloud {
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse> {
        let policy = &self.0.policy;
        if !policy.loses_races() && !policy.mixes_up_users() {
            return Some(self.answer_now(link, &request));
        }
        self.0.in_flight.lock().count += 1;
        tokio::time::sleep(RACE_WINDOW).await;
        let answer = self.answer_now(link, &request);
        // The others of the race are answered before this one leaves.
        tokio::time::sleep(RACE_WINDOW).await;
        let mut in_flight = self.0.in_flight.lock();
        in_flight.count -= 1;
        if in_flight.count == 0 {
            in_flight.user = None;
        }
        Some(answer)
    }

    fn place(&self, link: Link, request: &WireRequest) -> Link {
        let profile = self.0.profile.now();
        if link.to != Party::Auth || !profile.one_auth_host {
            return link;
        }
        let recognised = profile.recognise(&request.method, &request.path, &request.body);
        let key = recognised.and_then(|(_, carried)| carried.public_key);
        let realm = key.and_then(|key| self.store().realm_of_public_key(&key));
        Link { realm: realm.unwrap_or(link.realm), ..link }
    }
}

/// An error in the vendor's shape. Source: wire facts, "Errors".
fn refuse(status: StatusCode, error_type: &str) -> WireResponse {
    WireResponse::json(status, &json!({ "detail": { "error_type": error_type } }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ClockMode;
    use crate::reference::sdk::policy::DefaultSdkPolicy;
    use crate::reference::sdk::token::SignInToken;
    use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
    use vouch_spec::profile::{IdpCall, Profile, RequestValues};
    use vouch_spec::protocol::{Environment, Region};

    const REALM: Realm = Realm { environment: Environment::Production, region: Region::Us };

    /// Calls the identity provider; the refresh token of its answer.
    fn refresh_token(cloud: &MockCloud, call: IdpCall, values: &RequestValues<'_>) -> String {
        let request = cloud.0.profile.now().request(call, values);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(request.content_type))]);
        let (path, body) = (request.path, request.body.into());
        let request = WireRequest { method: hyper::Method::POST, path, headers, body };
        let reply = cloud.answer_now(Link { from: Party::Sdk, to: Party::Auth, realm: REALM }, &request);
        let granted = cloud.0.profile.now().granted(call, &reply.body, Some(values.refresh_token));
        granted.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&reply.body))).refresh_token
    }

    /// The refresh tokens of an exchange and of two refreshes.
    fn refresh_tokens(profile: Arc<Profile>) -> [String; 3] {
        let cloud = MockCloud::new(CloudParts {
            keys: Arc::new(Keys::hmac().expect("keys")),
            clock: Clock::new(ClockMode::Virtual),
            redactor: Redactor::closed(),
            behaviour: CloudBehaviour::default(),
            profile: profile.into(),
            policy: Arc::new(DefaultCloudPolicy),
        });
        let user = cloud.store().add_user(REALM, "ada", None).expect("a user").id;
        let text = cloud.sign_in_token(REALM, &user, &TokenShape::default()).expect("a sign-in token");
        let token = SignInToken::parse(&text, &DefaultSdkPolicy).expect("well-formed");
        let (public_key, tenant) = (token.public_key.as_str(), token.tenant.as_str());
        let usual = RequestValues { public_key, tenant, ..RequestValues::default() };
        let first = refresh_token(&cloud, IdpCall::Exchange, &RequestValues { token: token.jwt.expose(), ..usual });
        let second = refresh_token(&cloud, IdpCall::Refresh, &RequestValues { refresh_token: &first, ..usual });
        let third = refresh_token(&cloud, IdpCall::Refresh, &RequestValues { refresh_token: &second, ..usual });
        [first, second, third]
    }

    #[test]
    fn refresh_tokens_rotate_unless_the_profile_leaves_it_open() {
        for profile in [Profile::junction(), Profile::built_in("standard").expect("built in")] {
            let [first, second, third] = refresh_tokens(profile);
            assert!(first != second && second != third && first != third);
        }
        let [first, second, third] = refresh_tokens(Profile::gcip());
        assert!(first == second && second == third, "the servers of gcip answer with the same one");
    }
}
