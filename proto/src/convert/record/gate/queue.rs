//! The queue of a service: what waits, what was taken out, and whether it is held.

use meridian_core::id::{PlaybookId, RolloutId};
use meridian_core::queue::{LEFT_MAX, Left, Queue, Request, WAITING_MAX};

use crate::convert::field::{WORD_BYTES_MAX, list, named, optional, required, text, version};
use crate::convert::invalid::Invalid;
use crate::convert::record::{check_schema, schema};
use crate::r#gen::records::v1 as records;

/// A queue.
///
/// # Errors
/// The first field that is wrong; requests out of their order.
pub fn queue_from_record(wire: records::QueueRecord) -> Result<Queue, Invalid> {
    let records::QueueRecord { schema, asked, waiting, left, hold } = wire;
    check_schema(schema)?;
    let waiting: Vec<Request> = list("waiting", waiting, WAITING_MAX)?;
    let ordered = waiting.is_sorted_by(|a, b| a.number < b.number);
    if !ordered || waiting.last().is_some_and(|last| last.number > asked) {
        return Err(Invalid::contradiction("asked", asked, "the numbers of the requests"));
    }
    Ok(Queue { asked, waiting, left: list("left", left, LEFT_MAX)?, hold: optional("hold", hold)? })
}

/// A queue as its record says it.
#[must_use]
pub fn queue_to_record(queue: &Queue) -> records::QueueRecord {
    let Queue { asked, waiting, left, hold } = queue;
    records::QueueRecord {
        schema: schema(),
        asked: *asked,
        waiting: waiting.iter().map(Into::into).collect(),
        left: left.iter().map(Into::into).collect(),
        hold: hold.as_ref().map(Into::into),
    }
}

impl TryFrom<records::QueueRequestRecord> for Request {
    type Error = Invalid;

    fn try_from(wire: records::QueueRequestRecord) -> Result<Self, Invalid> {
        let records::QueueRequestRecord { number, rollout, release, playbook, revision, said } = wire;
        Ok(Self {
            number,
            rollout: named("rollout", rollout, RolloutId::new)?,
            release: version("release", &release)?,
            playbook: named("playbook", playbook, PlaybookId::new)?,
            revision: Some(revision).filter(|revision| *revision > 0),
            said: required("said", said)?,
        })
    }
}

impl From<&Request> for records::QueueRequestRecord {
    fn from(request: &Request) -> Self {
        let Request { number, rollout, release, playbook, revision, said } = request;
        Self {
            number: *number,
            rollout: rollout.to_string(),
            release: release.to_string(),
            playbook: playbook.to_string(),
            revision: revision.unwrap_or_default(),
            said: Some(said.into()),
        }
    }
}

impl TryFrom<records::QueueLeftRecord> for Left {
    type Error = Invalid;

    fn try_from(wire: records::QueueLeftRecord) -> Result<Self, Invalid> {
        let records::QueueLeftRecord { request, code, said } = wire;
        let code = text("code", code, WORD_BYTES_MAX)?;
        if code.is_empty() {
            return Err(Invalid::missing("code"));
        }
        Ok(Self { request: required("request", request)?, code, said: required("said", said)? })
    }
}

impl From<&Left> for records::QueueLeftRecord {
    fn from(left: &Left) -> Self {
        let Left { request, code, said } = left;
        Self { request: Some(request.into()), code: code.clone(), said: Some(said.into()) }
    }
}
