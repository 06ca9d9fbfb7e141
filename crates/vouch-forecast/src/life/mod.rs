//! The life of one device: what happens to it, and what its session makes of that.
//!
//! - `timeline`: what happens to a device. `device`: the device that lives through it.
//! - `app`: the app with its SDK, `in_process` or in `processes` of its own.
//! - `network`, `time`: what is between the SDK and its provider, and the device's clock.
//! - `session`: how the session was last seen, and why it ended. `record`: what came of it all.

mod app;
mod device;
mod in_process;
mod network;
mod processes;
mod record;
mod session;
mod time;
mod timeline;

pub use device::{Conditions, live};
pub use network::ExchangeOutcome;
pub use record::{Foreground, Interrupted, Life, Loss, Moment, Recording};
pub use timeline::{Event, EventKind, Visit, timeline};

use vouch_spec::protocol::{Environment, Realm, Region};

const REALM: Realm = Realm { environment: Environment::Production, region: Region::Us };
