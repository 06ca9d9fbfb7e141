//! What must hold in every run, whatever the scenario is about. Watched after each step.
//!
//! The watchers read transcript, storage and logs. They know no step.

mod leaks;
mod tokens;

use crate::run::step::Halt;
use crate::run::world::World;

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
pub async fn after_step(watch: &mut Watch, world: &World) -> Result<Option<Breach>, Halt> {
    let exchanges = world.transcript.since(0);
    let first = std::mem::replace(&mut watch.exchanges, exchanges.len());
    let leak = leaks::in_urls(first, &exchanges, world).or_else(|| leaks::to_app(first, &exchanges, world));
    if let Some(breach) = leak.or_else(|| tokens::exchanged_once(&exchanges, world)) {
        return Ok(Some(breach));
    }
    let written = world.written();
    if written.len() != watch.written {
        watch.written = written.len();
        if let Some(breach) = leaks::in_logs(&written, world) {
            return Ok(Some(breach));
        }
    }
    Ok(leaks::in_storage(&world.items().await?, world))
}
