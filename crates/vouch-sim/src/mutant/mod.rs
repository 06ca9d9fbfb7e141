//! Mutants: the reference parts with one injected fault each. `vouch mutants` runs the scenarios of each mutant's clause
//! against it and requires that a finding names that clause.
//!
//! The reference parts must not know mutants: a mutant overrides one decision, or wraps one port.

mod app;
mod backend;
mod cloud;
mod sdk;

pub(crate) use backend::jwt;
pub(crate) use sdk::{locked, network, sdk_policy};

use crate::reference::adapter::SdkFactory;
use std::sync::Arc;

/// One injected fault.
pub struct Mutant {
    /// For example `saves-late`.
    pub name: &'static str,
    /// The clause that it breaks.
    pub clause: &'static str,
    /// What it does wrong, as a sentence without a subject.
    pub about: &'static str,
    /// The built-in wire profile on which it shows, where that is not the default one.
    pub profile: Option<&'static str>,
    /// The seed of conditions under which it shows, where it does not under the usual ones.
    pub vary: Option<u64>,
    pub mutation: Mutation,
}

/// The part that the mutant replaces.
#[derive(Clone)]
pub enum Mutation {
    Sdk(Arc<dyn SdkFactory>),
    App(Arc<dyn crate::reference::app::AppPolicy>),
    Backend(Arc<dyn crate::reference::backend::BackendPolicy>),
    Cloud(Arc<dyn crate::mock_cloud::CloudPolicy>),
}

impl Mutation {
    pub fn word(&self) -> &'static str {
        match self {
            Mutation::Sdk(_) => "sdk",
            Mutation::App(_) => "app",
            Mutation::Backend(_) => "backend",
            Mutation::Cloud(_) => "cloud",
        }
    }
}

/// Every mutant, by role and clause.
pub fn all() -> Vec<Mutant> {
    let mut all = sdk::mutants();
    all.extend(app::mutants());
    all.extend(backend::mutants());
    all.extend(cloud::mutants());
    all
}

/// The mutant of a name.
pub fn named(name: &str) -> Option<Mutant> {
    all().into_iter().find(|mutant| mutant.name == name)
}

/// Declares structs that override some methods of a trait, and lists them as mutants. `Name[field: Type]` has a memory: an
/// SDK's lasts one launch. `on "standard"` names the wire profile on which one shows,
/// `varied by 1` a seed of conditions.
macro_rules! mutants {
    ($trait:path, $wrap:expr; $($name:ident $([$($field:ident: $type:ty),+])? $word:literal breaks $clause:literal $(on $profile:literal)? $(varied by $seed:literal)?: $about:literal { $($body:tt)* })+) => {
        $(
            #[derive(Default)]
            struct $name { $($($field: $type),+)? }
            impl $trait for $name { $($body)* }
        )+

        pub(super) fn mutants() -> Vec<crate::mutant::Mutant> {
            vec![$(crate::mutant::Mutant {
                name: $word,
                clause: $clause,
                about: $about,
                profile: None $(.or(Some($profile)))?,
                vary: None $(.or(Some($seed)))?,
                mutation: $wrap(std::sync::Arc::new($name::default())),
            }),+]
        }
    };
}
use mutants;
