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
