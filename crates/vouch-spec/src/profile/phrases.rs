//! Phrases of a text that stand for the words of a wire profile.

use super::{IdpCall, Profile};
use crate::protocol::ErrorKind;

/// Every phrase. `exchange` and `refresh` are the two calls; `path` is the path of a call, `token` the name of the field with the
/// token, the others are fields of the answer. `error.field` is where an error stands in an answer; the other errors are its
/// words.
pub const PHRASES: [&str; 14] = [
    "exchange.path",
    "exchange.token",
    "exchange.accessToken",
    "exchange.refreshToken",
    "exchange.expiresIn",
    "refresh.path",
    "refresh.token",
    "refresh.accessToken",
    "refresh.refreshToken",
    "refresh.expiresIn",
    "error.field",
    "error.invalidSignInToken",
    "error.invalidUser",
    "error.needsReauthentication",
];

impl Profile {
    /// What a phrase of [`PHRASES`] stands for: on `gcip`, `exchange.path` is `/v1/accounts:signInWithCustomToken`.
    pub fn phrase(&self, name: &str) -> Option<String> {
        let (of, what) = name.split_once('.')?;
        match of {
            "exchange" => self.phrase_of_call(IdpCall::Exchange, "$token", what),
            "refresh" => self.phrase_of_call(IdpCall::Refresh, "$refreshToken", what),
            "error" if what == "field" => Some(field_name(&self.errors.word)),
            "error" => {
                let kind = ErrorKind::parse(what)?;
                let meanings = self.errors.exchange.iter().chain(&self.errors.refresh);
                // A provider that cannot say that a user is gone says that the session ended.
                let spoken = kind != ErrorKind::InvalidUser || self.can_report_deletion();
                let kind = if spoken { kind } else { ErrorKind::NeedsReauthentication };
                let mut meanings = meanings.filter(|meaning| meaning.means == kind);
                meanings.next().map(|meaning| meaning.word.clone())
            }
            _ => None,
        }
    }

    fn phrase_of_call(&self, call: IdpCall, token: &str, what: &str) -> Option<String> {
        let shape = self.shape(call);
        match what {
            "path" => Some(shape.path.clone()),
            "token" => shape.fields.iter().find(|(_, value)| *value == token).map(|(name, _)| name.clone()),
            "accessToken" => Some(field_name(&shape.answer.access_token)),
            "refreshToken" => shape.answer.refresh_token.as_deref().map(field_name),
            "expiresIn" => shape.answer.expires_in.as_deref().map(field_name),
            _ => None,
        }
    }

    /// A text with its phrases, such as `{refresh.path}`, replaced. Other braces stay.
    pub fn fill_phrases(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for name in PHRASES {
            let written = format!("{{{name}}}");
            if out.contains(&written) {
                out = out.replace(&written, &self.phrase(name).unwrap_or_else(|| name.to_owned()));
            }
        }
        out
    }
}

/// A JSON pointer as documentation names a field: `error.message`.
fn field_name(pointer: &str) -> String {
    if pointer.is_empty() {
        return "body".into();
    }
    pointer.trim_start_matches('/').replace('/', ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::BUILT_IN;

    #[test]
    fn each_built_in_profile_has_a_word_for_every_phrase() {
        for profile in BUILT_IN.into_iter().filter_map(Profile::built_in) {
            for name in PHRASES {
                assert!(profile.phrase(name).is_some_and(|word| !word.is_empty()), "{} {name}", profile.name);
            }
        }
    }

    #[test]
    fn a_text_is_filled_with_the_words_of_the_profile() {
        let text = "POST {exchange.path}, field {exchange.token}: {error.field} `{error.invalidUser}`, {other}";
        assert_eq!(
            Profile::gcip().fill_phrases(text),
            "POST /v1/accounts:signInWithCustomToken, field token: error.message `USER_NOT_FOUND`, {other}"
        );
        assert_eq!(
            Profile::junction().fill_phrases(text),
            "POST /v1/token, field subject_token: detail.error_type `invalid_token`, {other}"
        );
    }
}
