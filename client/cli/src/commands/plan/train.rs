//! `train …`: when rollouts begin together, and how one takes a train or leaves it.

use meridian_calendar::{AHEAD, Refusal, departures, intervals, local};
use meridian_core::calendar::{Departure, Interval, Timetable, Train};
use meridian_core::id::PlaybookId;
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::{Files, TrainBoard, TrainCommand, TrainLeave, TrainNext};
use crate::clock;
use crate::commands::{Outcome, load, rollout};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest::Manifest;
use crate::output::kinds::timetable::{train_json, train_text};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash};
use crate::reference;
use crate::session::Session;

/// A playbook and what it says of time.
type Told = (PlaybookId, Timetable);

/// A departure of a train.
struct Shortly {
    departure: Departure,
    zone: String,
    local: (String, String),
    /// The freezes that lie over a part of it; those that follow the regions' clocks by the train's.
    freezes: Vec<String>,
}

/// A train of a playbook.
struct Known {
    playbook: PlaybookId,
    train: Train,
    /// Whether rollouts take it unless somebody says otherwise.
    taken: bool,
    next: Option<Shortly>,
}

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: TrainCommand) -> Outcome {
    match command {
        TrainCommand::Next(asked) => next(session, asked).await,
        TrainCommand::List { playbook } => list(session, playbook.as_deref()).await,
        TrainCommand::Board(TrainBoard { rollout, train, reason }) => {
            rollout::order::board(session, &rollout.name, Some(&train), &reason).await
        }
        TrainCommand::Leave(TrainLeave { rollout, reason }) => {
            rollout::order::board(session, &rollout.name, None, &reason).await
        }
    }
}

async fn next(session: &mut Session<'_>, asked: TrainNext) -> Outcome {
    let TrainNext { service, files, playbook, number } = asked;
    let told = match (service, playbook) {
        (Some(service), _) => {
            let plan = rollout::find(session, &service).await?.plan;
            let plan = session.client().await?.plan(&plan).await?.plan;
            vec![(plan.playbook.id, plan.timetable)]
        }
        (None, Some(playbook)) => of_playbooks(session, Some(&playbook)).await?,
        (None, None) => {
            let documents = load(session, &Files { files, recursive: false })?;
            let playbooks = documents.into_iter().filter_map(|document| match document.manifest {
                Manifest::Playbook(playbook) => Some((playbook.id, playbook.timetable)),
                Manifest::Service(_) | Manifest::Release(_) | Manifest::Region(_) | Manifest::Route(_) => None,
            });
            playbooks.collect()
        }
    };
    if told.iter().all(|(_, timetable)| timetable.trains.is_empty()) {
        session.hint("there is no train: rollouts may begin at any time");
    }
    let now = clock::now();
    let mut shown = Vec::new();
    for (_, timetable) in &told {
        for train in &timetable.trains {
            let found = shortly(timetable, train, now, usize::from(number)).map_err(unreadable)?;
            if found.is_empty() {
                session.hint(&format!("train {} has no departure in the next two years", train.name));
            }
            shown.extend(found);
        }
    }
    session.list(&shown)?;
    Ok(Exit::Done)
}

async fn list(session: &mut Session<'_>, playbook: Option<&str>) -> Outcome {
    let now = clock::now();
    let mut known = Vec::new();
    for (playbook, timetable) in of_playbooks(session, playbook).await? {
        for train in &timetable.trains {
            let next = shortly(&timetable, train, now, 1).map_err(unreadable)?.pop();
            let taken = timetable.train.as_ref() == Some(&train.name);
            known.push(Known { playbook: playbook.clone(), train: train.clone(), taken, next });
        }
    }
    session.list(&known)?;
    Ok(Exit::Done)
}

/// One playbook, or all.
async fn of_playbooks(session: &mut Session<'_>, playbook: Option<&str>) -> Result<Vec<Told>, CliError> {
    let client = session.client().await?;
    let views = match playbook.map(reference::playbook).transpose()? {
        Some((id, revision)) => vec![client.playbook(&id, revision).await?],
        None => client.playbooks().await?,
    };
    Ok(views.into_iter().map(|view| (view.playbook.id, view.playbook.timetable)).collect())
}

fn unreadable(refusal: Refusal) -> CliError {
    CliError::Usage(refusal.to_string())
}

fn shortly(timetable: &Timetable, train: &Train, now: Timestamp, most: usize) -> Result<Vec<Shortly>, Refusal> {
    let ahead = Interval { from: now, to: now.after(AHEAD) };
    let shown = |departure: Departure| {
        let Interval { from, to } = departure.during;
        let mut freezes = Vec::new();
        for freeze in &timetable.freezes {
            if !intervals(freeze, Some(&train.zone), departure.during)?.is_empty() {
                freezes.push(freeze.name.clone());
            }
        }
        let local = (local(from, &train.zone)?, local(to, &train.zone)?);
        Ok(Shortly { departure, zone: train.zone.clone(), local, freezes })
    };
    departures(timetable, train, ahead, most)?.into_iter().map(shown).collect()
}

impl Shortly {
    fn increment(&self) -> Cell {
        or_dash(self.departure.increment.as_deref().unwrap_or_default())
    }
}

impl Shown for Shortly {
    const HEADERS: &'static [&'static str] =
        &["TRAIN", "DEPARTS", "BOARDS UNTIL", "DEPARTS (UTC)", "INCREMENT", "FREEZES"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let (departs, closes) = &self.local;
        vec![
            cell(&self.departure.train),
            cell(departs),
            cell(closes),
            cell(clock::iso(self.departure.during.from)),
            self.increment(),
            or_dash(self.freezes.join(",")),
        ]
    }

    fn name(&self) -> String {
        format!("{}/{}", self.departure.train, clock::iso(self.departure.during.from))
    }

    fn json(&self) -> Value {
        let Departure { train, increment, during: Interval { from, to } } = &self.departure;
        json!({
            "train": train,
            "departs": clock::iso(*from),
            "closes": clock::iso(*to),
            "zone": self.zone,
            "departsLocal": self.local.0,
            "closesLocal": self.local.1,
            "increment": increment,
            "freezes": self.freezes,
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("train", cell(&self.departure.train)).field("departs", cell(&self.local.0));
        page.field("boards until", cell(&self.local.1)).field("increment", self.increment());
        page
    }
}

impl Shown for Known {
    const HEADERS: &'static [&'static str] = &["PLAYBOOK", "TRAIN", "DEPARTS", "ZONE", "TAKEN", "NEXT", "INCREMENT"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let next = self.next.as_ref();
        vec![
            cell(&self.playbook),
            cell(&self.train.name),
            cell(train_text(&self.train)),
            cell(&self.train.zone),
            cell(if self.taken { "yes" } else { "if boarded" }),
            or_dash(next.map(|next| next.local.0.as_str()).unwrap_or_default()),
            next.map_or_else(|| or_dash(""), Shortly::increment),
        ]
    }

    fn name(&self) -> String {
        format!("{}/{}", self.playbook, self.train.name)
    }

    fn json(&self) -> Value {
        let mut value = train_json(&self.train);
        value["playbook"] = Value::from(self.playbook.as_str());
        value["taken"] = Value::from(self.taken);
        value["next"] = self.next.as_ref().map_or(Value::Null, Shown::json);
        value
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.table("", Self::HEADERS, vec![self.row(now)]);
        page
    }
}
