//! What the name of a rollout stands for: a rollout, or the request that becomes one.

use meridian_client::{ClientError, QueuedView, RolloutName, RolloutView};
use meridian_core::queue::QUEUED;

use super::find;
use crate::error::CliError;
use crate::reference::{self, RolloutReference};
use crate::session::{Detail, Session};

/// What an operator names.
#[derive(Clone, Debug)]
pub(in crate::commands) enum Found {
    /// It has begun.
    Begun(Box<RolloutView>),
    /// It waits in the queue.
    Waits(Box<QueuedView>),
}

impl Found {
    /// Prints it.
    pub(in crate::commands) fn show(&self, session: &mut Session<'_>, detail: Detail) -> Result<(), CliError> {
        match self {
            Self::Begun(view) => session.one(view.as_ref(), detail),
            Self::Waits(queued) => session.one(queued.as_ref(), detail),
        }
    }
}

/// What an operator's text names.
pub(in crate::commands) async fn look(session: &mut Session<'_>, text: &str) -> Result<Found, CliError> {
    match reference::rollout(text)? {
        RolloutReference::Exact(name) => named(session, &name).await,
        RolloutReference::NewestOf(_) => Ok(Found::Begun(Box::new(find(session, text).await?))),
    }
}

/// What has this name. Of a request that was taken out the server says why.
pub(super) async fn named(session: &mut Session<'_>, name: &RolloutName) -> Result<Found, CliError> {
    let client = session.client().await?;
    match client.rollout(name).await {
        Err(refused) if is_queued(&refused) => {}
        view => return Ok(Found::Begun(Box::new(view?))),
    }
    let queue = client.queue(&name.service).await?;
    match queue.waiting.into_iter().find(|queued| queued.name == *name) {
        Some(queued) => Ok(Found::Waits(Box::new(queued))),
        // Between the two looks it has begun, or was taken out.
        None => Ok(Found::Begun(Box::new(client.rollout(name).await?))),
    }
}

/// Whether a rollout is not there because its request waits.
pub(super) fn is_queued(refused: &ClientError) -> bool {
    refused.code() == QUEUED
}
