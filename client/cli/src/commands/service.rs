//! `service …`: list services, and let their rollouts start again after a rollback.

use super::Outcome;
use crate::args::{Output, ServiceCommand};
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, command: ServiceCommand) -> Outcome {
    match command {
        ServiceCommand::List => {
            let services = session.client().await?.services().await?;
            session.list(&services)?;
            Ok(Exit::Done)
        }
        ServiceCommand::ReleaseHold { service, reason } => {
            let id = reference::service(&service)?;
            let (client, request) = (session.client().await?, session.request()?);
            let view = client.release_hold(&id, &session.order(&reason), &request).await?;
            if session.global.output == Output::Table {
                session.write(&format!("service/{id} is no longer held: rollouts may start\n"))?;
            } else {
                session.one(&view, Detail::Row)?;
            }
            Ok(Exit::Done)
        }
    }
}
