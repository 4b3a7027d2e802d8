//! The whole proof on the terminal: the walks of a size, then the hunt for every planted bug, then one line of figures.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::flaw::PLANTED;
use crate::properties::{self, ENDS};
use crate::walk::size::{How, Size, Walk};
use crate::walk::{Break, Outcome, hunt, walk};

/// What to check.
#[derive(Debug, Parser)]
#[command(about = "Model checks the shipped rules of rollouts and agents, and hunts planted bugs")]
pub struct Options {
    /// How much.
    #[arg(long, value_enum, default_value = "small")]
    pub size: Size,
    /// Only the planted bugs whose name contains this; no walk of the shipped rules.
    #[arg(long)]
    pub only: Option<String>,
}

/// Runs everything; fails if an invariant broke, an end was not reached, or a planted bug was not found.
///
/// # Errors
/// Never so far; what breaks is told by the exit code.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut states = 0;
    let mut holds = true;
    if options.only.is_none() {
        let mut ends = BTreeSet::new();
        for mut walk in options.size.walks() {
            if let How::AtRandom(wanted) = &mut walk.how {
                *wanted = (*wanted).max(options.size.states_min().saturating_sub(states));
            }
            let outcome = tell_walk(&walk);
            states += outcome.states;
            holds &= outcome.broken.is_none();
            ends.extend(outcome.ends);
        }
        let missing: Vec<&str> = ENDS.into_iter().filter(|end| !ends.contains(end)).collect();
        if !missing.is_empty() {
            println!("never reached: {missing:?}");
            holds = false;
        }
    }
    let wanted = options.only.as_deref().unwrap_or("");
    let (mut planted, mut found) = (0, 0);
    for bug in PLANTED.iter().filter(|bug| bug.name.contains(wanted)) {
        let outcome = hunt(bug);
        planted += 1;
        states += outcome.states;
        let took = outcome.took.as_secs_f64();
        match &outcome.broken {
            Some(Break { id, trace, .. }) => {
                found += 1;
                println!(
                    "found {:<26} by {id:<4} in {:>2} steps, {:>8} states, {took:.1} s: {}",
                    bug.name,
                    trace.len(),
                    outcome.states,
                    bug.what
                );
            }
            None => println!("NOT FOUND {}: {} ({} states, {took:.1} s)", bug.name, bug.what, outcome.states),
        }
    }
    let (size, invariants, seconds) = (options.size.name(), properties::count(), began.elapsed().as_secs());
    println!(
        "model size={size} states={states} invariants={invariants} planted={planted} found={found} seconds={seconds}"
    );
    Ok(if holds && found == planted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell_walk(of: &Walk) -> Outcome {
    let how = match of.how {
        How::Everything => "everything".to_owned(),
        How::UpTo(states) => format!("everything, or {states} states"),
        How::ShortestFirst(states) => format!("the shortest ways, {states} states"),
        How::AtRandom(states) => format!("at random, {states} states"),
    };
    println!("walking {how}: {:?}", of.fleet);
    let outcome = walk(of, &mut |line| println!("{line}"));
    let Outcome { states, unique, depth, took, .. } = &outcome;
    let different = unique.map_or(String::new(), |unique| format!(", {unique} different"));
    let whole = match of.how {
        How::Everything => "the whole of it",
        How::UpTo(most) if *states < most => "the whole of it",
        How::UpTo(_) | How::ShortestFirst(_) | How::AtRandom(_) => "part of it",
    };
    println!("walked {whole}: {states} states{different}, depth {depth}, {:.1} s", took.as_secs_f64());
    if let Some(Break { id, what, trace }) = &outcome.broken {
        println!("BROKEN {id}: {what}");
        trace.iter().for_each(|action| println!("    {action}"));
    }
    outcome
}
