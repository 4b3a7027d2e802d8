//! The whole picture, top down: what and how it stands, why, the waves, the agents, what happened last.

use meridian_client::{ContactView, RolloutView};
use meridian_core::time::{Span, Timestamp};

use super::lanes;
use super::line::Line;
use super::transition::Transition;
use crate::clock;
use crate::output::kinds::hotfix;
use crate::style::{self, Tone};

/// A view older than this says how old it is. Watches bring changes at once, so what is older was not looked at.
const FRESH: Span = Span::from_secs(60);
/// Agents named one by one; of more only the number is said.
const AGENTS_NAMED_MAX: usize = 3;

/// What a picture is made from.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The rollout.
    pub rollout: &'a RolloutView,
    /// What happened last, oldest first.
    pub events: &'a [Transition],
    /// Why there is no server now, if there is none.
    pub lost: Option<&'a str>,
}

impl<'a> Scene<'a> {
    /// A rollout alone.
    #[must_use]
    pub const fn of(rollout: &'a RolloutView) -> Self {
        Self { rollout, events: &[], lost: None }
    }
}

/// The lines of a picture.
pub(crate) fn picture(scene: &Scene<'_>, now: Timestamp) -> Vec<Line> {
    let Scene { rollout, events, lost } = scene;
    let mut lines = vec![header(rollout, now)];
    if has_news(rollout) {
        lines.push(named("now").with(Tone::Plain, &rollout.summary));
    }
    if let Some(cause) = &rollout.cause {
        lines.push(named("why").with(Tone::Warning, format!("{}: {}", cause.code, cause.message)));
    }
    if let Some(supersede) = &rollout.supersedes {
        lines.push(named("over").with(Tone::Plain, hotfix::text(supersede)));
    }
    if let Some(after) = &rollout.join_after {
        lines.push(named("joins").with(Tone::Plain, format!("what {after} launched: its regions came later")));
    }
    if let Some(by) = &rollout.superseded_by {
        let service = &rollout.name.service;
        lines.push(named("by").with(Tone::Plain, format!("{by} has its lanes: meridian rollout watch {service}/{by}")));
    }
    if let Some(set) = &rollout.set {
        lines.push(named("set").with(Tone::Plain, format!("{set}, and ends as all of it: meridian set status {set}")));
    }
    for wait in rollout.waits.iter().filter(|wait| wait.region.is_none()) {
        let text = format!("{}: {}", wait.code, lanes::wait_text(wait, now));
        lines.push(named("waits").with(Tone::Plain, text));
    }
    let age = now.since(rollout.viewed);
    if let Some(lost) = lost {
        let text = format!("no server; this is as of {}: {lost}", clock::time_of_day(rollout.viewed));
        lines.push(named("lost").with(Tone::Bad, text));
    } else if age > FRESH && !rollout.state.is_terminal() {
        lines.push(named("age").with(Tone::Warning, format!("this is {} old", clock::short(age))));
    }
    lines.push(Line::default());
    lines.extend(lanes::lines(rollout, now));
    lines.push(Line::default());
    lines.push(agents(rollout, now));
    if !rollout.actions.is_empty() {
        lines.push(named("you can").with(Tone::Faint, rollout.actions.join(" · ")));
    }
    for (index, event) in events.iter().enumerate() {
        let name = if index == 0 { "events" } else { "" };
        let time = clock::time_of_day(event.time);
        let line = named(name).with(Tone::Faint, format!("{time}  ")).with(event.tone, &event.subject);
        lines.push(line.with(Tone::Plain, format!("  {}", event.text)));
    }
    lines
}

/// Whether the server's own line says more than what stands beside it.
fn has_news(rollout: &RolloutView) -> bool {
    let is_said = rollout.cause.as_ref().is_some_and(|cause| rollout.summary.contains(&cause.message));
    !is_said && !rollout.summary.is_empty() && rollout.summary != rollout.state.as_str()
}

fn named(name: &str) -> Line {
    Line::default().with(Tone::Faint, format!("{name:7}  "))
}

fn header(rollout: &RolloutView, now: Timestamp) -> Line {
    let (glyph, tone) = style::of_state(rollout.state);
    let word = rollout.state.as_str().to_ascii_uppercase();
    let mut line = Line::default().with(Tone::Strong, format!("{} → {}", rollout.name.service, rollout.release));
    line.add(tone, format!("   {glyph} {word}"));
    let is_first = rollout.since == rollout.created;
    let since = if is_first { String::new() } else { format!(" for {}", clock::age(rollout.since, now)) };
    line.add(Tone::Plain, format!("{since}   {}", rollout.name));
    line.add(Tone::Faint, format!("   started {} ago", clock::age(rollout.created, now)));
    if !rollout.requester.is_empty() {
        line.add(Tone::Faint, format!(" by {}", rollout.requester));
    }
    line
}

fn agents(rollout: &RolloutView, now: Timestamp) -> Line {
    let (live, all) = (rollout.agents_live(), rollout.lanes.len());
    let tone = if live == all { Tone::Good } else { Tone::Bad };
    let mut line = named("agents").with(tone, format!("{live}/{all} connected"));
    let gone: Vec<_> = rollout.lanes.iter().filter(|lane| lane.contact != ContactView::Live).collect();
    for lane in gone.iter().take(AGENTS_NAMED_MAX) {
        let seen = match lane.last_seen {
            Some(seen) => format!("last seen {} ago", clock::age(seen, now)),
            None => "never seen".to_owned(),
        };
        line.add(Tone::Warning, format!(" · {} {seen}", lane.region));
    }
    if gone.len() > AGENTS_NAMED_MAX {
        line.add(Tone::Warning, format!(" · and {} more", gone.len() - AGENTS_NAMED_MAX));
    }
    line
}
