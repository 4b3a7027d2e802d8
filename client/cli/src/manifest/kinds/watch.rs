//! The `watch:` of a playbook: reviews, KPIs and what feedback has to say. The rules are the core's.

use meridian_core::id::KpiId;
use meridian_core::time::Span;
use meridian_core::watch::{Cadence, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Refused};
use crate::manifest::values;

pub(super) fn read(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<WatchPolicy> {
    let standard = WatchPolicy::default();
    let Some(given) = given else { return Some(standard) };
    let fields = given.fields(report, &["reviews", "evaluation", "grace", "kpis", "feedback"])?;
    let evaluation = fields.value_or(report, "evaluation", standard.evaluation, values::span);
    let reviews = match fields.get("reviews") {
        Some(given) => given.each(report, cadence),
        // What is not said does not contradict what is: an earlier evaluation is the end of the standard reviews too.
        None => evaluation.map(|evaluation| until(standard.reviews, evaluation)),
    };
    let grace = fields.value_or(report, "grace", standard.grace, values::span);
    let targets = fields.get("kpis").map_or_else(|| Some(Vec::new()), |given| given.each(report, target));
    let feedback = match fields.get("feedback") {
        Some(given) => feedback(&given, report).map(Some),
        None => Some(None),
    };
    let (reviews, evaluation, grace) = (reviews?, evaluation?, grace?);
    Some(WatchPolicy { reviews, evaluation, grace, targets: targets?, feedback: feedback? })
}

fn until(cadences: Vec<Cadence>, end: Span) -> Vec<Cadence> {
    let mut last = Span::ZERO;
    let clipped = cadences.into_iter().map(|cadence| Cadence { until: cadence.until.min(end), ..cadence });
    clipped.filter(|cadence| std::mem::replace(&mut last, cadence.until) < cadence.until).collect()
}

fn cadence(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Cadence> {
    let fields = given.fields(report, &["every", "until"])?;
    let mut span = |name, example| fields.need(report, name, example).and_then(|it| it.value(report, values::span));
    let (every, until) = (span("every", "1d"), span("until", "7d"));
    Some(Cadence { every: every?, until: until? })
}

fn target(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<KpiTarget> {
    let fields = given.fields(report, &["name", "atLeast", "atMost"])?;
    let kpi = fields.need(report, "name", "conversion").and_then(|it| it.value(report, values::name(KpiId::new)));
    let (direction, target) = match (fields.get("atLeast"), fields.get("atMost")) {
        (Some(least), None) => (Direction::AtLeast, least.value(report, values::decimal)),
        (None, Some(most)) => (Direction::AtMost, most.value(report, values::decimal)),
        (Some(_), Some(_)) | (None, None) => {
            let fix = "write `atLeast: 2.5` or `atMost: 300`";
            fields.refuse(report, "", Refused::new("FIELDS_CONFLICT", "one side of a number is needed", fix));
            return None;
        }
    };
    Some(KpiTarget { kpi: kpi?, direction, target: target? })
}

fn feedback(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<FeedbackPolicy> {
    let fields = given.fields(report, &["scoreMin", "answersMin", "blockersMax", "pilotWaits"])?;
    let score_min = fields.need(report, "scoreMin", "4").and_then(|it| it.value(report, values::decimal));
    let answers_min = fields.need(report, "answersMin", "20").and_then(|it| it.value(report, values::small_number));
    let blockers_max = fields.value_or(report, "blockersMax", 0, values::small_number);
    let pilot_waits = fields.value_or(report, "pilotWaits", false, values::boolean);
    let (score_min, answers_min, blockers_max) = (score_min?, answers_min?, blockers_max?);
    Some(FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits: pilot_waits? })
}
