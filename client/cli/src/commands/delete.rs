//! `delete`: services, playbooks, regions and routes. The rest is history and stays.

use super::Outcome;
use crate::args::Delete;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference::{self, Kind, Reference};
use crate::session::Session;

pub(super) async fn run(session: &mut Session<'_>, delete: &Delete) -> Outcome {
    let Reference { kind, name } = Reference::parse(&delete.what, delete.name.as_deref())?;
    let name = name.ok_or_else(|| CliError::Usage(format!("which one? Say {}/NAME", delete.what)))?;
    let word = match kind {
        Kind::Service => "service",
        Kind::Playbook => "playbook",
        Kind::Region => "region",
        Kind::Route => "route",
        Kind::Release | Kind::Rollout | Kind::Plan | Kind::Decision => {
            let what = "releases, rollouts, plans and decisions are the record of what happened; they stay";
            return Err(CliError::Usage(what.to_owned()));
        }
    };
    session.confirm(&format!("Delete {word} {name}?"), delete.yes)?;
    let (client, request) = (session.client().await?, session.request()?);
    match kind {
        Kind::Service => client.delete_service(&reference::service(&name)?, &request).await?,
        Kind::Playbook => client.delete_playbook(&reference::playbook(&name)?.0, &request).await?,
        Kind::Region => client.delete_region(&reference::region(&name)?, &request).await?,
        Kind::Route => client.delete_route(&reference::route(&name)?, &request).await?,
        Kind::Release | Kind::Rollout | Kind::Plan | Kind::Decision => {}
    }
    session.write(&format!("{word}/{name} deleted\n"))?;
    Ok(Exit::Done)
}
