use super::*;
use crate::profile::{BUILT_IN, BasicAuth, ClientSecret, OauthClient};

fn broken(change: impl FnOnce(&mut Profile)) -> Vec<String> {
    let mut profile = Profile::clone(&Profile::junction());
    change(&mut profile);
    profile.check().into_iter().map(|problem| format!("{}: {}", problem.field, problem.why)).collect()
}

#[test]
fn the_built_in_mappings_are_valid() {
    for name in BUILT_IN {
        assert_eq!(Profile::built_in(name).expect("built in").check(), [], "{name}");
    }
}

#[test]
fn each_mistake_of_a_mapping_is_reported_at_its_field() {
    let problems = broken(|profile| {
        profile.exchange.path = "oauth/token".into();
        profile.exchange.fields.insert("assertion".into(), "$tokn".into());
        profile.refresh.answer.expires_in = Some("expires_in".into());
        profile.refresh.answer.also.insert("user".into(), "$userid".into());
        profile.errors.body = serde_json::json!({ "error": ["$wrd"] });
        profile.errors.exchange.clear();
        profile.auth_hosts.push("https://id.example.com".into());
    });
    for part in [
        "exchange: `oauth/token` is not a path",
        "exchange: undefined variable `$tokn`; did you mean `$token`?",
        "refresh.answer: `expires_in` is not a JSON pointer",
        "refresh.answer: undefined variable `$userid`; did you mean `$userId`?",
        "errors: undefined variable `$wrd`; did you mean `$word`?",
        "errors: `exchange` has no word that means `invalidSignInToken`",
        "authHosts: `https://id.example.com` is not a host name",
        "authHosts: `authHosts` needs `oneAuthHost = true`",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part}: {problems:#?}");
    }
    assert_eq!(problems.len(), 8, "{problems:#?}");
}

#[test]
fn a_body_that_is_the_word_has_nothing_around_it() {
    let plain = |body: serde_json::Value| {
        broken(|profile| {
            profile.errors.word = String::new();
            profile.errors.body = body;
        })
    };
    assert!(plain("$word".into()).is_empty());
    let problems = plain(serde_json::json!({ "error": "$word" }));
    assert!(problems.iter().all(|problem| problem.starts_with("errors: with `word = ")), "{problems:#?}");
    assert_eq!(problems.len(), 1);
    let problems = broken(|profile| profile.errors.refresh[0].word = " gone".into());
    assert_eq!(problems, ["errors: the word ` gone` is empty, or has spaces around it"]);
}

#[test]
fn what_an_answer_leaves_out_is_known_otherwise() {
    let silent = |profile: &mut Profile| {
        profile.refresh.answer.refresh_token = None;
        profile.refresh.answer.expires_in = None;
        profile.refresh.answer.required.clear();
    };
    let problems = broken(|profile| {
        silent(profile);
        profile.rotation = Some(Rotation::Required);
        profile.refresh.answer.required = vec![AnswerMember::ExpiresIn, AnswerMember::RefreshToken];
        profile.exchange.answer.refresh_token = None;
    });
    for part in [
        "refresh.answer: it requires `expiresIn`",
        "refresh.answer: it requires `refreshToken`",
        "refresh.answer: it has no `expiresIn`",
        "exchange.answer: it requires `refreshToken`",
        "exchange.answer: it has no `refreshToken`",
        "refresh.answer: `rotation = \"required\"` needs `refreshToken`",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part}: {problems:#?}");
    }
    assert_eq!(problems.len(), 6, "{problems:#?}");
    let right = broken(|profile| {
        silent(profile);
        profile.default_expires_in = Some(600);
    });
    assert!(right.is_empty(), "{right:#?}");
    assert_eq!(broken(|profile| profile.default_expires_in = Some(0)).len(), 1);
}

#[test]
fn each_mistake_of_client_and_headers_is_reported() {
    let client = |id: &str, secret: Option<&str>, secret_env: Option<&str>| OauthClient {
        id: id.into(),
        secret: secret.map(ClientSecret::new),
        secret_env: secret_env.map(str::to_owned),
    };
    let basic = |user: &str| Some(BasicAuth { user: user.into(), password: "$clientSecret".into() });
    let problems = broken(|profile| {
        profile.client = Some(client("$ID", Some("s"), Some("S")));
        profile.exchange.basic_auth = basic("$clientid");
        for (name, value) in
            [("Authorization", "x"), ("content-type", "x"), ("a b", "x"), ("n", "a\nb"), ("t", "Token $token")]
        {
            profile.exchange.headers.insert(name.into(), value.into());
        }
        profile.exchange.headers.insert("authorization".into(), "y".into());
        profile.refresh.query.insert("secret".into(), QueryValue::One("$clientSecret".into()));
    });
    for part in [
        "client: `id` is the client's own",
        "client: it has `secret` and `secretEnv`",
        "exchange: undefined variable `$clientid`; did you mean `$clientId`?",
        "exchange: the header `content-type` follows from `encoding`",
        "exchange: `a b` is not the name of a header",
        "exchange: the header `n` is empty, or has a character",
        "exchange: undefined variable `$token`",
        "exchange: the header `Authorization` stands there twice",
        "exchange: the header `authorization` stands there twice",
        "exchange: `basicAuth` makes the header `authorization`",
        "refresh: a client secret must not stand in a URL",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part}: {problems:#?}");
    }
    assert_eq!(problems.len(), 11, "{problems:#?}");
    let problems = broken(|profile| profile.exchange.basic_auth = basic("$clientId"));
    assert_eq!(problems.len(), 2, "{problems:#?}");
    let problems = broken(|profile| {
        profile.client = Some(client("app", None, None));
        profile.exchange.basic_auth = basic("$clientId");
    });
    assert_eq!(problems, ["client: `$clientSecret` needs `secret` or `secretEnv` in a table `[custom.client]`"]);
    let public = broken(|profile| {
        profile.client = Some(client("app", None, None));
        profile.exchange.fields.insert("client_id".into(), "$clientId".into());
        profile.refresh.headers.insert("user-agent".into(), "app/$clientId".into());
    });
    assert!(public.is_empty(), "{public:#?}");
}

#[test]
fn a_form_has_texts_and_lists_of_texts() {
    let problems = broken(|profile| {
        for (name, value) in [
            ("none", serde_json::json!([])),
            ("deep", serde_json::json!([["a"]])),
            ("object", serde_json::json!({ "a": "b" })),
            ("carried", serde_json::json!(["$publicKey"])),
        ] {
            profile.exchange.fields.insert(name.into(), value);
        }
        profile.refresh.query.insert("resource".into(), QueryValue::Repeated(vec![]));
    });
    for part in [
        "exchange: `none` is an empty list",
        "exchange: `deep` is a list of lists",
        "exchange: `object` is an object",
        "exchange: undefined variable `$publicKey`",
        "refresh: `resource` is an empty list",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part}: {problems:#?}");
    }
    assert_eq!(problems.len(), 5, "{problems:#?}");
    let lists = broken(|profile| {
        profile.exchange.fields.insert("audience".into(), serde_json::json!(["a", "$clientId"]));
        profile.client = Some(OauthClient { id: "app".into(), secret: None, secret_env: None });
    });
    assert!(lists.is_empty(), "{lists:#?}");
}

#[test]
fn two_calls_at_one_path_must_differ_in_a_field() {
    let same = "refresh: exchange and refresh have the same path and no field that tells them apart";
    let problems = broken(|profile| {
        profile.exchange.fields = serde_json::from_value(serde_json::json!({"t": "$token"})).expect("fields");
        profile.refresh.fields = serde_json::from_value(serde_json::json!({"t": "$refreshToken"})).expect("fields");
    });
    assert_eq!(problems, [same]);
    let problems = broken(|profile| {
        profile.exchange.fields.retain(|_, value| value == "$token");
        profile.refresh.fields.retain(|_, value| value == "$refreshToken");
    });
    assert!(problems.is_empty(), "the names of the fields differ: {problems:?}");
}
