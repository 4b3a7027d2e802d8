//! `checklist …`: what must be signed off before a rollout begins. Who may sign what is the server's to say.

use meridian_client::{EntryView, RolloutName};
use meridian_core::id::ItemId;
use meridian_core::rollout::event::SignOff;
use meridian_core::time::Timestamp;
use serde_json::Value;

use super::{find, order, resolve};
use crate::args::{ChecklistCommand, ChecklistRevoke, ChecklistSign, Rollout};
use crate::clock;
use crate::commands::{Outcome, release};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::rollout::entry_json;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned, yaml};
use crate::session::Session;
use crate::style::Tone;

/// An item of a rollout's checklist.
struct Entry {
    rollout: RolloutName,
    view: EntryView,
}

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: ChecklistCommand) -> Outcome {
    match command {
        ChecklistCommand::List(rollout) => list(session, &rollout).await,
        ChecklistCommand::Sign(sign) => self::sign(session, &sign).await,
        ChecklistCommand::Revoke(revoke) => self::revoke(session, &revoke).await,
    }
}

async fn list(session: &mut Session<'_>, rollout: &Rollout) -> Outcome {
    let found = find(session, &rollout.name).await?;
    let entry = |view| Entry { rollout: found.name.clone(), view };
    let entries: Vec<Entry> = found.checklist.into_iter().map(entry).collect();
    session.list(&entries)?;
    Ok(Exit::Done)
}

async fn sign(session: &mut Session<'_>, given: &ChecklistSign) -> Outcome {
    let evidence = release::digest(given.digest.as_deref(), given.file.as_deref())?;
    let sign = SignOff { item: item(&given.item)?, uri: given.evidence.clone(), evidence };
    let name = resolve(session, &given.rollout.name).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.sign_item(&name, &sign, &session.order(&given.reason), &request).await?;
    order::done(session, &view)
}

async fn revoke(session: &mut Session<'_>, given: &ChecklistRevoke) -> Outcome {
    let item = item(&given.item)?;
    let name = resolve(session, &given.rollout.name).await?;
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.revoke_sign_off(&name, &item, &session.order(&given.reason), &request).await?;
    order::done(session, &view)
}

fn item(text: &str) -> Result<ItemId, CliError> {
    ItemId::new(text).map_err(|error| CliError::Usage(format!("--item: {error}")))
}

/// The columns of an item.
pub(in crate::commands) const HEADERS: &[&str] =
    &["ITEM", "KIND", "OWNER", "SIGNED BY", "IDENTITY", "EVIDENCE", "HOLDS"];

/// A line about an item.
pub(in crate::commands) fn row(entry: &EntryView, now: Timestamp) -> Vec<Cell> {
    let EntryView { name, kind, owner, signed } = entry;
    let mut row = vec![cell(name), cell(kind), cell(owner)];
    match signed {
        None => row.extend([toned(Tone::Warning, "nobody"), or_dash(""), or_dash(""), or_dash("")]),
        Some(signed) => {
            let holds = holds(signed.used, signed.until, now);
            row.extend([cell(&signed.actor), cell(signed.identity), cell(&signed.uri), cell(holds)]);
        }
    }
    row
}

/// For how long something still holds that somebody has given.
pub(in crate::commands) fn holds(used: bool, until: Timestamp, now: Timestamp) -> String {
    match (used, until > now) {
        (true, _) => "used".to_owned(),
        (false, true) => format!("{} left", clock::short(until.since(now))),
        (false, false) => "run out".to_owned(),
    }
}

impl Shown for Entry {
    const HEADERS: &'static [&'static str] = HEADERS;

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        row(&self.view, now)
    }

    fn name(&self) -> String {
        format!("{}/checklist/{}", self.rollout, self.view.name)
    }

    fn json(&self) -> Value {
        entry_json(&self.view)
    }

    fn yaml(&self) -> String {
        yaml::print(&self.json())
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.table("", HEADERS, vec![self.row(now)]);
        page
    }
}
