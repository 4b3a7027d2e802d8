//! `rollout queue …`, and waiting for a request to begin.

use std::time::Duration;

use meridian_client::{QueueView, QueuedView, RolloutName};
use tokio::time::{Instant, sleep};

use super::follow::Show;
use super::found::{self, Found};
use super::leaving::{at, deadline, interrupted};
use crate::args::{QueueCommand, Waiting};
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::queue::{ordinal, waits_text};
use crate::reference::{self, RolloutReference};
use crate::session::{Detail, Session};

/// Between two looks at a queue.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(session: &mut Session<'_>, command: QueueCommand) -> Outcome {
    match command {
        QueueCommand::List { service } => {
            let service = reference::service(&service)?;
            let queue = session.client().await?.queue(&service).await?;
            session.one(&queue, Detail::Full)?;
        }
        QueueCommand::Remove(remove) => {
            let RolloutReference::Exact(name) = reference::rollout(&remove.name)? else {
                return Err(CliError::Usage("say which: SERVICE/ROLLOUT, as `rollout queue list` names it".to_owned()));
            };
            let (client, request) = (session.client().await?, session.request()?);
            client.remove_from_queue(&name, &session.order(&remove.reason), &request).await?;
            session.hint(&format!("{name} waits no longer"));
        }
        QueueCommand::Resume(resume) => {
            let service = reference::service(&resume.service)?;
            let (client, request) = (session.client().await?, session.request()?);
            client.resume_queue(&service, &session.order(&resume.reason), &request).await?;
            session.hint(&format!("rollouts of {service} start from the queue again"));
        }
    }
    Ok(Exit::Done)
}

/// `2nd, waits for: rollout r-1 holds eu`.
pub(super) fn line(queued: &QueuedView) -> String {
    let waits = waits_text(queued);
    let waits = if waits.is_empty() { "is about to begin".to_owned() } else { format!("waits: {waits}") };
    format!("queued: {}, {waits}", ordinal(queued.place))
}

/// Follows a rollout; through the queue first, if it waits there.
pub(super) async fn follow(session: &mut Session<'_>, name: &RolloutName, waiting: Waiting, show: Show) -> Outcome {
    let until = deadline(session);
    match super::follow::run(session, name, waiting, show, until).await {
        Err(CliError::Client(refused)) if found::is_queued(&refused) => {}
        outcome => return outcome,
    }
    match found::named(session, name).await? {
        Found::Waits(asked) => through(session, &asked, waiting, show, until).await,
        Found::Begun(_) => super::follow::run(session, name, waiting, show, until).await,
    }
}

/// Follows a request until its rollout begins, and that then.
pub(super) async fn through(
    session: &mut Session<'_>,
    asked: &QueuedView,
    waiting: Waiting,
    show: Show,
    until: Option<Instant>,
) -> Outcome {
    if let Some(exit) = until_begun(session, asked, until).await? {
        return Ok(exit);
    }
    session.hint(&format!("started {}", asked.name));
    super::follow::run(session, &asked.name, waiting, show, until).await
}

/// Waits until a request has begun; `Some`: the program ends before that.
async fn until_begun(
    session: &mut Session<'_>,
    asked: &QueuedView,
    until: Option<Instant>,
) -> Result<Option<Exit>, CliError> {
    let short = format!("{}/{}", asked.name.service, asked.name.rollout);
    tokio::select! {
        begun = looks(session, asked) => begun.map(|()| None),
        () = interrupted() => {
            session.hint(&format!("\ndetached; {short} waits on. Take it out: meridian rollout queue remove {short}"));
            Ok(Some(Exit::Interrupted))
        }
        () = at(until) => {
            session.hint(&format!("the time is up and {short} waits on"));
            Ok(Some(Exit::StillRunning))
        }
    }
}

/// Looks at the queue until the request is not in it, and says what changes for it.
async fn looks(session: &mut Session<'_>, asked: &QueuedView) -> Result<(), CliError> {
    let name = &asked.name;
    let mut said = line(asked);
    session.hint(&said);
    loop {
        let queue = session.client().await?.queue(&name.service).await?;
        let Some(queued) = queue.waiting.iter().find(|queued| queued.name == *name) else {
            return begun(&queue, name);
        };
        let now = line(queued);
        if now != said {
            session.hint(&now);
            said = now;
        }
        sleep(LOOK).await; // tidy: paced
    }
}

/// What does not wait any more has begun, or was taken out.
fn begun(queue: &QueueView, name: &RolloutName) -> Result<(), CliError> {
    match queue.left.iter().find(|left| left.request.name == *name) {
        None => Ok(()),
        Some(left) => {
            Err(CliError::Conflict(format!("{name} was taken out by {} ({}): {}", left.actor, left.code, left.message)))
        }
    }
}
