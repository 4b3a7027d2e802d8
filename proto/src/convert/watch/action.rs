//! Actions and retrospectives.

use meridian_core::watch::{Action, ActionKind, NewAction, Retrospective};

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, WORD_BYTES_MAX, optional, required, text, word};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::v1;

/// The longest text of an action.
const TEXT_BYTES_MAX: usize = 1024;

/// An action as somebody asks for it, and what is to be done.
///
/// # Errors
/// The first field that is wrong.
pub fn new_action_from_wire(wire: v1::Action) -> Result<(NewAction, String), Invalid> {
    let v1::Action { kind, text: said, owner, due_time, review, added: _, closed: _ } = wire;
    let owner = text("owner", owner, WORD_BYTES_MAX)?;
    for (field, given) in [("owner", &owner), ("text", &said)] {
        if given.trim().is_empty() {
            return Err(Invalid::missing(field));
        }
    }
    let kind = word::<v1::action::Kind, ActionKind>("kind", kind)?;
    if kind == ActionKind::Debt {
        return Err(Invalid::of(kind.as_str(), InvalidKind::Contradiction("who asks: only plans leave debts")))
            .at("kind");
    }
    let action = NewAction {
        kind,
        owner,
        due: moment("due_time", due_time)?,
        review: Some(review).filter(|review| *review > 0),
    };
    Ok((action, text("text", said, TEXT_BYTES_MAX)?))
}

impl TryFrom<v1::action::Kind> for ActionKind {
    type Error = Invalid;

    fn try_from(wire: v1::action::Kind) -> Result<Self, Invalid> {
        match wire {
            v1::action::Kind::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::action::Kind::Fix => Ok(Self::Fix),
            v1::action::Kind::Documentation => Ok(Self::Documentation),
            v1::action::Kind::Training => Ok(Self::Training),
            v1::action::Kind::Other => Ok(Self::Other),
            v1::action::Kind::Debt => Ok(Self::Debt),
        }
    }
}

impl From<ActionKind> for v1::action::Kind {
    fn from(kind: ActionKind) -> Self {
        match kind {
            ActionKind::Fix => Self::Fix,
            ActionKind::Documentation => Self::Documentation,
            ActionKind::Training => Self::Training,
            ActionKind::Other => Self::Other,
            ActionKind::Debt => Self::Debt,
        }
    }
}

impl TryFrom<v1::Action> for Action {
    type Error = Invalid;

    fn try_from(wire: v1::Action) -> Result<Self, Invalid> {
        let v1::Action { kind, text: said, owner, due_time, review, added, closed } = wire;
        Ok(Self {
            kind: word::<v1::action::Kind, _>("kind", kind)?,
            text: text("text", said, RECORD_TEXT_BYTES_MAX)?,
            owner: text("owner", owner, RECORD_TEXT_BYTES_MAX)?,
            due: moment("due_time", due_time)?,
            review: Some(review).filter(|review| *review > 0),
            added: required("added", added)?,
            closed: optional("closed", closed)?,
        })
    }
}

impl From<&Action> for v1::Action {
    fn from(action: &Action) -> Self {
        let Action { kind, text, owner, due, review, added, closed } = action;
        Self {
            kind: v1::action::Kind::from(*kind).into(),
            text: text.clone(),
            owner: owner.clone(),
            due_time: Some(timestamp_to_wire(*due)),
            review: review.unwrap_or_default(),
            added: Some(added.into()),
            closed: closed.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::Retrospective> for Retrospective {
    type Error = Invalid;

    fn try_from(wire: v1::Retrospective) -> Result<Self, Invalid> {
        let v1::Retrospective { said } = wire;
        Ok(Self { said: required("said", said)? })
    }
}

impl From<&Retrospective> for v1::Retrospective {
    fn from(retrospective: &Retrospective) -> Self {
        Self { said: Some((&retrospective.said).into()) }
    }
}
