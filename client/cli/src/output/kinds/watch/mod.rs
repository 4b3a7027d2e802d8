//! What comes after a launch, in JSON and for people.

mod action;
mod facts;
pub(crate) mod policy;
mod review;

use meridian_core::watch::Signature;
use serde_json::{Value, json};

use super::moment_json;

pub(crate) use action::{actions, retrospectives};
pub(crate) use review::{ReviewShown, kind_text, review_json, reviews};

fn signature_json(signature: Option<&Signature>) -> Value {
    signature.map_or(
        Value::Null,
        |Signature { by, at, text }| json!({ "by": by, "at": moment_json(Some(*at)), "text": text }),
    )
}
