//! `explain`: why a rollout is where it is, what each region waits for and on whom, and what an operator may do.

use meridian_client::{ApprovalView, ContactView, LaneView, ReasonView, RolloutView};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::Outcome;
use super::rollout::checklist;
use super::rollout::found::{self, Found};
use crate::args::{Output, Rollout};
use crate::clock;
use crate::exit_code::Exit;
use crate::output::kinds::hotfix;
use crate::output::page::Page;
use crate::output::{Cell, Shown as _, cell, json, jsonl, marked, or_dash, toned, yaml};
use crate::session::{Detail, Session};
use crate::style::{self, Tone};
use crate::view::step_of;

pub(super) async fn run(session: &mut Session<'_>, named: &Rollout) -> Outcome {
    let view = match found::look(session, &named.name).await? {
        Found::Begun(view) => view,
        waits @ Found::Waits(_) => {
            waits.show(session, Detail::Full)?;
            return Ok(Exit::Done);
        }
    };
    let text = match session.global.output {
        Output::Table | Output::Svg => page(&view, clock::now()).print(session.paint()),
        Output::Json => json::one(&value(&view)),
        Output::Jsonl => jsonl::list([value(&view)]),
        Output::Yaml => yaml::print(&value(&view)),
        Output::Name => format!("{}\n", view.name()),
    };
    session.write(&text)?;
    Ok(Exit::Done)
}

const APPROVAL_HEADERS: &[&str] = &["WAVE", "ROLE", "WHO", "IDENTITY", "HOLDS"];

/// Who or what has to move before a wait ends.
fn on_whom(wait: &ReasonView) -> String {
    let region = wait.region.as_ref().map(ToString::to_string).unwrap_or_default();
    match wait.code.as_str() {
        "HELD" => "an operator: resume or roll back".to_owned(),
        "NEEDS_HUMAN" => "an operator: roll back again or abandon".to_owned(),
        "APPROVALS" => "people of that role: meridian rollout approve --role ROLE".to_owned(),
        "NO_OWNER" => "a server to take it over; that takes seconds".to_owned(),
        "CHECKLIST" => "the owners: meridian checklist sign --item ITEM".to_owned(),
        "FEEDBACK" => "whoever uses the pilot: meridian feedback give SERVICE/VERSION --score SCORE".to_owned(),
        "STOP_THE_LINE" => "whoever stopped it, or anyone: meridian stop-the-line lift".to_owned(),
        "TRAIN" => "its departure, or an operator: meridian train board --train TRAIN, or leave --reason".to_owned(),
        "CALLBACK" => "the service's own endpoint; silence holds the rollout".to_owned(),
        "SOAK" | "RETENTION" | "BAKE" => "time".to_owned(),
        "NO_CONTACT" => format!("the agent of {region} to come back"),
        "MAX_PARALLEL" | "MAX_SKEW" => "other regions of the wave".to_owned(),
        "SLOT_NOT_READY" => format!("the new release in {region} to come up"),
        "DIGEST_VETOED" => "somebody to lift the veto, or to roll back".to_owned(),
        "NOT_CONFIRMED" => format!("the agent of {region} to read back its goal"),
        "WAY_BACK_NOT_READY" => format!("the old release in {region} to be ready"),
        "INCONCLUSIVE" => format!("more traffic or probes in {region}"),
        "BAKE_REQUESTS" => format!("more traffic on the new release in {region}"),
        "VOTES_SHORT" => "votes of other regions".to_owned(),
        _ => String::new(),
    }
}

/// The command for an action.
fn command(action: &str, view: &RolloutView) -> Option<String> {
    let name = format!("{}/{}", view.name.service, view.name.rollout);
    let verb = match action {
        "pause" | "resume" | "rollback" | "abandon" => action,
        _ => return None,
    };
    Some(format!("meridian rollout {verb} {name}"))
}

fn wait_row(wait: &ReasonView, now: Timestamp) -> Vec<Cell> {
    let until = wait.until.map(|until| format!("{} ({} left)", clock::iso(until), clock::short(until.since(now))));
    vec![
        or_dash(wait.region.as_ref().map(ToString::to_string).unwrap_or_default()),
        cell(&wait.code),
        cell(&wait.message),
        or_dash(on_whom(wait)),
        or_dash(until.unwrap_or_default()),
    ]
}

fn lane_row(lane: &LaneView, now: Timestamp) -> Vec<Cell> {
    let mut contact = marked(style::of_contact(lane.contact), lane.contact.as_str());
    if let (Some(seen), true) = (lane.last_seen, lane.contact != ContactView::Live) {
        contact.text.push_str(&format!(", seen {} ago", clock::age(seen, now)));
    }
    let trouble = lane.trouble.as_ref().map(|trouble| format!("{}: {}", trouble.code, trouble.message));
    let back = lane.base.as_ref().map(|base| format!("{} in {}", base.release, base.slot));
    let since = lane.since.map(|since| clock::age(since, now)).unwrap_or_default();
    vec![
        cell(&lane.region),
        marked(style::of_position(lane.position), lane.position.as_str()),
        cell(step_of(lane)),
        or_dash(since),
        contact,
        or_dash(lane.verdict.as_ref().map(ToString::to_string).unwrap_or_default()),
        or_dash(back.unwrap_or_default()),
        or_dash(trouble.unwrap_or_default()),
    ]
}

fn approval_rows(view: &RolloutView, now: Timestamp) -> Vec<Vec<Cell>> {
    let row = |approval: &ApprovalView| {
        let holds = checklist::holds(approval.used, approval.until, now);
        vec![cell(&approval.wave), cell(&approval.role), cell(&approval.actor), cell(approval.identity), cell(holds)]
    };
    view.approvals.iter().map(row).collect()
}

fn page(view: &RolloutView, now: Timestamp) -> Page {
    let mut page = Page::default();
    page.field("rollout", toned(Tone::Strong, &view.name));
    let state = marked(style::of_state(view.state), view.state.as_str());
    page.cells("state", vec![state, cell(format!("for {}", clock::age(view.since, now)))]);
    let why = view.cause.as_ref().map(|cause| format!("{}: {}", cause.code, cause.message));
    page.field("why", or_dash(why.unwrap_or_else(|| view.summary.clone())));
    page.field("launches", cell(format!("{} {} by plan {}", view.name.service, view.release, view.plan.short())));
    if let Some(supersede) = &view.supersedes {
        page.field("takes over", cell(hotfix::text(supersede)));
    }
    if let Some(after) = &view.join_after {
        page.field("joins", cell(format!("what {after} launched: its regions came later")));
    }
    if let Some(by) = &view.superseded_by {
        page.field("taken over", cell(format!("by {by}: meridian rollout watch {}/{by}", view.name.service)));
    }
    if let Some(set) = &view.set {
        page.field("set", cell(format!("{set}, and ends as all of it: meridian set status {set}")));
    }
    page.field(
        "as of",
        cell(format!("{} (revision {}, epoch {})", clock::iso(view.viewed), view.revision, view.epoch)),
    );
    let waits = view.waits.iter().map(|wait| wait_row(wait, now)).collect();
    page.table("it waits for", &["REGION", "CODE", "WHAT", "ON WHOM", "UNTIL"], waits);
    let items = view.checklist.iter().map(|entry| checklist::row(entry, now)).collect();
    page.table("checklist", checklist::HEADERS, items);
    page.table("approved by", APPROVAL_HEADERS, approval_rows(view, now));
    let headers = &["REGION", "STATE", "STEP", "SINCE", "AGENT", "EVIDENCE", "WAY BACK", "TROUBLE"];
    page.table("regions", headers, view.lanes.iter().map(|lane| lane_row(lane, now)).collect());
    let actions = view.actions.iter();
    let actions = actions.map(|action| vec![cell(command(action, view).unwrap_or_else(|| action.clone()))]);
    page.table("you can", &[], actions.collect());
    page
}

fn value(view: &RolloutView) -> Value {
    let rollout = view.json();
    let waits = view.waits.iter().map(|wait| {
        json!({
            "region": wait.region.as_ref().map(ToString::to_string),
            "code": wait.code,
            "message": wait.message,
            "onWhom": on_whom(wait),
            "until": wait.until.map(clock::iso),
        })
    });
    let commands: Vec<_> = view.actions.iter().filter_map(|action| command(action, view)).collect();
    json!({
        "name": rollout["name"],
        "state": rollout["state"],
        "since": rollout["since"],
        "cause": rollout["cause"],
        "summary": rollout["summary"],
        "lanes": rollout["lanes"],
        "waits": waits.collect::<Vec<_>>(),
        "approvals": rollout["approvals"],
        "checklist": rollout["checklist"],
        "actions": rollout["actions"],
        "commands": commands,
        "revision": rollout["revision"],
        "viewed": rollout["viewed"],
        "supersedes": rollout["supersedes"],
        "supersededBy": rollout["supersededBy"],
        "set": rollout["set"],
    })
}
