//! Checks the claims of access tokens. Providers use different claims for user and environment, so the claims are learned from
//! the first responses: a claim that holds the id of a user in many of them must hold the right user's id in all, and one that
//! is constant in nearly all must stay constant. If many tokens are readable, all must be. Signatures are not verified here but
//! in the conformance run.

use super::failure::WrongResponse;
use super::json_pointers::{JsonPointers, MAX_POINTERS, PointerValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::{Environment, Realm, Region};

/// Claims that may hold the user's id.
const USER_CLAIMS: [&str; 3] = ["/sub", "/user_id", "/uid"];
/// Claims that may hold issuer, environment, region or tenant.
const CONSTANT_CLAIMS: [&str; 5] = ["/iss", "/aud", "/env", "/region", "/tenant_id"];
const ENVIRONMENT_CLAIM: usize = USER_CLAIMS.len() + 2;
const REGION_CLAIM: usize = USER_CLAIMS.len() + 3;
/// Claims of which an identity provider has one value for all users.
const ISSUER_CLAIMS: [&str; 2] = ["/iss", "/tenant_id"];
/// The number of tokens to learn from.
const SAMPLE_SIZE: usize = 40;
/// Nothing is learned from fewer tokens.
const MIN_SAMPLES: usize = 5;
/// A claim is constant if it has one value in this many of them.
const CONSTANT_CLAIM_MIN: usize = 36;
/// A claim holds the user's id if it matches some user in this many of them. No claim does so by chance, and the number is low
/// so that a server that often confuses users is still detected.
const USER_CLAIM_MIN: usize = 8;
/// With more values than this, a claim has another meaning.
const MAX_ISSUERS: usize = 3;

/// Checks the access tokens of one provider.
pub struct ClaimChecker {
    claims: JsonPointers,
    state: LearningState,
    realm: Realm,
    buffer: Vec<u8>,
    /// The last token that was checked, if it is a sample.
    last_sample: Option<SampleId>,
    /// Samples that are wrong according to the learned rules.
    wrong_samples: Vec<(SampleId, WrongSample)>,
}

/// One token that is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleId(usize);

enum LearningState {
    Learning(Vec<ObservedToken>),
    Done(ClaimRules),
}

/// The learned rules of a provider.
#[derive(Default)]
struct ClaimRules {
    /// Its access tokens are readable JWTs.
    readable: bool,
    /// The claim that holds the user's id.
    user: Option<usize>,
    /// The constant claims and their values.
    constant: Vec<(usize, String)>,
    /// The claims that should be constant and are not.
    inconsistent_claims: Vec<usize>,
}

/// Which request of a round returned a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenOrigin {
    /// The index of its workload.
    pub workload: u16,
    /// The index of its call in the workload.
    pub step: u16,
}

/// A response that was taken for good, and is wrong according to what was learned later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongSample {
    pub wrong: WrongResponse,
    pub call: IdpCall,
    /// `None` if the response came in an earlier round.
    pub origin: Option<TokenOrigin>,
}

/// One token that is learned from.
struct ObservedToken {
    user_id: String,
    call: IdpCall,
    origin: Option<TokenOrigin>,
    /// Its response was not counted as good, so it cannot be counted as wrong later.
    withdrawn: bool,
    /// `None` if the token is not readable.
    claims: Option<[Option<String>; MAX_POINTERS]>,
}

/// The result of checking an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimCheck {
    /// The claims are as expected, as far as they are known.
    Ok,
    Wrong(WrongResponse),
    /// The token is not a readable JWT.
    Opaque,
}

/// The learned claims, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LearnedClaims {
    /// The claim that names the user. Absent: none was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The claims that have one value in all tokens.
    pub constant: Vec<String>,
    /// The number of access tokens that were seen, where they were too few to learn from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_few: Option<usize>,
}

impl LearnedClaims {
    /// Adds what another worker learned from the same provider: what is known of more tokens counts.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self.too_few, other.too_few) {
            (Some(own), Some(others)) => Self { too_few: Some(own + others), ..Self::default() },
            (Some(_), None) => other,
            (None, _) if self == Self::default() => other,
            (None, _) => self,
        }
    }
}

impl ClaimChecker {
    pub fn new(realm: Realm) -> Self {
        let claims = JsonPointers::new(USER_CLAIMS.into_iter().chain(CONSTANT_CLAIMS));
        Self {
            claims,
            state: LearningState::Learning(Vec::new()),
            realm,
            buffer: Vec::new(),
            last_sample: None,
            wrong_samples: Vec::new(),
        }
    }

    /// Checks an access token of `user_id`, which the response to `call` at `origin` holds. That response must be good otherwise:
    /// [`Self::conclude`] may count it as wrong.
    pub fn check(&mut self, access_token: &str, user_id: &str, call: IdpCall, origin: TokenOrigin) -> ClaimCheck {
        self.last_sample = None;
        let values = read(&self.claims, access_token, &mut self.buffer);
        if values.as_ref().is_some_and(|values| is_other_realm(values, self.realm)) {
            return ClaimCheck::Wrong(WrongResponse::OtherEnvironment);
        }
        match &mut self.state {
            LearningState::Done(rules) => rules.check(values.as_ref(), user_id),
            LearningState::Learning(samples) => {
                let check = if values.is_some() { ClaimCheck::Ok } else { ClaimCheck::Opaque };
                let claims = values.map(|values| values.map(|claim| claim.map(Cow::into_owned)));
                self.last_sample = Some(SampleId(samples.len()));
                let (user_id, origin) = (user_id.to_owned(), Some(origin));
                samples.push(ObservedToken { user_id, call, origin, withdrawn: false, claims });
                if samples.len() >= SAMPLE_SIZE {
                    self.learn();
                }
                check
            }
        }
    }

    /// Takes the id of the last token that was checked, if it is a sample.
    pub fn take_last_sample(&mut self) -> Option<SampleId> {
        self.last_sample.take()
    }

    /// Records that the response with a sample was not counted as good after all: [`Self::conclude`] does not return it. The
    /// learning still uses it.
    pub fn withdraw(&mut self, sample: SampleId) {
        match &mut self.state {
            LearningState::Learning(samples) => {
                samples.get_mut(sample.0).into_iter().for_each(|token| token.withdrawn = true);
            }
            LearningState::Done(_) => self.wrong_samples.retain(|(wrong, _)| *wrong != sample),
        }
    }

    /// Ends a round, and the learning, even with few samples. Returns the samples that are wrong according to the learned rules.
    pub fn conclude(&mut self) -> Vec<WrongSample> {
        self.learn();
        if let LearningState::Learning(samples) = &mut self.state {
            samples.iter_mut().for_each(|sample| sample.origin = None);
        }
        std::mem::take(&mut self.wrong_samples).into_iter().map(|(_, wrong)| wrong).collect()
    }

    fn learn(&mut self) {
        let LearningState::Learning(samples) = &self.state else { return };
        if samples.len() < MIN_SAMPLES {
            return;
        }
        let rules = ClaimRules::learn(samples);
        self.wrong_samples = rules.wrong_samples(samples);
        self.state = LearningState::Done(rules);
    }

    pub fn learned_claims(&self) -> LearnedClaims {
        match &self.state {
            LearningState::Learning(samples) => {
                LearnedClaims { too_few: Some(samples.len()), ..LearnedClaims::default() }
            }
            LearningState::Done(rules) => LearnedClaims {
                too_few: None,
                user: rules.user.map(|claim| USER_CLAIMS[claim][1..].to_owned()),
                constant: rules.constant.iter().map(|(claim, _)| constant_name(*claim).to_owned()).collect(),
            },
        }
    }

    /// Claims that should be constant and are not.
    pub fn inconsistent_claims(&self) -> Vec<&'static str> {
        match &self.state {
            LearningState::Learning(_) => vec![],
            LearningState::Done(rules) => rules.inconsistent_claims.iter().map(|claim| constant_name(*claim)).collect(),
        }
    }
}

/// The claims of an access token; `None` if it is not readable.
fn read<'b>(
    claims: &JsonPointers,
    access_token: &str,
    buffer: &'b mut Vec<u8>,
) -> Option<[PointerValue<'b>; MAX_POINTERS]> {
    let (_, rest) = access_token.strip_prefix("eyJ").and_then(split_at_dot)?;
    let payload = split_at_dot(rest).map_or(rest, |(payload, _)| payload);
    buffer.clear();
    URL_SAFE_NO_PAD.decode_vec(payload.trim_end_matches('='), buffer).ok()?;
    // A claim that is an object or a list is not compared.
    Some(claims.read(buffer)?.map(|claim| claim.filter(|text| !text.is_empty())))
}

/// The parts of a text before and after its first dot.
fn split_at_dot(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memchr(b'.', text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// Whether a token names another region or environment in the scheme's own terms.
fn is_other_realm(values: &[PointerValue<'_>; MAX_POINTERS], realm: Realm) -> bool {
    let region = values[REGION_CLAIM].as_deref().and_then(Region::parse);
    let environment = values[ENVIRONMENT_CLAIM].as_deref().and_then(Environment::parse);
    region.is_some_and(|region| region != realm.region)
        || environment.is_some_and(|environment| environment != realm.environment)
}

fn constant_name(claim: usize) -> &'static str {
    &CONSTANT_CLAIMS[claim - USER_CLAIMS.len()][1..]
}

/// Whether `count` of `of` is at least the share `part` of [`SAMPLE_SIZE`].
fn is_share(count: usize, of: usize, part: usize) -> bool {
    of > 0 && count * SAMPLE_SIZE >= part * of
}

impl ClaimRules {
    fn learn(samples: &[ObservedToken]) -> Self {
        let read: Vec<(&str, &[Option<String>; MAX_POINTERS])> =
            samples.iter().filter_map(|sample| Some((sample.user_id.as_str(), sample.claims.as_ref()?))).collect();
        if !is_share(read.len(), samples.len(), USER_CLAIM_MIN) {
            return Self::default();
        }
        let users: HashSet<String> = samples.iter().map(|sample| sample.user_id.to_ascii_lowercase()).collect();
        let names_users = |claim: &usize| {
            let a_user = |claims: &[Option<String>; MAX_POINTERS]| {
                claims[*claim].as_ref().is_some_and(|check| users.contains(&check.to_ascii_lowercase()))
            };
            is_share(read.iter().filter(|(_, claims)| a_user(claims)).count(), read.len(), USER_CLAIM_MIN)
        };
        let mut rules = Self { readable: true, user: (0..USER_CLAIMS.len()).find(names_users), ..Self::default() };
        for claim in USER_CLAIMS.len()..USER_CLAIMS.len() + CONSTANT_CLAIMS.len() {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            read.iter()
                .filter_map(|(_, claims)| claims[claim].as_deref())
                .for_each(|value| *counts.entry(value).or_default() += 1);
            let several = (2..=MAX_ISSUERS).contains(&counts.len());
            let Some((value, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else { continue };
            if is_share(count, read.len(), CONSTANT_CLAIM_MIN) {
                rules.constant.push((claim, value.to_owned()));
            } else if several
                && ISSUER_CLAIMS.contains(&CONSTANT_CLAIMS[claim - USER_CLAIMS.len()])
                && read.len() >= SAMPLE_SIZE / 2
            {
                rules.inconsistent_claims.push(claim);
            }
        }
        rules
    }

    fn check(&self, values: Option<&[PointerValue<'_>; MAX_POINTERS]>, user_id: &str) -> ClaimCheck {
        let Some(values) = values else {
            return if self.readable { ClaimCheck::Wrong(WrongResponse::MissingField) } else { ClaimCheck::Opaque };
        };
        if self
            .user
            .is_some_and(|claim| !values[claim].as_deref().is_some_and(|check| check.eq_ignore_ascii_case(user_id)))
        {
            return ClaimCheck::Wrong(WrongResponse::OtherUser);
        }
        if self.constant.iter().any(|(claim, value)| values[*claim].as_deref() != Some(value)) {
            return ClaimCheck::Wrong(WrongResponse::OtherEnvironment);
        }
        ClaimCheck::Ok
    }

    fn wrong_samples(&self, samples: &[ObservedToken]) -> Vec<(SampleId, WrongSample)> {
        let counted = samples.iter().enumerate().filter(|(_, sample)| !sample.withdrawn);
        let check = counted.filter_map(|(index, sample)| {
            let values = sample.claims.as_ref();
            let values = values.map(|claims| std::array::from_fn(|claim| claims[claim].as_deref().map(Cow::Borrowed)));
            match self.check(values.as_ref(), &sample.user_id) {
                ClaimCheck::Wrong(wrong) => {
                    Some((SampleId(index), WrongSample { wrong, call: sample.call, origin: sample.origin }))
                }
                ClaimCheck::Ok | ClaimCheck::Opaque => None,
            }
        });
        check.collect()
    }
}

#[cfg(test)]
mod tests;
