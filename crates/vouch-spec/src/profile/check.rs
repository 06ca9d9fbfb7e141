//! What can be wrong with a mapping.

use super::{CallShape, IdpCall, Profile};
use crate::base_url::is_path;
use crate::protocol::ErrorKind;
use crate::text::did_you_mean;
use serde_json::Value;

/// One mistake of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingProblem {
    /// The field, for example `exchange` or `refresh.answer`.
    pub field: &'static str,
    /// What is wrong with it, and what to do.
    pub why: String,
    /// The text that is wrong, as it stands in the file.
    pub text: Option<String>,
}

impl MappingProblem {
    fn of_field(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into(), text: None }
    }

    fn of_text(field: &'static str, text: &str, why: String) -> Self {
        Self { field, why, text: Some(text.to_owned()) }
    }
}

/// The placeholders of each part of a mapping.
const EXCHANGE: [&str; 3] = ["$token", "$publicKey", "$tenant"];
const REFRESH: [&str; 2] = ["$refreshToken", "$publicKey"];
const ANSWER: [&str; 3] = ["$accessToken", "$refreshToken", "$userId"];
const ERROR: [&str; 2] = ["$word", "$status"];

impl Profile {
    /// What is wrong with a mapping.
    pub fn check(&self) -> Vec<MappingProblem> {
        let mut problems = Vec::new();
        check_call(&self.exchange, ["exchange", "exchange.answer"], &EXCHANGE, &mut problems);
        check_call(&self.refresh, ["refresh", "refresh.answer"], &REFRESH, &mut problems);
        self.check_errors(&mut problems);
        self.check_auth_hosts(&mut problems);
        let same_place = self.exchange.path == self.refresh.path;
        if problems.is_empty()
            && same_place
            && self.call_of(&self.exchange.path, &self.constants(IdpCall::Exchange)) != Some(IdpCall::Exchange)
        {
            let why = "exchange and refresh have the same path and no field that tells them apart";
            problems.push(MappingProblem::of_field("refresh", why));
        }
        problems
    }

    fn check_auth_hosts(&self, problems: &mut Vec<MappingProblem>) {
        for name in &self.auth_hosts {
            let is_label = |label: &str| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if !name.split('.').all(is_label) {
                let why = format!("`{name}` is not a host name; write for example `id.example.com`");
                problems.push(MappingProblem::of_text("authHosts", name, why));
            }
        }
        if !self.auth_hosts.is_empty() && !self.one_auth_host {
            let why = "`authHosts` needs `oneAuthHost = true`: otherwise each realm has a host of its own";
            problems.push(MappingProblem::of_field("authHosts", why));
        }
    }

    fn check_errors(&self, problems: &mut Vec<MappingProblem>) {
        check_pointer("errors", &self.errors.word, problems);
        for body in std::iter::once(&self.errors.body).chain(&self.errors.bad_request_body) {
            check_placeholders("errors", body, &ERROR, problems);
        }
        // A provider need not be able to say that a user is gone.
        for (call, name, kind) in [
            (IdpCall::Exchange, "exchange", ErrorKind::InvalidSignInToken),
            (IdpCall::Refresh, "refresh", ErrorKind::NeedsReauthentication),
        ] {
            if !self.meanings(call).iter().any(|meaning| meaning.means == kind) {
                problems.push(MappingProblem::of_field("errors", format!("`{name}` has no word that means `{kind}`")));
            }
        }
    }
}

/// Checks one call: `placeholders` are those of its request, the first of which it must send.
fn check_call(
    shape: &CallShape,
    [request, answer]: [&'static str; 2],
    placeholders: &[&str],
    problems: &mut Vec<MappingProblem>,
) {
    if !is_path(&shape.path) || shape.path.contains('?') {
        let why = format!(
            "`{}` is not a path; write for example `/oauth/token`, and what follows `?` in `query`",
            shape.path
        );
        problems.push(MappingProblem::of_text(request, &shape.path, why));
    }
    shape.fields.values().for_each(|value| check_placeholders(request, value, placeholders, problems));
    for value in shape.query.values() {
        check_placeholders(request, &Value::String(value.clone()), placeholders, problems);
    }
    if !shape.fields.values().any(|value| value == placeholders[0]) {
        problems.push(MappingProblem::of_field(request, format!("its fields carry no `{}`", placeholders[0])));
    }
    for pointer in [&shape.answer.access_token, &shape.answer.refresh_token, &shape.answer.expires_in] {
        check_pointer(answer, pointer, problems);
    }
    shape.answer.also.values().for_each(|value| check_placeholders(answer, value, &ANSWER, problems));
}

fn check_pointer(field: &'static str, pointer: &str, problems: &mut Vec<MappingProblem>) {
    if !pointer.starts_with('/') {
        let why = format!("`{pointer}` is not a JSON pointer; write for example `/access_token`");
        problems.push(MappingProblem::of_text(field, pointer, why));
    }
}

/// Placeholders stand for a whole text; what begins with `$` and is none of them would be sent as it is.
fn check_placeholders(field: &'static str, value: &Value, known: &[&str], problems: &mut Vec<MappingProblem>) {
    match value {
        Value::String(text) if text.starts_with('$') && !known.contains(&text.as_str()) => {
            let why = format!("undefined variable `{text}`; {}", did_you_mean(text, known.iter().copied()));
            problems.push(MappingProblem::of_text(field, text, why));
        }
        Value::Array(items) => items.iter().for_each(|item| check_placeholders(field, item, known, problems)),
        Value::Object(fields) => fields.values().for_each(|value| check_placeholders(field, value, known, problems)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::BUILT_IN;

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
            profile.refresh.answer.expires_in = "expires_in".into();
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
    fn two_calls_at_one_path_must_differ_in_a_constant() {
        let same = "refresh: exchange and refresh have the same path and no field that tells them apart";
        let problems = broken(|profile| {
            profile.exchange.fields.retain(|_, value| value == "$token");
            profile.refresh.fields.retain(|_, value| value == "$refreshToken");
        });
        assert_eq!(problems, [same]);
        let problems = broken(|profile| {
            profile.refresh.fields = profile.exchange.fields.clone();
            profile.refresh.fields.retain(|_, value| value != "$token");
            profile.refresh.fields.insert("refresh_token".into(), "$refreshToken".into());
        });
        assert_eq!(problems, [same]);
    }
}
