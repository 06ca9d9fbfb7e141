//! What must hold in every run, whatever the scenario is about. Watched after each step.
//!
//! The watchers read transcript, storage and logs. They know no step.

mod leaks;
mod tokens;

use crate::protocol::message::Item;
use crate::wire::Exchange;
use crate::wire::redact::Ledger;

/// What a case has left behind so far.
pub struct Evidence<'a> {
    pub ledger: &'a Ledger,
    /// Everything that went over the wire.
    pub exchanges: &'a [Exchange],
    /// The SDK's log and standard error.
    pub written: &'a str,
    /// Everything that the device keeps.
    pub items: &'a [Item],
}

/// A thing that must never be, and was.
#[derive(Clone, Debug)]
pub struct Breach {
    pub clause: &'static str,
    pub expected: &'static str,
    /// Names the exchange or the item.
    pub got: String,
}

/// How far the watchers have looked.
#[derive(Default)]
pub struct Watch {
    exchanges: usize,
    written: usize,
}

/// Looks at what the last step left behind.
pub fn after_step(watch: &mut Watch, evidence: &Evidence<'_>) -> Option<Breach> {
    let Evidence { ledger, exchanges, written, items } = *evidence;
    let first = std::mem::replace(&mut watch.exchanges, exchanges.len());
    let wrote = std::mem::replace(&mut watch.written, written.len()) != written.len();
    leaks::in_urls(first, exchanges, ledger)
        .or_else(|| leaks::to_app(first, exchanges, ledger))
        .or_else(|| tokens::exchanged_once(exchanges, ledger))
        .or_else(|| if wrote { leaks::in_logs(written, ledger) } else { None })
        .or_else(|| leaks::in_storage(items, ledger))
}
