//! Turns declared windows, freezes and trains into intervals of UTC over a bounded time: the only place that knows time zones and
//! cron expressions. It reads no clock and decides nothing; the zones are those in the binary, so that replicas of one
//! version agree on them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod departures;
mod error;
mod expand;
mod fit;
mod opening;
mod trains;
mod zone;

pub use check::check;
pub use departures::{AHEAD, Planned, departures, first_departure, increments};
pub use error::Refusal;
pub use expand::{HORIZON, intervals, openings};
pub use fit::{ShutOut, fits, shut_out};
pub use opening::never_open;
pub use trains::{outside, stranded};
pub use zone::{is_known, local};
