//! Agents connected now: who they are, what they last saw, and what is to be told to them. Nothing here is durable and
//! nothing here decides.

pub mod outbox;
pub mod registry;

pub use outbox::Outbox;
pub use registry::{AgentFacts, RegionStatus, SessionTicket, Sessions};
