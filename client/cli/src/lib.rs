//! The operator's side of Meridian: manifests now, the commands of `meridian` on top of them. It speaks to servers only
//! through `meridian-client`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod manifest;
