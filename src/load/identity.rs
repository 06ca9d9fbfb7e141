//! Whose access token an answer holds. Providers name user and environment in claims of their own, so the claims are
//! learned from the first answers: one that holds the right user's id in nearly all of them must hold it in every one, and
//! one that is the same in nearly all must stay the same. Signatures are the conformance run's business.

use super::failure::Wrong;
use super::reading::{Found, MOST, Places};
use crate::protocol::Realm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeMap;

/// Claims that may name the user.
const USER: [&str; 3] = ["/sub", "/user_id", "/uid"];
/// Claims that may name issuer, environment, region or tenant.
const CONSTANT: [&str; 5] = ["/iss", "/aud", "/env", "/region", "/tenant_id"];
/// Answers to learn from.
const LESSONS: usize = 40;
/// From fewer nothing is concluded.
const FEWEST: usize = 5;
/// In how many of them a claim must be as expected.
const NEARLY_ALL: usize = 36;

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
    /// The claim that holds the user, and the claims that never change.
    Learned {
        user: Option<usize>,
        constant: Vec<(usize, String)>,
    },
}

/// One answer that was learned from.
struct Lesson {
    user_id: String,
    claims: [Option<String>; MOST],
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
        let Some(claims) = access_token.split('.').nth(1).filter(|_| access_token.starts_with("eyJ")) else {
            return Said::Opaque;
        };
        self.buffer.clear();
        if URL_SAFE_NO_PAD.decode_vec(claims.trim_end_matches('='), &mut self.buffer).is_err() {
            return Said::Opaque;
        }
        let Some(found) = self.claims.read(&self.buffer) else { return Said::Opaque };
        if let Some(region) = found[USER.len() + 3].as_deref()
            && region != self.realm.region.word()
            && ["us", "eu"].contains(&region)
        {
            return Said::Wrong(Wrong::OtherEnvironment);
        }
        match &mut self.known {
            Known::Learned { user, constant } => judge(*user, constant, &found, user_id),
            Known::Learning(lessons) => {
                let claims = found.map(|claim| claim.map(std::borrow::Cow::into_owned));
                lessons.push(Lesson { user_id: user_id.to_owned(), claims });
                if lessons.len() < LESSONS {
                    return Said::Fits;
                }
                self.learn();
                Said::Fits
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
        let (user, constant) = learn(lessons);
        self.late = wrong_lessons(lessons, user, &constant);
        self.known = Known::Learned { user, constant };
    }

    pub fn learned(&self) -> Learned {
        match &self.known {
            Known::Learning(_) => Learned::default(),
            Known::Learned { user, constant } => Learned {
                user: user.map(|claim| &USER[claim][1..]),
                constant: constant.iter().map(|(claim, _)| &CONSTANT[*claim - USER.len()][1..]).collect(),
            },
        }
    }
}

fn nearly_all(count: usize, of: usize) -> bool {
    of > 0 && count * LESSONS >= NEARLY_ALL * of
}

fn learn(lessons: &[Lesson]) -> (Option<usize>, Vec<(usize, String)>) {
    let names_user = |claim: &usize| {
        let right = |lesson: &&Lesson| {
            lesson.claims[*claim].as_deref().is_some_and(|c| c.eq_ignore_ascii_case(&lesson.user_id))
        };
        nearly_all(lessons.iter().filter(right).count(), lessons.len())
    };
    let constant = (USER.len()..USER.len() + CONSTANT.len()).filter_map(|claim| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        lessons
            .iter()
            .filter_map(|lesson| lesson.claims[claim].as_deref())
            .for_each(|value| *counts.entry(value).or_default() += 1);
        let (value, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        nearly_all(count, lessons.len()).then(|| (claim, value.to_owned()))
    });
    ((0..USER.len()).find(names_user), constant.collect())
}

fn judge(user: Option<usize>, constant: &[(usize, String)], found: &[Found<'_>; MOST], user_id: &str) -> Said {
    if user.is_some_and(|claim| !found[claim].as_deref().is_some_and(|said| said.eq_ignore_ascii_case(user_id))) {
        return Said::Wrong(Wrong::OtherUser);
    }
    if constant.iter().any(|(claim, value)| found[*claim].as_deref() != Some(value)) {
        return Said::Wrong(Wrong::OtherEnvironment);
    }
    Said::Fits
}

fn wrong_lessons(lessons: &[Lesson], user: Option<usize>, constant: &[(usize, String)]) -> Vec<Wrong> {
    let said = lessons.iter().map(|lesson| {
        let found = std::array::from_fn(|claim| lesson.claims[claim].as_deref().map(std::borrow::Cow::Borrowed));
        judge(user, constant, &found, &lesson.user_id)
    });
    said.filter_map(|said| if let Said::Wrong(wrong) = said { Some(wrong) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Environment, Region};
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
        assert_eq!(identity.check("0paque", "ada"), Said::Opaque);
        assert_eq!(identity.check("eyJh.!!!.x", "ada"), Said::Opaque);
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
    fn a_token_of_the_other_region_is_wrong_from_the_first_answer_on() {
        let claims = json!({ "sub": "u", "region": "eu" });
        assert_eq!(identity().check(&token(&claims), "u"), Said::Wrong(Wrong::OtherEnvironment));
    }
}
