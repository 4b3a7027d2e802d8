//! Manifests from outside: what is refused and where, what is read, what is printed, and which files are taken.
#![allow(clippy::unwrap_used)]

mod examples;
mod files;
mod refusals;
mod round_trip;
