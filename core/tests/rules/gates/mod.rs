//! What a rollout waits for before it goes on: consent, the checklist, what people say of a pilot, and a stopped line.

mod approvals;
mod checklist;
mod feedback;
mod stops;
