//! `simulate`: a plan in virtual time, without a server.

use meridian_simulate::Ended;

use crate::args::{Output, Simulate};
use crate::clock::{self, Stopwatch};
use crate::commands::{Outcome, load};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest::MeasuredFile;
use crate::session::{Detail, Session};
use crate::simulation::{Simulation, chart};

pub(in crate::commands) fn run(session: &mut Session<'_>, asked: &Simulate) -> Outcome {
    let documents = load(session, &asked.files)?;
    let evidence = asked.evidence.as_deref().map(MeasuredFile::load).transpose()?.unwrap_or_default();
    let from = match &asked.from {
        Some(text) => clock::parse_moment(text).map_err(|why| CliError::Usage(format!("--from {text:?}: {why}")))?,
        None => clock::now(),
    };
    let watch = Stopwatch::start();
    let simulation = Simulation::play(&documents, asked, evidence, from)?;
    let looks: usize = simulation.runs.iter().map(|run| run.course.looks).sum();
    session.hint(&format!(
        "{} regions, {} of virtual time, {looks} looks: played in {} ms",
        simulation.plan.lanes.len(),
        clock::short(simulation.calm().end.at.since(from)),
        watch.passed().as_millis(),
    ));
    for assumed in &simulation.told {
        session.hint(&format!("! {assumed}"));
    }
    if session.global.output == Output::Svg {
        session.write(&chart::draw(&simulation))?;
    } else {
        session.one(&simulation, Detail::Full)?;
    }
    Ok(match &simulation.calm().end.how {
        Ended::Over { phase: "stable", .. } => Exit::Done,
        Ended::Over { .. } => Exit::RolledBack,
        Ended::Waiting { .. } => Exit::Gate,
    })
}
