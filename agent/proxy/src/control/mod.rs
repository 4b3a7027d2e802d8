//! The control API as seen from outside: what is told ([`Routing`]), what is read ([`Stats`]), how a refusal looks
//! ([`Refusal`]), and a client for the unix socket. It knows shapes, not how the proxy acts on them.

mod client;
mod line;
mod refusal;
mod routing;
mod stats;

pub use client::{ClientError, ControlClient};
pub use refusal::{Refusal, code};
pub use routing::{
    Applied, Cohort, CohortRule, Epoch, Protocol, RequestKey, Routing, Slot, SlotTarget, Slots, Split, Sticky,
    WHOLE_BASIS_POINTS,
};
pub use stats::{Health, Latency, ProxyErrors, SlotStats, Stats};
