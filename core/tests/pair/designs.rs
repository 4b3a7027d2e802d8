//! Random plans: one to four regions, one to three waves, every policy.

use meridian_core::calendar::Timetable;
use meridian_core::playbook::{BackPace, DeadManPolicy, DriftPolicy, Electorate, Limits, SafetyPolicy, VotePolicy};
use meridian_core::release::Reversibility;
use meridian_core::time::Span;
use proptest::prelude::*;

use super::world::design::{Design, WaveDesign, percent};

fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let early = proptest::sample::subsequence(vec![0, 5, 20, 50], 0..=2);
    let bakes = proptest::collection::vec(prop_oneof![Just(0_u64), Just(10), Just(30)], 3);
    (early, bakes).prop_map(|(early, bakes)| early.into_iter().chain([100]).zip(bakes).collect())
}

fn wave(regions: Vec<usize>) -> impl Strategy<Value = WaveDesign> {
    let asked = prop_oneof![4 => Just(0_u32), 1 => 1_u32..=2];
    (steps(), 1_u32..=4, 0_u32..=2, prop_oneof![Just(0_u64), Just(20)], asked).prop_map(
        move |(steps, max_parallel, max_skew, soak, approvals)| WaveDesign {
            regions: regions.clone(),
            steps,
            max_parallel,
            max_skew,
            soak,
            approvals,
        },
    )
}

/// Production waves over all regions, and perhaps a pilot over some of them first.
fn waves() -> impl Strategy<Value = Vec<WaveDesign>> {
    let split = (1_usize..=4, 1_usize..=2, proptest::collection::vec(any::<bool>(), 4), any::<bool>());
    split.prop_flat_map(|(regions, parts, pilots, reversed)| {
        let mut waves: Vec<Vec<usize>> = (0..parts).map(|part| (part..regions).step_by(parts).collect()).collect();
        if reversed {
            waves.reverse();
        }
        waves.retain(|regions: &Vec<usize>| !regions.is_empty());
        let pilot: Vec<usize> = (0..regions).filter(|number| pilots[*number]).collect();
        let production: Vec<_> = waves.into_iter().map(wave).collect();
        (Just(pilot), 1_u32..=2, production).prop_map(|(pilot, max_parallel, mut waves)| {
            if !pilot.is_empty() && waves.len() < 3 {
                let soften = |wave: &mut WaveDesign| wave.steps.retain(|(weight, _)| *weight != 0);
                waves.iter_mut().for_each(soften);
                let steps = vec![(0, 10), (5, 10)];
                waves
                    .insert(0, WaveDesign { regions: pilot, steps, max_parallel, max_skew: 0, soak: 10, approvals: 0 });
            }
            waves
        })
    })
}

fn votes() -> impl Strategy<Value = VotePolicy> {
    prop_oneof![
        2 => Just(VotePolicy::Any),
        1 => (1_u32..=3).prop_map(VotePolicy::Count),
        1 => (1_u64..=100).prop_map(|share| VotePolicy::Percent(percent(share))),
        1 => (1_u64..=100).prop_map(|share| VotePolicy::Traffic(percent(share))),
    ]
}

fn over() -> impl Strategy<Value = Option<Electorate>> {
    prop_oneof![2 => Just(None), 1 => Just(Some(Electorate::Wave)), 1 => Just(Some(Electorate::Fleet))]
}

fn pooled() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![1 => Just(None), 1 => Just(Some(10)), 1 => Just(Some(110))]
}

fn shares() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![1 => Just(Vec::new()), 1 => proptest::collection::vec(1_u64..=100, 4)]
}

fn safety() -> impl Strategy<Value = SafetyPolicy> {
    let dead_man = DeadManPolicy { alone_after: Span::from_secs(30), breach_for: Span::from_secs(10) };
    let drift = prop_oneof![Just(DriftPolicy::Hold), Just(DriftPolicy::Revert), Just(DriftPolicy::Adopt)];
    (proptest::option::of(Just(dead_man)), drift).prop_map(|(dead_man, drift)| SafetyPolicy { dead_man, drift })
}

/// A playbook, and the regions that serve nothing yet.
pub fn designs() -> impl Strategy<Value = (Design, Vec<usize>)> {
    let reversibility = prop_oneof![
        4 => Just(Reversibility::Free),
        1 => Just(Reversibility::Costly),
        1 => Just(Reversibility::PointOfNoReturn),
    ];
    let first = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![0]), 1 => Just(vec![0, 1, 2, 3])];
    let items = prop_oneof![6 => Just(0_usize), 1 => 1_usize..=2];
    let answers = prop_oneof![3 => Just(0_u32), 1 => 1_u32..=2];
    let staged = prop_oneof![2 => Just(None), 1 => Just(Some(false)), 3 => Just(Some(true))];
    let requests = prop_oneof![4 => Just(0_u64), 1 => Just(1000)];
    let pace = prop_oneof![2 => Just(None), 1 => (1_u32..=2).prop_map(|max_parallel| Some(BackPace { max_parallel }))];
    let back = (any::<bool>(), pace);
    let rules = (votes(), over(), pooled(), shares(), back, safety(), (items, answers, staged, requests));
    (waves(), any::<bool>(), rules, reversibility, first).prop_map(
        |(
            waves,
            checked,
            (votes, over, pooled, shares, (fleet, pace), safety, (items, answers, staged, requests)),
            reversibility,
            first,
        )| {
            // A rehearsal goes down from the whole.
            let is_whole = waves[0].steps.last().is_some_and(|(weight, _)| *weight == 100);
            let staged = staged.map(|rehearsal| rehearsal && is_whole);
            let checked = checked || staged.is_some();
            let pooled = pooled.filter(|_| checked);
            // Where nothing is measured, no agent may ask for leave to go back.
            let safety = SafetyPolicy { dead_man: safety.dead_man.filter(|_| checked), ..safety };
            let secs = Span::from_secs;
            let limits = Limits { prepare: secs(60), shift: secs(40), revert: secs(60), total: secs(100_000) };
            let (retention, timetable) = (60, Timetable::default());
            (
                Design {
                    waves,
                    checked,
                    votes,
                    over,
                    pooled,
                    shares,
                    fleet,
                    reversibility,
                    retention,
                    pace,
                    limits,
                    safety,
                    timetable,
                    items,
                    answers,
                    staged,
                    requests,
                    callbacks: 0,
                    member: None,
                    parameters: None,
                },
                first,
            )
        },
    )
}
