//! `rollout queue …`, and waiting for a request to begin.

use std::future::pending;
use std::time::Duration;

use meridian_client::{QueueView, QueuedView, RolloutName};
use tokio::time::{Instant, sleep, sleep_until};

use crate::args::QueueCommand;
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

/// Waits until a request has begun; `Some`: the program ends before that.
pub(super) async fn until_begun(session: &mut Session<'_>, asked: &QueuedView) -> Result<Option<Exit>, CliError> {
    let name = &asked.name;
    let deadline = session.global.timeout.map(|timeout| Instant::now() + timeout);
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
        let interrupt = async {
            // Without the signal's handler the system ends the program, which detaches as well.
            if tokio::signal::ctrl_c().await.is_err() {
                pending::<()>().await;
            }
        };
        let short = format!("{}/{}", name.service, name.rollout);
        tokio::select! {
            () = sleep(LOOK) => {} // tidy: paced
            () = interrupt => {
                session.hint(&format!("\ndetached; {short} waits on. Take it out: meridian rollout queue remove {short}"));
                return Ok(Some(Exit::Interrupted));
            }
            () = at(deadline) => {
                session.hint(&format!("the time is up and {short} waits on"));
                return Ok(Some(Exit::StillRunning));
            }
        }
    }
}

/// What does not wait any more has begun, or was taken out.
fn begun(queue: &QueueView, name: &RolloutName) -> Result<Option<Exit>, CliError> {
    match queue.left.iter().find(|left| left.request.name == *name) {
        None => Ok(None),
        Some(left) => {
            Err(CliError::Conflict(format!("{name} was taken out by {} ({}): {}", left.actor, left.code, left.message)))
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
