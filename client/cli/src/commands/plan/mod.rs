//! `plan`: compile a plan on the server and show all of it.

mod ics;
pub(super) mod simulate;
pub(super) mod window;

use meridian_client::{Intent, PlanWanted, ReleaseName};

use super::Outcome;
use crate::args::{Output, Plan};
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, plan: &Plan) -> Outcome {
    let (service, version) = (reference::service(&plan.service)?, reference::version(&plan.version)?);
    let (playbook, revision) = reference::playbook(&plan.playbook)?;
    let wanted = PlanWanted { release: ReleaseName { service: service.clone(), version }, playbook, revision };
    let intent = if plan.validate_only { Intent::Check } else { Intent::Commit };
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.create_plan(&wanted, intent, &request).await?;
    session.one(&view, Detail::Full)?;
    if session.global.output == Output::Table && !plan.validate_only {
        session.hint(&format!("\nstart it: meridian rollout start {service} --plan {} --watch", view.hash.hex()));
    }
    Ok(Exit::Done)
}
