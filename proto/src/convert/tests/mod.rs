//! What the conversions promise: nothing is lost on the way there and back, and what is wrong is refused with the path of
//! its field. Each table of refusals takes one good message and spoils it in one way after another.

mod goal;
mod plan;
mod playbook;
mod record;
mod release;
mod report;
mod there_and_back;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::{Invalid, InvalidKind};

const WHOLE: InvalidKind = InvalidKind::OutOfRange { min: 0, max: 10_000 };

/// One value of a strategy, the same in every run.
fn sample<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// A case: what it is, how it spoils the message, the field that is named, and why.
type Case<M> = (&'static str, fn(&mut M), &'static str, InvalidKind);

fn check<M: Clone, T: std::fmt::Debug>(good: &M, read: impl Fn(M) -> Result<T, Invalid>, cases: &[Case<M>]) {
    read(good.clone()).expect("the message is good until it is spoilt");
    for (what, spoil, field, why) in cases {
        let mut wire = good.clone();
        spoil(&mut wire);
        let refusal = read(wire).expect_err(what);
        assert_eq!((refusal.field.as_str(), &refusal.why), (*field, why), "{what}: {refusal}");
    }
}

fn duration(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}
