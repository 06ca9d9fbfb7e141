//! The steps of a scenario, as values. One file holds one step: its fields, its documentation, its description for reports.
//!
//! ```
//! use vouch_spec::step::{Relaunch, ScenarioStep, SignedIn};
//! let steps = [ScenarioStep::new(SignedIn { user: "ada".into() }), ScenarioStep::new(Relaunch {})];
//! assert_eq!(steps.map(|step| step.to_yaml()), ["signedIn: ada", "relaunch"]);
//! ```
//!
//! A step knows what it asks for. It must not know how that is carried out: the runner executes it, a journey maps it,
//! exploration builds it, the schema and `vouch steps` describe it.

mod advance;
mod app_user;
mod await_call;
mod bypass_login;
mod cancel;
mod check_token;
mod clear_faults;
mod client_call;
mod client_malformed;
mod client_tokens;
mod clock_skew;
mod configure;
mod corrupt_storage;
mod crash;
mod current_user;
mod delete_user;
mod device_control;
mod downgrade;
mod either;
mod expire;
mod expiries;
mod fail_sdk_call;
mod fail_writes;
mod fault;
mod forge_token;
mod identify;
mod impersonate;
mod issue_token;
mod kill;
mod kind;
mod launch;
mod lock_storage;
mod network;
mod outcome;
mod parallel;
mod pause;
mod present_token;
mod print;
mod read;
mod reboot;
mod reconcile;
mod refresh;
mod refuse_access_tokens;
mod reinstall;
mod relaunch;
mod release;
mod request;
mod restore;
mod result;
mod revoke;
mod scenario_step;
mod schema;
mod second_process;
mod set_user_id;
mod sign_in;
mod sign_out;
mod signed_in;
mod signed_in_with_api_key;
mod start;
mod status;
mod status_changes;
mod storage;
mod token_request;
mod traffic;
mod undo_delete;
mod unreachable;
mod update;
mod vendor_users;
mod wait;
mod wake;

pub use advance::Advance;
pub use app_user::{AppUser, NO_USER};
pub use await_call::Await;
pub use bypass_login::{BypassLogin, BypassTechnique};
pub use cancel::Cancel;
pub use check_token::CheckToken;
pub use clear_faults::ClearFaults;
pub use client_call::{ClientCall, FieldCheck};
pub use client_malformed::{ClientMalformed, Malformation, MalformedCall};
pub use client_tokens::{ClientExchange, ClientRefresh, GrantCall};
pub use clock_skew::ClockSkew;
pub use configure::Configure;
pub use corrupt_storage::{CorruptStorage, Corruption};
pub use crash::Crash;
pub use current_user::CurrentUser;
pub use delete_user::DeleteUser;
pub use downgrade::Downgrade;
pub use either::Either;
pub use expire::{Expire, ExpiringToken};
pub use expiries::Expiries;
pub use fail_sdk_call::{AppSdkCall, FailSdkCall};
pub use fail_writes::{FailWrites, WriteError};
pub use fault::{Fault, FaultKind, TokenField};
pub use forge_token::{ForgeToken, Forgery};
pub use identify::Identify;
pub use impersonate::{Impersonate, NamingPlace};
pub use issue_token::{IssueToken, TokenShape};
pub use kill::Kill;
pub use kind::{StepFields, StepKind};
pub use launch::Launch;
pub use lock_storage::{LockStorage, UnlockStorage};
pub use network::{Network, NetworkState};
pub use outcome::{Outcome, Outcomes};
pub use parallel::Parallel;
pub use pause::{LONGEST as LONGEST_PAUSE, Pause};
pub use present_token::{PresentToken, PresentedToken};
pub use read::Reading;
pub use reboot::Reboot;
pub use reconcile::Reconcile;
pub use refresh::Refresh;
pub use refuse_access_tokens::RefuseAccessTokens;
pub use reinstall::{Keeps, Reinstall};
pub use relaunch::Relaunch;
pub use release::Release;
pub use request::{Request, method_and_path};
pub use restore::{BackupContent, Restore};
pub use result::StepResult;
pub use revoke::Revoke;
pub use scenario_step::ScenarioStep;
pub use schema::scenario_schema;
pub use second_process::SecondProcess;
pub use set_user_id::SetUserId;
pub use sign_in::SignIn;
pub use sign_out::SignOut;
pub use signed_in::SignedIn;
pub use signed_in_with_api_key::SignedInWithApiKey;
pub use start::Start;
pub use status::{Status, status_set};
pub use status_changes::StatusChanges;
pub use storage::{CleanStorage, Storage, StoredSecret};
pub use token_request::{CredentialKind, TokenRequest};
pub use traffic::{Credential, Only, TrafficCount, TrafficExpectation};
pub use undo_delete::UndoDelete;
pub use unreachable::{Unreachable, UnreachableKind};
pub use update::Update;
pub use vendor_users::VendorUsers;
pub use wait::{LONGEST as LONGEST_WAIT, Wait};
pub use wake::Wake;

use crate::protocol::Realm;
use serde::{Serialize, Serializer};

/// Calls a macro with every step there is, in the order of the guide. A new step is a file and a line here; `reads` marks
/// those that do not read their fields by serde alone.
#[macro_export]
macro_rules! for_each_step {
    ($callback:ident) => {
        $callback! {
            SignedIn,
            SignedInWithApiKey,
            IssueToken,
            TokenRequest,
            Impersonate,
            BypassLogin,
            VendorUsers,
            ForgeToken,
            CheckToken,
            SignIn,
            SignOut,
            Status,
            StatusChanges reads,
            CurrentUser,
            Request,
            Refresh,
            Configure,
            SetUserId,
            Identify,
            AppUser,
            Reconcile,
            Storage,
            Relaunch,
            Kill,
            Launch,
            Wake,
            Reboot,
            Reinstall,
            Update,
            Downgrade,
            Restore,
            SecondProcess reads,
            CorruptStorage,
            LockStorage,
            UnlockStorage,
            Network,
            Unreachable,
            Fault reads,
            ClearFaults,
            FailSdkCall,
            Release,
            ClockSkew reads,
            Advance reads,
            Expire reads,
            DeleteUser,
            UndoDelete,
            Revoke,
            RefuseAccessTokens,
            PresentToken,
            ClientExchange,
            ClientRefresh,
            ClientCall,
            ClientMalformed,
            Crash reads,
            FailWrites reads,
            Parallel reads,
            Either reads,
            Start reads,
            Cancel,
            Await,
            Pause reads,
            Wait reads,
        }
    };
}

/// How a step is read: from its fields alone, or by its own `read`, where steps are inside or fields depend on each other.
macro_rules! reader {
    ($name:ident) => {
        |node, reading| reading.decoder.decode::<$name>(node).map(Step::from)
    };
    ($name:ident reads) => {
        |node, reading| $name::read(node, reading).map(Step::from)
    };
}

macro_rules! define_step {
    ($($name:ident $($reads:ident)?,)*) => {
        /// A step of a scenario.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Step {
            $(#[doc = "See the type of the same name."] $name(Box<$name>),)*
        }

        /// Every kind of step, in the order of the guide.
        pub static KINDS: &[StepKind] = &[$(StepKind::of::<$name>(reader!($name $($reads)?)),)*];

        $(impl From<$name> for Step {
            fn from(fields: $name) -> Self {
                Step::$name(Box::new(fields))
            }
        })*

        impl Step {
            /// What kind of step it is.
            pub fn kind(&self) -> &'static StepKind {
                &KINDS[self.index()]
            }

            fn index(&self) -> usize {
                let name = match self { $(Step::$name(_) => $name::NAME,)* };
                KINDS.iter().position(|kind| kind.name == name).unwrap_or_default()
            }

            fn fields(&self) -> &dyn kind::DynStepFields {
                match self { $(Step::$name(fields) => &**fields,)* }
            }
        }

        impl Serialize for Step {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Step::$name(fields) => fields.serialize(serializer),)* }
            }
        }
    };
}

for_each_step!(define_step);

impl Step {
    /// The step in the words of the guide, for reports. Variables stand as the scenario wrote them.
    pub fn describe(&self) -> String {
        self.fields().describe()
    }

    /// The steps inside this one.
    pub fn inner(&self) -> Vec<&ScenarioStep> {
        self.fields().inner()
    }

    /// The capabilities that an SDK must claim for this very step.
    pub fn needs(&self) -> &'static [crate::protocol::Capability] {
        self.fields().needs()
    }

    /// What a cloud must be able to do for this very step, beyond what its kind demands.
    pub fn demands(&self) -> &'static [crate::protocol::Control] {
        self.fields().demands()
    }

    /// The realm that it is about; `home` is the scenario's own.
    pub fn realm(&self, home: Realm) -> Realm {
        self.fields().realm(home)
    }

    /// How many calls into the build it makes at the most.
    pub fn calls(&self) -> usize {
        self.fields().calls()
    }

    /// Whether a write of the SDK's process to storage fails or kills it.
    pub fn intercepts_writes(&self) -> bool {
        self.fields().intercepts_writes()
    }

    /// The expiries that the step and those inside it wait for.
    pub fn expiries(&self) -> Expiries {
        self.inner().iter().map(|step| step.step.expiries()).fold(self.fields().expiries(), Expiries::plus)
    }
}

/// Whether a field has its default value, so that it is not printed.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
