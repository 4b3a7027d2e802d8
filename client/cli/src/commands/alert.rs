//! `alert …`: what stands, what is still to be told, and whether a route reaches anybody.

use meridian_client::{AlertsView, ToldView};

use super::Outcome;
use crate::args::AlertCommand;
use crate::exit_code::Exit;
use crate::output::kinds::alert::StandingAlert;
use crate::reference;
use crate::session::Session;

pub(super) async fn run(session: &mut Session<'_>, command: AlertCommand) -> Outcome {
    match command {
        AlertCommand::List => list(session).await,
        AlertCommand::Test { route } => test(session, &route).await,
    }
}

async fn list(session: &mut Session<'_>) -> Outcome {
    let AlertsView { standing, pending } = session.client().await?.alerts().await?;
    let rows: Vec<StandingAlert> = standing.into_iter().map(|alert| StandingAlert::of(alert, &pending)).collect();
    session.list(&rows)?;
    if !pending.is_empty() {
        session.hint(&format!("{} sayings are still to be told", pending.len()));
    }
    Ok(Exit::Done)
}

async fn test(session: &mut Session<'_>, name: &str) -> Outcome {
    let id = reference::route(name)?;
    let told = session.client().await?.test_route(&id).await?;
    session.list(&told)?;
    let is_told = |told: &ToldView| told.failure.is_none();
    Ok(if told.iter().all(is_told) { Exit::Done } else { Exit::Error })
}
