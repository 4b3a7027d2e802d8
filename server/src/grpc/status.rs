//! The one table from what can go wrong to what is said on the wire: a code, exactly one reason, and which fields or
//! conditions are concerned. Everything is short: a status travels in headers, and too long a one breaks the stream.

use std::collections::HashMap;

use meridian_core::playbook::Violation;
use meridian_core::rollout::open::OpenRefused;
use meridian_core::rollout::reason::Refused;
use meridian_proto::convert::{Invalid, name};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt as _};

use super::queues;
use crate::error::EngineError;

/// Whose reasons these are.
pub const DOMAIN: &str = "meridian.dev";
/// The longest message of a status.
const MESSAGE_BYTES_MAX: usize = 1024;
/// The longest text of one violation.
const VIOLATION_BYTES_MAX: usize = 300;
/// All violations of a status together: with the message, in base64, they stay below half of the 16 KiB that common
/// clients take as headers.
const VIOLATIONS_BYTES_MAX: usize = 4096;
/// The longest value among the metadata of a reason.
const METADATA_BYTES_MAX: usize = 256;

/// A refusal with its reason and nothing else.
#[must_use]
pub fn reasoned(code: Code, reason: &str, message: impl Into<String>) -> Status {
    status(code, reason, message.into(), &[], ErrorDetails::new())
}

/// What the engine or the catalog refused.
#[must_use]
pub fn refused(error: &EngineError) -> Status {
    let message = error.to_string();
    let say =
        |code, metadata: &[(&str, &str)]| status(code, error.code(), message.clone(), metadata, ErrorDetails::new());
    match error {
        EngineError::NotFound { kind, name } => say(Code::NotFound, &[("kind", kind), ("name", name)]),
        EngineError::Unbegun(unbegun) => queues::unbegun(message, unbegun),
        EngineError::AlreadyExists { kind, name } => say(Code::AlreadyExists, &[("kind", kind), ("name", name)]),
        EngineError::Refused(Refused::NoSuchRegion(region)) => {
            let details = fields([("region".to_owned(), message.clone())]);
            let metadata = [("region", region.as_str())];
            status(Code::InvalidArgument, error.code(), message, &metadata, details)
        }
        EngineError::BumpTooSmall(refused) => {
            let details = fields([("release.version".to_owned(), message.clone())]);
            let (value, least) = (refused.version.to_string(), refused.least.to_string());
            let metadata = [("field", "release.version"), ("value", &value), ("least", &least)];
            status(Code::InvalidArgument, error.code(), message, &metadata, details)
        }
        EngineError::Refused(
            Refused::Ended(_)
            | Refused::NotNow { .. }
            | Refused::NoWayBack(_)
            | Refused::NotAsked { .. }
            | Refused::WaveBegun { .. }
            | Refused::OwnRequest { .. }
            | Refused::Nameless
            | Refused::OtherPlan { .. }
            | Refused::NoApproval { .. }
            | Refused::TooManyApprovals
            | Refused::NoSuchItem { .. }
            | Refused::NotOwner { .. }
            | Refused::NotSigned { .. }
            | Refused::LaunchBegun
            | Refused::TrainDeparted
            | Refused::NotAwaited { .. }
            | Refused::NoMember { .. }
            | Refused::NoSuchTrain { .. }
            | Refused::EpochExhausted,
        )
        | EngineError::OpenRefused(_)
        | EngineError::VetoRefused(_)
        | EngineError::WatchRefused(_)
        | EngineError::KpiRefused(_)
        | EngineError::FeedbackFull(_)
        | EngineError::StopRefused(_)
        | EngineError::QueueRefused(_)
        | EngineError::PlanRefused(_)
        | EngineError::SetChanged { .. }
        | EngineError::NotConfirmable { .. }
        | EngineError::NotDrained { .. }
        | EngineError::JoinRefused { .. }
        | EngineError::InUse { .. } => precondition(error),
        EngineError::SetRefused(_) => {
            let details = fields([("members".to_owned(), message.clone())]);
            status(Code::InvalidArgument, error.code(), message, &[("field", "members")], details)
        }
        EngineError::StaleEtag { name, given } => say(Code::Aborted, &[("name", name), ("etag", given)]),
        EngineError::RequestIdReused { id } => say(Code::AlreadyExists, &[("request_id", id)]),
        EngineError::Contended { key: _ } => say(Code::Aborted, &[]),
        EngineError::Unavailable(_) | EngineError::Draining => say(Code::Unavailable, &[]),
        EngineError::Full(_) => say(Code::ResourceExhausted, &[]),
        // With a request id the same call may be sent again and has the effect of once.
        EngineError::Unknown(_) => say(Code::Unavailable, &[]),
        EngineError::Corrupt(_) => say(Code::DataLoss, &[]),
    }
}

/// What the present state does not allow, with every condition that is not met.
fn precondition(error: &EngineError) -> Status {
    let (reason, message) = (error.code(), error.to_string());
    let one = |subject: &str| unmet([(reason, subject, message.clone())]);
    if let EngineError::PlanRefused(refusals) = error {
        let all = unmet(refusals.iter().map(|refusal| (refusal.code(), "", refusal.to_string())));
        let count = refusals.len().to_string();
        return status(Code::FailedPrecondition, reason, message, &[("refusals", &count)], all);
    }
    if let EngineError::InUse { kind, name, by } = error {
        let metadata = [("kind", *kind), ("name", name.as_str()), ("rollout", by.as_str())];
        return status(Code::FailedPrecondition, reason, message.clone(), &metadata, one(name));
    }
    if let EngineError::OpenRefused(
        OpenRefused::Vetoed { service, veto, .. } | OpenRefused::AutomationHeld { service, veto },
    ) = error
    {
        let rollout = veto.rollout.as_ref().map(|rollout| name::rollout(service, rollout)).unwrap_or_default();
        let metadata = [("service", service.as_str()), ("rollout", rollout.as_str())];
        return status(Code::FailedPrecondition, reason, message.clone(), &metadata, one(service.as_str()));
    }
    if let EngineError::NotDrained { region, service } | EngineError::JoinRefused { region, service, .. } = error {
        let metadata = [("region", region.as_str()), ("service", service.as_str())];
        return status(Code::FailedPrecondition, reason, message.clone(), &metadata, one(region));
    }
    let region =
        if let EngineError::OpenRefused(OpenRefused::PlanStale { region } | OpenRefused::LaneHeld { region, .. })
        | EngineError::Refused(Refused::NoWayBack(region)) = error
        {
            region.as_str()
        } else {
            ""
        };
    status(Code::FailedPrecondition, reason, message.clone(), &[("region", region)], one(region))
}

/// A request with a field that is not taken.
#[must_use]
pub fn invalid(invalid: &Invalid) -> Status {
    let message = invalid.to_string();
    let details = fields([(invalid.field.clone(), message.clone())]);
    let metadata = [("field", invalid.field.as_str()), ("value", invalid.value.as_str())];
    status(Code::InvalidArgument, invalid.why.code(), message, &metadata, details)
}

/// A playbook that breaks rules: the first one's code is the reason, all of them are told.
#[must_use]
pub fn violated(violations: &[Violation]) -> Status {
    let tell = |violation: &Violation| {
        let Violation { code, field, value, fix } = violation;
        (format!("playbook.{field}"), format!("{code}: {value:?} is not taken; {fix}"))
    };
    let (code, message) = violations.first().map_or(("INVALID_PLAYBOOK", String::new()), |first| {
        let (field, text) = tell(first);
        (first.code, format!("{field}: {text}"))
    });
    let count = violations.len().to_string();
    status(Code::InvalidArgument, code, message, &[("violations", &count)], fields(violations.iter().map(tell)))
}

/// A refusal with all its details.
pub(super) fn status(
    code: Code,
    reason: &str,
    message: String,
    metadata: &[(&str, &str)],
    mut details: ErrorDetails,
) -> Status {
    let pairs = metadata.iter().filter(|(_, value)| !value.is_empty());
    let metadata: HashMap<String, String> =
        pairs.map(|(key, value)| ((*key).to_owned(), shortened((*value).to_owned(), METADATA_BYTES_MAX))).collect();
    details.set_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, shortened(message, MESSAGE_BYTES_MAX), details)
}

fn fields(violations: impl IntoIterator<Item = (String, String)>) -> ErrorDetails {
    let all = violations.into_iter().map(|(field, text)| FieldViolation {
        field: shortened(field, VIOLATION_BYTES_MAX),
        description: shortened(text, VIOLATION_BYTES_MAX),
        ..FieldViolation::default()
    });
    ErrorDetails::with_bad_request(within(all, |violation| violation.field.len() + violation.description.len()))
}

/// Conditions that are not met: code, subject, words.
pub(super) fn unmet<'a>(violations: impl IntoIterator<Item = (&'a str, &'a str, String)>) -> ErrorDetails {
    let all = violations.into_iter().map(|(kind, subject, text)| {
        let subject = shortened(subject.to_owned(), METADATA_BYTES_MAX);
        PreconditionViolation::new(kind, subject, shortened(text, VIOLATION_BYTES_MAX))
    });
    let size = |violation: &PreconditionViolation| {
        violation.r#type.len() + violation.subject.len() + violation.description.len()
    };
    ErrorDetails::with_precondition_failure(within(all, size))
}

/// As many as fit; how many there were is in the metadata.
fn within<T>(items: impl Iterator<Item = T>, size: impl Fn(&T) -> usize) -> Vec<T> {
    let mut bytes = 0;
    items
        .take_while(|item| {
            bytes += size(item);
            bytes <= VIOLATIONS_BYTES_MAX
        })
        .collect()
}

fn shortened(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

#[cfg(test)]
mod tests {
    use meridian_core::id::{PlaybookId, RegionId, RolloutId, ServiceId};
    use meridian_core::plan::{JoinWait, PlanRefusal};
    use meridian_core::queue::{Fate, Request, Turn, Unbegun, Wait};
    use meridian_core::release::{Bump, BumpTooSmall, Note, NoteKind};
    use meridian_core::rollout::gates::stops::Said;
    use meridian_core::time::Timestamp;

    use super::*;

    fn every_error() -> Vec<(EngineError, Code)> {
        let text = || "x".repeat(100_000);
        let region = || RegionId::new("eu").unwrap();
        let empty_wave = || PlanRefusal::EmptyWave { wave: text() };
        vec![
            (EngineError::NotFound { kind: "plan", name: text() }, Code::NotFound),
            (EngineError::AlreadyExists { kind: "plan", name: text() }, Code::AlreadyExists),
            (EngineError::Refused(Refused::NoSuchRegion(region())), Code::InvalidArgument),
            (EngineError::Refused(Refused::Ended("stable")), Code::FailedPrecondition),
            (EngineError::OpenRefused(OpenRefused::PlanStale { region: region() }), Code::FailedPrecondition),
            (EngineError::PlanRefused(vec![empty_wave(); 1000]), Code::FailedPrecondition),
            (EngineError::BumpTooSmall(Box::new(bump_too_small())), Code::InvalidArgument),
            (EngineError::StaleEtag { name: text(), given: text() }, Code::Aborted),
            (EngineError::RequestIdReused { id: text() }, Code::AlreadyExists),
            (EngineError::InUse { kind: "region", name: text(), by: text() }, Code::FailedPrecondition),
            (EngineError::NotDrained { region: text(), service: text() }, Code::FailedPrecondition),
            (join_refused(), Code::FailedPrecondition),
            (EngineError::Unbegun(Box::new(waits())), Code::NotFound),
            (EngineError::Contended { key: text() }, Code::Aborted),
            (EngineError::Unavailable(text()), Code::Unavailable),
            (EngineError::Full(text()), Code::ResourceExhausted),
            (EngineError::Unknown(text()), Code::Unavailable),
            (EngineError::Corrupt(text()), Code::DataLoss),
            (EngineError::Draining, Code::Unavailable),
        ]
    }

    fn join_refused() -> EngineError {
        let text = || "x".repeat(100_000);
        EngineError::JoinRefused { region: text(), service: text(), wait: Box::new(JoinWait::NoAgent) }
    }

    fn waits() -> Unbegun {
        let id = |n: usize| RolloutId::new(format!("r-{n}-{}", "x".repeat(50))).unwrap();
        let said = Said { actor: "x".repeat(100_000), reason: "x".repeat(100_000), at: Timestamp::from_millis(0) };
        let (release, playbook) = ("1.2.3".parse().unwrap(), PlaybookId::new("careful").unwrap());
        let request = Request { number: 1, rollout: id(0), release, playbook, revision: None, said };
        let turn = Turn::Wait((0..1000).map(|n| Wait::Behind(id(n))).collect());
        Unbegun { service: ServiceId::new("shop").unwrap(), fate: Fate::Waits { request, place: 16, turn } }
    }

    fn bump_too_small() -> BumpTooSmall {
        let note = Note { kind: NoteKind::Feature, breaking: false, text: "x".repeat(100_000) };
        let version = |text: &str| text.parse().unwrap();
        let (version, previous, least) = (version("1.2.4"), version("1.2.3"), version("1.3.0"));
        BumpTooSmall { version, previous, needed: Bump::Minor, note, least }
    }

    #[test]
    fn every_error_has_its_code_one_reason_and_fits_into_headers() {
        for (error, code) in every_error() {
            let status = refused(&error);
            assert_eq!(status.code(), code, "{}", error.code());
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (error.code(), DOMAIN));
            assert!(status.message().len() <= MESSAGE_BYTES_MAX);
            assert!(status.details().len() < 6 * 1024, "{} has {} bytes", error.code(), status.details().len());
        }
    }

    #[test]
    fn fields_are_named_with_what_to_write_instead() {
        let fix = "use at most 100 waves".to_owned();
        let violation = Violation { code: "TOO_MANY_WAVES", field: "stages".to_owned(), value: "101".to_owned(), fix };
        let status = violated(&[violation.clone(), violation]);
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "TOO_MANY_WAVES");
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 2);
        assert_eq!(fields[0].field, "playbook.stages");
        assert!(fields[0].description.contains("101") && fields[0].description.contains("use at most"));
    }
}
