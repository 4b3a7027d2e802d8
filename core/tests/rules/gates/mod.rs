//! What a rollout waits for before it goes on: consent, the checklist, what people say of a pilot, a stopped line, and what
//! the service's own endpoints answer.

mod approvals;
mod callbacks;
mod checklist;
mod feedback;
mod stops;
