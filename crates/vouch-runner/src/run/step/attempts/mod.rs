//! The requests of `impersonate` and `bypassLogin`: variations of the token request of a target file.
//!
//! The names and spellings are those that public advisories and proxies use. They must not be fitted to a backend.

mod bypass;
mod jwt;
mod names;

pub(super) use bypass::Bypass;

use super::token_request::add_to_query;
use crate::sut::{Credential, HttpCall, NamedUsers, Session, TokenCall};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use names::{FIELDS, IDENTITY_HEADERS, OBJECTS};
use serde_json::{Map, Value};
use vouch_spec::step::NamingPlace;

/// One request, and what it tries.
pub(super) struct Attempt {
    pub about: String,
    pub call: HttpCall,
}

/// Who asks, and whom the request names.
pub(super) struct Naming<'a> {
    pub session: &'a Session,
    pub values: &'a [(String, String)],
    pub own: &'a str,
    pub other: &'a str,
}

/// The requests that name the other user: one with all names at once, and one for each name.
pub(super) fn naming(place: NamingPlace, template: &TokenCall, who: &Naming<'_>) -> (Option<Attempt>, Vec<Attempt>) {
    let credential = Credential::This(&who.session.credential);
    let plain = template.call_as(credential, NamedUsers::all(who.own), who.values);
    let named = |names: &[String]| {
        let mut call = plain.clone();
        for name in names {
            add_name(&mut call, place, name, who.other);
        }
        let about = format!("a request that names another user as {}", shown(names));
        Attempt { about, call }
    };
    let names: Vec<String> = match place {
        NamingPlace::Template => return (None, in_template(template, who, &plain)),
        NamingPlace::Header => IDENTITY_HEADERS.iter().map(|name| (*name).to_owned()).collect(),
        NamingPlace::NestedBody => OBJECTS.iter().map(|name| (*name).to_owned()).collect(),
        _ => FIELDS.iter().map(|name| (*name).to_owned()).collect(),
    };
    (Some(named(&names)), names.iter().map(|name| named(std::slice::from_ref(name))).collect())
}

fn shown(names: &[String]) -> String {
    if let [name] = names { format!("`{name}`") } else { format!("`{}` and the like", names[0]) }
}

fn add_name(call: &mut HttpCall, place: NamingPlace, name: &str, other: &str) {
    match place {
        NamingPlace::Template => {}
        NamingPlace::Query => add_to_query(call, name, other),
        NamingPlace::Header => {
            call.headers.insert(name.to_owned(), other.to_owned());
        }
        NamingPlace::Cookie => {
            let cookies = call.headers.entry("cookie".into()).or_default();
            let joint = if cookies.is_empty() { "" } else { "; " };
            *cookies = format!("{cookies}{joint}{name}={other}");
        }
        NamingPlace::Body => {
            let mut body = object(call);
            body.insert(name.to_owned(), other.into());
            call.body = Some(Value::Object(body));
        }
        NamingPlace::NestedBody => {
            let mut body = object(call);
            let mut inner = body.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
            for field in FIELDS {
                inner.insert(field.to_owned(), other.into());
            }
            body.insert(name.to_owned(), Value::Object(inner));
            call.body = Some(Value::Object(body));
        }
        NamingPlace::Form => {
            let own: Vec<(String, String)> = object(call)
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect();
            let before = call.raw_body.take().map(|(_, text)| text);
            let before =
                before.unwrap_or_else(|| form_urlencoded::Serializer::new(String::new()).extend_pairs(own).finish());
            let field = form_urlencoded::Serializer::new(String::new()).append_pair(name, other).finish();
            let joint = if before.is_empty() { "" } else { "&" };
            call.raw_body = Some(("application/x-www-form-urlencoded", format!("{before}{joint}{field}")));
        }
    }
}

/// The members of a JSON body.
pub(super) fn object(call: &HttpCall) -> Map<String, Value> {
    call.body.as_ref().and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The other user in the place of `$user`: in each part of the request, and in all.
fn in_template(template: &TokenCall, who: &Naming<'_>, plain: &HttpCall) -> Vec<Attempt> {
    let (own, other) = (who.own, who.other);
    let parts = [
        ("its path", NamedUsers { path: other, ..NamedUsers::all(own) }),
        ("its headers", NamedUsers { headers: other, ..NamedUsers::all(own) }),
        ("its body", NamedUsers { body: other, ..NamedUsers::all(own) }),
        ("every place", NamedUsers::all(other)),
    ];
    let credential = Credential::This(&who.session.credential);
    let calls = parts.into_iter().map(|(place, users)| Attempt {
        about: format!("a request that names another user in {place}"),
        call: template.call_as(credential, users, who.values),
    });
    // Parts without `$user` stay as they are.
    calls.filter(|attempt| attempt.call != *plain).collect()
}

/// A credential with a letter or digit near its middle changed, so that it also decodes to something else.
pub(super) fn tampered(own: &str) -> String {
    // HTTP Basic: another name would be another user, so change the password.
    let basic = STANDARD.decode(own).ok().and_then(|decoded| String::from_utf8(decoded).ok());
    if let Some((name, password)) = basic.as_deref().and_then(|text| text.split_once(':')) {
        return STANDARD.encode(format!("{name}:{}", changed(password)));
    }
    changed(own)
}

/// A text with a character near its middle changed.
fn changed(own: &str) -> String {
    let mut text: Vec<char> = own.chars().collect();
    // In base64 the last character of a part may have bits that count for nothing.
    let inside = |at: &usize| (*at..at + 3).all(|next| text.get(next).is_none_or(char::is_ascii_alphanumeric));
    let middle = text.len() / 2;
    let mut places = (middle..text.len()).chain((0..middle).rev());
    let place = places.clone().find(inside).or_else(|| places.next());
    if let Some(place) = place {
        text[place] = match text[place] {
            'z' => 'a',
            'Z' => 'A',
            '9' => '0',
            c if c.is_ascii_alphanumeric() => char::from_u32(u32::from(c) + 1).unwrap_or('a'),
            _ => 'a',
        };
    }
    text.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::bypass::spellings;
    use super::*;
    use jsonwebtoken::EncodingKey;
    use serde_json::json;

    #[test]
    fn a_tampered_credential_decodes_to_something_else() {
        for own in ["abcdefghijklmnop", "YXBwLXVzZXItYWRhOnRlc3Q=", "a.b.c", "s%3Aabcdef.ghi", "1000", "x"] {
            let other = tampered(own);
            assert_ne!(own, other);
            assert_eq!(own.len(), other.len());
            assert_eq!(
                own.starts_with("YXBwLXVzZXItYWRhOn"),
                other.starts_with("YXBwLXVzZXItYWRhOn"),
                "the name stays"
            );
            let decoded = |text: &str| STANDARD.decode(text).ok();
            assert!(decoded(own).is_none() || decoded(own) != decoded(&other), "{own}");
        }
    }

    #[test]
    fn every_spelling_differs_from_the_path() {
        let all = spellings("/api/token");
        assert!(all.iter().all(|spelling| spelling != "/api/token" && spelling.starts_with('/')), "{all:?}");
        for wanted in ["/api/token/", "/api/Token", "/api/%74oken", "/api//token", "/api/token;x", "/api/token.json"] {
            assert!(all.iter().any(|spelling| spelling == wanted), "{wanted}");
        }
    }

    #[test]
    fn a_credential_that_is_no_jwt_has_no_forgeries() {
        assert!(jwt::parse("app-session-1").is_none() && jwt::parse("a.b.c").is_none());
        let credential = jsonwebtoken::encode(
            &jsonwebtoken::Header::default(),
            &json!({ "sub": "ada" }),
            &EncodingKey::from_secret(b"k"),
        );
        let credential = credential.expect("a JWT");
        let forged = jwt::forgeries(&jwt::parse(&credential).expect("a JWT"));
        assert!(forged.len() > 20 && forged.iter().all(|(_, forged)| *forged != credential));
    }
}
