//! `simulate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Files;
use crate::clock::parse_duration;

/// `simulate`.
#[derive(Clone, Debug, Args)]
pub struct Simulate {
    /// Which manifests: a playbook, a release, and the regions with their labels.
    #[command(flatten)]
    pub files: Files,
    /// Which playbook, if there are several.
    #[arg(long, value_name = "PLAYBOOK")]
    pub playbook: Option<String>,
    /// Which release; without it the one with the highest version. What is below it is what serves now.
    #[arg(long, value_name = "SERVICE/VERSION")]
    pub release: Option<String>,
    /// When it starts, e.g. 2026-11-30T09:00, in UTC unless an offset says otherwise; without it now.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// What if this region fails from this step on: REGION@STEP, REGION@WAVE/STEP, or prepare for the step. What is
    /// joined by commas fails together; each --fail is played by itself.
    #[arg(long, value_name = "REGION@STEP[,…]")]
    pub fail: Vec<String>,
    /// Everything takes that many times as long in this region.
    #[arg(long, value_name = "REGION=FACTOR")]
    pub slow: Vec<String>,
    /// What regions measure: traffic, errors, latency.
    #[arg(long, value_name = "FILE")]
    pub evidence: Option<PathBuf>,
    /// How long people take to consent to a wave that asks for it, to sign an item of the checklist off, to say how good a
    /// pilot is, and to hold and sign a review (at once).
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub approve_after: Option<Duration>,
    /// How long a slot takes to come up (30s).
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub prepare: Option<Duration>,
    /// How long traffic takes to move (2s).
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub shift: Option<Duration>,
}
