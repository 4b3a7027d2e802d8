//! How things look: tones and glyphs. State is always a glyph and a word; colour only adds to them.

use meridian_client::{ContactView, LanePosition, RolloutState};
use meridian_core::evidence::Outcome;

/// What a piece of text says about itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Less important.
    Faint,
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Somebody should look.
    Warning,
    /// Wrong.
    Bad,
}

/// Whether tones are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Paint {
    /// Text alone.
    Plain,
    /// With the colours of the terminal.
    Color,
}

impl Paint {
    /// The text in its tone.
    #[must_use]
    pub fn apply(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Self::Plain, _) | (Self::Color, Tone::Plain) => return text.to_owned(),
            (Self::Color, Tone::Strong) => "1",
            (Self::Color, Tone::Faint) => "2",
            (Self::Color, Tone::Good) => "32",
            (Self::Color, Tone::Busy) => "36",
            (Self::Color, Tone::Warning) => "33",
            (Self::Color, Tone::Bad) => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Glyph and tone of a rollout's state.
#[must_use]
pub const fn of_state(state: RolloutState) -> (&'static str, Tone) {
    match state {
        RolloutState::Running => ("◌", Tone::Busy),
        RolloutState::Soaking => ("◷", Tone::Busy),
        RolloutState::Held => ("‖", Tone::Warning),
        RolloutState::RollingBack => ("↶", Tone::Bad),
        RolloutState::Frozen => ("✱", Tone::Bad),
        RolloutState::Switched | RolloutState::Stable => ("✔", Tone::Good),
        RolloutState::RolledBack => ("↶", Tone::Warning),
        RolloutState::Aborted => ("✘", Tone::Warning),
        RolloutState::Superseded => ("⊘", Tone::Warning),
        RolloutState::Failed => ("✘", Tone::Bad),
        RolloutState::Unknown => ("?", Tone::Warning),
    }
}

/// Glyph and tone of a region's place in a rollout.
#[must_use]
pub const fn of_position(position: LanePosition) -> (&'static str, Tone) {
    match position {
        LanePosition::Waiting => ("◷", Tone::Faint),
        LanePosition::Preparing => ("◔", Tone::Busy),
        LanePosition::Shifting => ("⇄", Tone::Busy),
        LanePosition::Baking => ("◌", Tone::Busy),
        LanePosition::Settled => ("✔", Tone::Good),
        LanePosition::Reverting => ("↶", Tone::Bad),
        LanePosition::Reverted => ("↶", Tone::Warning),
        LanePosition::Unknown => ("?", Tone::Warning),
    }
}

/// Glyph and tone of a verdict.
#[must_use]
pub const fn of_outcome(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Pass => ("✔", Tone::Good),
        Outcome::Fail => ("✘", Tone::Bad),
        Outcome::Inconclusive => ("?", Tone::Warning),
    }
}

/// Glyph and tone of the contact to an agent.
#[must_use]
pub const fn of_contact(contact: ContactView) -> (&'static str, Tone) {
    match contact {
        ContactView::Live => ("✔", Tone::Good),
        ContactView::Lost => ("✘", Tone::Bad),
        ContactView::Never | ContactView::Unknown | ContactView::Quarantined => ("?", Tone::Warning),
    }
}
