//! Builds requests and checks every response: a 200 with wrong content is an error. Tokens from a response are stored in the
//! installation and used in its next request.

use super::duplicates::{Duplicate, DuplicateDetector, Successors, UserOwners};
use super::endpoints::{LoadCall, LoadTarget};
use super::failure::{Failure, WrongResponse};
use super::installations::Installations;
use super::json_pointers::JsonPointers;
use super::request_template::{Placeholder, RequestBuffer};
use super::token_claims::{ClaimCheck, ClaimChecker, LearnedClaims, TokenOrigin};
use std::borrow::Cow;
use std::sync::Arc;
use vouch_runner::sut::{HttpReply, Place};
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::token::SignInToken;
use vouch_sim::wire::redact::{Redacted, Redactor, SecretKind};
use vouch_spec::profile::{self, AnswerMember, CallShape};
use vouch_spec::text::OutsideText;

/// The characters of an error code that a report shows.
const MAX_WORD: usize = 60;
/// The characters of a refusal without an error code that a report shows.
const MAX_BODY: usize = 100;

/// The number of refresh tokens that a worker remembers.
const REMEMBERED: usize = 1 << 17;

/// A response as it was received.
pub struct ReceivedResponse<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// The content encoding of the body, if it has one.
    pub encoding: Option<&'a [u8]>,
    /// What came after the response, where nothing more was due.
    pub excess: Option<String>,
}

/// Checks the responses of one worker.
pub struct ResponseChecker {
    load_target: Arc<LoadTarget>,
    /// Access token, refresh token and lifetime in the responses to exchange and refresh.
    grants: [JsonPointers; 2],
    error_code: JsonPointers,
    user: JsonPointers,
    /// Where the backend's response holds the sign-in token.
    token: Place,
    /// A refresh must return a new refresh token.
    pub requires_rotation: bool,
    /// Responses to an exchange are accepted by their status.
    unchecked: bool,
    /// A later call uses the access token.
    keeps_access_token: bool,
    pub claims: ClaimChecker,
    pub duplicates: DuplicateDetector,
    /// Set where a refresh token may be used more than once; the server may then repeat its response.
    successors: Option<Successors>,
    pub owners: UserOwners,
    /// The number of access tokens that are not readable JWTs.
    pub opaque_tokens: u64,
    /// The public key from the first sign-in token, which names project and tenant.
    pub public_key: String,
    pub tenant: String,
    /// The shortest lifetime of an access token, in seconds.
    pub shortest_lifetime_s: Option<u64>,
}

/// The result of checking one response: the failure and an example for the report, which may be empty.
pub type ResponseCheck = Result<(), (Failure, String)>;

fn wrong(wrong: WrongResponse, example: impl Into<String>) -> ResponseCheck {
    Err((Failure::Wrong(wrong), example.into()))
}

/// Whether a response is wrong because its body is not JSON: it may be encoded. A server that names an encoding and sends plain
/// JSON nevertheless is understood.
fn is_unreadable(wrong: WrongResponse, body: &[u8]) -> bool {
    matches!(wrong, WrongResponse::NotJson | WrongResponse::MissingField | WrongResponse::MissingErrorCode)
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err()
}

fn encoded(status: u16, encoding: &[u8]) -> String {
    let encoding = String::from_utf8_lossy(encoding);
    let encoding = OutsideText::line_up_to(&encoding, MAX_WORD);
    format!("the response with status {status} is encoded with {encoding}, which was not asked for")
}

impl ResponseChecker {
    /// `token` is where the backend's response holds the sign-in token. `keeps_access_token`: later calls use access tokens.
    pub fn new(load_target: Arc<LoadTarget>, token: Place, requires_rotation: bool, keeps_access_token: bool) -> Self {
        let pointers = |shape: &CallShape| {
            let answer = &shape.answer;
            let optional = [&answer.refresh_token, &answer.expires_in].map(Option::as_deref);
            JsonPointers::of_named(std::iter::once(Some(answer.access_token.as_str())).chain(optional))
        };
        let profile = &load_target.profile;
        Self {
            grants: [pointers(&profile.exchange), pointers(&profile.refresh)],
            error_code: JsonPointers::new([profile.errors.word.as_str()]),
            user: JsonPointers::new(["/user_id", "/sign_in_token"]),
            token,
            requires_rotation,
            unchecked: false,
            keeps_access_token,
            claims: ClaimChecker::new(load_target.realm),
            duplicates: DuplicateDetector::new(REMEMBERED),
            successors: None,
            owners: UserOwners::default(),
            opaque_tokens: 0,
            public_key: String::new(),
            tenant: String::new(),
            shortest_lifetime_s: None,
            load_target,
        }
    }

    /// Accepts that users present a refresh token more than once on purpose.
    pub fn with_repeats(self) -> Self {
        Self { successors: Some(Successors::default()), ..self }
    }

    /// Checks only the status of responses to an exchange if `unchecked`.
    pub fn with_unchecked(self, unchecked: bool) -> Self {
        Self { unchecked, ..self }
    }

    /// The claims that were learned from this provider's access tokens.
    pub fn learned_claims(&self) -> LearnedClaims {
        self.claims.learned_claims()
    }

    /// Builds the request of a call by an installation. Returns the index of its endpoint.
    pub fn build_request(
        &self,
        call: LoadCall,
        installation_id: u32,
        installations: &Installations,
        buffer: &mut RequestBuffer,
    ) -> usize {
        let (endpoint, template) = self.load_target.template(call);
        let (installation, user) = (&installations.all[installation_id as usize], installations.user(installation_id));
        // A user has no id before it is created, and only a name at a backend.
        let by_name = call == LoadCall::CreateUser || call == LoadCall::Issue && self.load_target.uses_backend;
        template.fill(
            |placeholder| match placeholder {
                Placeholder::Token => installation.jwt.as_deref().unwrap_or_default(),
                Placeholder::RefreshToken => &installation.refresh_token,
                Placeholder::AccessToken => &installation.access_token,
                Placeholder::PublicKey => &self.public_key,
                Placeholder::Tenant => &self.tenant,
                Placeholder::User if by_name => &user.name,
                Placeholder::User => &user.id,
                Placeholder::Credential => &user.credential,
            },
            buffer,
        );
        endpoint
    }

    /// Checks the response to a call by an installation. `origin`: which request of the round it was.
    pub fn check(
        &mut self,
        call: LoadCall,
        origin: TokenOrigin,
        installation_id: u32,
        installations: &mut Installations,
        response: &ReceivedResponse<'_>,
    ) -> ResponseCheck {
        let check = self.check_content(call, origin, installation_id, installations, response);
        match (check, response.encoding, &response.excess) {
            // Nothing of the response to a deletion is used.
            (Ok(()), _, Some(what)) if call != LoadCall::DeleteUser => wrong(WrongResponse::ExcessBytes, what.as_str()),
            (Err((Failure::Wrong(what), example)), Some(encoding), _) => Err(if is_unreadable(what, response.body) {
                (Failure::Wrong(WrongResponse::Encoded), encoded(response.status, encoding))
            } else {
                (Failure::Wrong(what), example)
            }),
            (check, ..) => check,
        }
    }

    fn check_content(
        &mut self,
        call: LoadCall,
        origin: TokenOrigin,
        installation_id: u32,
        installations: &mut Installations,
        ReceivedResponse { status, body, .. }: &ReceivedResponse<'_>,
    ) -> ResponseCheck {
        let status = *status;
        if !(200..300).contains(&status) {
            return self.check_refusal(call, status, body, |word| self.scrub(word, installation_id, installations));
        }
        match call {
            LoadCall::Exchange if self.unchecked => Ok(()),
            LoadCall::Exchange => {
                self.check_grant(profile::IdpCall::Exchange, origin, installation_id, installations, body)
            }
            LoadCall::Refresh => {
                self.check_grant(profile::IdpCall::Refresh, origin, installation_id, installations, body)
            }
            LoadCall::Issue => self.check_issued_token(installation_id, installations, body),
            LoadCall::CreateUser => self.check_created_user(installation_id, installations, body),
            LoadCall::Resource => self.check_own_record(installation_id, installations, body),
            LoadCall::DeleteUser => Ok(()),
        }
    }

    /// A text from outside as reports show it, without the secrets that the last request of an installation may have carried: a
    /// server may repeat them in an error.
    pub fn scrub(&self, text: &str, installation_id: u32, installations: &Installations) -> Redacted {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::ApiKey, &self.load_target.api_key);
        let client_secret = self.load_target.profile.client_value("$clientSecret").unwrap_or_default();
        redactor.named_secret(SecretKind::AppCredential, client_secret, "client secret".into());
        redactor.secret(SecretKind::AppCredential, &installations.user(installation_id).credential);
        if let Some(installation) = installations.all.get(installation_id as usize) {
            installation.secrets().into_iter().for_each(|(kind, secret)| redactor.secret(kind, secret));
        }
        redactor.scrub(text)
    }

    fn check_refusal(
        &self,
        call: LoadCall,
        status: u16,
        body: &[u8],
        scrub: impl FnOnce(&str) -> Redacted,
    ) -> ResponseCheck {
        let errors = &self.load_target.profile.errors;
        let word = if errors.is_whole_body() {
            self.load_target.profile.error_word(body).map(Cow::Owned)
        } else {
            self.error_code.read(body).and_then(|found| found.into_iter().next().flatten())
        };
        let word = word.filter(|word| !word.is_empty());
        let grant = matches!(call, LoadCall::Exchange | LoadCall::Refresh);
        match word {
            // An SDK reads the error code of the identity provider; responses of a proxy (5xx, 429) have none.
            None if grant && matches!(status, 400 | 401 | 403) => {
                let place = if errors.is_whole_body() { String::new() } else { format!(" at `{}`", errors.word) };
                let found = match String::from_utf8_lossy(body).trim() {
                    "" => "the body is empty".to_owned(),
                    body => format!("the body is `{}`", OutsideText::line(&scrub(body).cut(MAX_BODY).to_string())),
                };
                let example = format!("{call}: status {status} without an error code{place}; {found}");
                wrong(WrongResponse::MissingErrorCode, example)
            }
            None => Err((Failure::Status(status), format!("{call} returned status {status}"))),
            Some(word) => {
                // An error code as RFC 6749 has them is no secret, and a server under load may return many.
                let is_code =
                    word.len() <= 30 && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'_'));
                let word = if is_code { word.into_owned() } else { scrub(&word).cut(MAX_WORD).to_string() };
                let word = OutsideText::line(&word);
                Err((Failure::Status(status), format!("{call} returned status {status}, `{word}`")))
            }
        }
    }

    fn check_grant(
        &mut self,
        call: profile::IdpCall,
        origin: TokenOrigin,
        installation_id: u32,
        installations: &mut Installations,
        body: &[u8],
    ) -> ResponseCheck {
        let pointers = &self.grants[usize::from(call == profile::IdpCall::Refresh)];
        let Some([access, refresh, expires, ..]) = pointers.read(body) else {
            return wrong(WrongResponse::NotJson, "");
        };
        let profile = &self.load_target.profile;
        let used =
            Some(&installations.get_mut(installation_id).refresh_token).filter(|_| call == profile::IdpCall::Refresh);
        // A refresh that brings none leaves the old one valid (RFC 6749 section 6).
        let kept = used.filter(|_| refresh.is_none() && !profile.requires(call, AnswerMember::RefreshToken));
        let is_kept = kept.is_some();
        let refresh = refresh.or_else(|| kept.map(|used| used.clone().into()));
        let fields = (access.filter(|t| !t.is_empty()), refresh.filter(|t| !t.is_empty()));
        let (access, refresh) = match fields {
            (Some(access), Some(refresh)) => (access, refresh),
            (None, Some(_)) => return wrong(WrongResponse::MissingField, "the response has no access token"),
            (Some(_), None) => return wrong(WrongResponse::MissingField, "the response has no refresh token"),
            (None, None) => {
                return wrong(WrongResponse::MissingField, "the response has no access token and no refresh token");
            }
        };
        let is_silent = expires.is_none() && !profile.requires(call, AnswerMember::ExpiresIn);
        let announced = expires.and_then(|seconds| seconds.parse::<u64>().ok()).filter(|seconds| *seconds > 0);
        if announced.is_none() && !is_silent {
            return wrong(
                WrongResponse::MissingField,
                "the response has no lifetime of the access token in whole seconds",
            );
        }
        self.shortest_lifetime_s =
            self.shortest_lifetime_s.into_iter().chain(announced.or(profile.default_expires_in)).min();
        let same = used.is_some_and(|used| *used == *refresh);
        let repeat = match (used, &mut self.successors) {
            (Some(used), Some(successors)) => successors.is_repeat(used, &refresh),
            _ => false,
        };
        let duplicate = if same || repeat {
            Duplicate::None
        } else {
            self.duplicates.record_token(&refresh, &installations.user(installation_id).id)
        };
        let installation = installations.get_mut(installation_id);
        installation.refresh_token.clear();
        installation.refresh_token.push_str(&refresh);
        installation.used_by = None;
        if self.keeps_access_token {
            installation.access_token.clear();
            installation.access_token.push_str(&access);
        }
        installation.jwt = None;
        if same && self.requires_rotation {
            let example =
                if is_kept { "the response has no refresh token, which leaves the old one valid" } else { "" };
            return wrong(WrongResponse::NotRotated, example);
        }
        // A provider without rotation may return the same token to one user twice, but never to two users.
        if duplicate == Duplicate::OtherUser || self.requires_rotation && duplicate == Duplicate::SameUser {
            return wrong(WrongResponse::DuplicateToken, "");
        }
        match self.claims.check(&access, &installations.user(installation_id).id, call, origin) {
            ClaimCheck::Ok => Ok(()),
            ClaimCheck::Wrong(what) => wrong(what, ""),
            ClaimCheck::Opaque => {
                self.opaque_tokens += 1;
                Ok(())
            }
        }
    }

    fn check_issued_token(
        &mut self,
        installation_id: u32,
        installations: &mut Installations,
        body: &[u8],
    ) -> ResponseCheck {
        let text = if self.load_target.uses_backend {
            let reply = HttpReply { status: 200, headers: hyper::HeaderMap::new(), body: body.to_vec() };
            self.token.read(&reply)
        } else {
            let Some([_, token, ..]) = self.user.read(body) else { return wrong(WrongResponse::NotJson, "") };
            token.map(Cow::into_owned)
        };
        let Some(text) = text else { return wrong(WrongResponse::MissingField, "the response has no sign-in token") };
        let token = match SignInToken::parse(&text, &DefaultSdkPolicy) {
            Ok(token) => token,
            Err(error) => return wrong(WrongResponse::MissingField, error.to_string()),
        };
        if token.realm != self.load_target.realm {
            return wrong(WrongResponse::OtherEnvironment, format!("the sign-in token is for {}", token.realm));
        }
        if self.public_key.is_empty() {
            self.public_key.clone_from(&token.public_key);
            self.tenant.clone_from(&token.tenant);
        }
        let user = installations.user_mut(installation_id);
        if user.id.is_empty() {
            if self.owners.is_taken_by_other(&token.user_id, &user.name) {
                return wrong(WrongResponse::OtherUser, "the sign-in token is for the user of another name");
            }
            user.id = token.user_id.as_str().into();
        } else if !user.id.eq_ignore_ascii_case(&token.user_id) {
            return wrong(WrongResponse::OtherUser, "the sign-in token is for another user");
        }
        let installation = installations.get_mut(installation_id);
        installation.jwt = Some(token.jwt.expose().into());
        installation.jwt_expires_s = token.expires_at_s.unwrap_or(i64::MAX);
        Ok(())
    }

    fn check_created_user(
        &mut self,
        installation_id: u32,
        installations: &mut Installations,
        body: &[u8],
    ) -> ResponseCheck {
        let Some([id, ..]) = self.user.read(body) else { return wrong(WrongResponse::NotJson, "") };
        match id.filter(|id| !id.is_empty()) {
            None => wrong(WrongResponse::MissingField, "the response has no user id"),
            Some(id) => {
                let user = installations.user_mut(installation_id);
                if self.owners.is_taken_by_other(&id, &user.name) {
                    return wrong(WrongResponse::OtherUser, "the new user has the id of another name's user");
                }
                user.id = id.into();
                Ok(())
            }
        }
    }

    fn check_own_record(&mut self, installation_id: u32, installations: &Installations, body: &[u8]) -> ResponseCheck {
        let Some([id, ..]) = self.user.read(body) else { return wrong(WrongResponse::NotJson, "") };
        match id {
            None => wrong(WrongResponse::MissingField, "the response has no user id"),
            Some(id) if id.eq_ignore_ascii_case(&installations.user(installation_id).id) => Ok(()),
            Some(_) => wrong(WrongResponse::OtherUser, "the record of another user"),
        }
    }
}
