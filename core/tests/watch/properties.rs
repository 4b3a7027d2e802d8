//! Whatever happens in whatever order, and whenever anybody looks: no review is skipped, none is there twice, and no clock
//! of any zone moves one.

use meridian_core::time::Span;
use meridian_core::watch::policy::check;
use meridian_core::watch::{Cadence, Event, Opinion, ReviewState, Standing, WatchPolicy};
use proptest::prelude::*;

use super::site::{Site, said};

#[derive(Clone, Debug)]
enum Deed {
    /// Nobody looks for so many hours.
    Sleep(u64),
    Look,
    Hold(u32),
    Sign(u32),
    Add(u32),
    Close(u32),
    Reflect,
    Evaluate(Option<String>),
    Stand(Standing),
    Measure(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let standing = prop_oneof![
        9 => Just(Standing::Stable),
        3 => Just(Standing::Switched),
        1 => Just(Standing::TakenBack("rolled-back")),
    ];
    prop_oneof![
        4 => (0_u64..200).prop_map(Deed::Sleep),
        4 => Just(Deed::Look),
        2 => (0_u32..14).prop_map(Deed::Hold),
        6 => (0_u32..14).prop_map(Deed::Sign),
        1 => (0_u32..14).prop_map(Deed::Add),
        1 => (0_u32..4).prop_map(Deed::Close),
        1 => Just(Deed::Reflect),
        1 => proptest::option::of(Just("why not".to_owned())).prop_map(Deed::Evaluate),
        1 => standing.prop_map(Deed::Stand),
        2 => (-800_i64..800).prop_map(Deed::Measure),
    ]
}

fn policy() -> impl Strategy<Value = WatchPolicy> {
    let cadence = (10_u64..100, 1_u64..400);
    let cadences = proptest::collection::vec(cadence, 0..3);
    let policy = (cadences, 1_u64..800, 1_u64..50).prop_map(|(cadences, evaluation, grace)| {
        let hours = |hours| Span::from_secs(hours * 3600);
        let mut until = 0;
        let reviews = cadences.into_iter().map(|(every, lasts)| {
            until += lasts;
            Cadence { every: hours(every), until: hours(until) }
        });
        let reviews = reviews.collect();
        let evaluation = hours(evaluation.max(until));
        WatchPolicy { reviews, evaluation, grace: hours(grace), ..WatchPolicy::default() }
    });
    policy.prop_filter("a playbook may have it", |policy| check(policy).is_empty())
}

fn carry_out(site: &mut Site, deed: Deed) {
    // A refusal is an answer too; what it must not do is checked where it is made.
    let _answer = match deed {
        Deed::Sleep(hours) => {
            site.now = site.now.after(Span::from_secs(hours * 3600));
            return;
        }
        Deed::Stand(standing) => {
            // What is taken back does not come again.
            if !matches!(site.facts.standing, Standing::TakenBack(_)) {
                site.facts.standing = standing;
            }
            return;
        }
        Deed::Measure(hours) => {
            site.facts.feedback = Opinion { answers: 1, scores: 4, blockers: 0 };
            return site.measure("conversion", hours, "2.5");
        }
        Deed::Look => site.decide(Event::Look),
        Deed::Hold(review) => site.decide(Event::Hold(review, said("met"))),
        Deed::Sign(review) => site.sign(review),
        Deed::Add(review) => site.add("bob", (review > 0).then_some(review)),
        Deed::Close(action) => site.decide(Event::Close(action, said("done"))),
        Deed::Reflect => site.decide(Event::Reflect(said("learnt"))),
        Deed::Evaluate(waive) => site.evaluate(waive.as_deref()),
    };
}

proptest! {
    #[test]
    fn every_history_keeps_the_invariants(policy in policy(), deeds in proptest::collection::vec(deed(), 0..60)) {
        let mut site = Site::new(policy);
        for deed in deeds {
            carry_out(&mut site, deed);
        }
        // However late somebody looks: whatever is due by then is due, all of it, and nothing else.
        let waits_for = site.watch.next_due();
        let step = site.look();
        prop_assert_eq!(step.next.is_some() && site.watch.is_watching(), waits_for.is_some_and(|due| due <= site.now)
            && site.watch.is_watching());
        if site.watch.is_watching() {
            for review in &site.watch.reviews {
                prop_assert_eq!(review.state == ReviewState::Scheduled, review.due > site.now);
            }
            prop_assert!(site.watch.next_due().is_none_or(|due| due > site.now), "a look leaves nothing for now");
        }
    }

    #[test]
    fn it_does_not_matter_when_or_how_often_anybody_looks(
        policy in policy(),
        naps in proptest::collection::vec(0_u64..300, 0..20),
    ) {
        let (mut often, mut once) = (Site::new(policy.clone()), Site::new(policy));
        for nap in naps {
            carry_out(&mut often, Deed::Sleep(nap));
            often.look();
        }
        once.now = often.now;
        once.look();
        prop_assert_eq!(often.words(), once.words());
        let dues = |site: &Site| site.watch.reviews.iter().map(|review| (review.from, review.due)).collect::<Vec<_>>();
        prop_assert_eq!(dues(&often), dues(&once));
    }
}
