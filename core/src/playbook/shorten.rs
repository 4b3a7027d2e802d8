//! A playbook whose days pass in seconds, to be tried out with real servers and real agents. What machines need stays as it
//! is: only the time that is left to evidence, people and the calendar is shortened.

use super::spec::{Playbook, Stage, Step, Wave};
use crate::time::Span;
use crate::watch::{Cadence, WatchPolicy};

/// A bake or a rest that is shortened stays at least so long: evidence takes a moment to come in.
const BAKE_LEAST: Span = Span::from_secs(1);
/// Evidence is looked at over at least so long.
const WINDOW_LEAST: Span = Span::from_secs(10);
/// Evidence that comes in slowly may extend a bake for at least so long.
const EXTENSION_LEAST: Span = Span::from_secs(60);

/// The same playbook, `factor` times as fast: bakes, rests, the time the way back stays warm, and the reviews after the
/// launch. Limits, the safety policy, how long a signature holds and the calendar's moments stay. A factor of 0 is taken for 1.
#[must_use]
pub fn shortened(playbook: &Playbook, factor: u32) -> Playbook {
    let factor = u64::from(factor.max(1));
    let short = |span: Span, least: Span| span.min(Span::from_millis(span.millis() / factor).max(least));
    let step = |step: &Step| Step { bake: short(step.bake, BAKE_LEAST), ..step.clone() };
    let wave = |wave: &Wave| Wave {
        steps: wave.steps.iter().map(step).collect(),
        soak: short(wave.soak, BAKE_LEAST),
        ..wave.clone()
    };
    let stage = |stage: &Stage| {
        let mut next = Stage { waves: stage.waves.iter().map(wave).collect(), ..stage.clone() };
        if let Some(staging) = &mut next.staging {
            staging.load.ramp = short(staging.load.ramp, Span::ZERO);
        }
        next
    };
    let mut next = Playbook { stages: playbook.stages.iter().map(stage).collect(), ..playbook.clone() };
    next.evidence.window = short(next.evidence.window, WINDOW_LEAST);
    next.evidence.extend_max = short(next.evidence.extend_max, EXTENSION_LEAST);
    next.rollback.retention = short(next.rollback.retention, BAKE_LEAST);
    let WatchPolicy { reviews, evaluation, grace, targets: _, feedback: _ } = &mut next.watch;
    // Here everything is divided alike, or reviews would no longer come in their order.
    let cadences = reviews.iter_mut().flat_map(|Cadence { every, until }| [every, until]);
    for span in [evaluation, grace].into_iter().chain(cadences) {
        *span = Span::from_millis((span.millis() / factor).max(1));
    }
    next
}
