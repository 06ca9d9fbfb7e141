//! Load: exchange and refresh at a chosen rate, every answer checked, latency counted from the intended start.

pub mod arrivals;
mod check;
mod client;
pub mod compare;
mod crew;
mod desk;
mod failure;
mod file;
mod fleet;
mod identity;
pub mod journey;
pub mod locust;
mod measure;
mod plan;
mod reading;
mod request;
mod round;
mod saturation;
mod seating;
mod seen;
mod site;
pub mod threshold;
mod turns;
mod verdict;
mod window;

pub use client::{Limits, NoTls, config as tls_config};
pub use crew::{Crew, CrewParts, Happening, Trouble};
pub use failure::{Failure, Wrong};
pub use file::{LoadFile, Overrides};
pub use measure::{Failed, Latencies, Series};
pub use plan::{BUILT_IN, Load, Protocol};
pub use round::{Round, Row};
pub use saturation::Search;
pub use seating::{Running, Seated, allow_sockets, seat};
pub use turns::{Tried, Turns, round_length, saturate, take_turns};
pub use verdict::{Held, Judged, Verdict, judge};
