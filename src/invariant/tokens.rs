//! How tokens may be used (EXC-2).

use super::Breach;
use crate::wire::redact::Ledger;
use crate::wire::{Exchange, Fate, Operation};
use std::collections::HashMap;

/// A sign-in token that was exchanged is not sent again, whether the answer arrived or not.
pub(super) fn exchanged_once(exchanges: &[Exchange], ledger: &Ledger) -> Option<Breach> {
    let mut used: HashMap<String, usize> = HashMap::new();
    for (index, exchange) in exchanges.iter().enumerate().filter(|(_, e)| e.operation == Operation::Exchange) {
        let Some(token) = exchange.carried.token.clone() else { continue };
        if let Some(first) = used.get(&token) {
            let name =
                ledger.secrets_in(&token).first().map_or("the sign-in token".to_owned(), |known| known.name.clone());
            return Some(Breach {
                clause: "EXC-2",
                expected: "each sign-in token exchanged at most once",
                got: format!("the {name} in the exchanges {} and {}", first + 1, index + 1),
            });
        }
        let worked = match &exchange.fate {
            Fate::Answered { status, .. } => status.is_success(),
            Fate::Lost { processed } => *processed,
            Fate::Pending | Fate::NoNetwork | Fate::Abandoned => false,
        };
        if worked {
            used.insert(token, index);
        }
    }
    None
}
