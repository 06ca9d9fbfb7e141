//! What a kind of step is: its name, its needs, how it is read.

use super::{Expiries, Reading, ScenarioStep, Step};
use crate::protocol::{Capability, Control, Realm};
use crate::text::Node;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// What the type of a step says of itself.
pub trait StepFields: Serialize + JsonSchema + Sized + 'static {
    /// As scenario files write it.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// Capabilities that an SDK must claim for it.
    const NEEDS: &'static [Capability] = &[];
    /// What a cloud must be able to do for it.
    const DEMANDS: &'static [Control] = &[];
    /// Whether it returns a result that `expect` can check.
    const HAS_RESULT: bool = false;
    /// Whether its field `user` names a user of the scenario.
    const NAMES_USER: bool = false;
    /// The clause that a failed set-up breaks, whatever the scenario is about.
    const SETUP_CLAUSE: Option<&'static str> = None;

    /// The step in the words of the guide.
    fn describe(&self) -> String;

    /// See [`Step::inner`].
    fn inner(&self) -> Vec<&ScenarioStep> {
        vec![]
    }

    /// See [`Step::needs`].
    fn needs(&self) -> &'static [Capability] {
        Self::NEEDS
    }

    /// See [`Step::demands`].
    fn demands(&self) -> &'static [Control] {
        &[]
    }

    /// See [`Step::realm`].
    fn realm(&self, home: Realm) -> Realm {
        home
    }

    /// See [`Step::calls`].
    fn calls(&self) -> usize {
        self.inner().iter().map(|step| step.step.calls()).sum::<usize>().max(1)
    }

    /// See [`Step::intercepts_writes`].
    fn intercepts_writes(&self) -> bool {
        self.inner().iter().any(|step| step.step.intercepts_writes())
    }

    /// The expiries that this very step waits for.
    fn expiries(&self) -> Expiries {
        Expiries::default()
    }
}

/// The part of [`StepFields`] that needs no type.
pub(super) trait DynStepFields {
    fn describe(&self) -> String;
    fn inner(&self) -> Vec<&ScenarioStep>;
    fn needs(&self) -> &'static [Capability];
    fn demands(&self) -> &'static [Control];
    fn realm(&self, home: Realm) -> Realm;
    fn calls(&self) -> usize;
    fn intercepts_writes(&self) -> bool;
    fn expiries(&self) -> Expiries;
}

impl<S: StepFields> DynStepFields for S {
    fn describe(&self) -> String {
        StepFields::describe(self)
    }

    fn inner(&self) -> Vec<&ScenarioStep> {
        StepFields::inner(self)
    }

    fn needs(&self) -> &'static [Capability] {
        StepFields::needs(self)
    }

    fn demands(&self) -> &'static [Control] {
        StepFields::demands(self)
    }

    fn realm(&self, home: Realm) -> Realm {
        StepFields::realm(self, home)
    }

    fn calls(&self) -> usize {
        StepFields::calls(self)
    }

    fn intercepts_writes(&self) -> bool {
        StepFields::intercepts_writes(self)
    }

    fn expiries(&self) -> Expiries {
        StepFields::expiries(self)
    }
}

/// Reads a step's value. Mistakes are noted by the decoder.
pub(super) type Reader = fn(&Node, &Reading<'_>) -> Option<Step>;

/// One kind of step.
pub struct StepKind {
    /// As scenario files write it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Capabilities that an SDK must claim for it.
    pub needs: &'static [Capability],
    /// What a cloud must be able to do for it.
    pub demands: &'static [Control],
    /// Whether it returns a result that `expect` can check.
    pub has_result: bool,
    /// Whether its field `user` names a user of the scenario.
    pub names_user: bool,
    /// The clause that a failed set-up breaks.
    pub setup_clause: Option<&'static str>,
    pub(super) read: Reader,
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl StepKind {
    pub(super) const fn of<S: StepFields>(read: Reader) -> Self {
        Self {
            name: S::NAME,
            about: S::ABOUT,
            needs: S::NEEDS,
            demands: S::DEMANDS,
            has_result: S::HAS_RESULT,
            names_user: S::NAMES_USER,
            setup_clause: S::SETUP_CLAUSE,
            read,
            schema: S::json_schema,
        }
    }

    /// The JSON Schema of the step's fields.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }

    /// The field that a bare value stands for: `signIn: $token` is `signIn: {token: $token}`.
    pub fn first_field(&self) -> Option<String> {
        let schema = self.schema(&mut SchemaGenerator::default());
        schema.get("properties")?.as_object()?.keys().next().cloned()
    }
}
