//! What asking for one check has come to since the step took effect: sums that only grow, so that a window is the difference
//! of two of them. It asks nobody.

use meridian_core::evidence::{Amount, Answers, AskFailure, Asked};

use super::ask::Told;

/// The sums of one check.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Ledger {
    begun: bool,
    answers: u64,
    sum: u128,
    grown: Answers,
    latest: Option<Answers>,
    failed: Option<AskFailure>,
}

impl Ledger {
    /// Enters an answer. The first is what there was when the step took effect, so it counts for nothing.
    pub fn enter(&mut self, told: Result<Told, AskFailure>) {
        let is_first = !std::mem::replace(&mut self.begun, true);
        self.failed = told.err();
        match told {
            Ok(Told::Value(value)) if !is_first => {
                self.answers += 1;
                self.sum += u128::from(value.millionths());
            }
            Ok(Told::Counts(now)) => {
                if let Some(before) = self.latest.replace(now) {
                    self.answers += 1;
                    let Answers { requests, errors } = self.grown;
                    let requests = requests.saturating_add(growth(before.requests, now.requests));
                    self.grown = Answers { requests, errors: errors.saturating_add(growth(before.errors, now.errors)) };
                }
            }
            Ok(Told::Value(_)) | Err(_) => {}
        }
    }

    /// Why the last ask has no number.
    pub const fn failed(&self) -> Option<AskFailure> {
        self.failed
    }

    /// What came of it between an earlier state and this one.
    pub fn since(&self, before: &Self) -> Asked {
        let answers = self.answers.saturating_sub(before.answers);
        let mean = self.sum.saturating_sub(before.sum).checked_div(u128::from(answers)).unwrap_or(0);
        let requests = self.grown.requests.saturating_sub(before.grown.requests);
        let errors = self.grown.errors.saturating_sub(before.grown.errors);
        Asked {
            answers,
            mean: Amount::from_millionths(u64::try_from(mean).unwrap_or(u64::MAX)),
            grown: Answers { requests, errors },
            failed: self.failed,
        }
    }
}

/// A count that fell has begun anew.
fn growth(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(millionths: u64) -> Result<Told, AskFailure> {
        Ok(Told::Value(Amount::from_millionths(millionths)))
    }

    fn counts(errors: u64, requests: u64) -> Result<Told, AskFailure> {
        Ok(Told::Counts(Answers { requests, errors }))
    }

    #[test]
    fn values_are_averaged_over_the_window_and_the_first_is_of_before() {
        let (mut ledger, begun) = (Ledger::default(), Ledger::default());
        assert_eq!(ledger.since(&begun), Asked::default());
        ledger.enter(value(1_000_000));
        assert_eq!(ledger.since(&begun).answers, 0);
        ledger.enter(value(10));
        ledger.enter(value(20));
        let then = ledger;
        let asked = ledger.since(&begun);
        assert_eq!((asked.answers, asked.mean.millionths(), asked.failed), (2, 15, None));
        ledger.enter(Err(AskFailure::NoData));
        let asked = ledger.since(&begun);
        assert_eq!((asked.answers, asked.mean.millionths(), asked.failed), (2, 15, Some(AskFailure::NoData)));
        ledger.enter(value(u64::MAX));
        ledger.enter(value(u64::MAX));
        let asked = ledger.since(&then);
        assert_eq!((asked.answers, asked.mean.millionths(), asked.failed), (2, u64::MAX, None));
    }

    #[test]
    fn counts_grow_from_what_there_was_and_over_a_new_beginning() {
        let (mut ledger, begun) = (Ledger::default(), Ledger::default());
        let table = [
            (counts(100, 9_000), (0, 0)),
            (counts(103, 9_100), (3, 100)),
            (Err(AskFailure::Timeout), (3, 100)),
            (counts(104, 9_300), (4, 300)),
            (counts(2, 50), (6, 350)),
        ];
        for (told, (errors, requests)) in table {
            ledger.enter(told);
            assert_eq!(ledger.since(&begun).grown, Answers { requests, errors }, "{told:?}");
        }
    }
}
