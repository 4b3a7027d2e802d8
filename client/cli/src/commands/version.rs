//! `version`: what this program is.

use serde_json::json;

use super::Outcome;
use crate::args::Output;
use crate::exit_code::Exit;
use crate::output::{json, jsonl, yaml};
use crate::session::Session;

pub(super) fn run(session: &mut Session<'_>) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({ "version": version, "api": crate::manifest::API_VERSION });
    let text = match session.global.output {
        Output::Table | Output::Name | Output::Svg => format!("meridian {version}\n"),
        Output::Json => json::one(&value),
        Output::Jsonl => jsonl::list([value]),
        Output::Yaml => yaml::print(&value),
    };
    session.write(&text)?;
    Ok(Exit::Done)
}
