//! The rollout machine.
//!
//! ```text
//!              ┌──────── resume ───────┐
//!              ▼                       │
//!  open ──► Running ── hold ──► Running(held) ── needs a human ─┐
//!              │  │                                             │
//!              │  └─ vote, operator, deadline, driver ──────────┴──► RollingBack ──► RolledBack | Aborted
//!              ▼                                                        ▲   │
//!          Switched ── vote, operator ──────────────────────────────────┘   └─ can't ──► Frozen ── abandon ──► Failed
//!              │ retention over
//!              ▼
//!           Stable
//! ```
//!
//! Another rollout may take its lanes over while it is running, held or not: then it is superseded, by [`supersede`].
//!
//! Members of a set end together: what would end a switched one as stable makes it ripe, and [`together`] ends them all.
//!
//! After a restore from a backup it goes on by [`operator::restored`]: running is held, switched is held before its end.
//!
//! Inside `Running` every region walks `Waiting → Preparing → Shifting ⇄ Baking → Settled`; a rollback walks it
//! `Reverting → Reverted`. Start with [`state`], then [`step`].

pub mod back;
pub mod event;
pub mod forward;
pub mod gates;
pub mod goals;
pub mod open;
pub mod operator;
pub mod progress;
pub mod reason;
pub mod state;
pub mod step;
pub mod supersede;
pub mod together;
pub mod veto;
pub mod votes;

pub use progress::{explain, summary};
