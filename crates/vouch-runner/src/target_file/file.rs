//! What a target file says.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Control, Environment, Region};
use vouch_spec::text::Spanned;

/// A target file. Each section fills a role; what is left out is built in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetFile {
    #[serde(default)]
    pub sdk: Option<AdapterSection>,
    #[serde(default)]
    pub app: Option<AdapterSection>,
    #[serde(default)]
    pub backend: Option<BackendSection>,
    #[serde(default)]
    pub cloud: Option<CloudSection>,
    /// The wire profile: `junction` (the default), `gcip`, or `custom`.
    #[serde(default)]
    pub profile: Option<Spanned<String>>,
    /// What `custom` means.
    #[serde(default)]
    pub custom: Option<Spanned<Profile>>,
    #[serde(default)]
    pub deadlines: DeadlineSection,
    /// A folder for this target's own wire snapshots, relative to the file. Left out, those beside the scenarios count.
    #[serde(default)]
    pub snapshots: Option<PathBuf>,
}

/// A role that is filled by an adapter: an SDK or an app.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdapterSection {
    /// What reports call it.
    pub name: String,
    /// The adapter's program and its arguments, run in the target file's folder. A program named with a slash is
    /// looked for there too.
    pub command: CommandLine,
    /// Environment variables for the adapter.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// The backend role: a program that Vouch starts for each case (`command`), or one that runs already (`url`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendSection {
    pub name: Spanned<String>,
    #[serde(default)]
    pub command: Option<CommandLine>,
    /// Environment of the program. `$port`, `$api`, `$apiKey`, `$environment`, `$region` and `$timeoutMs` are filled in.
    #[serde(default)]
    pub env: BTreeMap<String, Spanned<String>>,
    /// A path that answers below 500 when it is ready. Left out, an open port is enough.
    #[serde(default)]
    pub ready: Option<Spanned<String>>,
    /// The base URL of a backend that runs already.
    #[serde(default)]
    pub url: Option<Spanned<String>>,
    /// With `url`: where that backend looks for the vendor API, and with which key.
    #[serde(default)]
    pub vendor: Option<VendorSection>,
    /// How a test user gets the credential that its app then sends.
    #[serde(default)]
    pub login: Option<LoginSection>,
    /// Instead of `login`: credentials by client user id.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
    pub token_request: TokenRequestSection,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VendorSection {
    /// The loopback address that Vouch listens on as the vendor API, for example `127.0.0.1:9400`.
    pub listen: Spanned<String>,
    pub api_key: String,
}

/// A call that logs a test user in. `$user` is its name: any is taken.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginSection {
    /// Method and path, for example `POST /login`.
    pub request: Spanned<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub body: Option<Value>,
    /// Where the credential stands in the answer: `/json/pointer`, `header:NAME`, `cookie:NAME` or `body`.
    pub credential: Spanned<String>,
}

/// How the app asks for a sign-in token. `$credential` and `$user` are filled in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequestSection {
    /// Method and path, for example `POST /sign-in-token`.
    pub request: Spanned<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub body: Option<Value>,
    /// Where the token stands in the answer: `/json/pointer`, `header:NAME` or `body`.
    pub token: Spanned<String>,
}

/// The api and idp roles.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudSection {
    pub name: Spanned<String>,
    /// A program that Vouch starts once for the run. Left out, the cloud runs already.
    #[serde(default)]
    pub command: Option<CommandLine>,
    /// Environment of the program and of the hooks; `$port` is filled in.
    #[serde(default)]
    pub env: BTreeMap<String, Spanned<String>>,
    /// A path or URL that answers below 500 when it is ready.
    #[serde(default)]
    pub ready: Option<Spanned<String>>,
    #[serde(default)]
    pub lifetimes: LifetimeSection,
    pub realms: Vec<RealmSection>,
    /// Programs that do what no call of the API does, told by `VOUCH_HOOK`, `VOUCH_USER_ID` and others.
    #[serde(default)]
    pub hooks: BTreeMap<Control, CommandLine>,
}

/// How long the cloud's tokens live. Short ones are waited for in real time where there is no hook `advance`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LifetimeSection {
    /// Default 300s.
    pub sign_in_token: Option<Length>,
    /// Default 3600s.
    pub access_token: Option<Length>,
}

/// One environment and region of a cloud. `$port` is filled in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RealmSection {
    pub environment: Environment,
    pub region: Region,
    /// The base URL of the API.
    pub api: Spanned<String>,
    /// The base URL of the identity provider.
    pub auth: Spanned<String>,
    /// The test team's key.
    pub api_key: Spanned<String>,
}

/// How long the harness waits, in real time, for example `10s`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeadlineSection {
    /// For any call but `stop`. Default 10s.
    pub call: Option<Length>,
    /// From `stop` to the end of the process. Default 5s.
    pub stop: Option<Length>,
    /// Until a backend or cloud is ready. Default 15s.
    pub start: Option<Length>,
    /// How long the build may wait for one HTTP answer. Default 5s; for a backend 2s.
    pub request: Option<Length>,
}

/// A length of time that is not zero, written for example `10s` or `500ms`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Length(pub(super) Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match humantime::parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => Ok(Self(duration)),
            _ => Err(format!("`{text}` is no length of time; write for example \"10s\" or \"500ms\"")),
        }
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>")]
#[schemars(with = "Vec<String>")]
pub struct CommandLine {
    pub(super) program: String,
    pub(super) args: Vec<String>,
}

impl TryFrom<Vec<String>> for CommandLine {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        let mut words = words.into_iter();
        let program = words.next().ok_or("`command` is empty: give the program and its arguments")?;
        Ok(Self { program, args: words.collect() })
    }
}
