//! `stop-the-line …`: raise, lift, exempt, list. It never asks: stopping must work with one command.

use meridian_client::StopView;
use meridian_core::id::RolloutId;
use meridian_core::rollout::gates::stops::{StopOrder, StopScope};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{Outcome, rollout};
use crate::args::{StopCommand, StopWhere};
use crate::clock;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::moment_json;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned, yaml};
use crate::reference;
use crate::session::Session;
use crate::style::Tone;

pub(super) async fn run(session: &mut Session<'_>, command: StopCommand) -> Outcome {
    let (order, reason) = match command {
        StopCommand::List => {
            let stops = session.client().await?.stops().await?;
            session.list(&stops)?;
            return Ok(Exit::Done);
        }
        StopCommand::Raise(given) => (StopOrder::Raise(scope(&given.scope)?), given.reason),
        StopCommand::Lift(given) => (StopOrder::Lift(scope(&given.scope)?), given.reason),
        StopCommand::Exempt(given) => {
            let exempt = rollout::resolve(session, &given.name).await?.rollout;
            (StopOrder::Exempt(scope(&given.scope)?, exempt), given.reason)
        }
    };
    let (client, request) = (session.client().await?, session.request()?);
    let stops = client.stop_the_line(&order, &session.order(&reason), &request).await?;
    session.list(&stops)?;
    Ok(Exit::Done)
}

fn scope(given: &StopWhere) -> Result<StopScope, CliError> {
    match (&given.service, &given.region, &given.rollout) {
        (Some(service), _, _) => reference::service(service).map(StopScope::Service),
        (None, Some(region), _) => reference::region(region).map(StopScope::Region),
        (None, None, Some(rollout)) => {
            let name = RolloutId::new(rollout.clone());
            name.map(StopScope::Rollout).map_err(|error| CliError::Usage(format!("--rollout: {error}")))
        }
        (None, None, None) => Ok(StopScope::Organisation),
    }
}

impl Shown for StopView {
    const HEADERS: &'static [&'static str] = &["STOPPED", "BY", "REASON", "EXEMPT", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let exempt: Vec<&str> = self.exempt.iter().map(|(rollout, _, _)| rollout.as_str()).collect();
        vec![
            toned(Tone::Warning, &self.scope),
            cell(&self.actor),
            cell(&self.reason),
            or_dash(exempt.join(", ")),
            cell(clock::age(self.at, now)),
        ]
    }

    fn name(&self) -> String {
        format!("stops/{}", self.scope)
    }

    fn json(&self) -> Value {
        let exempt = |(rollout, actor, reason): &(String, String, String)| json!({ "rollout": rollout, "actor": actor, "reason": reason });
        json!({
            "scope": self.scope.to_string(),
            "actor": self.actor,
            "reason": self.reason,
            "at": moment_json(Some(self.at)),
            "exempt": self.exempt.iter().map(exempt).collect::<Vec<_>>(),
        })
    }

    fn yaml(&self) -> String {
        yaml::print(&self.json())
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.table("", Self::HEADERS, vec![self.row(now)]);
        page
    }
}
