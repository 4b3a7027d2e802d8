//! Feedback, one answer and all of them.

use meridian_core::watch::{Feedback, Opinion, Score, Severity, Source};

use crate::convert::field::{TEXT_BYTES_MAX, WORD_BYTES_MAX, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::name;
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::v1;
use crate::r#gen::v1::feedback as wire_feedback;

impl TryFrom<v1::Feedback> for Feedback {
    type Error = Invalid;

    fn try_from(wire: v1::Feedback) -> Result<Self, Invalid> {
        let v1::Feedback { release, score, severity, text: said, cohort, actor, source, time } = wire;
        let (service, version) = name::parse_release(&release).at("release")?;
        let out_of_range = |_| Invalid::of(score, InvalidKind::OutOfRange { min: 1, max: 5 });
        let severity = match wire_feedback::Severity::try_from(severity) {
            Ok(wire_feedback::Severity::Unspecified | wire_feedback::Severity::Note) => Severity::Note,
            Ok(wire_feedback::Severity::Blocker) => Severity::Blocker,
            Err(_) => return Err(Invalid::of(severity, InvalidKind::UnknownEnum)).at("severity"),
        };
        let source = match wire_feedback::Source::try_from(source) {
            Ok(wire_feedback::Source::Unspecified | wire_feedback::Source::Unverified) => Source::Unverified,
            Ok(wire_feedback::Source::Proven) => Source::Proven,
            Err(_) => return Err(Invalid::of(source, InvalidKind::UnknownEnum)).at("source"),
        };
        Ok(Self {
            service,
            version,
            score: Score::new(u64::from(score)).map_err(out_of_range).at("score")?,
            severity,
            text: text("text", said, TEXT_BYTES_MAX)?,
            cohort: text("cohort", cohort, WORD_BYTES_MAX)?,
            from: text("actor", actor, TEXT_BYTES_MAX)?,
            source,
            at: moment("time", time)?,
        })
    }
}

impl From<&Feedback> for v1::Feedback {
    fn from(feedback: &Feedback) -> Self {
        let Feedback { service, version, score, severity, text, cohort, from, source, at } = feedback;
        let severity = match severity {
            Severity::Note => wire_feedback::Severity::Note,
            Severity::Blocker => wire_feedback::Severity::Blocker,
        };
        let source = match source {
            Source::Unverified => wire_feedback::Source::Unverified,
            Source::Proven => wire_feedback::Source::Proven,
        };
        Self {
            release: name::release(service, version),
            score: u32::from(score.get()),
            severity: severity.into(),
            text: text.clone(),
            cohort: cohort.clone(),
            actor: from.clone(),
            source: source.into(),
            time: Some(timestamp_to_wire(*at)),
        }
    }
}

impl From<v1::Opinion> for Opinion {
    fn from(wire: v1::Opinion) -> Self {
        let v1::Opinion { answers, scores, blockers } = wire;
        Self { answers, scores, blockers }
    }
}

impl From<Opinion> for v1::Opinion {
    fn from(opinion: Opinion) -> Self {
        let Opinion { answers, scores, blockers } = opinion;
        Self { answers, scores, blockers }
    }
}
