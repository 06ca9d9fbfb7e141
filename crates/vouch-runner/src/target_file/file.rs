//! The content of a target file.

use super::cloud_system::{DescribeSection, MetricsSection};
use super::tls::TlsSection;
use crate::sut::{DeviceHook, Preset};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use vouch_spec::duration::{self, DurationError};
use vouch_spec::profile::{Profile, Rotation};
use vouch_spec::protocol::{Control, Environment, Region};
use vouch_spec::text::Spanned;

/// A target file. Each section fills a role. A role without a section is filled by its reference implementation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetFile {
    #[serde(default)]
    pub sdk: Option<SdkSection>,
    #[serde(default)]
    pub app: Option<AdapterSection>,
    #[serde(default)]
    pub backend: Option<BackendSection>,
    #[serde(default)]
    pub cloud: Option<CloudSection>,
    /// The wire profile: `junction` (the default), `gcip`, or `custom`.
    #[serde(default)]
    pub profile: Option<Spanned<String>>,
    /// The mapping of the profile `custom`.
    #[serde(default)]
    pub custom: Option<Spanned<Profile>>,
    #[serde(default)]
    pub deadlines: DeadlineSection,
    /// The build under test, for the run record: a file or folder relative to this file, or an image as
    /// `oci:NAME@sha256:DIGEST`. A certificate needs it.
    #[serde(default)]
    pub build: Option<String>,
    /// The waivers of this build (TOML), relative to this file. See `docs/gates.md`.
    #[serde(default)]
    pub waivers: Option<PathBuf>,
    /// A folder for the wire snapshots of this target, relative to the file. Default: the snapshots beside the scenarios.
    #[serde(default)]
    pub snapshots: Option<PathBuf>,
}

/// The SDK role: a program (`command`), a connection (`connect` or `listen`), or both.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SdkSection {
    /// The name of the implementation in reports.
    pub name: Spanned<String>,
    /// The adapter's program and its arguments. The working directory is the folder of the target file; a program with a slash
    /// in its name is relative to it. Without `connect` and `listen` it speaks on its standard input and output.
    #[serde(default)]
    pub command: Option<CommandLine>,
    /// Environment variables for the adapter.
    #[serde(default)]
    pub env: BTreeMap<String, Spanned<String>>,
    /// The address that Vouch connects to: `tcp://HOST:PORT`, `ws://HOST:PORT/PATH` or `http://HOST:PORT/PATH`. With `command`,
    /// `$port` is a free port for the program.
    #[serde(default)]
    pub connect: Option<Spanned<String>>,
    /// The loopback address that Vouch listens on; the app dials in by WebSocket or by lines over TCP. With `command`, `$url` is
    /// what the program dials and `$installation` what it says in `hello`.
    #[serde(default)]
    pub listen: Option<Spanned<String>>,
    /// The installation id with which the app dials in. Default: that of the first app that does.
    #[serde(default)]
    pub installation: Option<String>,
    /// The device that the app runs on.
    #[serde(default)]
    pub device: Option<DeviceSection>,
    /// Files and folders of the adapter itself, such as its log. A token in them is not the SDK's fault.
    #[serde(default)]
    pub adapter_files: Vec<PathBuf>,
    /// The build that users have now, for the cases about updates.
    #[serde(default)]
    pub previous: Option<PreviousSection>,
}

/// The build of the SDK before the one under test: a program as in `[sdk]`, which keeps its data in the same storage, or what it
/// left there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviousSection {
    /// The adapter's program and its arguments.
    #[serde(default)]
    pub command: Option<CommandLine>,
    /// In place of `command`, the folder of an installation that `vouch capture installation` stored.
    #[serde(default)]
    pub stored: Option<Spanned<PathBuf>>,
    /// Environment variables for the adapter.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The wire profile that it speaks, where that is not the one of the build under test: `junction`, `gcip` or `standard`.
    #[serde(default)]
    pub profile: Option<Spanned<String>>,
}

/// A device and its hooks: commands, run in the folder of the target file. `$app`, `$device`, `$package`, `$activity`, `$url`,
/// `$installation` and `$port` are replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceSection {
    /// Hooks of a platform: `adb` or `simctl`.
    #[serde(default)]
    pub preset: Option<Spanned<Preset>>,
    /// The name of the device, for example `emulator-5554`.
    #[serde(default)]
    pub device: Option<String>,
    /// The id of the app, for example `com.example.health`.
    #[serde(default)]
    pub app: Option<String>,
    /// The activity that is launched, for example `.MainActivity`.
    #[serde(default)]
    pub activity: Option<String>,
    /// The file to install, relative to the target file.
    #[serde(default)]
    pub package: Option<PathBuf>,
    /// The address of this machine as the device sees it: `10.0.2.2` in an Android emulator.
    #[serde(default)]
    pub host_address: Option<String>,
    /// Commands by hook; each is a list of words, or a list of commands. They replace those of the preset; an empty list removes
    /// a hook.
    #[serde(default)]
    pub hooks: BTreeMap<DeviceHook, Spanned<HookSection>>,
}

/// One command, or several that run one after the other.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HookSection {
    One(Vec<String>),
    Several(Vec<Vec<String>>),
}

/// A role that is filled by an adapter over its standard input and output: an app.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdapterSection {
    /// The name of the implementation in reports.
    pub name: String,
    /// The adapter's program and its arguments. The working directory is the folder of the target file; a program with a slash
    /// in its name is relative to it.
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
    /// Environment variables of the program. The variables `$port`, `$api`, `$apiKey`, `$environment`, `$region` and
    /// `$timeoutMs` are replaced.
    #[serde(default)]
    pub env: BTreeMap<String, Spanned<String>>,
    /// A path that answers with a status below 500 when the backend is ready. Default: an open port is enough.
    #[serde(default)]
    pub ready: Option<Spanned<String>>,
    /// The base URL of a backend that runs already.
    #[serde(default)]
    pub url: Option<Spanned<String>>,
    /// With `url`: the address and the key with which that backend calls the vendor API.
    #[serde(default)]
    pub vendor: Option<VendorSection>,
    /// The request that returns the credential of a test user.
    #[serde(default)]
    pub login: Option<LoginSection>,
    /// The request that ends the credential of a test user. Without it, the cases about log-outs are skipped.
    #[serde(default)]
    pub logout: Option<ValueSection>,
    /// The `client_user_id` under which the backend makes the vendor user of `$user`. Default `$user`; `unknown` if it follows
    /// from nothing that the target file can say.
    #[serde(default)]
    pub client_user_id: Option<Spanned<String>>,
    /// Instead of `login`: credentials by user name; `*` stands for every other user.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
    pub token_request: TokenRequestSection,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VendorSection {
    /// The loopback address that Vouch listens on as the vendor API, for example `127.0.0.1:9400`.
    pub listen: Spanned<String>,
    pub api_key: Spanned<String>,
}

/// The login request of a test user. `$user` is replaced by its name. The backend must accept any name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginSection {
    /// Method and path, for example `POST /login`.
    pub request: Spanned<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub body: Option<Spanned<Value>>,
    /// The location of the credential in the response: `/json/pointer`, `header:NAME`, `cookie:NAME` or `body`.
    pub credential: Spanned<String>,
    /// Requests that come before it.
    #[serde(default)]
    pub before: Vec<ValueSection>,
    /// Locations of further values for the token request, by the name of their variable.
    #[serde(default)]
    pub values: BTreeMap<String, Spanned<String>>,
}

/// A request whose response has values for later requests, which use them as variables.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueSection {
    /// Method and path, for example `GET /csrf`.
    pub request: Spanned<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub body: Option<Spanned<Value>>,
    /// Locations of values, by the name of their variable.
    #[serde(default)]
    pub values: BTreeMap<String, Spanned<String>>,
}

/// The request of the app for a sign-in token. `$credential` and `$user` are replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequestSection {
    /// Method and path, for example `POST /sign-in-token`.
    pub request: Spanned<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub body: Option<Spanned<Value>>,
    /// The location of the token in the response: `/json/pointer`, `header:NAME` or `body`.
    pub token: Spanned<String>,
    /// Requests that come before each token request.
    #[serde(default)]
    pub before: Vec<ValueSection>,
    /// A JSON pointer: an answer that has a value there reports a failure, whatever its status. For GraphQL `/errors`.
    #[serde(default)]
    pub failed_when: Option<Spanned<String>>,
}

/// The api and idp roles.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudSection {
    pub name: Spanned<String>,
    /// A program that Vouch starts once for the run. Without it, the cloud must run already.
    #[serde(default)]
    pub command: Option<CommandLine>,
    /// Environment variables of the program and of the hooks. `$port` is replaced.
    #[serde(default)]
    pub env: BTreeMap<String, Spanned<String>>,
    /// A path or URL that answers with a status below 500 when the cloud is ready.
    #[serde(default)]
    pub ready: Option<Spanned<String>>,
    #[serde(default)]
    pub lifetimes: LifetimeSection,
    /// How long after their end the cloud still accepts tokens, because clocks differ. Default: 60s with a hook `advance`.
    #[serde(default)]
    pub clock_leeway: Option<DurationOrZero>,
    /// Whether the refusal of a refresh says that the user is gone. Default: true.
    #[serde(default)]
    pub reports_deletion: Option<bool>,
    /// Whether a refresh brings a new refresh token: `required` (every time), `optional`, `never` (the same one comes back).
    /// Default: what the wire profile says, else `optional` for `run` and `required` for loads.
    #[serde(default)]
    pub rotation: Option<Rotation>,
    /// How long a refresh token that was rotated out may be used again, for clients whose answer got lost. Default: none.
    #[serde(default)]
    pub reuse_interval: Option<PositiveDuration>,
    /// The path (at the identity provider) or URL of the public keys of its tokens, a JWK Set. Default: /.well-known/jwks.json.
    #[serde(default)]
    pub jwks: Option<Spanned<String>>,
    /// The path (at the identity provider) or URL of its discovery document (RFC 8414, `OpenID` Connect Discovery), which says where
    /// the token endpoint and the public keys are. `$port` is replaced.
    #[serde(default)]
    pub discovery: Option<Spanned<String>>,
    pub realms: Vec<RealmSection>,
    /// What Vouch trusts and shows where a URL of the cloud has https.
    #[serde(default)]
    pub tls: Option<Spanned<TlsSection>>,
    /// Commands for controls that the API of the cloud does not offer. They get `VOUCH_HOOK`, `VOUCH_USER_ID` and other
    /// environment variables.
    #[serde(default)]
    pub hooks: BTreeMap<Control, CommandLine>,
    /// What the cloud runs on, for load reports: a table, or a command that prints the same fields as JSON.
    #[serde(default)]
    pub describe: Option<DescribeSection>,
    /// Where a load reads the CPU, memory and queue of the cloud, each second. Default: the processes that Vouch starts.
    #[serde(default)]
    pub metrics: Option<Spanned<MetricsSection>>,
}

/// The lifetimes of the cloud's tokens. Without a hook `advance`, scenarios wait for the expiry of tokens with a lifetime of up
/// to 15 s in real time.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LifetimeSection {
    /// Default 300s.
    pub sign_in_token: Option<PositiveDuration>,
    /// Default 3600s.
    pub access_token: Option<PositiveDuration>,
}

/// One environment and region of a cloud. `$port` is replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RealmSection {
    pub environment: Environment,
    pub region: Region,
    /// The base URL of the API.
    pub api: Spanned<String>,
    /// The base URL of the identity provider.
    pub auth: Spanned<String>,
    /// The API key of the test team.
    pub api_key: Spanned<String>,
}

/// Timeouts in real time, for example `10s`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeadlineSection {
    /// For every adapter call except `stop`. Default 10s.
    pub call: Option<PositiveDuration>,
    /// From the response to `stop` to the exit of the process. Default 5s.
    pub stop: Option<PositiveDuration>,
    /// Until a backend or cloud is ready. Default 15s.
    pub start: Option<PositiveDuration>,
    /// For an HTTP request of the build. Default 5s; with a backend under test 2s.
    pub request: Option<PositiveDuration>,
}

/// A duration longer than zero, for example `10s` or `500ms`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct PositiveDuration(pub(super) Duration);

impl TryFrom<String> for PositiveDuration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        duration::parse_positive(&text).map(Self)
    }
}

/// A duration that may be zero.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct DurationOrZero(pub(super) Duration);

impl TryFrom<String> for DurationOrZero {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        duration::parse(&text).map(Self)
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Spanned<String>>")]
#[schemars(with = "Vec<String>")]
pub struct CommandLine {
    pub(super) program: String,
    pub(super) args: Vec<Spanned<String>>,
}

impl TryFrom<Vec<Spanned<String>>> for CommandLine {
    type Error = &'static str;

    fn try_from(words: Vec<Spanned<String>>) -> Result<Self, Self::Error> {
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.value.is_empty());
        let program = program.ok_or("`command` is empty: give the program and its arguments")?.value;
        Ok(Self { program, args: words.collect() })
    }
}
