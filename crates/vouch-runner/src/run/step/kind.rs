//! What a kind of step is: its name, its needs, how it is read.

use super::{Reading, Step};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, Control};
use vouch_spec::text::Node;

/// Reads a step's value.
pub(super) type Reader = fn(&Node, &Reading<'_>) -> Option<Arc<dyn Step>>;

/// One kind of step.
pub struct StepKind {
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Capabilities that an SDK must claim for it.
    pub needs: &'static [Capability],
    /// What a cloud must be able to do for it.
    pub demands: &'static [Control],
    /// Whether it has an answer that `expect` can judge.
    pub answers: bool,
    /// Whether its field `user` names a person of the scenario.
    pub(super) names_person: bool,
    /// A preparation that fails breaks this clause, whatever the scenario is about.
    pub clause: Option<&'static str>,
    pub(super) read: Reader,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl StepKind {
    pub(super) const fn new<S>(name: &'static str, about: &'static str) -> Self
    where
        S: Step + for<'de> Deserialize<'de> + JsonSchema + 'static,
    {
        Self {
            name,
            about,
            needs: &[],
            demands: &[],
            answers: false,
            clause: None,
            names_person: false,
            read: |node, reading| reading.decoder.decode::<S>(node).map(|step| Arc::new(step) as Arc<dyn Step>),
            schema: S::json_schema,
        }
    }

    pub(super) const fn answers(mut self) -> Self {
        self.answers = true;
        self
    }

    pub(super) const fn needs(mut self, needs: &'static [Capability]) -> Self {
        self.needs = needs;
        self
    }

    pub(super) const fn demands(mut self, demands: &'static [Control]) -> Self {
        self.demands = demands;
        self
    }

    pub(super) const fn clause(mut self, clause: &'static str) -> Self {
        self.clause = Some(clause);
        self
    }

    pub(super) const fn person(mut self) -> Self {
        self.names_person = true;
        self
    }

    pub(super) const fn reader(mut self, read: Reader) -> Self {
        self.read = read;
        self
    }
}
