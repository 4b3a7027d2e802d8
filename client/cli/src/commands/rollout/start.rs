//! `rollout start`: of a reviewed plan, or of one compiled now, or later if others hold the lanes and it may wait.

use meridian_client::{
    ClientError, Intent, QueuedView, RefusalKind, ReleaseName, RequestId, Requested, RolloutStart as Start,
    RolloutView, RolloutWanted,
};
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::playbook::Concurrency;

use super::leaving::deadline;
use super::{follow, queue};
use crate::args::{Output, Over, RolloutStart};
use crate::commands::{Outcome, plan};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, start: &RolloutStart) -> Outcome {
    let service = reference::service(&start.service)?;
    let id = match &start.id {
        None => None,
        Some(text) => {
            let refused = |error| CliError::Usage(format!("--id {text:?}: {error}"));
            Some(RolloutId::new(text.as_str()).map_err(refused)?)
        }
    };
    check(start)?;
    let begun = match begin(session, start, &service, id.as_ref()).await {
        Err(CliError::Client(refused)) if may_wait(start, &refused) => {
            ask(session, start, ReleaseName { service, version: version(start)? }, id, refused).await?
        }
        begun => Requested::Begun(Box::new(begun?)),
    };
    let (mut view, request) = match begun {
        Requested::Begun(view) => (*view, session.request()?),
        Requested::Queued(queued) => return wait(session, start, &queued).await,
    };
    if let Some(reason) = start.over.reason.as_ref().filter(|_| start.no_train) {
        view = leave(session, view, reason, &request.derive("leave")).await?;
    }
    if start.validate_only {
        session.hint("it could start; nothing was started");
        return Ok(Exit::Done);
    }
    let short = format!("{}/{}", view.name.service, view.name.rollout);
    if start.watch {
        session.hint(&format!("started {}", view.name));
        let until = deadline(session);
        return follow::run(session, &view.name, start.waiting, follow::Show::Changes, until).await;
    }
    if session.global.output == Output::Table {
        session.write(&format!("{} started\n", view.name))?;
        session.hint(&format!("follow it: meridian rollout watch {short}"));
    } else {
        session.one(&view, Detail::Row)?;
    }
    Ok(Exit::Done)
}

/// What can't be said together.
fn check(start: &RolloutStart) -> Result<(), CliError> {
    if start.over.reason.is_some() && !start.over.hotfix && !start.no_train && !start.queue {
        let fix = "--reason says why it is a hotfix, takes no train or waits: add --hotfix, --no-train or --queue";
        return Err(CliError::Usage(fix.to_owned()));
    }
    if start.queue && start.plan.is_some() {
        let fix = "PLAN_CANT_WAIT: a plan is of the lanes as they are now; with --queue say --release and --playbook";
        return Err(CliError::Usage(fix.to_owned()));
    }
    Ok(())
}

/// Plans it, unless that was done, and starts it.
async fn begin(
    session: &mut Session<'_>,
    start: &RolloutStart,
    service: &ServiceId,
    id: Option<&RolloutId>,
) -> Result<RolloutView, CliError> {
    let plan = plan(session, start, service).await?;
    let actor = session.global.actor.clone();
    let intent = if start.validate_only { Intent::Check } else { Intent::Commit };
    let (client, request) = (session.client().await?, session.request()?);
    let start = Start { service: service.clone(), plan, id: id.cloned(), actor };
    Ok(client.start_rollout(&start, intent, &request.derive("start")).await?)
}

/// Whether others are in the way, and the playbook or the operator may say what to do then.
fn may_wait(start: &RolloutStart, refused: &ClientError) -> bool {
    let Over { supersede, hotfix, reason: _ } = &start.over;
    let is_free = start.plan.is_none() && supersede.is_none() && !hotfix && !start.no_train;
    let in_the_way = |reason: &str| ["LANE_HELD", "QUEUE_AHEAD"].contains(&reason);
    is_free && refused.refusal().is_some_and(|refusal| in_the_way(&refusal.reason))
}

/// Asks the server to do what the playbook says, or to let it wait.
async fn ask(
    session: &mut Session<'_>,
    start: &RolloutStart,
    release: ReleaseName,
    id: Option<RolloutId>,
    refused: ClientError,
) -> Result<Requested, CliError> {
    let Some(playbook) = &start.playbook else { return Err(refused.into()) };
    let (playbook, revision) = reference::playbook(playbook)?;
    let (actor, reason) = (session.global.actor.clone(), start.over.reason.clone().unwrap_or_default());
    let concurrency = start.queue.then_some(Concurrency::Queue);
    let wanted = RolloutWanted { release, playbook, revision, id, actor, reason, concurrency };
    let intent = if start.validate_only { Intent::Check } else { Intent::Commit };
    let (client, request) = (session.client().await?, session.request()?);
    match client.request_rollout(&wanted, intent, &request.derive("ask")).await {
        Err(ClientError::Refused { refusal, .. }) if refusal.kind == RefusalKind::Unimplemented && !start.queue => {
            Err(refused.into())
        }
        answer => Ok(answer?),
    }
}

/// Tells that it waits, and follows it if that is wanted.
async fn wait(session: &mut Session<'_>, start: &RolloutStart, queued: &QueuedView) -> Outcome {
    if start.validate_only {
        session.hint(&format!("it would wait; nothing was asked. {}", queue::line(queued)));
        return Ok(Exit::Done);
    }
    let name = &queued.name;
    if start.watch {
        let until = deadline(session);
        return queue::through(session, queued, start.waiting, follow::Show::Changes, until).await;
    }
    if session.global.output == Output::Table {
        session.write(&format!("{name} {}\n", queue::line(queued)))?;
        session.hint(&format!("see it: meridian rollout queue list {}", name.service));
    } else {
        session.one(queued, Detail::Row)?;
    }
    Ok(Exit::Done)
}

fn version(start: &RolloutStart) -> Result<semver::Version, CliError> {
    reference::version(start.release.as_deref().unwrap_or_default())
}

/// Lets it wait for no train. One that has begun meanwhile was in time for it.
async fn leave(
    session: &mut Session<'_>,
    started: RolloutView,
    reason: &str,
    request: &RequestId,
) -> Result<RolloutView, CliError> {
    match session.client().await?.board_train(&started.name, None, &session.order(reason), request).await {
        Err(ClientError::Refused { refusal, .. }) if refusal.reason == "TRAIN_DEPARTED" => Ok(started),
        answer => Ok(answer?),
    }
}

/// The plan that was reviewed, or one made now.
async fn plan(session: &mut Session<'_>, start: &RolloutStart, service: &ServiceId) -> Result<Digest, CliError> {
    if let Some(hash) = &start.plan {
        if start.over.supersede.is_some() || start.over.hotfix {
            return Err(CliError::Usage(
                "a plan says itself whose lanes it takes over: give that to `plan`".to_owned(),
            ));
        }
        return reference::plan(hash);
    }
    let (Some(release), Some(playbook)) = (&start.release, &start.playbook) else {
        return Err(CliError::Usage("say --plan, or --release and --playbook".to_owned()));
    };
    let release = ReleaseName { service: service.clone(), version: reference::version(release)? };
    let wanted = plan::wanted(session, release, playbook, &start.over).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.create_plan(&wanted, Intent::Commit, &request.derive("plan")).await?;
    for warning in &view.warnings {
        session.hint(&format!("! {warning}"));
    }
    Ok(view.hash)
}
