//! Playbooks and plans that are refused before anything starts.

mod compile;
mod forecast;
mod validate;
