//! `region …`: list regions, take them out of new plans and let them in again, and vouch for agents in quarantine.

use meridian_client::Intent;

use super::Outcome;
use crate::args::RegionCommand;
use crate::exit_code::Exit;
use crate::reference;
use crate::session::Session;

pub(super) async fn run(session: &mut Session<'_>, command: RegionCommand) -> Outcome {
    match command {
        RegionCommand::List => {
            let regions = session.client().await?.regions().await?;
            session.list(&regions)?;
            Ok(Exit::Done)
        }
        RegionCommand::Cordon { regions } => set(session, &regions, Cordon::Closed).await,
        RegionCommand::Uncordon { regions } => set(session, &regions, Cordon::Open).await,
        RegionCommand::Confirm { region, reason } => confirm(session, &region, &reason).await,
    }
}

/// Whether new plans may use a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cordon {
    Open,
    Closed,
}

async fn set(session: &mut Session<'_>, regions: &[String], cordon: Cordon) -> Outcome {
    let ids = regions.iter().map(|name| reference::region(name)).collect::<Result<Vec<_>, _>>()?;
    let (client, request) = (session.client().await?, session.request()?);
    let word = match cordon {
        Cordon::Open => "uncordoned",
        Cordon::Closed => "cordoned",
    };
    for id in ids {
        let view = client.region(&id).await?;
        let mut change = view.to_change();
        change.cordoned = cordon == Cordon::Closed;
        if change.cordoned == view.cordoned {
            session.write(&format!("region/{id} unchanged, {word} already\n"))?;
            continue;
        }
        client.apply_region(&change, Intent::Commit, &request.derive(id.as_str())).await?;
        session.write(&format!("region/{id} {word}\n"))?;
    }
    Ok(Exit::Done)
}

async fn confirm(session: &mut Session<'_>, name: &str, reason: &str) -> Outcome {
    let id = reference::region(name)?;
    let (client, request) = (session.client().await?, session.request()?);
    if client.region(&id).await?.doubts.is_empty() {
        session.write(&format!("region/{id} unchanged, its agent is believed already\n"))?;
        return Ok(Exit::Done);
    }
    let actor = session.global.actor.clone();
    client.confirm_region(&id, &actor, reason, &request).await?;
    session.write(&format!("region/{id} confirmed\n"))?;
    Ok(Exit::Done)
}
