//! Playbooks and plans that are refused before anything starts.

mod compile;
mod forecast;
mod shorten;
mod validate;
