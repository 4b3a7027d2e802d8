//! Stop-the-line: what stands, whom it reaches, and that nothing goes forward under it while everything still goes back.

use meridian_core::canon::Canonical as _;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::playbook::Scope;
use meridian_core::rollout::gates::stops::{REASON_BYTES_MAX, STOPS_MAX, Said, StopOrder, StopScope, Stops};
use meridian_core::rollout::reason::Wait;
use meridian_core::time::Timestamp;

use crate::world::design::Design;
use crate::world::{World, halt};

fn said(actor: &str) -> Said {
    Said { actor: actor.to_owned(), reason: "phones ring".to_owned(), at: Timestamp::from_millis(1) }
}

fn scope(text: &str) -> StopScope {
    text.parse().unwrap()
}

fn stopped(scopes: &[&str]) -> Stops {
    let raise = |stops: Stops, text: &&str| stops.order(&StopOrder::Raise(scope(text)), said("bob")).unwrap().0;
    scopes.iter().fold(Stops::default(), raise)
}

/// By what the rollout `r-1` of `shop` is stopped in `eu`.
fn halted(stops: &Stops) -> Option<String> {
    let (rollout, service) = (RolloutId::new("r-1").unwrap(), ServiceId::new("shop").unwrap());
    stops.halt(&rollout, &service, &RegionId::new("eu").unwrap()).map(|halt| halt.scope.to_string())
}

#[test]
fn a_stop_reaches_what_is_in_its_scope() {
    for (text, reaches) in [
        ("organisation", true),
        ("services/shop", true),
        ("services/till", false),
        ("regions/eu", true),
        ("regions/us", false),
        ("rollouts/r-1", true),
        ("rollouts/r-2", false),
    ] {
        assert_eq!(halted(&stopped(&[text])), reaches.then(|| text.to_owned()), "{text}");
    }
    assert_eq!(halted(&stopped(&["rollouts/r-1", "organisation"])).unwrap(), "organisation", "the widest is told");
    for text in ["", "all", "services/", "services/Shop", "lanes/eu", "organisation/x"] {
        assert!(text.parse::<StopScope>().is_err(), "{text}");
    }
}

#[test]
fn one_rollout_may_be_exempt_and_is_still_stopped_by_others() {
    let stops = stopped(&["organisation", "regions/eu"]);
    let exempt = |stops: &Stops, of: &str| {
        let order = StopOrder::Exempt(scope(of), RolloutId::new("r-1").unwrap());
        stops.order(&order, said("carl"))
    };
    let (stops, entry) = exempt(&stops, "organisation").unwrap();
    assert_eq!((entry.kind.as_str(), entry.rollout.unwrap().as_str()), ("exempt", "r-1"));
    assert_eq!(halted(&stops).unwrap(), "regions/eu");
    assert_eq!(exempt(&stops, "organisation").unwrap_err().code(), "ALREADY_EXEMPT");
    let (stops, _) = exempt(&stops, "regions/eu").unwrap();
    assert_eq!(halted(&stops), None);
    assert_eq!(exempt(&stops, "services/shop").unwrap_err().code(), "NOT_STOPPED");
}

#[test]
fn orders_are_chained_and_refused_with_a_reason() {
    let stops = Stops::default();
    let raise = StopOrder::Raise(StopScope::Organisation);
    let refused = |stops: &Stops, order: &StopOrder, said| stops.order(order, said).unwrap_err().code();
    assert_eq!(refused(&stops, &raise, said("unknown")), "STOPPER_UNNAMED");
    assert_eq!(refused(&stops, &raise, Said { reason: " ".to_owned(), ..said("bob") }), "REASON_NEEDED");
    let long = "x".repeat(REASON_BYTES_MAX + 1);
    assert_eq!(refused(&stops, &raise, Said { reason: long, ..said("bob") }), "REASON_NEEDED");
    let (once, first) = stops.order(&raise, said("bob")).unwrap();
    assert_eq!((first.number, first.previous, once.log), (1, None, Some(first.digest())));
    assert_eq!(refused(&once, &raise, said("carl")), "ALREADY_STOPPED");
    let lift = StopOrder::Lift(StopScope::Organisation);
    let (lifted, second) = once.order(&lift, said("carl")).unwrap();
    assert_eq!((second.number, second.previous, lifted.log), (2, once.log, Some(second.digest())));
    assert!(lifted.standing.is_empty());
    assert_eq!(refused(&lifted, &lift, said("carl")), "NOT_STOPPED");
    let names: Vec<String> = (0..STOPS_MAX).map(|n| format!("regions/r{n}")).collect();
    let full = stopped(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused(&full, &raise, said("bob")), "TOO_MANY_STOPS");
}

#[test]
fn nothing_goes_forward_under_a_stop_and_it_goes_on_when_lifted() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.until("the first bakes", |world| world.word(0) == "baking");
    world.halt = Some(halt());
    let waits = world.pass(500).waits;
    assert!(waits.iter().any(|wait| matches!(wait, Wait::Stopped { halt, .. } if halt.actor == "bob")), "{waits:?}");
    assert_eq!((world.word(0), world.word(1)), ("baking", "waiting"));
    world.halt = None;
    world.until_phase("switched");
    // The warm way back is kept while somebody looks.
    world.halt = Some(halt());
    world.pass(500);
    assert_eq!(world.phase().as_str(), "switched");
    world.halt = None;
    world.until_phase("stable");
}

#[test]
fn a_way_back_is_never_stopped() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.until("the first bakes", |world| world.word(0) == "baking");
    world.halt = Some(halt());
    world.rollback(Scope::Fleet).unwrap();
    world.until_phase("rolled-back");
}
