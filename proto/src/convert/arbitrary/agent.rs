//! Strategies for what passes between a server and an agent.

use meridian_core::agent::{Alone, LaneMemory, VetoList};
use meridian_core::evidence::{
    Amount, Answers, AskFailure, Asked, Evidence, Histogram, LoadTally, Pin, ProbeCount, Tally,
};
use meridian_core::goal::{Goal, LoadOrder, Measurement, SlotGoal};
use meridian_core::id::Lane;
use meridian_core::observation::{DoneMark, Observed, SlotSeen, SlotState, TrafficSeen, Trouble, WentBack};
use meridian_core::plan::Mandate;
use meridian_core::slot::Slots;
use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::plan::{load, safety_policy};
use super::{
    NAME, cohort, decided, digest, epoch, evidence_policy, parameters, region, release_ref, rollout_id, service, slot,
    span, split, step_ref, text, verdict,
};
use crate::convert::Hello;

/// A goal.
pub fn goal() -> impl Strategy<Value = Goal> {
    let lane = (service(), region()).prop_map(|(service, region)| Lane { service, region });
    let order = (load(), span()).prop_map(|(load, lasts)| LoadOrder { load, lasts });
    let measurement = (slot(), step_ref(), digest(), evidence_policy(), option::of(order));
    let measurement =
        measurement.prop_map(|(slot, step, digest, policy, load)| Measurement { slot, step, digest, policy, load });
    let slots = (slot_goal(), slot_goal()).prop_map(|(blue, green)| Slots { blue, green });
    let values = (parameters(), parameters()).prop_map(|(blue, green)| Slots { blue, green });
    let slots = (slots, values);
    let mandate = (digest(), safety_policy()).prop_map(|(body, policy)| Mandate::seal(body, policy));
    let traffic = (option::of(split()), option::of(cohort()));
    let parts = (lane, decided(), rollout_id(), slots, traffic, option::of(measurement), option::of(mandate));
    parts.prop_map(|(lane, epoch, rollout, (slots, parameters), (split, cohort), measurement, mandate)| Goal {
        lane,
        epoch,
        rollout,
        slots,
        parameters,
        split,
        cohort,
        measurement,
        mandate,
    })
}

fn slot_goal() -> impl Strategy<Value = SlotGoal> {
    prop_oneof![Just(SlotGoal::Empty), Just(SlotGoal::Keep), release_ref().prop_map(SlotGoal::Run)]
}

/// What an agent remembers of a lane; never nothing.
pub fn lane_memory() -> impl Strategy<Value = LaneMemory> {
    let alone = (verdict(), any::<bool>()).prop_map(|(verdict, confirmed)| Alone { verdict, confirmed });
    let parts = (goal(), any::<bool>(), option::of(alone), option::of(veto_list()));
    parts.prop_map(|(goal, done, alone, vetoes)| {
        let memory = match alone {
            Some(alone) => LaneMemory::recalled_alone(goal, alone),
            None => LaneMemory::recalled(goal, done),
        };
        memory.with_vetoes(vetoes.unwrap_or_default())
    })
}

/// What a service has vetoed, as an agent is told.
pub fn veto_list() -> impl Strategy<Value = VetoList> {
    (decided(), btree_set(digest(), 0..4)).prop_map(|(at, digests)| VetoList { at, digests })
}

/// A lane as seen.
pub fn observed() -> impl Strategy<Value = Observed> {
    let done = (decided(), digest()).prop_map(|(epoch, hash)| DoneMark { epoch, hash });
    let slots = (option::of(slot_seen()), option::of(slot_seen())).prop_map(|(blue, green)| Slots { blue, green });
    let traffic = (split(), option::of(cohort())).prop_map(|(split, cohort)| TrafficSeen { split, cohort });
    let trouble = (epoch(), text(), text(), any::<bool>());
    let trouble = trouble.prop_map(|(epoch, code, message, permanent)| Trouble { epoch, code, message, permanent });
    let alone = (rollout_id(), decided(), verdict(), any::<bool>());
    let alone = alone.prop_map(|(rollout, epoch, verdict, confirmed)| WentBack { rollout, epoch, verdict, confirmed });
    let said = (option::of(trouble), option::of(evidence()), option::of(alone));
    let parts = (epoch(), option::of(done), slots, option::of(traffic), said);
    parts.prop_map(|(accepted, done, slots, traffic, (trouble, evidence, alone))| Observed {
        accepted,
        done,
        slots,
        traffic,
        trouble,
        evidence,
        alone,
    })
}

fn slot_seen() -> impl Strategy<Value = SlotSeen> {
    let states =
        vec![SlotState::Starting, SlotState::Ready, SlotState::Unready, SlotState::Stopping, SlotState::Failed];
    (digest(), select(states)).prop_map(|(digest, state)| SlotSeen { digest, state })
}

/// Evidence over a window that does not end before it begins.
pub fn evidence() -> impl Strategy<Value = Evidence> {
    let pin = (rollout_id(), step_ref(), digest(), decided());
    let pin = pin.prop_map(|(rollout, step, digest, epoch)| Pin { rollout, step, digest, epoch });
    let probes = (any::<u64>(), any::<u64>()).prop_map(|(sent, failed)| ProbeCount { sent, failed });
    let parts = (pin, (span(), span()), tally(), btree_map(NAME, probes, 0..4), tally(), answers());
    let parts = (parts, btree_map(NAME, asked(), 0..4), option::of(load_tally()));
    parts.prop_map(|((pin, (one, another), ours, probes, other, whole), asked, load)| Evidence {
        pin,
        from: one.min(another),
        to: one.max(another),
        requests: ours.answers.requests,
        errors: ours.answers.errors,
        latency: ours.latency,
        probes,
        other,
        whole,
        asked,
        load,
    })
}

fn load_tally() -> impl Strategy<Value = LoadTally> {
    (any::<[u64; 10]>(), tally()).prop_map(|(counts, tally)| {
        let [due, sent, not_sent, answered, errors, refused, broken, timed_out, malformed, slowest] = counts;
        let latency = tally.latency;
        LoadTally { due, sent, not_sent, answered, errors, refused, broken, timed_out, malformed, latency, slowest }
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let failed = proptest::option::of(select(AskFailure::ALL.to_vec()));
    let parts = (any::<u64>(), any::<u64>().prop_map(Amount::from_millionths), answers(), failed);
    parts.prop_map(|(answers, mean, grown, failed)| Asked { answers, mean, grown, failed })
}

fn answers() -> impl Strategy<Value = Answers> {
    (any::<u64>(), any::<u64>()).prop_map(|(requests, errors)| Answers { requests, errors })
}

fn tally() -> impl Strategy<Value = Tally> {
    let parts = (answers(), btree_map(any::<u64>(), any::<u64>(), 0..6));
    parts.prop_map(|(answers, buckets)| Tally { answers, latency: Histogram { buckets } })
}

/// An agent's first words.
pub fn hello() -> impl Strategy<Value = Hello> {
    let parts =
        (region(), text(), btree_set(NAME, 0..4), btree_map(service(), observed(), 0..3), btree_set(service(), 0..4));
    parts.prop_map(|(region, agent_version, capabilities, lanes, services)| Hello {
        region,
        agent_version,
        capabilities,
        lanes,
        services,
    })
}
