//! Asks, and holds every answer against what was asked: a wrong 200 is an error. What an installation learns from an answer
//! is noted with it, and stands in its next request.

use super::duplicates::{Again, Owners, Seen, Successors};
use super::endpoints::{LoadCall, Site};
use super::failure::{Failure, Wrong};
use super::installations::Fleet;
use super::json_pointers::Places;
use super::request_template::{Draft, Slot};
use super::token_claims::{Identity, Learned, Said};
use std::sync::Arc;
use vouch_runner::sut::{HttpReply, Place};
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::token::SignInToken;
use vouch_spec::profile::{self, CallShape};

/// How many refresh tokens a worker remembers at once.
const REMEMBERED: usize = 1 << 17;

/// Checks the answers of one worker.
pub struct Checker {
    site: Arc<Site>,
    /// Where access token, refresh token and lifetime stand in the answers to exchange and refresh.
    grants: [Places; 2],
    refusal: Places,
    user: Places,
    /// Where a backend's answer holds the sign-in token.
    token: Place,
    /// A refresh must bring another refresh token.
    pub rotates: bool,
    /// A later call shows the access token.
    keeps_access: bool,
    pub identity: Identity,
    pub seen: Seen,
    /// Where a refresh token may be used more than once: a server may answer alike.
    successors: Option<Successors>,
    pub owners: Owners,
    /// Access tokens that say nothing that can be read.
    pub opaque: u64,
    /// What names project and tenant, from the first sign-in token.
    pub public_key: String,
    pub tenant: String,
    /// The shortest time that access tokens live, in seconds.
    pub shortest_life_s: Option<u64>,
}

/// What is wrong, and an example for the report. An empty example says no more than the failure.
pub type Verdict = Result<(), (Failure, String)>;

fn wrong(wrong: Wrong, example: impl Into<String>) -> Verdict {
    Err((Failure::Wrong(wrong), example.into()))
}

impl Checker {
    /// `token` is where a backend's answer holds the sign-in token; `keeps_access`: access tokens are used later.
    pub fn new(site: Arc<Site>, token: Place, rotates: bool, keeps_access: bool) -> Self {
        let places = |shape: &CallShape| {
            let answer = &shape.answer;
            Places::new([answer.access_token.as_str(), &answer.refresh_token, &answer.expires_in])
        };
        let profile = &site.profile;
        Self {
            grants: [places(&profile.exchange), places(&profile.refresh)],
            refusal: Places::new([profile.errors.word.as_str()]),
            user: Places::new(["/user_id", "/sign_in_token"]),
            token,
            rotates,
            keeps_access,
            identity: Identity::new(site.realm),
            seen: Seen::new(REMEMBERED),
            successors: None,
            owners: Owners::default(),
            opaque: 0,
            public_key: String::new(),
            tenant: String::new(),
            shortest_life_s: None,
            site,
        }
    }

    /// One for users who use refresh tokens more than once on purpose.
    pub fn with_repeats(self) -> Self {
        Self { successors: Some(Successors::default()), ..self }
    }

    /// What was learned about this provider's access tokens.
    pub fn learned(&self) -> Learned {
        self.identity.learned()
    }

    /// Makes the request of a call of `who`; the number of its endpoint.
    pub fn compose(&self, call: LoadCall, who: u32, fleet: &Fleet, draft: &mut Draft) -> usize {
        let (endpoint, template) = self.site.template(call);
        let (installation, user) = (&fleet.installations[who as usize], fleet.user(who));
        // A user has no id before it is made, and at a backend a name only.
        let by_name = call == LoadCall::CreateUser || call == LoadCall::Issue && self.site.through_backend;
        template.fill(
            |slot| match slot {
                Slot::Token => installation.jwt.as_deref().unwrap_or_default(),
                Slot::RefreshToken => &installation.refresh_token,
                Slot::AccessToken => &installation.access_token,
                Slot::PublicKey => &self.public_key,
                Slot::Tenant => &self.tenant,
                Slot::User if by_name => &user.name,
                Slot::User => &user.id,
                Slot::Credential => &user.credential,
            },
            draft,
        );
        endpoint
    }

    /// Judges an answer to a call of `who`.
    pub fn judge(&mut self, call: LoadCall, who: u32, fleet: &mut Fleet, status: u16, body: &[u8]) -> Verdict {
        if !(200..300).contains(&status) {
            return self.refused(call, status, body);
        }
        match call {
            LoadCall::Exchange => self.granted(profile::IdpCall::Exchange, who, fleet, body),
            LoadCall::Refresh => self.granted(profile::IdpCall::Refresh, who, fleet, body),
            LoadCall::Issue => self.issued(who, fleet, body),
            LoadCall::CreateUser => self.created(who, fleet, body),
            LoadCall::Resource => self.own_record(who, fleet, body),
            LoadCall::DeleteUser => Ok(()),
        }
    }

    fn refused(&self, call: LoadCall, status: u16, body: &[u8]) -> Verdict {
        let word = self.refusal.read(body).and_then(|found| found.into_iter().next().flatten());
        let grant = matches!(call, LoadCall::Exchange | LoadCall::Refresh);
        match word {
            // Refusals of the identity provider are read by SDKs; those of a proxy before it (5xx, 429) are not.
            None if grant && matches!(status, 400 | 401 | 403) => {
                wrong(Wrong::ErrorShape, format!("{call}: status {status} without an error word"))
            }
            None => Err((Failure::Status(status), format!("{call} was answered with {status}"))),
            Some(word) => {
                let word: String = word.chars().filter(|c| !c.is_control()).take(60).collect();
                Err((Failure::Status(status), format!("{call} was answered with {status}, `{word}`")))
            }
        }
    }

    fn granted(&mut self, call: profile::IdpCall, who: u32, fleet: &mut Fleet, body: &[u8]) -> Verdict {
        let places = &self.grants[usize::from(call == profile::IdpCall::Refresh)];
        let Some([access, refresh, expires, ..]) = places.read(body) else {
            return wrong(Wrong::NotJson, "");
        };
        let (Some(access), Some(refresh)) = (access.filter(|t| !t.is_empty()), refresh.filter(|t| !t.is_empty()))
        else {
            return wrong(Wrong::Field, "the answer lacks an access or a refresh token");
        };
        let Some(life) = expires.and_then(|seconds| seconds.parse::<u64>().ok()).filter(|seconds| *seconds > 0) else {
            return wrong(Wrong::Field, "the answer says no lifetime in seconds");
        };
        self.shortest_life_s = Some(self.shortest_life_s.map_or(life, |shortest| shortest.min(life)));
        let used = Some(&fleet.of(who).refresh_token).filter(|_| call == profile::IdpCall::Refresh);
        let same = used.is_some_and(|used| *used == *refresh);
        let repeat = match (used, &mut self.successors) {
            (Some(used), Some(successors)) => successors.is_repeat(used, &refresh),
            _ => false,
        };
        let again = if same || repeat { Again::No } else { self.seen.again(&refresh, &fleet.user(who).id) };
        let said = self.identity.check(&access, &fleet.user(who).id);
        let installation = fleet.of(who);
        installation.refresh_token.clear();
        installation.refresh_token.push_str(&refresh);
        if self.keeps_access {
            installation.access_token.clear();
            installation.access_token.push_str(&access);
        }
        installation.jwt = None;
        if same && self.rotates {
            return wrong(Wrong::NotRotated, "");
        }
        // A provider that does not rotate may give a user the same token twice, but no two users.
        if again == Again::OfAnother || self.rotates && again == Again::OfTheSame {
            return wrong(Wrong::HandedOutTwice, "");
        }
        match said {
            Said::Fits => Ok(()),
            Said::Wrong(what) => wrong(what, ""),
            Said::Opaque => {
                self.opaque += 1;
                Ok(())
            }
        }
    }

    fn issued(&mut self, who: u32, fleet: &mut Fleet, body: &[u8]) -> Verdict {
        let text = if self.site.through_backend {
            let reply = HttpReply { status: 200, headers: hyper::HeaderMap::new(), body: body.to_vec() };
            self.token.read(&reply)
        } else {
            let Some([_, token, ..]) = self.user.read(body) else { return wrong(Wrong::NotJson, "") };
            token.map(std::borrow::Cow::into_owned)
        };
        let Some(text) = text else { return wrong(Wrong::Field, "the answer holds no sign-in token") };
        let token = match SignInToken::parse(&text, &DefaultSdkPolicy) {
            Ok(token) => token,
            Err(error) => return wrong(Wrong::Field, error.to_string()),
        };
        if token.realm != self.site.realm {
            return wrong(Wrong::OtherEnvironment, format!("the sign-in token is for {}", token.realm));
        }
        if self.public_key.is_empty() {
            self.public_key.clone_from(&token.public_key);
            self.tenant.clone_from(&token.tenant);
        }
        let user = fleet.user_mut(who);
        if user.id.is_empty() {
            if self.owners.is_anothers(&token.user_id, &user.name) {
                return wrong(Wrong::OtherUser, "the sign-in token is for another name's user");
            }
            user.id = token.user_id.as_str().into();
        } else if !user.id.eq_ignore_ascii_case(&token.user_id) {
            return wrong(Wrong::OtherUser, "the sign-in token is for another user");
        }
        let installation = fleet.of(who);
        installation.jwt = Some(token.jwt.expose().into());
        installation.jwt_ends_s = token.expires_at_s.unwrap_or(i64::MAX);
        Ok(())
    }

    fn created(&mut self, who: u32, fleet: &mut Fleet, body: &[u8]) -> Verdict {
        let Some([id, ..]) = self.user.read(body) else { return wrong(Wrong::NotJson, "") };
        match id.filter(|id| !id.is_empty()) {
            None => wrong(Wrong::Field, "the answer holds no user id"),
            Some(id) => {
                let user = fleet.user_mut(who);
                if self.owners.is_anothers(&id, &user.name) {
                    return wrong(Wrong::OtherUser, "the new user is another name's");
                }
                user.id = id.into();
                Ok(())
            }
        }
    }

    fn own_record(&mut self, who: u32, fleet: &Fleet, body: &[u8]) -> Verdict {
        let Some([id, ..]) = self.user.read(body) else { return wrong(Wrong::NotJson, "") };
        match id {
            None => wrong(Wrong::Field, "the answer holds no user id"),
            Some(id) if id.eq_ignore_ascii_case(&fleet.user(who).id) => Ok(()),
            Some(_) => wrong(Wrong::OtherUser, "the record of another user"),
        }
    }
}
