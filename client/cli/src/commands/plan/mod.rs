//! `plan`: compile a plan on the server and show all of it.

mod ics;
pub(super) mod simulate;
pub(super) mod train;
pub(super) mod window;

use meridian_client::{Intent, PlanWanted, ReleaseName, SupersedeWanted};

use super::{Outcome, rollout};
use crate::args::{Output, Over, Plan};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, plan: &Plan) -> Outcome {
    let (service, version) = (reference::service(&plan.service)?, reference::version(&plan.version)?);
    let release = ReleaseName { service: service.clone(), version };
    if plan.over.reason.is_some() && !plan.over.hotfix {
        return Err(CliError::Usage("--reason says why it is a hotfix: add --hotfix, or leave it out".to_owned()));
    }
    let wanted = wanted(session, release, &plan.playbook, &plan.over).await?;
    let intent = if plan.validate_only { Intent::Check } else { Intent::Commit };
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.create_plan(&wanted, intent, &request).await?;
    session.one(&view, Detail::Full)?;
    if session.global.output == Output::Table && !plan.validate_only {
        session.hint(&format!("\nstart it: meridian rollout start {service} --plan {} --watch", view.hash.hex()));
    }
    Ok(Exit::Done)
}

/// What a plan is to be made of, and whose lanes it takes over.
pub(super) async fn wanted(
    session: &mut Session<'_>,
    release: ReleaseName,
    playbook: &str,
    over: &Over,
) -> Result<PlanWanted, CliError> {
    let (playbook, revision) = reference::playbook(playbook)?;
    if over.hotfix && over.reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(CliError::Usage("--reason: say why it is a hotfix".to_owned()));
    }
    let named = over.supersede.as_deref().or(over.hotfix.then_some(""));
    let supersede = match named {
        None => None,
        Some(named) => {
            let which = if named.is_empty() { release.service.as_str() } else { named };
            let rollout = rollout::resolve(session, which).await?;
            Some(SupersedeWanted { rollout, hotfix: over.reason.clone().filter(|_| over.hotfix) })
        }
    };
    Ok(PlanWanted { release, playbook, revision, supersede })
}
