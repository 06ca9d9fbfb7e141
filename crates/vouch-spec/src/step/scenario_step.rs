//! A step with the fields that every step may have.

use super::{Outcomes, Step, TrafficExpectation};
use crate::protocol::{Capability, Control, Realm};
use crate::scenario::Advice;
use crate::text::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A step of a scenario, with what is expected of it.
#[derive(Clone, Debug)]
pub struct ScenarioStep {
    /// What is done.
    pub step: Step,
    /// The results that are right.
    pub expect: Outcomes,
    /// What must go over the wire during the step.
    pub sent: Option<TrafficExpectation>,
    /// The clauses that a failure of this step violates. Empty: those of the scenario, unless the step prepares others.
    pub clauses: Vec<String>,
    /// What to change in a build that fails this step. Absent: the advice of the scenario, if the step is what it is about.
    pub advice: Option<Advice>,
    /// Where it stands in its file.
    pub span: Span,
}

/// Where it stands does not count.
impl PartialEq for ScenarioStep {
    fn eq(&self, other: &Self) -> bool {
        self.step == other.step
            && self.expect == other.expect
            && self.sent == other.sent
            && self.clauses == other.clauses
            && self.advice == other.advice
    }
}

impl ScenarioStep {
    /// A step that must end with `ok`.
    pub fn new(step: impl Into<Step>) -> Self {
        Self {
            step: step.into(),
            expect: Outcomes::default(),
            sent: None,
            clauses: vec![],
            advice: None,
            span: Span { start: 0, end: 0 },
        }
    }

    /// The same with other right results.
    #[must_use]
    pub fn expect(self, expect: Outcomes) -> Self {
        Self { expect, ..self }
    }

    /// Whether this step, or one inside it, names the clauses that it is about.
    pub fn names_clauses(&self) -> bool {
        !self.clauses.is_empty() || self.step.inner().iter().any(|step| step.names_clauses())
    }

    /// The capabilities that this step and those inside it need.
    pub fn collect_needs(&self, needs: &mut BTreeSet<Capability>) {
        needs.extend(self.step.needs());
        self.step.inner().iter().for_each(|step| step.collect_needs(needs));
    }

    /// What a cloud must be able to do for this step and those inside it.
    pub fn collect_demands(&self, demands: &mut BTreeSet<Control>) {
        demands.extend(self.step.kind().demands);
        demands.extend(self.step.demands());
        self.step.inner().iter().for_each(|step| step.collect_demands(demands));
    }

    /// The realms that this step and those inside it are about; `home` is the scenario's own.
    pub fn collect_realms(&self, home: Realm, realms: &mut BTreeSet<Realm>) {
        realms.insert(self.step.realm(home));
        self.step.inner().iter().for_each(|step| step.collect_realms(home, realms));
    }
}

impl Serialize for ScenarioStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.step.kind().name, &self.step)?;
        if self.expect != Outcomes::default() {
            map.serialize_entry("expect", &self.expect)?;
        }
        if let Some(sent) = &self.sent {
            map.serialize_entry("sent", sent)?;
        }
        match self.clauses.as_slice() {
            [] => {}
            [one] => map.serialize_entry("clause", one)?,
            several => map.serialize_entry("clause", several)?,
        }
        if let Some(advice) = &self.advice {
            map.serialize_entry("advice", advice)?;
        }
        map.end()
    }
}

/// Every step of a scenario has the one schema `Step`, also those inside other steps.
impl JsonSchema for ScenarioStep {
    fn schema_name() -> Cow<'static, str> {
        "ScenarioStep".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "$ref": "#/$defs/Step" })
    }
}
