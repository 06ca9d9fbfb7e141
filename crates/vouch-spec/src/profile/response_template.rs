//! Good answers made in advance: text with gaps for what differs from call to call.

use super::{IdpCall, NumberForm, Profile, TokenGrant};

/// The good answer of one call, ready but for its gaps.
#[derive(Clone, Debug)]
pub struct ResponseTemplate {
    /// Text, and the gap that follows it.
    parts: Vec<(String, Placeholder)>,
    end: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    AccessToken,
    RefreshToken,
    ExpiresIn,
    UserId,
}

/// What stands in a gap while the answer is made: in no profile, and the same in JSON as in itself.
const ACCESS_TOKEN: &str = "\u{2}a";
const REFRESH_TOKEN: &str = "\u{2}r";
const USER_ID: &str = "\u{2}u";
const EXPIRES_IN: u64 = 18_405_060_708_091_011_121;

impl ResponseTemplate {
    /// What [`Profile::answer`] makes of the same arguments.
    pub fn new(profile: &Profile, call: IdpCall, form: Option<NumberForm>) -> Self {
        let granted = TokenGrant {
            access_token: ACCESS_TOKEN.into(),
            refresh_token: REFRESH_TOKEN.into(),
            expires_in: Some(EXPIRES_IN),
        };
        let text = profile.answer(call, &granted, USER_ID, form).to_string();
        let escaped = |text: &str| text.replace('\u{2}', "\\u0002");
        let gaps = [
            (escaped(ACCESS_TOKEN), Placeholder::AccessToken),
            (escaped(REFRESH_TOKEN), Placeholder::RefreshToken),
            (escaped(USER_ID), Placeholder::UserId),
            (EXPIRES_IN.to_string(), Placeholder::ExpiresIn),
        ];
        let (mut parts, mut left) = (Vec::new(), text.as_str());
        while let Some((at, mark, gap)) =
            gaps.iter().filter_map(|(mark, gap)| Some((left.find(mark)?, mark, *gap))).min_by_key(|(at, ..)| *at)
        {
            parts.push((left[..at].to_owned(), gap));
            left = &left[at + mark.len()..];
        }
        Self { parts, end: left.to_owned() }
    }

    /// The answer's text.
    pub fn text(&self, granted: &TokenGrant, user_id: &str) -> String {
        let long = granted.access_token.len() * 2 + granted.refresh_token.len() + user_id.len();
        let mut text = String::with_capacity(long + self.end.len() + 256);
        for (before, gap) in &self.parts {
            text.push_str(before);
            match gap {
                Placeholder::AccessToken => push_escaped(&mut text, &granted.access_token),
                Placeholder::RefreshToken => push_escaped(&mut text, &granted.refresh_token),
                Placeholder::UserId => push_escaped(&mut text, user_id),
                Placeholder::ExpiresIn => text.push_str(&granted.expires_in.unwrap_or_default().to_string()),
            }
        }
        text.push_str(&self.end);
        text
    }
}

/// A text as it stands between the quotes of a JSON string.
fn push_escaped(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        let quoted = serde_json::Value::from(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::BUILT_IN;

    #[test]
    fn a_ready_answer_is_the_answer() {
        let granted =
            TokenGrant { access_token: "a.b-_c".into(), refresh_token: "r+/=&%".into(), expires_in: Some(3600) };
        for profile in BUILT_IN.map(|name| Profile::built_in(name).unwrap()) {
            for call in [IdpCall::Exchange, IdpCall::Refresh] {
                for form in [None, Some(NumberForm::Number), Some(NumberForm::Text)] {
                    for user_id in ["u-1", "a \"quoted\" \\ \n one"] {
                        let ready = ResponseTemplate::new(&profile, call, form).text(&granted, user_id);
                        assert_eq!(ready, profile.answer(call, &granted, user_id, form).to_string());
                    }
                }
            }
        }
    }
}
