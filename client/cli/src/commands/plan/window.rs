//! `window …`: when the steps of a playbook may start.

use meridian_calendar::{Refusal, local, openings};
use meridian_client::Client;
use meridian_core::calendar::timetable::ZONE_LABEL;
use meridian_core::calendar::{Freeze, Interval, Timetable, Zone};
use meridian_core::time::{Span, Timestamp};
use serde_json::{Value, json};

use super::ics;
use crate::args::{WindowCommand, WindowExport, WindowNext};
use crate::clock;
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash};
use crate::reference;
use crate::session::Session;

/// One opening of a playbook's windows.
struct Opening {
    during: Interval,
    zone: String,
    local: (String, String),
    /// The freezes that lie over a part of it.
    freezes: Vec<Freeze>,
}

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: WindowCommand) -> Outcome {
    match command {
        WindowCommand::Next(asked) => next(session, &asked).await,
        WindowCommand::Export(asked) => export(session, &asked).await,
    }
}

async fn export(session: &mut Session<'_>, asked: &WindowExport) -> Outcome {
    let (id, revision) = reference::playbook(&asked.playbook)?;
    let client = session.client().await?;
    let timetable = client.playbook(&id, revision).await?.playbook.timetable;
    let zone = zone_of(&client, asked.region.as_deref()).await?;
    let now = clock::now();
    let during = Interval { from: now, to: now.after(Span::from_secs(u64::from(asked.days) * 24 * 3600)) };
    let title = asked.region.as_ref().map_or_else(|| id.to_string(), |region| format!("{id} in {region}"));
    session.write(&ics::calendar(&title, &timetable, zone.as_deref(), during).map_err(untimely)?)?;
    Ok(Exit::Done)
}

async fn next(session: &mut Session<'_>, asked: &WindowNext) -> Outcome {
    let (id, revision) = reference::playbook(&asked.playbook)?;
    let client = session.client().await?;
    let timetable = client.playbook(&id, revision).await?.playbook.timetable;
    let zone = zone_of(&client, asked.region.as_deref()).await?;
    if timetable.windows.is_empty() {
        session.hint(&format!("playbook {id} has no windows: its steps may start at any time outside a freeze"));
    }
    let found = following(&timetable, zone.as_deref(), clock::now()).map_err(untimely)?;
    let shown: Vec<Opening> = found.into_iter().take(usize::from(asked.number)).collect();
    if shown.is_empty() && !timetable.windows.is_empty() {
        session.hint("no window that is known opens");
    }
    session.list(&shown)?;
    Ok(Exit::Done)
}

/// The zone of the region that was named.
async fn zone_of(client: &Client, region: Option<&str>) -> Result<Option<String>, CliError> {
    let Some(region) = region else { return Ok(None) };
    let view = client.region(&reference::region(region)?).await?;
    Ok(view.labels.get(ZONE_LABEL).cloned())
}

fn untimely(refusal: Refusal) -> CliError {
    let hint = "; windows that follow the regions' clocks are shown with --region";
    let hint = if refusal.value == "region" { hint } else { "" };
    CliError::Usage(format!("{refusal}{hint}"))
}

/// All openings that are not over, shown by the region's clock, or by that of the first window.
fn following(timetable: &Timetable, zone: Option<&str>, now: Timestamp) -> Result<Vec<Opening>, Refusal> {
    let found = openings(timetable, zone, now, Span::ZERO)?;
    let of_first = timetable.windows.first().and_then(|window| match &window.zone {
        Zone::Named(name) => Some(name.as_str()),
        Zone::Region => None,
    });
    let zone = zone.or(of_first).unwrap_or("UTC");
    let opening = |during: Interval| {
        let over = |freeze: &&Freeze| freeze.during.from < during.to && during.from < freeze.during.to;
        let freezes = found.freezes.iter().filter(over).cloned().collect();
        let local = (local(during.from, zone)?, local(during.to, zone)?);
        Ok(Opening { during, zone: zone.to_owned(), local, freezes })
    };
    found.windows.iter().copied().map(opening).collect()
}

impl Opening {
    fn frozen(&self) -> String {
        self.freezes.iter().map(|freeze| freeze.name.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl Shown for Opening {
    const HEADERS: &'static [&'static str] = &["OPENS", "CLOSES", "OPENS (UTC)", "CLOSES (UTC)", "FREEZES"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let Interval { from, to } = self.during;
        let (opens, closes) = &self.local;
        vec![cell(opens), cell(closes), cell(clock::iso(from)), cell(clock::iso(to)), or_dash(self.frozen())]
    }

    fn name(&self) -> String {
        clock::iso(self.during.from)
    }

    fn json(&self) -> Value {
        let freeze = |freeze: &Freeze| {
            let Interval { from, to } = freeze.during;
            json!({ "name": freeze.name, "from": clock::iso(from), "to": clock::iso(to) })
        };
        json!({
            "opens": clock::iso(self.during.from),
            "closes": clock::iso(self.during.to),
            "zone": self.zone,
            "opensLocal": self.local.0,
            "closesLocal": self.local.1,
            "freezes": self.freezes.iter().map(freeze).collect::<Vec<_>>(),
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("opens", cell(&self.local.0)).field("closes", cell(&self.local.1));
        page.field("freezes", or_dash(self.frozen()));
        page
    }
}
