//! One file a kind, or a part of a kind: what its fields mean. They know no files and no YAML, only fields and values.

mod checklist;
mod evidence;
mod hotfix;
pub(super) mod labels;
pub(super) mod playbook;
mod query;
pub(super) mod registered;
pub(super) mod release;
pub(super) mod route;
pub(super) mod staging;
mod timetable;
mod watch;
pub(super) mod wave;
