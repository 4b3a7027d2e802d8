//! What comes after a launch: reviews and their evaluation, actions, lessons, feedback, KPIs and milestones.

mod feedback;
mod kpi;
mod review;

use meridian_client::WatchView;
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::{self, NewAction};

use super::Outcome;
use super::rollout::resolve;
use crate::args::{ActionAdd, ActionCommand, ActionKind, MilestoneCommand, RetrospectiveCommand, Rollout};
use crate::clock;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::watch::{actions, retrospectives};
use crate::session::Session;

pub(super) use feedback::run as feedback;
pub(super) use kpi::run as kpi;
pub(super) use review::{evaluation, run as review};

pub(super) async fn action(session: &mut Session<'_>, command: ActionCommand) -> Outcome {
    match command {
        ActionCommand::Add(add) => {
            let (action, order) = (new_action(&add)?, session.order(&add.text));
            let (name, client, request) =
                (resolve(session, &add.rollout.name).await?, session.client().await?, session.request()?);
            let view = client.add_action(&name, &action, &order, &request).await?;
            session.list(&actions(&view))?;
        }
        ActionCommand::Close { rollout, number, reason } => {
            let order = session.order(&reason);
            let (name, client, request) =
                (resolve(session, &rollout.name).await?, session.client().await?, session.request()?);
            let view = client.close_action(&name, number, &order, &request).await?;
            session.list(&actions(&view))?;
        }
        ActionCommand::List(rollout) => {
            let view = find(session, &rollout).await?;
            session.list(&actions(&view))?;
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn retrospective(session: &mut Session<'_>, command: RetrospectiveCommand) -> Outcome {
    let view = match command {
        RetrospectiveCommand::Add { rollout, text } => {
            let order = session.order(&text);
            let (name, client, request) =
                (resolve(session, &rollout.name).await?, session.client().await?, session.request()?);
            client.add_retrospective(&name, &order, &request).await?
        }
        RetrospectiveCommand::List(rollout) => find(session, &rollout).await?,
    };
    session.list(&retrospectives(&view))?;
    Ok(Exit::Done)
}

pub(super) async fn milestone(session: &mut Session<'_>, command: MilestoneCommand) -> Outcome {
    let MilestoneCommand::List(rollout) = command;
    let name = resolve(session, &rollout.name).await?;
    let milestones = session.client().await?.milestones(&name).await?;
    session.list(&milestones)?;
    Ok(Exit::Done)
}

/// The watch of the rollout that an operator names.
async fn find(session: &mut Session<'_>, rollout: &Rollout) -> Result<WatchView, CliError> {
    let name = resolve(session, &rollout.name).await?;
    Ok(session.client().await?.watch_of(&name).await?)
}

fn new_action(add: &ActionAdd) -> Result<NewAction, CliError> {
    let kind = match add.kind {
        ActionKind::Fix => watch::ActionKind::Fix,
        ActionKind::Documentation => watch::ActionKind::Documentation,
        ActionKind::Training => watch::ActionKind::Training,
        ActionKind::Other => watch::ActionKind::Other,
    };
    Ok(NewAction { kind, owner: add.owner.clone(), due: due(&add.due)?, review: add.review })
}

/// A moment, or a span from now.
fn due(text: &str) -> Result<Timestamp, CliError> {
    if let Ok(span) = clock::parse_duration(text) {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        return Ok(clock::now().after(Span::from_millis(millis)));
    }
    moment("--due", text)
}

/// A moment.
fn moment(flag: &str, text: &str) -> Result<Timestamp, CliError> {
    clock::parse_moment(text).map_err(|fix| CliError::Usage(format!("{flag} {text:?}: {fix}")))
}
