//! `lint`: check manifests without a server.

use serde_json::{Value, json};

use super::Outcome;
use crate::args::{Files, Output};
use crate::clock;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest::{ManifestError, ManifestErrors, timely};
use crate::output::{json, jsonl, yaml};
use crate::session::Session;

pub(super) fn run(session: &mut Session<'_>, files: &Files) -> Outcome {
    match super::load(session, files) {
        Ok(documents) => {
            if let Err(errors) = timely::check(&documents, clock::now()) {
                return refused(session, errors);
            }
            for warning in timely::warnings(&documents, clock::now()) {
                session.hint(&format!("! {warning}"));
            }
            match session.global.output {
                Output::Table | Output::Svg => {
                    let noun = if documents.len() == 1 { "document" } else { "documents" };
                    session.write(&format!("{} {noun}, no error\n", documents.len()))?;
                }
                Output::Json | Output::Yaml => session.write("[]\n")?,
                Output::Jsonl | Output::Name => {}
            }
            Ok(Exit::Done)
        }
        Err(CliError::Manifest(errors)) => refused(session, errors),
        Err(other) => Err(other),
    }
}

fn refused(session: &mut Session<'_>, errors: ManifestErrors) -> Outcome {
    let values = || errors.all().iter().map(value);
    let text = match session.global.output {
        Output::Table | Output::Name | Output::Svg => return Err(errors.into()),
        Output::Json => json::list(values()),
        Output::Jsonl => jsonl::list(values()),
        Output::Yaml => yaml::print(&values().collect()),
    };
    session.write(&text)?;
    Ok(Exit::Invalid)
}

fn value(error: &ManifestError) -> Value {
    json!({
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "code": error.code,
        "field": error.field,
        "value": error.value,
        "message": error.message,
        "fix": error.fix,
    })
}
