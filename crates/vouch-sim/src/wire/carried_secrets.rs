//! The secrets that recorded exchanges carry, found by where the scheme has them: for traffic whose tokens nobody noted when
//! they were made.

use super::redact::{Redactor, SecretKind};
use super::transcript::{Exchange, ExchangeOutcome};
use hyper::HeaderMap;
use serde_json::Value;

/// Notes the secrets of exchanges: credentials in headers, and fields of forms, queries and JSON that are called a token or a
/// key.
pub fn note_secrets(exchanges: &[Exchange], redactor: &Redactor) {
    for exchange in exchanges {
        let request = &exchange.request;
        note_headers(&request.headers, redactor);
        if let Some((_, query)) = request.path.split_once('?') {
            note_form(query.as_bytes(), redactor);
        }
        note_body(&request.body, redactor);
        if let ExchangeOutcome::Answered { headers, body, .. } = &exchange.outcome {
            note_headers(headers, redactor);
            note_body(body, redactor);
        }
    }
}

/// Notes the tokens of a body that the wire profile does not place, such as an answer to a stray call. They are hidden in every
/// output, and no clause is about where they stand.
pub fn hide_tokens(body: &[u8], redactor: &Redactor) {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
    let mut left = vec![&body];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (value, token_name(name)) {
                        // What is shorter is a word, and words stand everywhere.
                        (Value::String(token), Some(name)) if token.len() >= 8 => {
                            redactor.named_secret(SecretKind::ClientSecret, token, format!("{name} of another call"));
                        }
                        (value, _) => left.push(value),
                    }
                }
            }
            _ => {}
        }
    }
}

fn token_name(field: &str) -> Option<&'static str> {
    match field.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
        "accesstoken" => Some("access token"),
        "refreshtoken" => Some("refresh token"),
        "idtoken" => Some("id token"),
        "sessiontoken" => Some("session token"),
        _ => None,
    }
}

fn note_headers(headers: &HeaderMap, redactor: &Redactor) {
    for name in ["authorization", "proxy-authorization", "cookie", "set-cookie"] {
        for value in headers.get_all(name).iter().filter_map(|value| value.to_str().ok()) {
            let (scheme, credential) = value.split_once(' ').unwrap_or(("", value));
            // HTTP Basic is how OAuth clients authenticate (RFC 6749 section 2.3.1).
            let is_client = scheme.eq_ignore_ascii_case("basic");
            let kind = if is_client { SecretKind::ClientSecret } else { SecretKind::AccessToken };
            redactor.secret(kind, credential.trim());
        }
    }
    for value in headers.get_all("x-vital-api-key").iter().filter_map(|value| value.to_str().ok()) {
        redactor.secret(SecretKind::ApiKey, value.trim());
    }
}

fn note_body(body: &[u8], redactor: &Redactor) {
    match serde_json::from_slice(body) {
        Ok(value) => note_json(None, &value, redactor),
        Err(_) => note_form(body, redactor),
    }
}

fn note_form(form: &[u8], redactor: &Redactor) {
    for (name, value) in form_urlencoded::parse(form) {
        note_field(&name, &value, redactor);
    }
}

/// The parser of JSON limits how deep it is.
fn note_json(name: Option<&str>, value: &Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            if let Some(name) = name {
                note_field(name, text, redactor);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| note_json(name, item, redactor)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| note_json(Some(name), value, redactor)),
        _ => {}
    }
}

fn note_field(name: &str, value: &str, redactor: &Redactor) {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    let kind = match name.as_str() {
        "signintoken" | "usertoken" | "subjecttoken" => SecretKind::SignInToken,
        "refreshtoken" => SecretKind::RefreshToken,
        // Kinds of tokens, by RFC 6749 and RFC 8693.
        "tokentype" | "subjecttokentype" | "issuedtokentype" | "requestedtokentype" => return,
        "key" | "apikey" => SecretKind::ApiKey,
        "clientsecret" => SecretKind::ClientSecret,
        name if name.contains("token") => SecretKind::AccessToken,
        _ => return,
    };
    // What is shorter is a word, and words stand everywhere.
    if value.len() >= 8 {
        redactor.secret(kind, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_no_profile_places_are_hidden_and_no_findings() {
        let redactor = Redactor::default();
        let body = r#"{"Result":[{"AccessToken":"opaque-0001","refresh_token":"opaque-0002"}],"token_endpoint":"/token","token_type":"Bearer"}"#;
        hide_tokens(body.as_bytes(), &redactor);
        hide_tokens(b"access_token=no-json", &redactor);
        let shown = redactor.scrub(body);
        assert!(!shown.as_str().contains("opaque-000") && shown.as_str().contains("\"/token\""), "{shown}");
        assert!(shown.as_str().contains("[refresh token of another call]"), "{shown}");
        assert!(redactor.secrets_in(body).is_empty());
    }

    #[test]
    fn secrets_are_found_in_json_and_forms_and_words_are_not_taken_for_them() {
        let redactor = Redactor::default();
        note_body(
            br#"{"access_token":"access-0001","a":[{"refreshToken":"refresh-0001"}],"token_type":"Bearer-type"}"#,
            &redactor,
        );
        note_body(
            b"grant_type=refresh_token&subject_token=sign%2Bin-0001&subject_token_type=urn:junction:x",
            &redactor,
        );
        note_form(b"key=public-0001&token=short&client_secret=client-0001", &redactor);
        let shown = redactor
            .scrub("access-0001 refresh-0001 Bearer-type refresh_token sign+in-0001 urn:junction:x public-0001 short client-0001");
        assert_eq!(
            shown.as_str(),
            "[access token 1] [refresh token 1] Bearer-type refresh_token [sign-in token 1] urn:junction:x [API key 1] short [client secret 1]"
        );
    }
}
