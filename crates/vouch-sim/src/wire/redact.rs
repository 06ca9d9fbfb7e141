//! Secrets by construction: what a report may show is a [`Redacted`] text, and only a [`Redactor`] makes one.
//!
//! ```
//! use vouch_sim::wire::redact::{Redactor, SecretKind};
//! let redactor = Redactor::default();
//! redactor.secret(SecretKind::RefreshToken, "r3fr3sh+1");
//! assert_eq!(redactor.scrub("token=r3fr3sh%2B1 sent").as_str(), "token=[refresh token 1] sent");
//! ```

mod index;

use super::encodings::{self, in_one_line};
use index::Index;
use parking_lot::Mutex;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use vouch_spec::profile::Profile;

/// Text without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, or its first characters and how many there were.
    #[must_use]
    pub fn cut(self, characters: usize) -> Self {
        match self.0.char_indices().nth(characters) {
            None => self,
            Some((at, _)) => Self(format!("{}… ({} characters)", &self.0[..at], self.0.chars().count())),
        }
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretKind {
    SignInToken,
    AccessToken,
    RefreshToken,
    ApiKey,
    AppCredential,
    /// The secret of an OAuth client. It is hidden and never found: no clause is about where an SDK keeps it, and that of a
    /// public client is known to all (RFC 8252 section 8.5).
    ClientSecret,
}

impl SecretKind {
    pub fn words(self) -> &'static str {
        match self {
            SecretKind::SignInToken => "sign-in token",
            SecretKind::AccessToken => "access token",
            SecretKind::RefreshToken => "refresh token",
            SecretKind::ApiKey => "API key",
            SecretKind::AppCredential => "app credential",
            SecretKind::ClientSecret => "client secret",
        }
    }
}

/// A secret of this case, under the name that reports use.
#[derive(Clone)]
pub struct KnownSecret {
    pub kind: SecretKind,
    /// For example `access token 2`.
    pub name: String,
    value: String,
    /// The value in all its encodings, computed at first use: most secrets only appear as they are.
    encodings: OnceLock<Vec<String>>,
    /// The value less its last characters, where it is long: as good as the whole to whoever can guess the rest.
    beginning: Option<String>,
    /// Its pieces, where it is long.
    pieces: Option<encodings::Pieces>,
}

impl KnownSecret {
    /// Whether the secret stands in a text, as it is or encoded.
    pub fn is_in(&self, text: &str) -> bool {
        self.texts().any(|encoding| text.contains(encoding))
    }

    /// The encodings, and the beginning after them.
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.encodings.get_or_init(|| encodings::all(&self.value)).iter().chain(&self.beginning).map(String::as_str)
    }

    pub fn is(&self, value: &str) -> bool {
        self.value == value
    }
}

impl fmt::Debug for KnownSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.name)
    }
}

/// All secrets and ids of one case. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    inner: Arc<Mutex<RedactorState>>,
    /// It notes nothing.
    closed: bool,
}

#[derive(Default)]
struct RedactorState {
    secrets: Vec<Arc<KnownSecret>>,
    index: Index,
    /// Ids that are no secrets but differ from run to run: value and name.
    ids: Vec<(String, String)>,
}

static LOOKS_SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}[=]{0,2}|(?-u:\b)[ps]k_(?:us|eu)_[A-Za-z0-9_-]{4,}").ok()
});

impl RedactorState {
    fn add(&mut self, known: KnownSecret) {
        self.index.add(self.secrets.len(), &known);
        self.secrets.push(Arc::new(known));
    }

    fn names(&self, numbers: BTreeSet<usize>) -> String {
        let names: BTreeSet<_> = numbers.into_iter().map(|number| format!("[{}]", self.secrets[number].name)).collect();
        names.into_iter().collect::<Vec<_>>().join(" and ")
    }
}

impl Redactor {
    /// One that notes nothing, for a server that makes millions of secrets and shows no transcript. What only looks like a
    /// secret is still blacked out.
    pub fn closed() -> Self {
        Self { closed: true, ..Self::default() }
    }

    /// Notes a secret; it is called by its kind and a number from then on.
    pub fn secret(&self, kind: SecretKind, value: &str) {
        if self.closed {
            return;
        }
        let mut inner = self.inner.lock();
        if value.is_empty() || inner.secrets.iter().any(|known| known.value == value) {
            return;
        }
        let names: BTreeSet<_> =
            inner.secrets.iter().filter(|known| known.kind == kind).map(|known| &known.name).collect();
        let number = 1 + names.len();
        inner.add(known(kind, format!("{} {number}", kind.words()), value));
    }

    /// Notes a secret under a name of its own. An empty one stands in every text, and is none.
    pub fn named_secret(&self, kind: SecretKind, value: &str, name: String) {
        if !self.closed && !value.is_empty() {
            self.inner.lock().add(known(kind, name, value));
        }
    }

    /// Notes another form of the same secret, such as the JWT inside a sign-in token.
    pub fn same_secret(&self, original: &str, other_form: &str) {
        if self.closed {
            return;
        }
        let mut inner = self.inner.lock();
        if let Some(first) = inner.secrets.iter().find(|known| known.value == original).cloned() {
            inner.add(known(first.kind, first.name.clone(), other_form));
        }
    }

    /// Notes what a wire profile has of a client secret.
    pub fn client_of(&self, profile: &Profile) {
        let texts = profile.secret_texts();
        let Some((secret, forms)) = texts.split_first() else { return };
        self.secret(SecretKind::ClientSecret, secret);
        forms.iter().for_each(|form| self.same_secret(secret, form));
    }

    /// Notes an id and the name that stands for it in transcripts.
    pub fn id(&self, value: &str, name: impl Into<String>) {
        if !self.closed {
            self.inner.lock().ids.push((value.to_owned(), name.into()));
        }
    }

    /// The secrets that a text contains, in any encoding, but for client secrets.
    pub fn secrets_in(&self, text: &str) -> Vec<Arc<KnownSecret>> {
        let inner = self.inner.lock();
        let mut found = inner.index.find(text, &inner.secrets);
        if let Some(text) = in_one_line(text) {
            found.extend(inner.index.find(&text, &inner.secrets));
        }
        let found = found.into_iter().map(|number| inner.secrets[number].clone());
        found.filter(|known| known.kind != SecretKind::ClientSecret).collect()
    }

    /// The text fit to be shown: secrets and ids by name, and whatever else looks like a secret blacked out.
    pub fn scrub(&self, text: &str) -> Redacted {
        let inner = self.inner.lock();
        let mut marks: Vec<(&str, String)> = Vec::new();
        // Most texts have no secret. One that has some may also have parts of others.
        let secrets: &[_] = if inner.index.find(text, &inner.secrets).is_empty() { &[] } else { &inner.secrets };
        for known in secrets {
            marks.extend(known.texts().map(|encoding| (encoding, format!("[{}]", known.name))));
        }
        let capitals: Vec<_> = inner.ids.iter().map(|(value, name)| (value.to_uppercase(), name)).collect();
        for (value, name) in &capitals {
            marks.push((value, format!("[{name} in capitals]")));
        }
        for (value, name) in &inner.ids {
            marks.push((value, format!("[{name}]")));
        }
        marks.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let mut out = text.to_owned();
        for (value, name) in marks {
            if out.contains(value) {
                out = out.replace(value, &name);
            }
        }
        // Neither has what is in several parts a place of its own.
        let in_parts = if secrets.is_empty() { BTreeSet::new() } else { inner.index.find(&out, &inner.secrets) };
        if !in_parts.is_empty() {
            return Redacted(format!("[a text that holds {} in parts]", inner.names(in_parts)));
        }
        // What is broken over lines has no place of its own that could be blacked out.
        if let Some(line) = in_one_line(&out) {
            let broken = inner.index.find(&line, &inner.secrets);
            if !broken.is_empty() {
                return Redacted(format!("[a text that holds {} over several lines]", inner.names(broken)));
            }
        }
        match &*LOOKS_SECRET {
            Some(pattern) => Redacted(pattern.replace_all(&out, "[redacted]").into_owned()),
            None => Redacted("[redacted]".into()),
        }
    }
}

fn known(kind: SecretKind, name: String, value: &str) -> KnownSecret {
    KnownSecret {
        kind,
        name,
        value: value.to_owned(),
        encodings: OnceLock::new(),
        beginning: encodings::beginning(value),
        pieces: encodings::Pieces::of(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    #[test]
    fn a_secret_is_found_in_every_guise() {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::ApiKey, "pk_us_0123/4567+89");
        for text in ["pk_us_0123/4567+89", "k=pk_us_0123%2F4567%2B89", "cGtfdXNfMDEyMy80NTY3Kzg5"] {
            assert_eq!(redactor.secrets_in(text).len(), 1, "{text}");
            assert!(!redactor.scrub(text).as_str().contains("0123"), "{text}");
        }
        assert!(redactor.secrets_in("pk_us_other").is_empty());
    }

    #[test]
    fn secrets_are_numbered_by_kind_and_other_forms_share_the_name() {
        let redactor = Redactor::default();
        for value in ["", "refresh-one", "refresh-one", "refresh-two"] {
            redactor.secret(SecretKind::RefreshToken, value);
        }
        redactor.secret(SecretKind::AccessToken, "access-one");
        redactor.same_secret("refresh-two", "another-form");
        redactor.same_secret("nobody's", "nobody's-form");
        let shown = redactor.scrub("refresh-one refresh-two access-one another-form nobody's-form");
        let expected = "[refresh token 1] [refresh token 2] [access token 1] [refresh token 2] nobody's-form";
        assert_eq!((shown.as_str(), shown.to_string()), (expected, expected.to_owned()));
        let found = redactor.secrets_in("another-form");
        assert!(found[0].kind == SecretKind::RefreshToken && format!("{found:?}") == "[[refresh token 2]]");
    }

    #[test]
    fn a_closed_redactor_records_nothing_and_hides_what_looks_secret() {
        let redactor = Redactor::closed();
        redactor.secret(SecretKind::RefreshToken, "refresh-one");
        redactor.named_secret(SecretKind::RefreshToken, "refresh-two", "mine".into());
        redactor.same_secret("refresh-one", "another-form");
        redactor.id("some-id-1", "ada.id");
        let shown = redactor.scrub("refresh-one refresh-two another-form some-id-1 sk_eu_abcdef12");
        assert_eq!(shown.as_str(), "refresh-one refresh-two another-form some-id-1 [redacted]");
    }

    #[test]
    fn every_secret_of_many_is_found_wherever_it_stands() {
        let redactor = Redactor::default();
        let secrets: Vec<_> =
            (0..300).map(|n| format!("eyJhbGciOiJSUzI1NiJ9.same-beginning.{:08x}", n * 7919)).collect();
        secrets.iter().for_each(|secret| redactor.secret(SecretKind::AccessToken, secret));
        redactor.secret(SecretKind::AppCredential, "tiny");
        for secret in &secrets {
            let text = format!("x{secret}y");
            let found: Vec<_> = redactor.secrets_in(&text).iter().map(|known| known.is(secret)).collect();
            assert_eq!(found, [true], "{secret}");
            assert!(redactor.secrets_in(&secret[..secret.len() - 1]).is_empty());
        }
        assert_eq!(redactor.secrets_in("a tiny one").len(), 1);
        assert_eq!(redactor.secrets_in(&secrets.concat()).len(), 300);
    }

    #[test]
    fn a_secret_in_base64_is_found_whatever_stands_before_and_after_it() {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::RefreshToken, "r3fr3sh/t0ken+with>odd?letters");
        for before in ["", "{", "{\"", "{\"r\"", "{\"r\":\""] {
            for after in ["", "\"}", "\",\"user\":\"x\"}"] {
                let text = format!("{before}r3fr3sh/t0ken+with>odd?letters{after}");
                for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    assert_eq!(redactor.secrets_in(&encoded).len(), 1, "{text}");
                    assert!(redactor.scrub(&encoded).as_str().contains("[refresh token 1]"), "{text}");
                }
            }
        }
        assert!(
            redactor.secrets_in(&STANDARD_NO_PAD.encode("{\"r\":\"r3fr3sh/another+with>odd?letters\"}")).is_empty()
        );
    }

    #[test]
    fn a_secret_in_hex_or_wrapped_is_found_and_not_shown() {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::RefreshToken, "r3fr3sh/t0ken+with>odd?letters-and-more-of-them");
        let hex: String =
            "r3fr3sh/t0ken+with>odd?letters-and-more-of-them".bytes().map(|b| format!("{b:02x}")).collect();
        let base64 = STANDARD_NO_PAD.encode("{\"r\":\"r3fr3sh/t0ken+with>odd?letters-and-more-of-them\"}");
        let (start, end) = base64.split_at(30);
        for text in [hex.clone(), hex.to_uppercase(), format!("{start}\n{end}"), format!("{start}\\r\\n{end}\\n")] {
            assert_eq!(redactor.secrets_in(&format!("at {text} end")).len(), 1, "{text}");
            let shown = redactor.scrub(&text);
            assert!(shown.as_str().contains("[refresh token 1]") && !shown.as_str().contains(end), "{shown:?}");
        }
        assert_eq!(redactor.scrub("two\nlines").as_str(), "two\nlines");
    }

    #[test]
    fn a_secret_in_utf16_is_found_in_either_order() {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::RefreshToken, "r3fr3sh-t0ken");
        let units: Vec<u16> = "token=r3fr3sh-t0ken;".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big] {
            assert_eq!(redactor.secrets_in(&String::from_utf8_lossy(&bytes)).len(), 1);
        }
    }

    #[test]
    fn the_long_beginning_of_a_secret_is_found_and_taken_for_no_other() {
        let redactor = Redactor::default();
        let family = "family-of-tokens-".repeat(4);
        let [first, second] = ["00000000000000000001", "00000000000000000002"].map(|n| format!("{family}{n}"));
        redactor.secret(SecretKind::RefreshToken, &first);
        redactor.secret(SecretKind::AccessToken, &second);
        let kinds = |text: &str| redactor.secrets_in(text).iter().map(|known| known.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&format!("sent {second}.")), [SecretKind::AccessToken]);
        assert_eq!(kinds(&first[..first.len() - 12]).len(), 2, "it may be either");
        assert!(!redactor.scrub(&first[..first.len() - 12]).as_str().contains("family"));
        assert!(kinds(&first[..40]).is_empty());
    }

    #[test]
    fn a_secret_in_capitals_reversed_or_percent_encoded_throughout_is_found_and_not_shown() {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::RefreshToken, "r3fr3sh-t0ken_of-a-user");
        let percent = |upper: bool| {
            "r3fr3sh-t0ken_of-a-user"
                .bytes()
                .map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") })
                .collect::<String>()
        };
        for text in [percent(true), percent(false), "R3FR3SH-T0KEN_OF-A-USER".into(), "resu-a-fo_nek0t-hs3rf3r".into()]
        {
            assert_eq!(redactor.secrets_in(&format!("at {text} end")).len(), 1, "{text}");
            assert_eq!(redactor.scrub(&text).as_str(), "[refresh token 1]");
        }
    }

    #[test]
    fn a_long_secret_in_two_parts_is_found_wherever_it_is_split() {
        let redactor = Redactor::default();
        let family = "family-of-tokens-".repeat(4);
        let [first, second] = ["1234567890-abcdef-01", "1234567890-abcdef-02"].map(|end| format!("{family}{end}"));
        redactor.secret(SecretKind::RefreshToken, &first);
        redactor.secret(SecretKind::AccessToken, &second);
        for at in [10, 22, 30, 44, 60, 70] {
            let (start, end) = first.split_at(at);
            let text = format!("{{\"b\": \"{end}\", \"a\": \"{start}\"}}");
            let found: Vec<_> = redactor.secrets_in(&text).iter().map(|known| known.kind).collect();
            assert_eq!(found, [SecretKind::RefreshToken], "split at {at}");
            assert!(!redactor.scrub(&text).as_str().contains("1234567890"), "split at {at}");
        }
        assert!(redactor.secrets_in(&format!("{} {}", &first[..20], &first[60..])).is_empty());
    }

    #[test]
    fn what_only_looks_like_a_secret_is_blacked_out_too() {
        let scrubbed = Redactor::default().scrub("key sk_eu_abcdef12 and eyJhbGciOiJSUzI1NiJ9.e30.c2ln end");
        assert_eq!(scrubbed.as_str(), "key [redacted] and [redacted] end");
    }

    #[test]
    fn a_client_secret_is_hidden_and_is_no_finding() {
        let redactor = Redactor::default();
        redactor.secret(SecretKind::ClientSecret, "s3cr3t/of-the-app");
        redactor.secret(SecretKind::RefreshToken, "refresh-one");
        let basic = STANDARD_NO_PAD.encode("app:s3cr3t%2Fof-the-app");
        redactor.secret(SecretKind::ClientSecret, &basic);
        let text = format!("authorization: Basic {basic} client_secret=s3cr3t%2Fof-the-app refresh-one");
        let shown = redactor.scrub(&text);
        assert!(!shown.as_str().contains(&basic) && !shown.as_str().contains("s3cr3t"), "{shown}");
        let found: Vec<_> = redactor.secrets_in(&text).iter().map(|known| known.kind).collect();
        assert_eq!(found, [SecretKind::RefreshToken]);
    }

    #[test]
    fn ids_have_names_in_either_case() {
        let redactor = Redactor::default();
        redactor.id("ab-1", "ada.id");
        assert_eq!(redactor.scrub("/v2/user/ab-1 AB-1").as_str(), "/v2/user/[ada.id] [ada.id in capitals]");
    }
}
