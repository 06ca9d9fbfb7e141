//! Whose access token an answer holds. Providers name user and environment in claims of their own, so the claims are
//! learned from the first answers: one that holds the id of some user in a good part of them must hold the right user's in
//! every one, and one that is the same in nearly all must stay the same. If nearly all can be read, all must. Signatures are
//! the conformance run's business.

use super::failure::Wrong;
use super::json_pointers::{Found, MOST, Places};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use vouch_spec::protocol::{Environment, Realm, Region};

/// Claims that may name the user.
const USER: [&str; 3] = ["/sub", "/user_id", "/uid"];
/// Claims that may name issuer, environment, region or tenant.
const CONSTANT: [&str; 5] = ["/iss", "/aud", "/env", "/region", "/tenant_id"];
const ENVIRONMENT: usize = USER.len() + 2;
const REGION: usize = USER.len() + 3;
/// Those of which one identity provider has one for all its users.
const ISSUERS: [&str; 2] = ["/iss", "/tenant_id"];
/// Answers to learn from.
const LESSONS: usize = 40;
/// From fewer nothing is concluded.
const FEWEST: usize = 5;
/// In how many of them a claim must be the same.
const NEARLY_ALL: usize = 36;
/// In how many of them a claim must hold a user's id. No claim does so by chance, and a server that mixes users up must not
/// hide its mistake by making it often.
const SOME: usize = 8;
/// More issuers than this are a claim that means something else.
const MOST_ISSUERS: usize = 3;

/// What is known of this provider's access tokens.
pub struct Identity {
    claims: Places,
    known: Known,
    realm: Realm,
    buffer: Vec<u8>,
    /// Answers of the lessons that turned out to be wrong.
    late: Vec<Wrong>,
}

enum Known {
    Learning(Vec<Lesson>),
    Learned(Rules),
}

/// What is known of a provider.
#[derive(Default)]
struct Rules {
    /// Its access tokens can be read.
    readable: bool,
    /// The claim that holds the user.
    user: Option<usize>,
    /// The claims that never change.
    constant: Vec<(usize, String)>,
    /// Those that should not, and do.
    mixed: Vec<usize>,
}

/// One answer that was learned from.
struct Lesson {
    user_id: String,
    /// None: the token could not be read.
    claims: Option<[Option<String>; MOST]>,
}

/// What an access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// What is expected, as far as it is known.
    Fits,
    Wrong(Wrong),
    /// Nothing that can be read.
    Opaque,
}

/// How tokens are checked, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    pub user: Option<&'static str>,
    pub constant: Vec<&'static str>,
}

impl Identity {
    pub fn new(realm: Realm) -> Self {
        let claims = Places::new(USER.into_iter().chain(CONSTANT));
        Self { claims, known: Known::Learning(Vec::new()), realm, buffer: Vec::new(), late: Vec::new() }
    }

    /// Holds an access token of `user_id` against what is known.
    pub fn check(&mut self, access_token: &str, user_id: &str) -> Said {
        let found = read(&self.claims, access_token, &mut self.buffer);
        if found.as_ref().is_some_and(|found| is_elsewhere(found, self.realm)) {
            return Said::Wrong(Wrong::OtherEnvironment);
        }
        match &mut self.known {
            Known::Learned(rules) => rules.judge(found.as_ref(), user_id),
            Known::Learning(lessons) => {
                let said = if found.is_some() { Said::Fits } else { Said::Opaque };
                let claims = found.map(|found| found.map(|claim| claim.map(Cow::into_owned)));
                lessons.push(Lesson { user_id: user_id.to_owned(), claims });
                if lessons.len() >= LESSONS {
                    self.learn();
                }
                said
            }
        }
    }

    /// Ends the learning, however few the answers were. How many of them were wrong in the light of the rest.
    pub fn conclude(&mut self) -> Vec<Wrong> {
        self.learn();
        std::mem::take(&mut self.late)
    }

    fn learn(&mut self) {
        let Known::Learning(lessons) = &self.known else { return };
        if lessons.len() < FEWEST {
            return;
        }
        let rules = Rules::learn(lessons);
        self.late = rules.wrong_lessons(lessons);
        self.known = Known::Learned(rules);
    }

    pub fn learned(&self) -> Learned {
        match &self.known {
            Known::Learning(_) => Learned::default(),
            Known::Learned(rules) => Learned {
                user: rules.user.map(|claim| &USER[claim][1..]),
                constant: rules.constant.iter().map(|(claim, _)| constant_name(*claim)).collect(),
            },
        }
    }

    /// Claims that should be the same in every access token and are not.
    pub fn mixed(&self) -> Vec<&'static str> {
        match &self.known {
            Known::Learning(_) => vec![],
            Known::Learned(rules) => rules.mixed.iter().map(|claim| constant_name(*claim)).collect(),
        }
    }
}

/// The claims of an access token; None where it cannot be read.
fn read<'b>(claims: &Places, access_token: &str, buffer: &'b mut Vec<u8>) -> Option<[Found<'b>; MOST]> {
    let (_, rest) = access_token.strip_prefix("eyJ").and_then(at_dot)?;
    let payload = at_dot(rest).map_or(rest, |(payload, _)| payload);
    buffer.clear();
    URL_SAFE_NO_PAD.decode_vec(payload.trim_end_matches('='), buffer).ok()?;
    claims.read(buffer)
}

/// A text before and after its first dot.
fn at_dot(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memchr(b'.', text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// Whether a token names a region or environment, in the scheme's own words, that is not the one asked.
fn is_elsewhere(found: &[Found<'_>; MOST], realm: Realm) -> bool {
    let region = found[REGION].as_deref().and_then(Region::parse);
    let environment = found[ENVIRONMENT].as_deref().and_then(Environment::parse);
    region.is_some_and(|region| region != realm.region)
        || environment.is_some_and(|environment| environment != realm.environment)
}

fn constant_name(claim: usize) -> &'static str {
    &CONSTANT[claim - USER.len()][1..]
}

/// Whether a part of the lessons is as large as `part` of [`LESSONS`].
fn is_part(count: usize, of: usize, part: usize) -> bool {
    of > 0 && count * LESSONS >= part * of
}

impl Rules {
    fn learn(lessons: &[Lesson]) -> Self {
        let read: Vec<(&str, &[Option<String>; MOST])> =
            lessons.iter().filter_map(|lesson| Some((lesson.user_id.as_str(), lesson.claims.as_ref()?))).collect();
        if !is_part(read.len(), lessons.len(), SOME) {
            return Self::default();
        }
        let users: HashSet<String> = lessons.iter().map(|lesson| lesson.user_id.to_ascii_lowercase()).collect();
        let names_users = |claim: &usize| {
            let a_user = |claims: &[Option<String>; MOST]| {
                claims[*claim].as_ref().is_some_and(|said| users.contains(&said.to_ascii_lowercase()))
            };
            is_part(read.iter().filter(|(_, claims)| a_user(claims)).count(), read.len(), SOME)
        };
        let mut rules = Self { readable: true, user: (0..USER.len()).find(names_users), ..Self::default() };
        for claim in USER.len()..USER.len() + CONSTANT.len() {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            read.iter()
                .filter_map(|(_, claims)| claims[claim].as_deref())
                .for_each(|value| *counts.entry(value).or_default() += 1);
            let several = (2..=MOST_ISSUERS).contains(&counts.len());
            let Some((value, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else { continue };
            if is_part(count, read.len(), NEARLY_ALL) {
                rules.constant.push((claim, value.to_owned()));
            } else if several && ISSUERS.contains(&CONSTANT[claim - USER.len()]) && read.len() >= LESSONS / 2 {
                rules.mixed.push(claim);
            }
        }
        rules
    }

    fn judge(&self, found: Option<&[Found<'_>; MOST]>, user_id: &str) -> Said {
        let Some(found) = found else {
            return if self.readable { Said::Wrong(Wrong::Field) } else { Said::Opaque };
        };
        if self
            .user
            .is_some_and(|claim| !found[claim].as_deref().is_some_and(|said| said.eq_ignore_ascii_case(user_id)))
        {
            return Said::Wrong(Wrong::OtherUser);
        }
        if self.constant.iter().any(|(claim, value)| found[*claim].as_deref() != Some(value)) {
            return Said::Wrong(Wrong::OtherEnvironment);
        }
        Said::Fits
    }

    fn wrong_lessons(&self, lessons: &[Lesson]) -> Vec<Wrong> {
        let said = lessons.iter().map(|lesson| {
            let found = lesson.claims.as_ref();
            let found = found.map(|claims| std::array::from_fn(|claim| claims[claim].as_deref().map(Cow::Borrowed)));
            self.judge(found.as_ref(), &lesson.user_id)
        });
        said.filter_map(|said| if let Said::Wrong(wrong) = said { Some(wrong) } else { None }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(claims: &serde_json::Value) -> String {
        format!("eyJh.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn identity() -> Identity {
        Identity::new(Realm { environment: Environment::Production, region: Region::Us })
    }

    fn taught() -> Identity {
        let mut identity = identity();
        for n in 0..LESSONS {
            let claims = json!({ "sub": format!("u{n}"), "iss": "here", "aud": n.to_string(), "region": "us" });
            assert_eq!(identity.check(&token(&claims), &format!("U{n}")), Said::Fits);
        }
        identity
    }

    #[test]
    fn a_claim_that_held_the_user_must_hold_it_always() {
        let mut identity = taught();
        assert_eq!(identity.learned(), Learned { user: Some("sub"), constant: vec!["iss", "region"] });
        let right = json!({ "sub": "u1", "iss": "here", "aud": "x", "region": "us" });
        assert_eq!(identity.check(&token(&right), "u1"), Said::Fits);
        assert_eq!(identity.check(&token(&right), "u2"), Said::Wrong(Wrong::OtherUser));
        let elsewhere = json!({ "sub": "u1", "iss": "there", "region": "us" });
        assert_eq!(identity.check(&token(&elsewhere), "u1"), Said::Wrong(Wrong::OtherEnvironment));
        let missing = json!({ "iss": "here", "region": "us" });
        assert_eq!(identity.check(&token(&missing), "u1"), Said::Wrong(Wrong::OtherUser));
    }

    #[test]
    fn claims_that_mean_something_else_are_left_alone() {
        let mut identity = identity();
        for n in 0..200 {
            let claims = json!({ "sub": format!("device-{n}"), "aud": n.to_string() });
            assert_eq!(identity.check(&token(&claims), "ada"), Said::Fits);
        }
        assert_eq!(identity.learned(), Learned::default());
        let mut opaque = self::identity();
        assert_eq!([opaque.check("0paque", "ada"), opaque.check("eyJh.!!!.x", "ada")], [Said::Opaque; 2]);
    }

    #[test]
    fn a_stray_among_the_first_answers_is_found_at_the_end_of_the_lessons() {
        let mut identity = identity();
        assert_eq!(identity.conclude(), []);
        for n in 0..20 {
            let sub = if n == 3 { "somebody else".to_owned() } else { format!("u{n}") };
            identity.check(&token(&json!({ "sub": sub, "iss": "here" })), &format!("u{n}"));
        }
        assert_eq!(identity.conclude(), [Wrong::OtherUser]);
        assert_eq!(identity.conclude(), []);
    }

    #[test]
    fn a_server_that_mixes_users_up_cannot_hide_it_by_doing_so_often() {
        for every in [2, 4, 5] {
            let mut identity = identity();
            let said: Vec<_> = (0..200)
                .map(|n| {
                    let sub = if n % every == 0 { "u3".to_owned() } else { format!("u{n}") };
                    identity.check(&token(&json!({ "sub": sub })), &format!("u{n}"))
                })
                .collect();
            let wrong = said.iter().filter(|said| **said == Said::Wrong(Wrong::OtherUser)).count();
            assert_eq!(wrong + identity.conclude().len(), (0..200).filter(|n| n % every == 0 && *n != 3).count());
        }
        // All tokens are one user's.
        let mut identity = identity();
        (0..40).for_each(|n| assert_eq!(identity.check(&token(&json!({ "sub": "u3" })), &format!("u{n}")), Said::Fits));
        assert_eq!(identity.conclude().len(), 39);
    }

    #[test]
    fn tokens_that_can_be_read_must_all_be_readable() {
        assert_eq!(taught().check("garbage", "u1"), Said::Wrong(Wrong::Field));
        let mut half = identity();
        for n in 0..40 {
            let text = if n % 2 == 0 { "eyJcut".to_owned() } else { token(&json!({ "sub": format!("u{n}") })) };
            half.check(&text, &format!("u{n}"));
        }
        assert_eq!(half.conclude(), [Wrong::Field; 20]);
        // A provider whose tokens say nothing is no fault.
        let mut opaque = identity();
        (0..100).for_each(|_| assert_eq!(opaque.check("0paque", "ada"), Said::Opaque));
        assert_eq!(opaque.conclude(), []);
    }

    #[test]
    fn more_than_one_issuer_is_told() {
        let mut identity = identity();
        for n in 0..40 {
            let claims = json!({ "sub": "u", "iss": (["here", "there"][n % 2]), "aud": (["ios", "android"][n % 2]) });
            identity.check(&token(&claims), "u");
        }
        assert_eq!((identity.mixed(), identity.learned().constant), (vec!["iss"], vec![]));
        assert_eq!(taught().mixed(), Vec::<&str>::new());
    }

    #[test]
    fn a_token_of_another_environment_is_wrong_from_the_first_answer_on() {
        let say = |environment: &str| identity().check(&token(&json!({ "sub": "u", "env": environment })), "u");
        assert_eq!(say("sandbox"), Said::Wrong(Wrong::OtherEnvironment));
        assert_eq!([say("production"), say("prod-7")], [Said::Fits, Said::Fits]);
    }

    #[test]
    fn a_token_of_the_other_region_is_wrong_from_the_first_answer_on() {
        let claims = json!({ "sub": "u", "region": "eu" });
        assert_eq!(identity().check(&token(&claims), "u"), Said::Wrong(Wrong::OtherEnvironment));
    }
}
