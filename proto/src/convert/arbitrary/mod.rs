//! Strategies for domain values, as wide as the wire may carry them: for property tests here and in other crates.
//! Everything made here is something core could have made.

mod agent;
mod alert;
mod entry;
mod plan;
mod rollout;
mod watch;

use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{
    Amount, Asks, Bound, Check, EvidencePolicy, LoadMeasure, Measure, Outcome, Query, Reach, Source, StepRef, Verdict,
};
use meridian_core::id::{CallbackId, ItemId, PlaybookId, RegionId, RoleId, RolloutId, ServiceId, WaveId};
use meridian_core::lane::Placed;
use meridian_core::release::{Note, NoteKind, Notes, Release, ReleaseRef, Reversibility};
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::{Split, Weight};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use semver::Version;
use std::collections::BTreeMap;

pub use agent::{evidence, goal, hello, lane_memory, observed, veto_list};
pub use alert::{outgoing, stands, stored_route};
pub use entry::{
    audit_entry, head, queue, request_done, restore, stop_entry, stops, stored_plan, stored_playbook, stored_region,
    stored_release, stored_service,
};
pub use plan::{plan, playbook, share};
pub use rollout::{cause, lane_state, lanes, phase, rollout, rollout_of};
pub use watch::{feedback, feedback_policy, history, stored_watch, watch_policy};

const NAME: &str = "[a-z0-9]([a-z0-9-]{0,12}[a-z0-9])?";
const NAMED: &str = "the pattern makes names only";

/// A service's name.
pub fn service() -> impl Strategy<Value = ServiceId> {
    NAME.prop_map(|text| ServiceId::new(text).expect(NAMED))
}

/// A region's name.
pub fn region() -> impl Strategy<Value = RegionId> {
    NAME.prop_map(|text| RegionId::new(text).expect(NAMED))
}

/// A rollout's name.
pub fn rollout_id() -> impl Strategy<Value = RolloutId> {
    NAME.prop_map(|text| RolloutId::new(text).expect(NAMED))
}

/// A playbook's name.
pub fn playbook_id() -> impl Strategy<Value = PlaybookId> {
    NAME.prop_map(|text| PlaybookId::new(text).expect(NAMED))
}

/// A wave's name.
pub fn wave_id() -> impl Strategy<Value = WaveId> {
    NAME.prop_map(|text| WaveId::new(text).expect(NAMED))
}

/// The name of an item of a checklist.
pub fn item_id() -> impl Strategy<Value = ItemId> {
    NAME.prop_map(|text| ItemId::new(text).expect(NAMED))
}

/// A role's name.
pub fn role() -> impl Strategy<Value = RoleId> {
    NAME.prop_map(|text| RoleId::new(text).expect(NAMED))
}

/// A callback's name.
pub fn callback_id() -> impl Strategy<Value = CallbackId> {
    NAME.prop_map(|text| CallbackId::new(text).expect(NAMED))
}

/// Free text of any alphabet, short enough for every field.
pub fn text() -> impl Strategy<Value = String> {
    "\\PC{0,24}"
}

/// Labels.
pub fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-z./-]{1,12}", text(), 0..4)
}

/// A moment from 1970 to 9999.
pub fn moment() -> impl Strategy<Value = Timestamp> {
    (0..=253_402_300_799_999_u64).prop_map(Timestamp::from_millis)
}

/// A span from nothing to ten thousand years.
pub fn span() -> impl Strategy<Value = Span> {
    (0..=315_576_000_000_000_u64).prop_map(Span::from_millis)
}

/// A digest.
pub fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

/// An epoch, or the one before any decision.
pub fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![1 => Just(Epoch::ZERO), 7 => decided()]
}

/// An epoch that some decision made.
pub fn decided() -> impl Strategy<Value = Epoch> {
    (0..u64::MAX, 1..u64::MAX).prop_map(|(generation, counter)| Epoch::new(generation, counter))
}

/// A weight.
pub fn weight() -> impl Strategy<Value = Weight> {
    (0..=10_000_u64).prop_map(|basis_points| Weight::from_basis_points(basis_points).expect("within the whole"))
}

/// A slot.
pub fn slot() -> impl Strategy<Value = Slot> {
    select(Slot::BOTH.to_vec())
}

/// A split.
pub fn split() -> impl Strategy<Value = Split> {
    (slot(), weight()).prop_map(|(slot, weight)| Split::toward(slot, weight))
}

/// A semantic version.
pub fn version() -> impl Strategy<Value = Version> {
    let tail = option::of(select(vec!["-rc.1", "-alpha.beta", "+build.7", "-rc.2+exp.sha"]));
    let number = || 0..1_000_u64;
    (number(), number(), number(), tail).prop_map(|(major, minor, patch, tail)| {
        let text = format!("{major}.{minor}.{patch}{}", tail.unwrap_or_default());
        Version::parse(&text).expect("three numbers and a known tail are a version")
    })
}

/// A version with its digest.
pub fn release_ref() -> impl Strategy<Value = ReleaseRef> {
    (version(), digest()).prop_map(|(version, digest)| ReleaseRef { version, digest })
}

/// A release in its slot.
pub fn placed() -> impl Strategy<Value = Placed> {
    (slot(), release_ref(), parameters()).prop_map(|(slot, release, parameters)| Placed { slot, release, parameters })
}

/// How hard it is to go back.
pub fn reversibility() -> impl Strategy<Value = Reversibility> {
    select(vec![Reversibility::Free, Reversibility::Costly, Reversibility::PointOfNoReturn])
}

/// Release notes, plain or typed.
pub fn notes() -> impl Strategy<Value = Notes> {
    let note = (select(NoteKind::ALL.to_vec()), any::<bool>(), "\\PC{1,24}");
    let note = note.prop_map(|(kind, breaking, text)| Note { kind, breaking, text });
    prop_oneof![text().prop_map(Notes::Plain), vec(note, 1..4).prop_map(Notes::Typed)]
}

/// A release.
pub fn release() -> impl Strategy<Value = Release> {
    let parts = (service(), version(), digest(), notes(), reversibility(), option::of(version()));
    parts.prop_map(|(service, version, digest, notes, reversibility, prepares)| Release {
        service,
        version,
        digest,
        notes,
        reversibility,
        prepares,
    })
}

/// A cohort rule.
pub fn cohort_rule() -> impl Strategy<Value = CohortRule> {
    let header = || "[a-z-]{1,16}";
    let key = || prop_oneof![header().prop_map(RequestKey::Header), header().prop_map(RequestKey::Cookie)];
    prop_oneof![
        (key(), text()).prop_map(|(key, value)| CohortRule::Equals(key, value)),
        (key(), weight()).prop_map(|(key, share)| CohortRule::Share(key, share)),
    ]
    .boxed()
}

/// A cohort.
pub fn cohort() -> impl Strategy<Value = Cohort> {
    (cohort_rule(), slot()).prop_map(|(rule, slot)| Cohort { rule, slot })
}

/// A step by position, within the bounds of any plan.
pub fn step_ref() -> impl Strategy<Value = StepRef> {
    (0..100_usize, 0..100_usize).prop_map(|(wave, step)| StepRef { wave, step })
}

/// What is asked of the evidence.
pub fn evidence_policy() -> impl Strategy<Value = EvidencePolicy> {
    let measure = prop_oneof![
        weight().prop_map(|max| Measure::ErrorRatio { max }),
        (weight(), span()).prop_map(|(quantile, max)| Measure::Latency { quantile, max }),
        ("/[a-z/]{0,12}", weight()).prop_map(|(path, max)| Measure::Probe { path, max }),
        weight().prop_map(|max| Measure::ErrorDifference { max }),
        weight().prop_map(|tolerance| Measure::LatencyShift { tolerance }),
        weight().prop_map(|max| Measure::ErrorSequence { max }),
        (weight(), any::<u32>()).prop_map(|(budget, factor)| Measure::BudgetBurn { budget, factor }),
        query().prop_map(Measure::Query),
        weight().prop_map(|max| Measure::Load(LoadMeasure::Errors { max })),
        (weight(), span()).prop_map(|(quantile, max)| Measure::Load(LoadMeasure::Latency { quantile, max })),
        weight().prop_map(|min| Measure::Load(LoadMeasure::Rate { min })),
    ];
    let check = (NAME, measure, any::<u64>());
    let check = check.prop_map(|(name, measure, sample_min)| Check { name, measure, sample_min });
    let parts = (vec(check, 0..4), span(), span());
    parts.prop_map(|(checks, window, extend_max)| EvidencePolicy { checks, window, extend_max }).boxed()
}

/// One of the three values.
pub fn outcome() -> impl Strategy<Value = Outcome> {
    select(vec![Outcome::Fail, Outcome::Inconclusive, Outcome::Pass])
}

/// A question to somebody else's metrics.
fn query() -> impl Strategy<Value = Query> {
    let amount = || any::<u64>().prop_map(Amount::from_millionths);
    let bound = prop_oneof![amount().prop_map(Bound::Most), amount().prop_map(Bound::Least)];
    let asks = prop_oneof![
        (text(), bound).prop_map(|(of, bound)| Asks::Value { of, bound }),
        (text(), text(), weight()).prop_map(|(errors, total, max)| Asks::Counts { errors, total, max }),
    ];
    let source = select(vec![Source::Prometheus, Source::WebhookGet, Source::WebhookPost]);
    let reach = select(vec![Reach::Region, Reach::Fleet]);
    (source, text(), asks, reach).prop_map(|(source, url, asks, reach)| Query { source, url, asks, reach })
}

/// A verdict.
pub fn verdict() -> impl Strategy<Value = Verdict> {
    let parts = (outcome(), text(), any::<u64>(), any::<u64>(), any::<u64>());
    parts.prop_map(|(outcome, check, measured, limit, samples)| Verdict { outcome, check, measured, limit, samples })
}

/// What a workload may be started with.
pub fn parameters() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    proptest::collection::btree_map("X[A-Z0-9_]{0,6}", "[ -~]{0,12}", 0..3)
}
