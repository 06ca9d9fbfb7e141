use super::*;

fn values() -> RequestValues<'static> {
    RequestValues { token: "a.b.c", public_key: "pk&1", tenant: "t-1", refresh_token: "r+/=" }
}

#[test]
fn both_profiles_recognise_their_own_requests_and_what_they_carry() {
    for profile in BUILT_IN.into_iter().filter_map(Profile::built_in) {
        assert_eq!(profile.check(), [], "{}", profile.name);
        for call in [IdpCall::Exchange, IdpCall::Refresh] {
            let request = profile.request(call, &values());
            let found = profile.recognise(&hyper::Method::POST, &request.path, request.body.as_bytes());
            let (recognised, carried) = found.expect("its own request");
            assert_eq!(recognised, call, "{}", profile.name);
            match call {
                IdpCall::Exchange => assert_eq!(carried.token.as_deref(), Some("a.b.c")),
                IdpCall::Refresh => assert_eq!(carried.refresh_token.as_deref(), Some("r+/=")),
            }
            if profile.one_auth_host {
                assert_eq!(carried.public_key.as_deref(), Some("pk&1"));
            }
            let mut headers = hyper::HeaderMap::new();
            assert_eq!(profile.mismatch(call, &headers, request.body.as_bytes()), Some(RequestMismatch::ContentType));
            headers.insert("content-type", hyper::header::HeaderValue::from_static(request.content_type));
            assert_eq!(profile.mismatch(call, &headers, request.body.as_bytes()), None);
            assert_eq!(profile.mismatch(call, &headers, b""), Some(RequestMismatch::Fields));
            let shouted = format!("{} ; charset=utf-8", request.content_type.to_uppercase());
            headers.insert("content-type", shouted.parse().expect("a value"));
            assert_eq!(profile.mismatch(call, &headers, request.body.as_bytes()), None);
            headers.insert("content-type", hyper::header::HeaderValue::from_static("text/plain"));
            assert_eq!(profile.mismatch(call, &headers, request.body.as_bytes()), Some(RequestMismatch::ContentType));
        }
    }
}

#[test]
fn an_answer_reads_back_in_either_form_of_a_number() {
    let granted = TokenGrant { access_token: "A".into(), refresh_token: "R".into(), expires_in: Some(3600) };
    for profile in [Profile::junction(), Profile::gcip()] {
        for form in [None, Some(NumberForm::Number), Some(NumberForm::Text)] {
            for call in [IdpCall::Exchange, IdpCall::Refresh] {
                let body = profile.answer(call, &granted, "u", form).to_string();
                assert!(profile.granted(call, body.as_bytes(), None) == Some(granted.clone()), "{body}");
            }
        }
    }
    assert!(Profile::junction().granted(IdpCall::Refresh, b"{\"access_token\":\"A\"}", Some("R")).is_none());
}

#[test]
fn an_answer_to_a_refresh_may_leave_out_what_rfc_6749_leaves_open() {
    let mut profile = Profile::clone(&Profile::built_in("standard").expect("built in"));
    let bare = b"{\"access_token\":\"A\",\"refresh_token\":null}";
    let granted = |profile: &Profile, call, body: &[u8]| profile.granted(call, body, Some("R"));
    let grant = |expires_in| TokenGrant { access_token: "A".into(), refresh_token: "R".into(), expires_in };
    assert!(granted(&profile, IdpCall::Refresh, bare) == Some(grant(Some(3600))));
    assert!(granted(&profile, IdpCall::Exchange, bare).is_none(), "no session without a refresh token");
    for wrong in [r#""refresh_token":"""#, r#""refresh_token":7"#, r#""expires_in":{}"#, r#""expires_in":"soon""#] {
        let body = format!("{{\"access_token\":\"A\",{wrong}}}");
        assert!(granted(&profile, IdpCall::Refresh, body.as_bytes()).is_none(), "{wrong}");
    }
    profile.default_expires_in = None;
    assert!(granted(&profile, IdpCall::Refresh, bare) == Some(grant(None)));
    profile.rotation = Some(Rotation::Required);
    assert!(granted(&profile, IdpCall::Refresh, bare).is_none());
    profile.rotation = None;
    profile.refresh.answer.required = vec![AnswerMember::ExpiresIn];
    assert!(granted(&profile, IdpCall::Refresh, bare).is_none());
    profile.refresh.answer.required = vec![AnswerMember::RefreshToken];
    assert!(granted(&profile, IdpCall::Refresh, bare).is_none());
}

#[test]
fn the_mock_cloud_leaves_out_what_a_mapping_does_not_name() {
    let mut profile = Profile::clone(&Profile::built_in("standard").expect("built in"));
    profile.refresh.answer.refresh_token = None;
    profile.refresh.answer.expires_in = None;
    assert_eq!(profile.check(), []);
    assert_eq!((profile.rotation(), profile.unannounced_lifetime()), (Some(Rotation::Never), Some(3600)));
    let granted = TokenGrant { access_token: "A".into(), refresh_token: "R".into(), expires_in: Some(3600) };
    let body = profile.answer(IdpCall::Refresh, &granted, "u", None).to_string();
    assert_eq!(body, r#"{"access_token":"A","token_type":"Bearer"}"#);
    assert!(profile.granted(IdpCall::Refresh, body.as_bytes(), Some("R")) == Some(granted));
}

#[test]
fn a_refusal_means_what_it_was_made_to_mean_also_with_a_suffix() {
    let cases = [
        (IdpCall::Exchange, ErrorKind::InvalidSignInToken),
        (IdpCall::Refresh, ErrorKind::InvalidUser),
        (IdpCall::Refresh, ErrorKind::NeedsReauthentication),
    ];
    for profile in BUILT_IN.into_iter().filter_map(Profile::built_in) {
        for (call, kind) in cases {
            let body = profile.refusal(call, 400, kind).to_string();
            assert_eq!(profile.meaning(call, body.as_bytes()), Some(kind), "{body}");
        }
    }
    let body = Profile::gcip().refusal(IdpCall::Exchange, 400, ErrorKind::InvalidSignInToken).to_string();
    assert!(body.contains("INVALID_CUSTOM_TOKEN : Invalid assertion format"), "{body}");
}

#[test]
fn an_error_can_be_a_whole_text_or_a_body_without_json() {
    let mut profile = Profile::clone(&Profile::junction());
    let ended =
        ErrorMeaning { word: "Refresh token expired".into(), means: ErrorKind::NeedsReauthentication, says: None };
    let gone = ErrorMeaning { word: "Refresh".into(), means: ErrorKind::InvalidUser, says: None };
    profile.errors.refresh = vec![gone, ended];
    let meaning = |profile: &Profile, body: &str| profile.meaning(IdpCall::Refresh, body.as_bytes());
    let at_field = |word: &str| serde_json::json!({ "detail": { "error_type": word } }).to_string();
    assert_eq!(meaning(&profile, &at_field("Refresh token expired")), Some(ErrorKind::NeedsReauthentication));
    assert_eq!(meaning(&profile, &at_field("Refresh token unknown")), Some(ErrorKind::InvalidUser), "its first word");
    assert_eq!(meaning(&profile, "Refresh token expired"), None, "not at the pointer");
    profile.errors.word = String::new();
    profile.errors.body = "$word".into();
    assert_eq!(profile.check(), []);
    for body in ["Refresh token expired", " Refresh token expired\r\n", "\"Refresh token expired\""] {
        assert_eq!(meaning(&profile, body), Some(ErrorKind::NeedsReauthentication), "{body:?}");
    }
    for body in ["", "  ", "{\"error\":\"Refresh token expired\"}", "Token expired"] {
        assert_eq!(meaning(&profile, body), None, "{body:?}");
    }
    assert_eq!(profile.error_word(b"\xff\xfe"), None);
    profile.errors.word = "/error_codes/0".into();
    assert_eq!(profile.error_word(br#"{"error_codes":[50173]}"#).as_deref(), Some("50173"), "a number");
    assert_eq!(profile.error_word(br#"{"error_codes":[null]}"#), None);
    profile.errors.word = String::new();
    assert_eq!(profile.phrase("error.field").as_deref(), Some("body"));
}

#[test]
fn a_wrong_constant_is_still_that_call_and_does_not_fit() {
    let profile = Profile::junction();
    let body =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token_type=jwt&subject_token=x";
    let (call, _) = profile.recognise(&hyper::Method::POST, "/v1/token", body.as_bytes()).expect("an exchange");
    assert_eq!(call, IdpCall::Exchange);
    assert!(profile.recognise(&hyper::Method::POST, "/v1/token", b"grant_type=password").is_none());
}

#[test]
fn a_list_sends_its_parameter_once_for_each_item() {
    let mut profile = Profile::clone(&Profile::junction());
    let list = serde_json::json!(["https://a.example", "https://b.example"]);
    profile.exchange.fields.insert("resource".into(), list.clone());
    profile.exchange.query.insert("audience".into(), QueryValue::Repeated(vec!["x".into(), "y&z".into()]));
    assert_eq!(profile.check(), []);
    let request = profile.request(IdpCall::Exchange, &values());
    assert_eq!(request.path, "/v1/token?audience=x&audience=y%26z");
    let resources = "resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example";
    assert!(request.body.contains(resources), "{}", request.body);
    let fits = |body: &str| profile.mismatch(IdpCall::Exchange, &request.header_map(), body.as_bytes());
    assert_eq!(fits(&request.body), None);
    let turned = "resource=https%3A%2F%2Fb.example&resource=https%3A%2F%2Fa.example";
    assert_eq!(fits(&request.body.replace(resources, turned)), None, "they have no order");
    for wrong in [
        request.body.replace("resource=https%3A%2F%2Fa.example&", ""),
        request.body.replace("%2Fa.example", "%2Fc.example"),
        format!("{}&resource=https%3A%2F%2Fa.example", request.body),
        request.body.replace("%2Fa.example", "%2Fb.example"),
        format!("{}&grant_type=x", request.body),
    ] {
        assert_eq!(fits(&wrong), Some(RequestMismatch::Fields), "{wrong}");
    }
    // In JSON it is a list.
    profile.exchange.encoding = Encoding::Json;
    let request = profile.request(IdpCall::Exchange, &values());
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(body["resource"], list);
    let found = profile.mismatch(IdpCall::Exchange, &request.header_map(), request.body.as_bytes());
    assert_eq!(found, None);
}

#[test]
fn a_provider_need_not_tell_a_deleted_user_from_a_session_that_ended() {
    let mut profile = (*Profile::junction()).clone();
    assert!(profile.can_report_deletion());
    profile.errors.refresh.retain(|meaning| meaning.means != ErrorKind::InvalidUser);
    assert_eq!(profile.check(), []);
    assert!(!profile.can_report_deletion());
    let body = profile.refusal(IdpCall::Refresh, 400, ErrorKind::InvalidUser);
    let read = profile.meaning(IdpCall::Refresh, body.to_string().as_bytes());
    assert_eq!(read, Some(ErrorKind::NeedsReauthentication));
    profile.errors.refresh.clear();
    assert!(profile.check().iter().any(|problem| problem.why.contains("needsReauthentication")));
}
