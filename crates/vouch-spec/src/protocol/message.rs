//! Params and results of every method.

use super::claims::Claims;
use super::vocabulary::{Environment, ErrorKind, Region, StatusWord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

macro_rules! messages {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident : $ty:ty),* $(,)? })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
            #[serde(rename_all = "camelCase")]
            pub struct $name { $($(#[$field_meta])* pub $field: $ty),* }
        )+
    };
}

messages! {
    /// `initialize`, from Vouch. It speaks every version from `minProtocol` to `protocol`; the answer names one of them.
    Initialize { protocol: u32, #[serde(default = "first_version")] min_protocol: u32, harness: Harness }
    Harness { name: String, version: String }
    /// The answer to `initialize`.
    Initialized {
        protocol: u32,
        #[serde(alias = "app")] sdk: SdkName,
        capabilities: Claims,
        /// The areas that the platform protects well enough for tokens (EXC-3): `secure`, which is the default, and `plain` where
        /// no other app can read it.
        #[serde(default = "secure_only")] token_storage: Vec<Area>,
    }
    SdkName { name: String, version: String, #[serde(default)] platform: String }
    /// `hello`, from an app that dials in: its first line.
    Hello { installation: String }
    /// `start`: the app is launched.
    Start {
        /// The wire profile: `junction`, `gcip` or `custom`.
        profile: String,
        /// What `custom` means. An SDK that knows its own wire can ignore it.
        #[serde(default, skip_serializing_if = "Option::is_none")] custom: Option<serde_json::Value>,
        storage: Storage,
        /// The app is launched in the background, without a user interface; only with the capability `wake`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")] background: bool,
        endpoints: Vec<Endpoint>,
        /// Milliseconds since 1970; only with the capability `clock`.
        #[serde(default, skip_serializing_if = "Option::is_none")] now: Option<i64>,
        /// How long the SDK may wait for one HTTP answer, in real milliseconds.
        request_timeout_ms: u64,
    }
    /// The directories of one installation.
    Storage { secure: PathBuf, plain: PathBuf, volatile: PathBuf, locked: bool }
    /// The addresses of one environment and region.
    Endpoint { environment: Environment, region: Region, api: String, auth: String }
    SignIn { token: String }
    Configure { api_key: String, environment: Environment, region: Region }
    SetUserId { user_id: String }
    Identify { external_user_id: String }
    Request {
        method: String,
        path: String,
        /// The JSON body to send; only with the capability `requestBody`.
        #[serde(default, skip_serializing_if = "Option::is_none")] body: Option<serde_json::Value>,
    }
    /// The HTTP answer to `request`.
    Requested { status: u16, #[serde(default)] body: serde_json::Value }
    Status { status: Vec<StatusWord> }
    CurrentUser { user_id: Option<String> }
    /// Everything the SDK keeps.
    Items { items: Vec<Item> }
    Item { area: Area, key: String, value: String }
    LockStorage { locked: bool }
    Clock { now: i64 }
    /// `sleep`, from the adapter. In the background: a timer, which no call waits for.
    Sleep { milliseconds: u64, #[serde(default)] background: bool }
    /// `authenticate`, from the adapter.
    Authenticate { external_user_id: String }
    /// The answer to `authenticate`.
    Authenticated { token: String }
    /// `start`, to an app: it is launched. Its own folder outlasts relaunches.
    AppStart { storage: PathBuf }
    /// `setUser`, to an app: a person signs in to it, or out of it.
    SetUser { user: Option<AppUser> }
    /// A person as the app knows them. The vendor's user id is null until the app can know it.
    AppUser { external_user_id: String, user_id: Option<String> }
    /// `stop`. With `reuse`, which needs the capability of that name, the process goes on: the next message is a `start`.
    Stop { #[serde(default, skip_serializing_if = "std::ops::Not::not")] reuse: bool }
    Log { text: String }
    Cancel { id: u64 }
    /// No params, or nothing to say.
    Empty {}
    /// `error.data` of a refused call.
    ErrorData { kind: ErrorKind }
}

fn first_version() -> u32 {
    1
}

fn secure_only() -> Vec<Area> {
    vec![Area::Secure]
}

/// Where an SDK keeps a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Area {
    Secure,
    Plain,
    Volatile,
}

impl Area {
    pub const ALL: [Area; 3] = [Area::Secure, Area::Plain, Area::Volatile];

    pub fn word(self) -> &'static str {
        match self {
            Area::Secure => "secure",
            Area::Plain => "plain",
            Area::Volatile => "volatile",
        }
    }
}
