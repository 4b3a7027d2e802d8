//! What an operator says to a rollout: pause, resume, roll back, abandon, approve. Rolling back never asks: it must work
//! at three in the morning with one command.

use meridian_client::RolloutView;
use meridian_core::id::{RoleId, WaveId};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::Consent;

use super::{find, resolve};
use crate::args::{Output, RolloutAbandon, RolloutConsent, RolloutOrder, RolloutRollback};
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(super) async fn pause(session: &mut Session<'_>, order: &RolloutOrder) -> Outcome {
    let name = resolve(session, &order.rollout.name).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.pause_rollout(&name, &session.order(&order.reason), &request).await?;
    done(session, &view)
}

pub(super) async fn resume(session: &mut Session<'_>, order: &RolloutOrder) -> Outcome {
    let name = resolve(session, &order.rollout.name).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.resume_rollout(&name, &session.order(&order.reason), &request).await?;
    done(session, &view)
}

pub(super) async fn roll_back(session: &mut Session<'_>, order: &RolloutRollback) -> Outcome {
    let scope = match &order.region {
        Some(region) => Scope::Region(reference::region(region)?),
        None if order.wave => Scope::Wave,
        None => Scope::Fleet,
    };
    let name = resolve(session, &order.rollout.name).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.roll_back_rollout(&name, &scope, &session.order(&order.reason), &request).await?;
    done(session, &view)
}

pub(super) async fn abandon(session: &mut Session<'_>, order: &RolloutAbandon) -> Outcome {
    let name = resolve(session, &order.rollout.name).await?;
    session.confirm(&format!("Give up {name} and leave traffic as it is?"), order.yes)?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.abandon_rollout(&name, &session.order(&order.reason), &request).await?;
    done(session, &view)
}

/// Consents to what the rollout executes now: the plan goes along, so that nobody approves another one.
pub(super) async fn approve(session: &mut Session<'_>, given: &RolloutConsent) -> Outcome {
    let found = find(session, &given.rollout.name).await?;
    let consent = Consent { plan: Some(found.plan), ..consent(given)? };
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.approve_rollout(&found.name, &consent, &session.order(&given.reason), &request).await?;
    done(session, &view)
}

pub(super) async fn revoke(session: &mut Session<'_>, given: &RolloutConsent) -> Outcome {
    let name = resolve(session, &given.rollout.name).await?;
    let consent = consent(given)?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.revoke_approval(&name, &consent, &session.order(&given.reason), &request).await?;
    done(session, &view)
}

/// Lets it wait for another train of its plan, or for none.
pub(in crate::commands) async fn board(
    session: &mut Session<'_>,
    rollout: &str,
    train: Option<&str>,
    reason: &str,
) -> Outcome {
    let name = resolve(session, rollout).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.board_train(&name, train, &session.order(reason), &request).await?;
    done(session, &view)
}

fn consent(given: &RolloutConsent) -> Result<Consent, CliError> {
    let role = RoleId::new(given.role.clone()).map_err(|error| CliError::Usage(format!("--role: {error}")))?;
    let wave = given.wave.clone().map(WaveId::new).transpose();
    let wave = wave.map_err(|error| CliError::Usage(format!("--wave: {error}")))?;
    Ok(Consent { wave, role, plan: None })
}

pub(super) fn done(session: &mut Session<'_>, view: &RolloutView) -> Outcome {
    if session.global.output == Output::Table {
        let summary = if view.summary.is_empty() { view.state.as_str() } else { &view.summary };
        session.write(&format!("{} {summary}\n", view.name))?;
        session.hint(&format!("follow it: meridian rollout watch {}/{}", view.name.service, view.name.rollout));
    } else {
        session.one(view, Detail::Row)?;
    }
    Ok(Exit::Done)
}
