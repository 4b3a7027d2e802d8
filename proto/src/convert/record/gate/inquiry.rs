//! What callbacks were asked before the waves of a rollout, and what they have answered, as its record says it.

use meridian_core::id::CallbackId;
use meridian_core::plan::Plan;
use meridian_core::rollout::state::{Answer, Inquiry, Said};

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, named, position, position_to_wire, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// The most inquiries of a record: a few of each wave.
pub(in crate::convert::record) const INQUIRIES_MAX: usize = 1000;

/// A question to a callback of a wave of `plan`.
pub(in crate::convert::record) fn inquiry_from_wire(
    wire: records::InquiryRecord,
    plan: &Plan,
) -> Result<Inquiry, Invalid> {
    let records::InquiryRecord { wave, callback, plan: hash, digest: content, since, answer } = wire;
    let wave = position("wave", wave, plan.waves.len())?;
    let callback = named("callback", callback, CallbackId::new)?;
    if plan.waves.get(wave).is_none_or(|planned| planned.callbacks.iter().all(|known| known.id != callback)) {
        return Err(Invalid::of(callback, InvalidKind::NotInPlan)).at("callback");
    }
    Ok(Inquiry {
        wave,
        callback,
        plan: digest("plan", &hash)?,
        digest: digest("digest", &content)?,
        since: moment("since", since)?,
        answer: answer.map(answer_from_wire).transpose().at("answer")?,
    })
}

fn answer_from_wire(wire: records::AnswerRecord) -> Result<Answer, Invalid> {
    let records::AnswerRecord { said, reason, at } = wire;
    let known = [Said::Pass, Said::Fail].into_iter().find(|known| known.as_str() == said);
    let unknown = || Invalid::of(&said, InvalidKind::UnknownWord("pass, fail"));
    let said = known.ok_or_else(unknown).at("said")?;
    Ok(Answer { said, reason: text("reason", reason, RECORD_TEXT_BYTES_MAX)?, at: moment("at", at)? })
}

/// A question as the record says it.
pub(in crate::convert::record) fn inquiry_to_wire(inquiry: &Inquiry) -> records::InquiryRecord {
    let Inquiry { wave, callback, plan, digest, since, answer } = inquiry;
    let answer = answer.as_ref().map(|Answer { said, reason, at }| records::AnswerRecord {
        said: said.as_str().to_owned(),
        reason: reason.clone(),
        at: Some(timestamp_to_wire(*at)),
    });
    records::InquiryRecord {
        wave: position_to_wire(*wave),
        callback: callback.to_string(),
        plan: plan.to_string(),
        digest: digest.to_string(),
        since: Some(timestamp_to_wire(*since)),
        answer,
    }
}
