//! Following a rollout to its end: watch, show, and leave at the end, at the deadline or on Ctrl-C. Leaving never touches
//! the rollout.

use std::time::Duration;

use meridian_client::{RolloutName, RolloutView, Watch, WatchItem, WatchTarget};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::ending;
use super::leaving::{at, interrupted};
use super::presenter::Presenter;
use crate::args::Waiting;
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::session::Session;

/// A picture is drawn at most this often: faster than an eye follows, slower than a terminal suffers.
const FRAME: Duration = Duration::from_millis(100);

/// What to show on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Show {
    Changes,
    Nothing,
}

/// Follows a rollout, at most until the deadline.
pub(super) async fn run(
    session: &mut Session<'_>,
    name: &RolloutName,
    waiting: Waiting,
    show: Show,
    deadline: Option<Instant>,
) -> Outcome {
    let mut presenter = match show {
        Show::Changes => Presenter::of(session),
        Show::Nothing => Presenter::silent(),
    };
    let mut watch = session.client().await?.watch(WatchTarget::Rollout(name.clone()), 0);
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut interrupt = std::pin::pin!(interrupted());
    let mut is_known = false;
    loop {
        let item = tokio::select! {
            item = watch.next() => item?,
            _ = frames.tick(), if presenter.is_live() => {
                presenter.draw(session)?;
                continue;
            }
            () = &mut interrupt => return Ok(detach(session, name, &watch)),
            () = at(deadline) => return Ok(still_running(session, name)),
        };
        let view = match item {
            WatchItem::Snapshot(view) | WatchItem::Delta(view) => *view,
            WatchItem::Lost(why) => {
                presenter.lose(session, why);
                continue;
            }
            WatchItem::Synced(_) if !is_known => {
                return Err(CliError::NotFound(format!("there is no {name}")));
            }
            WatchItem::Synced(_) | WatchItem::Bookmark(_) | WatchItem::Reset => continue,
        };
        is_known = true;
        let exit = ending::of(&view, waiting);
        presenter.take(session, view.clone())?;
        if let Some(exit) = exit {
            presenter.draw(session)?;
            if show == Show::Changes {
                session.hint(&last_words(&view, exit));
            }
            return Ok(exit);
        }
    }
}

fn detach(session: &mut Session<'_>, name: &RolloutName, watch: &Watch) -> Exit {
    let command = format!("meridian rollout watch {}/{}", name.service, name.rollout);
    session.hint(&format!("\ndetached at revision {}; the rollout goes on. Back to it: {command}", watch.revision()));
    Exit::Interrupted
}

fn still_running(session: &mut Session<'_>, name: &RolloutName) -> Exit {
    let command = format!("meridian rollout watch {}/{}", name.service, name.rollout);
    session.hint(&format!("the time is up and the rollout still runs. Back to it: {command}"));
    Exit::StillRunning
}

fn last_words(view: &RolloutView, exit: Exit) -> String {
    let name = format!("{}/{}", view.name.service, view.name.rollout);
    let state = view.state.as_str();
    let cause = view.cause.as_ref().map(|cause| format!(": {}", cause.message)).unwrap_or_default();
    if view.state.is_terminal() {
        return format!("{name} is {state}{cause}");
    }
    if exit == Exit::Gate {
        return format!("{name} is {state}{cause}. What to do: meridian explain {name}");
    }
    format!("{name} is {state}; the old slots stay warm. Going back is one switch: meridian rollout rollback {name}")
}
