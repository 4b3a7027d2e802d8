//! `rollout start`: of a reviewed plan, or of one compiled now.

use meridian_client::{ClientError, Intent, ReleaseName, RequestId, RolloutStart as Start, RolloutView};
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};

use super::follow;
use crate::args::{Output, RolloutStart};
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
    if start.over.reason.is_some() && !start.over.hotfix && !start.no_train {
        let fix = "--reason says why it is a hotfix, or takes no train: add --hotfix or --no-train, or leave it out";
        return Err(CliError::Usage(fix.to_owned()));
    }
    let plan = plan(session, start, &service).await?;
    let actor = session.global.actor.clone();
    let intent = if start.validate_only { Intent::Check } else { Intent::Commit };
    let (client, request) = (session.client().await?, session.request()?);
    let mut view = client.start_rollout(&Start { service, plan, id, actor }, intent, &request.derive("start")).await?;
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
        return follow::run(session, &view.name, start.waiting, follow::Show::Changes).await;
    }
    if session.global.output == Output::Table {
        session.write(&format!("{} started\n", view.name))?;
        session.hint(&format!("follow it: meridian rollout watch {short}"));
    } else {
        session.one(&view, Detail::Row)?;
    }
    Ok(Exit::Done)
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
