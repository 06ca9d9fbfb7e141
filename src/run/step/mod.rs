//! The steps. One file a kind, with its fields, its doing and its words together; [`KINDS`] lists them all.

mod advance;
mod app_user;
pub(super) mod begin;
mod cancel;
mod check_token;
mod clear_faults;
mod clock_off;
mod configure;
mod current_user;
mod damage_storage;
mod delete_user;
mod expire;
mod fault;
mod finish;
mod forge_token;
mod identify;
mod issue_token;
mod kill;
mod kind;
mod launch;
mod lock_storage;
mod network;
mod pause;
mod planned;
mod present;
mod reboot;
mod reconcile;
mod refresh;
mod refuse_access_tokens;
mod reinstall;
mod relaunch;
mod release;
mod request;
mod revoke;
mod set_user_id;
mod sign_in;
mod sign_out;
mod signed_in;
mod signed_in_with_api_key;
mod status;
mod status_changes;
mod storage;
mod together;
mod undo_delete;

pub use kind::StepKind;
pub use planned::Planned;

use super::world::{Expiries, World};
use crate::protocol::ErrorKind;
use crate::seat::Trouble;
use crate::text::{Decoder, Span, Spanned};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// Every step there is, in the order of the guide.
pub static KINDS: &[StepKind] = &[
    signed_in::KIND,
    signed_in_with_api_key::KIND,
    issue_token::KIND,
    forge_token::KIND,
    check_token::KIND,
    sign_in::KIND,
    sign_out::KIND,
    status::KIND,
    status_changes::KIND,
    current_user::KIND,
    request::KIND,
    refresh::KIND,
    configure::KIND,
    set_user_id::KIND,
    identify::KIND,
    app_user::KIND,
    reconcile::KIND,
    storage::KIND,
    relaunch::KIND,
    kill::KIND,
    launch::KIND,
    reboot::KIND,
    reinstall::KIND,
    damage_storage::KIND,
    lock_storage::LOCK,
    lock_storage::UNLOCK,
    network::KIND,
    fault::KIND,
    clear_faults::KIND,
    release::KIND,
    clock_off::KIND,
    advance::KIND,
    expire::KIND,
    delete_user::KIND,
    undo_delete::KIND,
    revoke::KIND,
    refuse_access_tokens::KIND,
    present::KIND,
    together::KIND,
    begin::KIND,
    cancel::KIND,
    finish::KIND,
    pause::KIND,
];

/// What a step does to the world.
#[async_trait]
pub trait Step: Send + Sync {
    /// The step in the guide's words, for reports. Variables stand as the scenario wrote them.
    fn words(&self) -> String;

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt>;

    /// The expiries that this step itself waits for.
    fn expiries(&self) -> Expiries {
        Expiries::default()
    }

    /// The steps inside this one.
    fn inside(&self) -> &[Planned] {
        &[]
    }

    /// From which exchange on `sent` counts, where that is not the start of this step.
    fn counts_from(&self, _: &World) -> Option<usize> {
        None
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The world was changed; there is no answer to judge.
    Done,
    Ok,
    Refused {
        kind: ErrorKind,
        text: String,
    },
    Http {
        status: u16,
    },
    /// The process was killed on purpose in the middle.
    Killed,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done | Answer::Ok => f.write_str("ok"),
            Answer::Refused { kind, text } => write!(f, "the error {kind} ({text})"),
            Answer::Http { status } => write!(f, "HTTP {status}"),
            Answer::Killed => f.write_str("the process was killed in the middle"),
        }
    }
}

/// Why a case goes no further.
#[derive(Clone, Debug)]
pub enum Halt {
    /// The build did something else than the scenario expects.
    Unmet { expected: String, got: String },
    /// The adapter misbehaved.
    Adapter(Trouble),
    /// The scenario asks for what makes no sense: its author's fault.
    Scenario(String),
    /// The harness or its environment failed.
    Harness(String),
    /// A step inside this one halted.
    Inside(Box<Failure>),
}

/// A step that halted.
#[derive(Clone, Debug)]
pub struct Failure {
    pub span: Span,
    pub words: String,
    /// The clauses that the step itself names.
    pub clauses: Vec<String>,
    pub halt: Halt,
}

impl Failure {
    /// The innermost step that halted.
    pub fn innermost(self) -> Failure {
        match self.halt {
            Halt::Inside(inner) => inner.innermost(),
            _ => self,
        }
    }
}

/// What reading a step needs to know.
pub struct Reading<'a> {
    pub decoder: &'a Decoder,
    /// The clauses that the scenario proves.
    pub proves: &'a [Spanned<String>],
    /// The names under `given`.
    pub people: &'a [String],
}
