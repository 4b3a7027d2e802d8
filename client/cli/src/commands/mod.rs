//! The commands, one file each, and the way to them.

mod alert;
mod apply;
mod completion;
mod delete;
mod describe;
mod diff;
mod evidence;
mod explain;
mod get;
mod lint;
mod plan;
mod region;
mod release;
mod rollout;
mod service;
mod stop;
mod version;
mod watch;

use crate::args::{Command, Files};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest::{self, Document, Origin};
use crate::session::Session;

/// What every command answers.
pub(crate) type Outcome = Result<Exit, CliError>;

/// Runs one command.
pub(crate) async fn run(session: &mut Session<'_>, command: Command) -> Outcome {
    match command {
        Command::Apply(apply) => apply::run(session, &apply).await,
        Command::Lint(files) => lint::run(session, &files),
        Command::Diff(files) => diff::run(session, &files).await,
        Command::Plan(plan) => plan::run(session, &plan).await,
        Command::Simulate(asked) => plan::simulate::run(session, &asked),
        Command::Get(what) => get::run(session, &what).await,
        Command::Describe(what) => describe::run(session, &what).await,
        Command::Delete(delete) => delete::run(session, &delete).await,
        Command::Service(service) => service::run(session, service).await,
        Command::Release(release) => release::run(session, release).await,
        Command::Rollout(rollout) => rollout::run(session, rollout).await,
        Command::Set(command) => rollout::set::run(session, command).await,
        Command::Checklist(checklist) => rollout::checklist::run(session, checklist).await,
        Command::StopTheLine(stop) => stop::run(session, stop).await,
        Command::Region(region) => region::run(session, region).await,
        Command::Explain(rollout) => explain::run(session, &rollout).await,
        Command::Window(window) => plan::window::run(session, window).await,
        Command::Train(train) => plan::train::run(session, train).await,
        Command::Analysis(analysis) => evidence::analysis::run(session, &analysis).await,
        Command::Alert(alert) => alert::run(session, alert).await,
        Command::Audit(audit) => evidence::audit::run(session, &audit),
        Command::Review(review) => watch::review(session, review).await,
        Command::Evaluation(evaluation) => watch::evaluation(session, evaluation).await,
        Command::Action(action) => watch::action(session, action).await,
        Command::Retrospective(retrospective) => watch::retrospective(session, retrospective).await,
        Command::Feedback(feedback) => watch::feedback(session, feedback).await,
        Command::Kpi(kpi) => watch::kpi(session, kpi).await,
        Command::Milestone(milestone) => watch::milestone(session, milestone).await,
        Command::Completion { shell } => completion::run(session, shell),
        Command::Version => version::run(session),
    }
}

/// The manifests that a command names.
fn load(session: &mut Session<'_>, files: &Files) -> Result<Vec<Document>, CliError> {
    let origins: Vec<_> = files.files.iter().map(|name| Origin::from(name.as_str())).collect();
    Ok(manifest::load(&origins, files.recursive, session.terminal.stdin)?)
}
