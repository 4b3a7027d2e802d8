//! The picture of a rollout: what an operator looks at while it runs. Made from a view and the time alone, so that the
//! same picture can be drawn live, printed once, or compared in a test.

mod lanes;
mod line;
mod picture;
mod screen;
#[cfg(test)]
mod tests;
mod transition;

use meridian_client::RolloutView;
use meridian_core::time::Timestamp;

use crate::style::Paint;

pub(crate) use lanes::step_of;
pub(crate) use line::Line;
pub use picture::Scene;
pub(crate) use picture::picture;
pub use screen::Screen;
pub use transition::{Transition, transitions};

/// The picture of a rollout, without colours; no line is wider than `width` characters.
#[must_use]
pub fn frame(rollout: &RolloutView, now: Timestamp, width: usize) -> Vec<String> {
    frame_of(&Scene::of(rollout), now, width, Paint::Plain)
}

/// The picture of a rollout with what happened last; no line is wider than `width` characters.
#[must_use]
pub fn frame_of(scene: &Scene<'_>, now: Timestamp, width: usize, paint: Paint) -> Vec<String> {
    picture(scene, now).iter().map(|line| line.print(width, paint)).collect()
}
