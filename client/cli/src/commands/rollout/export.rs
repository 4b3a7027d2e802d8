//! `rollout export`: what proves a rollout, in a file that is checked before it is written.

use super::resolve;
use crate::args::RolloutExport;
use crate::bundle;
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::session::Session;

pub(super) async fn run(session: &mut Session<'_>, export: &RolloutExport) -> Outcome {
    let name = resolve(session, &export.rollout.name).await?;
    let records = session.client().await?.export_rollout(&name).await?;
    let flawed = |why: String| CliError::Flawed(format!("what the server keeps of {name} does not hold: {why}"));
    let view = records.read().map_err(|why| flawed(why.to_string()))?;
    let text = bundle::print(&records, &view);
    bundle::verify(text.as_bytes()).map_err(|why| flawed(why.to_string()))?;
    if export.to == "-" {
        session.write(&text)?;
    } else {
        let path = &export.to;
        std::fs::write(path, text).map_err(|source| CliError::Unwritten { path: path.clone(), source })?;
        session.hint(&format!("check it anywhere: meridian audit verify {path}"));
    }
    Ok(Exit::Done)
}
