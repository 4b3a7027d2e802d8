//! Playbooks and plans: what is refused before anything starts, and who is in them.

mod compile;
mod forecast;
mod join;
mod parameters;
mod shorten;
mod validate;
