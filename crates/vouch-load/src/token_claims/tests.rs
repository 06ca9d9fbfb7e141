//! What is learned from access tokens, and which samples turn out wrong.

use super::*;
use serde_json::json;

impl ClaimChecker {
    /// Checks a token of a refresh.
    fn see(&mut self, access_token: &str, user_id: &str) -> ClaimCheck {
        self.check(access_token, user_id, IdpCall::Refresh, TokenOrigin::default())
    }

    /// What [`Self::conclude`] finds, without the origins.
    fn wrong(&mut self) -> Vec<WrongResponse> {
        self.conclude().into_iter().map(|sample| sample.wrong).collect()
    }
}

fn token(claims: &serde_json::Value) -> String {
    format!("eyJh.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn new_checker() -> ClaimChecker {
    ClaimChecker::new(Realm { environment: Environment::Production, region: Region::Us })
}

fn trained() -> ClaimChecker {
    let mut checker = new_checker();
    for n in 0..SAMPLE_SIZE {
        let claims = json!({ "sub": format!("u{n}"), "iss": "here", "aud": n.to_string(), "region": "us" });
        assert_eq!(checker.see(&token(&claims), &format!("U{n}")), ClaimCheck::Ok);
    }
    checker
}

#[test]
fn a_claim_that_held_the_users_id_must_always_hold_it() {
    let mut checker = trained();
    assert_eq!(
        checker.learned_claims(),
        LearnedClaims { user: Some("sub".into()), constant: vec!["iss".into(), "region".into()], too_few: None }
    );
    let right = json!({ "sub": "u1", "iss": "here", "aud": "x", "region": "us" });
    assert_eq!(checker.see(&token(&right), "u1"), ClaimCheck::Ok);
    assert_eq!(checker.see(&token(&right), "u2"), ClaimCheck::Wrong(WrongResponse::OtherUser));
    let elsewhere = json!({ "sub": "u1", "iss": "there", "region": "us" });
    assert_eq!(checker.see(&token(&elsewhere), "u1"), ClaimCheck::Wrong(WrongResponse::OtherEnvironment));
    let missing = json!({ "iss": "here", "region": "us" });
    assert_eq!(checker.see(&token(&missing), "u1"), ClaimCheck::Wrong(WrongResponse::OtherUser));
}

#[test]
fn claims_with_another_meaning_are_ignored() {
    let mut checker = new_checker();
    for n in 0..200 {
        let claims = json!({ "sub": format!("device-{n}"), "aud": n.to_string() });
        assert_eq!(checker.see(&token(&claims), "ada"), ClaimCheck::Ok);
    }
    assert_eq!(checker.learned_claims(), LearnedClaims::default());
    let mut opaque = self::new_checker();
    assert_eq!([opaque.see("0paque", "ada"), opaque.see("eyJh.!!!.x", "ada")], [ClaimCheck::Opaque; 2]);
}

#[test]
fn nothing_is_learned_from_a_few_tokens_and_the_number_is_known() {
    let mut checker = new_checker();
    for n in 0..MIN_SAMPLES - 1 {
        checker.see(&token(&json!({ "sub": format!("u{n}") })), &format!("u{n}"));
    }
    checker.conclude();
    let few = checker.learned_claims();
    assert_eq!((few.user.as_ref(), few.too_few), (None, Some(MIN_SAMPLES - 1)));
    assert_eq!(few.clone().or(few.clone()).too_few, Some(2 * (MIN_SAMPLES - 1)));
    let learned = trained().learned_claims();
    assert_eq!([few.clone().or(learned.clone()), learned.clone().or(few)], [learned.clone(), learned]);
}

#[test]
fn a_wrong_token_among_the_samples_is_detected_at_the_end_of_learning() {
    let mut checker = new_checker();
    assert_eq!(checker.wrong(), []);
    for n in 0..20 {
        let sub = if n == 3 { "somebody else".to_owned() } else { format!("u{n}") };
        checker.see(&token(&json!({ "sub": sub, "iss": "here" })), &format!("u{n}"));
    }
    assert_eq!(checker.wrong(), [WrongResponse::OtherUser]);
    assert_eq!(checker.wrong(), []);
}

#[test]
fn a_wrong_sample_is_charged_to_the_request_that_returned_it() {
    let origin = TokenOrigin { workload: 1, step: 1 };
    let mut checker = new_checker();
    for n in 0..MIN_SAMPLES {
        let user = format!("u{n}");
        if n == 1 {
            checker.check(&token(&json!({ "sub": "somebody else" })), &user, IdpCall::Exchange, origin);
        } else {
            checker.see(&token(&json!({ "sub": user })), &user);
        }
    }
    let wrong_sample = WrongSample { wrong: WrongResponse::OtherUser, call: IdpCall::Exchange, origin: Some(origin) };
    assert_eq!(checker.conclude(), [wrong_sample]);
}

#[test]
fn a_wrong_sample_of_an_earlier_round_has_no_origin() {
    let mut checker = new_checker();
    checker.check(&token(&json!({ "sub": "somebody else" })), "u0", IdpCall::Exchange, TokenOrigin::default());
    assert_eq!(checker.conclude(), []);
    (1..MIN_SAMPLES).for_each(|n| {
        let user = format!("u{n}");
        checker.see(&token(&json!({ "sub": user })), &user);
    });
    let wrong = WrongResponse::OtherUser;
    assert_eq!(checker.conclude(), [WrongSample { wrong, call: IdpCall::Exchange, origin: None }]);
}

#[test]
fn a_withdrawn_sample_is_learned_from_and_not_returned() {
    // The learning ends with the last sample, or with the round.
    for count in [SAMPLE_SIZE, SAMPLE_SIZE - 1] {
        let mut checker = new_checker();
        let ids: Vec<_> = (0..count)
            .map(|n| {
                let sub = if n < 3 { "somebody else".to_owned() } else { format!("u{n}") };
                checker.see(&token(&json!({ "sub": sub })), &format!("u{n}"));
                checker.take_last_sample().expect("a sample")
            })
            .collect();
        checker.withdraw(ids[1]);
        assert_eq!(checker.wrong(), [WrongResponse::OtherUser; 2], "{count}");
        assert_eq!(checker.see(&token(&json!({ "sub": "x" })), "u"), ClaimCheck::Wrong(WrongResponse::OtherUser));
        assert_eq!(checker.take_last_sample(), None, "the learning is over");
    }
}

#[test]
fn a_server_that_often_confuses_users_is_detected() {
    for every in [2, 4, 5] {
        let mut checker = new_checker();
        let check: Vec<_> = (0..200)
            .map(|n| {
                let sub = if n % every == 0 { "u3".to_owned() } else { format!("u{n}") };
                checker.see(&token(&json!({ "sub": sub })), &format!("u{n}"))
            })
            .collect();
        let wrong = check.iter().filter(|check| **check == ClaimCheck::Wrong(WrongResponse::OtherUser)).count();
        assert_eq!(wrong + checker.conclude().len(), (0..200).filter(|n| n % every == 0 && *n != 3).count());
    }
    // All tokens have the same user.
    let mut checker = new_checker();
    (0..40).for_each(|n| assert_eq!(checker.see(&token(&json!({ "sub": "u3" })), &format!("u{n}")), ClaimCheck::Ok));
    assert_eq!(checker.conclude().len(), 39);
}

#[test]
fn if_many_tokens_are_readable_all_must_be() {
    assert_eq!(trained().see("garbage", "u1"), ClaimCheck::Wrong(WrongResponse::MissingField));
    let mut half = new_checker();
    for n in 0..40 {
        let text = if n % 2 == 0 { "eyJcut".to_owned() } else { token(&json!({ "sub": format!("u{n}") })) };
        half.see(&text, &format!("u{n}"));
    }
    assert_eq!(half.wrong(), [WrongResponse::MissingField; 20]);
    // Opaque tokens are allowed.
    let mut opaque = new_checker();
    (0..100).for_each(|_| assert_eq!(opaque.see("0paque", "ada"), ClaimCheck::Opaque));
    assert_eq!(opaque.wrong(), []);
}

#[test]
fn more_than_one_issuer_is_reported() {
    let mut checker = new_checker();
    for n in 0..40 {
        let claims = json!({ "sub": "u", "iss": (["here", "there"][n % 2]), "aud": (["ios", "android"][n % 2]) });
        checker.see(&token(&claims), "u");
    }
    assert_eq!((checker.inconsistent_claims(), checker.learned_claims().constant), (vec!["iss"], vec![]));
    assert_eq!(trained().inconsistent_claims(), Vec::<&str>::new());
}

#[test]
fn a_token_of_another_environment_is_wrong_from_the_first_answer_on() {
    let say = |environment: &str| new_checker().see(&token(&json!({ "sub": "u", "env": environment })), "u");
    assert_eq!(say("sandbox"), ClaimCheck::Wrong(WrongResponse::OtherEnvironment));
    assert_eq!([say("production"), say("prod-7")], [ClaimCheck::Ok, ClaimCheck::Ok]);
}

#[test]
fn a_token_of_the_other_region_is_wrong_from_the_first_answer_on() {
    let claims = json!({ "sub": "u", "region": "eu" });
    assert_eq!(new_checker().see(&token(&claims), "u"), ClaimCheck::Wrong(WrongResponse::OtherEnvironment));
}
