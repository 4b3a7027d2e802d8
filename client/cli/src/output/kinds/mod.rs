//! How each kind of thing is listed, described and spelled for programs: one file per kind.

pub(crate) mod alert;
pub(crate) mod decision;
pub(crate) mod hotfix;
pub(crate) mod plan;
pub(crate) mod playbook;
pub(crate) mod queue;
pub(crate) mod region;
pub(crate) mod release;
pub(crate) mod rollout;
pub(crate) mod service;
pub(crate) mod staging;
pub(crate) mod timetable;
pub(crate) mod watch;

use std::collections::BTreeMap;

use meridian_client::VetoView;
use meridian_core::lane::Placed;
use meridian_core::time::Timestamp;
use meridian_core::weight::Split;
use serde_json::{Value, json};

use super::{Cell, or_dash};
use crate::clock;

/// A moment, or nothing.
pub(crate) fn moment_json(moment: Option<Timestamp>) -> Value {
    moment.map_or(Value::Null, |moment| Value::from(clock::iso(moment)))
}

/// Labels as `a=b,c=d`.
fn labels_cell(labels: &BTreeMap<String, String>) -> Cell {
    let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    or_dash(pairs.join(","))
}

/// How long ago, or a dash.
fn age_cell(moment: Option<Timestamp>, now: Timestamp) -> Cell {
    or_dash(moment.map(|moment| clock::age(moment, now)).unwrap_or_default())
}

/// When, and how long ago.
fn moment_cell(moment: Option<Timestamp>, now: Timestamp) -> Cell {
    let text = |moment| format!("{} ({} ago)", clock::iso(moment), clock::age(moment, now));
    or_dash(moment.map(text).unwrap_or_default())
}

/// A split in basis points.
pub(crate) fn split_json(split: Option<Split>) -> Value {
    use meridian_core::slot::Slot::{Blue, Green};
    split.map_or(
        Value::Null,
        |split| json!({ "blue": split.of(Blue).basis_points(), "green": split.of(Green).basis_points() }),
    )
}

/// A release in its slot.
pub(crate) fn placed_json(placed: Option<&Placed>) -> Value {
    placed.map_or(Value::Null, |placed| {
        json!({
            "slot": placed.slot.as_str(),
            "version": placed.release.version.to_string(),
            "digest": placed.release.digest.to_string(),
        })
    })
}

/// Why something must not start: `anna: it eats orders (services/a/rollouts/b)`.
fn veto_text(veto: &VetoView) -> String {
    let VetoView { rollout, actor, reason, at: _ } = veto;
    if rollout.is_empty() { format!("{actor}: {reason}") } else { format!("{actor}: {reason} ({rollout})") }
}

fn veto_json(veto: Option<&VetoView>) -> Value {
    let json = |veto: &VetoView| {
        let VetoView { rollout, actor, reason, at } = veto;
        json!({ "rollout": rollout, "actor": actor, "reason": reason, "time": moment_json(*at) })
    };
    veto.map_or(Value::Null, json)
}

/// `1.8.1 (blue)`, or a dash.
fn placed_cell(placed: Option<&Placed>) -> Cell {
    or_dash(placed.map(|placed| format!("{} ({})", placed.release, placed.slot)).unwrap_or_default())
}
