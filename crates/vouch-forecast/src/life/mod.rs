//! The life of one device: what happens to it, and what its session makes of that.

mod device;
mod network;
mod time;
mod timeline;

pub use device::{Conditions, Foreground, Interrupted, Life, Loss, Moment, Recording, live};
pub use network::Fate;
pub use timeline::{Event, EventKind, Visit, timeline};
