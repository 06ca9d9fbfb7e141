//! Legitimate variants: the reference parts with one decision made in another way that the scheme allows. `vouch mutants` runs
//! every scenario of their role against them; a failed case is a false alarm of the suite.
//!
//! A variant is what an honest implementation does. What the scheme forbids is a [mutant](crate::mutant).

mod app;
mod backend;
mod cloud;
mod sdk;

use crate::mutant::Mutation;

/// A part that does one thing in another way than the reference.
pub struct Variant {
    /// For example `refreshes-early`.
    pub name: &'static str,
    /// What it does, as a sentence without a subject.
    pub about: &'static str,
    /// What allows it: a clause, a public implementation, an RFC.
    pub allowed_by: &'static str,
    /// The built-in wire profile that allows it, where that is not the default one.
    pub profile: Option<&'static str>,
    /// The part that takes the place of the reference.
    pub part: Mutation,
}

/// Every variant, by role.
pub fn all() -> Vec<Variant> {
    let mut all = sdk::variants();
    all.push(Variant {
        name: "sdk-phones-home",
        about: "Calls the API after a sign-in without being asked",
        allowed_by: "no clause limits what an SDK asks for its own user",
        profile: None,
        part: crate::mutant::network::phones_home(),
    });
    all.push(Variant {
        name: "sdk-one-connection",
        about: "Has one connection to the API, so that a request waits for the one before it",
        allowed_by: "RFC 9112, section 9.4: how many connections a client opens is its own choice",
        profile: None,
        part: crate::mutant::network::one_connection(),
    });
    all.push(Variant {
        name: "sdk-holds-unstored-tokens",
        about: "Keeps tokens that locked storage did not take in memory, and sends them once they are stored",
        allowed_by: "PER-4: the old refresh token works until its successor is used",
        profile: None,
        part: crate::mutant::locked::holds_tokens_back(),
    });
    all.extend(app::variants());
    all.extend(backend::variants());
    all.extend(cloud::variants());
    all
}

/// The variant of a name.
pub fn named(name: &str) -> Option<Variant> {
    all().into_iter().find(|variant| variant.name == name)
}

/// Declares structs that override some methods of a trait, and lists them as variants. `Name[field: Type]` has a memory;
/// `on "standard"` names the wire profile that allows one.
macro_rules! variants {
    ($trait:path, $wrap:expr; $($name:ident $([$($field:ident: $type:ty),+])? $word:literal $(on $profile:literal)?: $about:literal, allowed by $why:literal { $($body:tt)* })+) => {
        $(
            #[derive(Default)]
            struct $name { $($($field: $type),+)? }
            impl $trait for $name { $($body)* }
        )+

        pub(super) fn variants() -> Vec<crate::variant::Variant> {
            vec![$(crate::variant::Variant {
                name: $word,
                about: $about,
                allowed_by: $why,
                profile: None $(.or(Some($profile)))?,
                part: $wrap(std::sync::Arc::new($name::default())),
            }),+]
        }
    };
}
use variants;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_also_among_mutants() {
        let mut names = BTreeSet::new();
        let mutants = crate::mutant::all().into_iter().map(|mutant| mutant.name);
        for name in all().into_iter().map(|variant| variant.name).chain(mutants) {
            assert!(names.insert(name), "{name} is listed twice");
        }
    }
}
