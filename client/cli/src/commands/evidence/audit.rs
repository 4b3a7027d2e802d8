//! `audit verify`: whether an evidence bundle holds. It needs no server.

use std::io::Read as _;

use meridian_client::bundle::BundleView;
use meridian_core::audit::bundle::Proof;
use serde_json::{Value, json};

use crate::args::{AuditCommand, Output};
use crate::bundle;
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::{json, jsonl, yaml};
use crate::session::Session;

/// The longest bundle that is read: the decisions of years.
const FILE_BYTES_MAX: u64 = 1 << 30;

pub(in crate::commands) fn run(session: &mut Session<'_>, audit: &AuditCommand) -> Outcome {
    let AuditCommand::Verify { file } = audit;
    let bytes = read(session, file)?;
    let (view, proof) = bundle::verify(&bytes).map_err(|why| CliError::Flawed(format!("{file}: {why}")))?;
    let text = match session.global.output {
        Output::Table | Output::Svg => said(&view, proof),
        Output::Json => json::one(&value(&view, proof)),
        Output::Jsonl => jsonl::list([value(&view, proof)]),
        Output::Yaml => yaml::print(&value(&view, proof)),
        Output::Name => format!("{}\n", view.name),
    };
    session.write(&text)?;
    Ok(Exit::Done)
}

fn read(session: &mut Session<'_>, file: &str) -> Result<Vec<u8>, CliError> {
    let unread = |source| CliError::File { path: file.to_owned(), source };
    let mut bytes = Vec::new();
    if file == "-" {
        session.terminal.stdin.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unread)?;
    } else {
        let opened = std::fs::File::open(file).map_err(unread)?;
        opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unread)?;
    }
    Ok(bytes)
}

fn said(view: &BundleView, proof: Proof) -> String {
    let Proof { entries, own, rebuilt } = proof;
    let head = view.head().map(|head| head.to_string()).unwrap_or_default();
    format!(
        "{} holds: {entries} decisions in the chain, {own} of them its own, {rebuilt} records rebuilt\n\
         plan {}\nhead {head}\n",
        view.name, view.hash
    )
}

fn value(view: &BundleView, proof: Proof) -> Value {
    let Proof { entries, own, rebuilt } = proof;
    json!({
        "rollout": view.name.to_string(),
        "plan": view.hash.to_string(),
        "head": view.head().map(|head| head.to_string()),
        "entries": entries,
        "own": own,
        "rebuilt": rebuilt,
    })
}
