//! Requests without a valid credential, in many ways.

use super::Attempt;
use super::jwt;
use super::names::{BYPASS_HEADERS, IDENTITY_HEADERS};
use crate::run::step::token_request::add_to_query;
use crate::sut::{Credential, HttpCall, NamedUsers, Session, TokenCall};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::Method;
use serde_json::json;
use vouch_spec::step::BypassTechnique;

/// What requests without a valid credential are made of.
pub(in crate::run::step) struct Bypass<'a> {
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
        let Some(jwt) = jwt::parse(&self.session.credential) else { return vec![] };
        jwt::forgeries(&jwt).iter().map(|(about, forged)| self.with_credential(about, forged)).collect()
    }
}

/// Well-known digests of a text, in hexadecimal digits.
fn hashes(text: &str) -> Vec<(&'static str, String)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digests = vouch_sim::digests(text.as_bytes());
    digests.into_iter().map(|(name, digest)| (name, hex(&digest))).collect()
}

/// Other spellings of a path that routers are known to take for it.
pub(super) fn spellings(path: &str) -> Vec<String> {
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
