//! `set …`: services that are launched together: plan, start, look, take back.

use std::collections::{BTreeMap, BTreeSet};

use meridian_client::{Intent, ReleaseName, SetMemberView, SetMemberWanted, SetView, SetWanted};
use meridian_core::digest::Digest;
use meridian_core::id::{ServiceId, SetId};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::leaving::deadline;
use super::{exit_of, follow};
use crate::args::{Output, SetCommand, SetMembers, SetStart, SetStatus};
use crate::clock;
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::moment_json;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, yaml};
use crate::reference;
use crate::session::{Detail, Session};

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: SetCommand) -> Outcome {
    match command {
        SetCommand::Plan(members) => {
            let set = create(session, wanted(&members, None)?, Intent::Check).await?;
            session.one(&set, Detail::Full)?;
            session.hint("nothing was started");
            Ok(Exit::Done)
        }
        SetCommand::Start(start) => begin(session, &start).await,
        SetCommand::Status(status) => show(session, &status).await,
        SetCommand::Rollback(given) => {
            let (client, order) = (session.client().await?, session.order(&given.reason));
            let set = client.roll_back_set(&set_id(&given.name)?, &order).await?;
            session.one(&set, Detail::Full)?;
            Ok(Exit::Done)
        }
    }
}

async fn begin(session: &mut Session<'_>, start: &SetStart) -> Outcome {
    let wrong = |_| CliError::Usage("--digest: sha256: and 64 hexadecimal digits, as `set plan` shows it".to_owned());
    let digest = start.digest.as_deref().map(Digest::parse).transpose().map_err(wrong)?;
    let set = create(session, wanted(&start.members, digest)?, Intent::Commit).await?;
    if session.global.output == Output::Table {
        session.write(&format!("sets/{} started\n", set.id))?;
        session.hint(&format!("follow it: meridian set status {} --wait", set.id));
    } else {
        session.one(&set, Detail::Row)?;
    }
    Ok(Exit::Done)
}

async fn create(session: &mut Session<'_>, wanted: SetWanted, intent: Intent) -> Result<SetView, CliError> {
    let actor = session.global.actor.clone();
    let (client, request) = (session.client().await?, session.request()?);
    Ok(client.create_set(&wanted, &actor, intent, &request).await?)
}

/// Members end together, so waiting for one after the other is waiting for all. One that has gone back meanwhile says how.
async fn show(session: &mut Session<'_>, status: &SetStatus) -> Outcome {
    let id = set_id(&status.name)?;
    let mut exit = Exit::Done;
    if status.wait {
        let until = deadline(session);
        for member in session.client().await?.set(&id).await?.members {
            exit = follow::run(session, &member.rollout, status.waiting, follow::Show::Nothing, until).await?;
            if exit != Exit::Done {
                break;
            }
        }
    }
    let set = session.client().await?.set(&id).await?;
    session.one(&set, Detail::Full)?;
    let gone = set.members.iter().filter_map(|member| exit_of(member.view.as_ref()?, status.waiting));
    let gone = gone.into_iter().find(|ended| *ended != Exit::Done).filter(|_| status.wait && exit == Exit::Done);
    Ok(gone.unwrap_or(exit))
}

fn set_id(text: &str) -> Result<SetId, CliError> {
    let name = text.strip_prefix("sets/").unwrap_or(text);
    SetId::new(name).map_err(|error| CliError::Usage(format!("{text:?} is no name of a set: {error}")))
}

fn wanted(given: &SetMembers, digest: Option<Digest>) -> Result<SetWanted, CliError> {
    let SetMembers { name, members, playbook, after } = given;
    let mut follows: BTreeMap<ServiceId, BTreeSet<ServiceId>> = BTreeMap::new();
    for order in after {
        let usage = || CliError::Usage(format!("--after {order:?}: write SERVICE=OTHER"));
        let (service, other) = order.split_once('=').ok_or_else(usage)?;
        follows.entry(reference::service(service)?).or_default().insert(reference::service(other)?);
    }
    let mut wanted = Vec::new();
    for text in members {
        let usage = |what: &str| CliError::Usage(format!("{text:?}: {what}"));
        let (release, own) = text.split_once('=').map_or((text.as_str(), None), |(release, own)| (release, Some(own)));
        let (service, version) = release.split_once('@').ok_or_else(|| usage("write SERVICE@VERSION"))?;
        let named = own.or(playbook.as_deref());
        let named = named.ok_or_else(|| usage("add =PLAYBOOK, or give --playbook for all"))?;
        let (playbook, revision) = reference::playbook(named)?;
        let release = ReleaseName { service: reference::service(service)?, version: reference::version(version)? };
        let after = follows.remove(&release.service).unwrap_or_default();
        wanted.push(SetMemberWanted { release, playbook, revision, after });
    }
    match follows.into_keys().next() {
        Some(stranger) => Err(CliError::Usage(format!("--after {stranger}=…: {stranger} is no member of the set"))),
        None => Ok(SetWanted { id: set_id(name)?, members: wanted, digest }),
    }
}

fn list(services: &BTreeSet<ServiceId>) -> String {
    services.iter().map(ServiceId::as_str).collect::<Vec<_>>().join(", ")
}

fn states(set: &SetView) -> String {
    let states: BTreeSet<&str> = set.members.iter().map(state).collect();
    states.into_iter().collect::<Vec<_>>().join(", ")
}

fn state(member: &SetMemberView) -> &'static str {
    member.view.as_ref().map_or("planned", |view| view.state.as_str())
}

impl Shown for SetView {
    const HEADERS: &'static [&'static str] = &["SET", "MEMBERS", "STATE", "BY", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let members: Vec<&str> = self.members.iter().map(|member| member.rollout.service.as_str()).collect();
        vec![
            cell(&self.id),
            cell(members.join(", ")),
            cell(states(self)),
            cell(&self.requester),
            or_dash(self.created.map(|created| clock::age(created, now)).unwrap_or_default()),
        ]
    }

    fn name(&self) -> String {
        format!("sets/{}", self.id)
    }

    fn json(&self) -> Value {
        let member = |member: &SetMemberView| {
            json!({
                "service": member.rollout.service.as_str(),
                "rollout": member.rollout.rollout.as_str(),
                "plan": member.plan.hex(),
                "after": member.after.iter().map(ServiceId::as_str).collect::<Vec<_>>(),
                "state": state(member),
                "summary": member.view.as_ref().map(|view| view.summary.clone()),
            })
        };
        json!({
            "name": self.name(),
            "digest": self.digest.to_string(),
            "requester": self.requester,
            "created": moment_json(self.created),
            "members": self.members.iter().map(member).collect::<Vec<_>>(),
        })
    }

    fn yaml(&self) -> String {
        yaml::print(&self.json())
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("set", cell(&self.id));
        page.field("digest", cell(self.digest));
        page.field("ends", cell("all of them as stable together; when one goes back, all do"));
        let row = |member: &SetMemberView| {
            let view = member.view.as_ref();
            vec![
                cell(&member.rollout.service),
                cell(&member.rollout.rollout),
                or_dash(list(&member.after)),
                cell(state(member)),
                or_dash(view.map(|view| view.summary.clone()).unwrap_or_default()),
            ]
        };
        let headers = &["SERVICE", "ROLLOUT", "AFTER", "STATE", "SUMMARY"];
        page.table("members", headers, self.members.iter().map(row).collect());
        page
    }
}
