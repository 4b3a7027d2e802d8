//! `get`: lists, or one thing in its row.

use meridian_client::name::DecisionName;
use meridian_client::{Client, DecisionView, ReleaseView};
use meridian_core::id::ServiceId;

use super::{Outcome, rollout};
use crate::args::What;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference::{self, Kind, Reference};
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, what: &What) -> Outcome {
    let Reference { kind, name } = Reference::parse(&what.what, what.name.as_deref())?;
    let service = what.service.as_deref().map(reference::service).transpose()?;
    match name {
        Some(name) => one(session, kind, &name, Detail::Row).await,
        None => list(session, kind, service.as_ref()).await,
    }
}

/// One thing.
pub(super) async fn one(session: &mut Session<'_>, kind: Kind, name: &str, detail: Detail) -> Outcome {
    match kind {
        Kind::Service => {
            let view = session.client().await?.service(&reference::service(name)?).await?;
            session.one(&view, detail)?;
        }
        Kind::Playbook => {
            let (id, revision) = reference::playbook(name)?;
            let view = session.client().await?.playbook(&id, revision).await?;
            session.one(&view, detail)?;
        }
        Kind::Release => {
            let view = session.client().await?.release(&reference::release(name)?).await?;
            session.one(&view, detail)?;
        }
        Kind::Region => {
            let view = session.client().await?.region(&reference::region(name)?).await?;
            session.one(&view, detail)?;
        }
        Kind::Route => {
            let view = session.client().await?.route(&reference::route(name)?).await?;
            session.one(&view, detail)?;
        }
        Kind::Rollout => {
            rollout::found::look(session, name).await?.show(session, detail)?;
        }
        Kind::Plan => {
            let view = session.client().await?.plan(&reference::plan(name)?).await?;
            session.one(&view, detail)?;
        }
        Kind::Decision => {
            let view = decision(&session.client().await?, &reference::decision(name)?).await?;
            session.one(&view, detail)?;
        }
    }
    Ok(Exit::Done)
}

async fn list(session: &mut Session<'_>, kind: Kind, service: Option<&ServiceId>) -> Outcome {
    let client = session.client().await?;
    match kind {
        Kind::Service => session.list(&client.services().await?)?,
        Kind::Playbook => session.list(&client.playbooks().await?)?,
        Kind::Release => session.list(&releases(&client, service).await?)?,
        Kind::Region => session.list(&client.regions().await?)?,
        Kind::Route => session.list(&client.routes().await?)?,
        Kind::Rollout => {
            let mut rollouts = client.rollouts(service).await?;
            rollouts.sort_by_key(|view| std::cmp::Reverse(view.created));
            session.list(&rollouts)?;
        }
        Kind::Plan => {
            let what = "plans are not listed; name one by its hash, as `meridian plan` and rollouts print it";
            return Err(CliError::Usage(what.to_owned()));
        }
        Kind::Decision => {
            let service = service.ok_or_else(|| CliError::Usage("whose decisions? Say --service".to_owned()))?;
            session.list(&client.decisions_of_service(service).await?)?;
        }
    }
    Ok(Exit::Done)
}

/// The releases of a service, or of all, the newest version first.
pub(super) async fn releases(client: &Client, service: Option<&ServiceId>) -> Result<Vec<ReleaseView>, CliError> {
    let services = match service {
        Some(service) => vec![service.clone()],
        None => client.services().await?.into_iter().map(|view| view.id).collect(),
    };
    let mut all = Vec::new();
    for service in services {
        let mut releases = client.releases(&service).await?;
        releases.sort_by(|a, b| b.release.version.cmp(&a.release.version));
        all.extend(releases);
    }
    Ok(all)
}

async fn decision(client: &Client, name: &DecisionName) -> Result<DecisionView, CliError> {
    let decisions = client.decisions_of_service(&name.service).await?;
    let found = decisions.into_iter().find(|decision| decision.name == *name);
    found.ok_or_else(|| CliError::NotFound(format!("there is no {name}")))
}
