//! `region …`: list regions, take them out of new plans or out of the fleet and let them in again, bring up those that came
//! late, and vouch for agents in quarantine.

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
        RegionCommand::Drain { regions, reason } => drain(session, &regions, &reason).await,
        RegionCommand::Undrain { regions, reason } => undrain(session, &regions, &reason).await,
        RegionCommand::Join { region, service } => join(session, &region, service.as_deref()).await,
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

async fn drain(session: &mut Session<'_>, regions: &[String], reason: &str) -> Outcome {
    let ids = regions.iter().map(|name| reference::region(name)).collect::<Result<Vec<_>, _>>()?;
    let (client, request, actor) = (session.client().await?, session.request()?, session.global.actor.clone());
    for id in ids {
        let view = client.drain_region(&id, &actor, reason, &request.derive(id.as_str())).await?;
        let waits = view.drain.map(|drain| drain.waits).unwrap_or_default();
        let left = if waits.is_empty() {
            format!("is drained: no rollout holds it; `meridian delete region/{id}` forgets it")
        } else {
            format!("drains; it waits for {}", waits.join(", "))
        };
        session.write(&format!("region/{id} {left}\n"))?;
        if !view.lanes.is_empty() {
            session.write("what serves there goes on serving until you end it\n")?;
        }
    }
    Ok(Exit::Done)
}

async fn undrain(session: &mut Session<'_>, regions: &[String], reason: &str) -> Outcome {
    let ids = regions.iter().map(|name| reference::region(name)).collect::<Result<Vec<_>, _>>()?;
    let (client, request, actor) = (session.client().await?, session.request()?, session.global.actor.clone());
    for id in ids {
        client.undrain_region(&id, &actor, reason, &request.derive(id.as_str())).await?;
        session.write(&format!("region/{id} undrained\n"))?;
    }
    Ok(Exit::Done)
}

/// Of one service, whatever that comes to; of all, those that nothing but a person's word keeps.
async fn join(session: &mut Session<'_>, name: &str, service: Option<&str>) -> Outcome {
    let id = reference::region(name)?;
    let (client, request, actor) = (session.client().await?, session.request()?, session.global.actor.clone());
    let services = match service {
        Some(service) => vec![reference::service(service)?],
        None => {
            let joins = client.region(&id).await?.joins;
            if joins.is_empty() {
                session.write(&format!("region/{id} unchanged, it has what the fleet has\n"))?;
            }
            let (asks, others): (Vec<_>, Vec<_>) = joins.into_iter().partition(|join| is_for_people(&join.code));
            for join in others {
                session.write(&format!("{} waits: {}\n", join.service, join.message))?;
            }
            asks.into_iter().map(|join| join.service).collect()
        }
    };
    for service in services {
        let rollout = client.join_region(&id, &service, &actor, &request.derive(service.as_str())).await?;
        session.write(&format!("region/{id} joins {service} with rollout {service}/{rollout}\n"))?;
    }
    Ok(Exit::Done)
}

/// Whether a person's word is what is missing, or nothing is.
fn is_for_people(code: &str) -> bool {
    ["", "JOIN_FAILED_BEFORE", "DECIDED_SINCE", "JOINERS_WAIT"].contains(&code)
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
