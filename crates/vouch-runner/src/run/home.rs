//! The realm of a case that names none, at a cloud that lacks the usual one.

use super::plan::{Offer, PlannedCase};
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::protocol::Realm;
use vouch_spec::text::Node;

/// The case in a realm that the cloud has. A case that names an environment or a region stays as it is, and so does every case
/// at a cloud that has its realm.
pub(super) fn in_a_realm_of_the_cloud(case: Arc<PlannedCase>, offer: &Offer) -> Arc<PlannedCase> {
    let usual = BTreeSet::from([case.given.realm()]);
    if case.realms != usual || usual.is_subset(&offer.realms) || names_a_realm(&case) {
        return case;
    }
    let Some(Realm { environment, region }) = offer.realms.first().copied() else { return case };
    let mut moved = PlannedCase::clone(&case);
    (moved.given.environment, moved.given.region) = (environment, region);
    moved.realms = BTreeSet::from([moved.given.realm()]);
    Arc::new(moved)
}

fn names_a_realm(case: &PlannedCase) -> bool {
    case.scenario.given.iter().chain(&case.scenario.steps).any(has_realm_key)
}

fn has_realm_key(node: &Node) -> bool {
    let in_list = node.as_list().is_some_and(|items| items.iter().any(has_realm_key));
    let is_realm_key = |name: &str| matches!(name, "environment" | "region");
    let in_map = node
        .as_map()
        .is_some_and(|entries| entries.iter().any(|(key, value)| is_realm_key(&key.name) || has_realm_key(value)));
    in_list || in_map
}
