//! `rollout …`: start, look, follow, order, wait.

pub(super) mod checklist;
mod ending;
mod export;
mod follow;
pub(super) mod found;
mod leaving;
pub(super) mod order;
mod presenter;
mod queue;
pub(super) mod set;
mod start;

use meridian_client::{RolloutName, RolloutView};

use super::Outcome;
use crate::args::{Rollout, RolloutCommand, RolloutStatus, Waiting};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference::{self, RolloutReference};
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, command: RolloutCommand) -> Outcome {
    match command {
        RolloutCommand::Start(start) => start::run(session, &start).await,
        RolloutCommand::Status(status) => show(session, &status).await,
        RolloutCommand::Watch(watch) => {
            let name = resolve(session, &watch.rollout.name).await?;
            queue::follow(session, &name, watch.waiting, follow::Show::Changes).await
        }
        RolloutCommand::Pause(order) => order::pause(session, &order).await,
        RolloutCommand::Resume(order) => order::resume(session, &order).await,
        RolloutCommand::Rollback(order) => order::roll_back(session, &order).await,
        RolloutCommand::Abandon(order) => order::abandon(session, &order).await,
        RolloutCommand::Approve(consent) => order::approve(session, &consent).await,
        RolloutCommand::Revoke(consent) => order::revoke(session, &consent).await,
        RolloutCommand::History(rollout) => history(session, &rollout).await,
        RolloutCommand::Export(export) => export::run(session, &export).await,
        RolloutCommand::Queue(command) => queue::run(session, command).await,
        RolloutCommand::List { service } => {
            let service = service.as_deref().map(reference::service).transpose()?;
            let mut rollouts = session.client().await?.rollouts(service.as_ref()).await?;
            rollouts.sort_by_key(|view| std::cmp::Reverse(view.created));
            session.list(&rollouts)?;
            Ok(Exit::Done)
        }
    }
}

async fn show(session: &mut Session<'_>, status: &RolloutStatus) -> Outcome {
    let text = &status.rollout.name;
    let (exit, found) = if status.wait {
        let name = resolve(session, text).await?;
        let exit = queue::follow(session, &name, status.waiting, follow::Show::Nothing).await?;
        (exit, found::named(session, &name).await?)
    } else {
        (Exit::Done, found::look(session, text).await?)
    };
    found.show(session, Detail::Full)?;
    Ok(exit)
}

async fn history(session: &mut Session<'_>, rollout: &Rollout) -> Outcome {
    let name = resolve(session, &rollout.name).await?;
    let mut decisions = session.client().await?.decisions_of_rollout(&name).await?;
    decisions.sort_by_key(|decision| decision.name.epoch);
    session.list(&decisions)?;
    Ok(Exit::Done)
}

/// Which exit a rollout stands for; `None`: it goes on.
fn exit_of(view: &RolloutView, waiting: Waiting) -> Option<Exit> {
    ending::of(view, waiting)
}

/// The rollout that an operator names.
pub(super) async fn find(session: &mut Session<'_>, text: &str) -> Result<RolloutView, CliError> {
    let client = session.client().await?;
    match reference::rollout(text)? {
        RolloutReference::Exact(name) => Ok(client.rollout(&name).await?),
        RolloutReference::NewestOf(service) => {
            let rollouts = client.rollouts(Some(&service)).await?;
            let newest = rollouts.into_iter().max_by(|a, b| (a.created, a.epoch).cmp(&(b.created, b.epoch)));
            newest.ok_or_else(|| CliError::NotFound(format!("service {service} has no rollout")))
        }
    }
}

/// The name of the rollout that an operator names.
pub(super) async fn resolve(session: &mut Session<'_>, text: &str) -> Result<RolloutName, CliError> {
    match reference::rollout(text)? {
        RolloutReference::Exact(name) => Ok(name),
        RolloutReference::NewestOf(_) => Ok(find(session, text).await?.name),
    }
}
