//! The closed sets of words of the scheme, as they stand in protocol, scenario files and reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Declares an enum whose variants are words, with `ALL`, `word()` and `parse()`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.word()) }
        }
    };
}

words! {
    /// A vendor environment. Source: wire facts, "Hosts".
    Environment { Production = "production", Sandbox = "sandbox", Dev = "dev" }
}

words! {
    /// A vendor region.
    Region { Us = "us", Eu = "eu" }
}

words! {
    /// A member of the SDK's status set (LIF-7).
    StatusWord {
        Configured = "configured",
        SignedIn = "signedIn",
        UseApiKey = "useApiKey",
        UseSignInToken = "useSignInToken",
        PendingReauthentication = "pendingReauthentication",
    }
}

words! {
    /// A method that the harness calls on an SDK adapter.
    SdkMethod {
        Start = "start",
        SignIn = "signIn",
        SignOut = "signOut",
        Status = "status",
        CurrentUserId = "currentUserId",
        Configure = "configure",
        SetUserId = "setUserId",
        Identify = "identify",
        Request = "request",
        Refresh = "refresh",
        Storage = "storage",
        LockStorage = "lockStorage",
        Foreground = "foreground",
        Clock = "clock",
    }
}

words! {
    /// What an SDK port may claim in `initialize`.
    Capability {
        /// The older API-key scheme: `configure`, `setUserId`.
        ApiKey = "apiKey",
        /// `identify` with an authenticate callback (REC-8).
        Identify = "identify",
        /// Takes its time from Vouch.
        Clock = "clock",
        /// Sends `statusChanged` (LIF-6).
        StatusStream = "statusStream",
        /// Keeps everything in files below the given directories (PER-5).
        StorageFiles = "storageFiles",
        /// Honours `lockStorage` (PER-6).
        StorageLock = "storageLock",
        /// Refreshes on demand.
        Refresh = "refresh",
        /// Honours `cancel`.
        Cancel = "cancel",
        /// Sends the body of `request` (REF-3).
        RequestBody = "requestBody",
        /// Speaks the wire profile of older releases.
        Gcip = "gcip",
        /// Takes a new `start` after `stop`, for the next case.
        Reuse = "reuse",
        /// Two processes may use one storage at the same time (MUL-1).
        SecondProcess = "secondProcess",
        /// Honours `start.background` and `foreground` (WAK-1).
        Wake = "wake",
    }
}

words! {
    /// A place in a run that an implementation under test can fill.
    Role {
        /// The mobile SDK's sign-in core.
        Sdk = "sdk",
        /// The host app's reconciliation logic.
        App = "app",
        /// The customer's token issuer.
        Backend = "backend",
        /// The vendor API.
        Api = "api",
        /// The identity provider.
        Idp = "idp",
    }
}

words! {
    /// What a scenario can have a cloud do behind its clients' backs.
    Control {
        DeleteUser = "deleteUser",
        UndoDelete = "undoDelete",
        /// Ends every session of a user.
        Revoke = "revoke",
        /// The API refuses the access tokens issued so far, while refresh works.
        RefuseAccessTokens = "refuseAccessTokens",
        /// Time passes.
        Advance = "advance",
        /// Tokens and answers of a given shape; only the mock cloud can.
        Shape = "shape",
        /// A refused refresh says whether the user is gone, or only the session.
        ReportDeletion = "reportDeletion",
    }
}

words! {
    /// What a scenario can have the device do to the app.
    DeviceControl {
        /// Ends the app at once.
        Kill = "kill",
        /// Restarts the device.
        Reboot = "reboot",
        /// Removes the app with its secure storage, and installs it again.
        Reinstall = "reinstall",
        /// Removes the app and installs it again; secure storage stays.
        ReinstallKeepingSecure = "reinstallKeepingSecure",
        /// Restores a backup of all storage on a new device.
        Restore = "restore",
        /// Restores a backup without secure storage on a new device.
        RestoreWithoutSecure = "restoreWithoutSecure",
    }
}

words! {
    /// The fixed vocabulary of errors; the protocol page says when each applies.
    ErrorKind {
        AlreadySignedIn = "alreadySignedIn",
        InvalidSignInToken = "invalidSignInToken",
        Incompatible = "incompatible",
        NotConfigured = "notConfigured",
        NotSignedIn = "notSignedIn",
        InvalidUser = "invalidUser",
        NeedsReauthentication = "needsReauthentication",
        Network = "network",
        Unauthorized = "unauthorized",
        InvalidApiKey = "invalidApiKey",
        UnexpectedAnswer = "unexpectedAnswer",
        Storage = "storage",
        Cancelled = "cancelled",
        Unsupported = "unsupported",
        /// The adapter makes one call at a time, and another one goes on.
        Busy = "busy",
        Internal = "internal",
    }
}

/// Whether a status is one of the documented combinations (LIF-7).
pub fn is_documented(status: &[StatusWord]) -> bool {
    use StatusWord::{Configured, PendingReauthentication, SignedIn, UseApiKey, UseSignInToken};
    let combinations: [&[StatusWord]; 5] = [
        &[],
        &[Configured],
        &[Configured, SignedIn, UseApiKey],
        &[Configured, SignedIn, UseSignInToken],
        &[Configured, SignedIn, UseSignInToken, PendingReauthentication],
    ];
    combinations.iter().any(|words| words.len() == status.len() && words.iter().all(|word| status.contains(word)))
}

impl Environment {
    /// The label in token issuers: `dev`, `stg`, `prd`.
    pub fn issuer_label(self) -> &'static str {
        match self {
            Environment::Production => "prd",
            Environment::Sandbox => "stg",
            Environment::Dev => "dev",
        }
    }

    pub fn from_issuer_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.issuer_label() == label)
    }

    /// The first two letters of this environment's API keys. Source: wire facts, "API-key prefixes".
    pub fn key_prefix(self) -> &'static str {
        match self {
            Environment::Production => "pk",
            Environment::Sandbox | Environment::Dev => "sk",
        }
    }
}

/// One environment in one region: where a team, its users and their tokens live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Realm {
    pub environment: Environment,
    pub region: Region,
}

impl Realm {
    /// Every realm there is.
    pub fn all() -> impl Iterator<Item = Realm> {
        Environment::ALL.iter().flat_map(|environment| {
            Region::ALL.iter().map(|region| Realm { environment: *environment, region: *region })
        })
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.environment, self.region)
    }
}
