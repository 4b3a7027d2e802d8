//! Whether a rollout is where somebody waits for it to be, and which exit that is.

use meridian_client::{RolloutState, RolloutView};

use crate::args::{Gates, Until, Waiting};
use crate::exit_code::Exit;

/// Waits for people, by their codes.
const GATES: [&str; 3] = ["APPROVALS", "CHECKLIST", "STOP_THE_LINE"];

/// The exit; `None`: it goes on.
pub(super) fn of(view: &RolloutView, waiting: Waiting) -> Option<Exit> {
    let at_gate = || view.waits.iter().any(|wait| GATES.contains(&wait.code.as_str()));
    if waiting.wait_for_gates == Gates::Fail && at_gate() {
        return Some(Exit::Gate);
    }
    match (view.state, waiting.until, waiting.wait_for_gates) {
        (RolloutState::Stable, _, _) | (RolloutState::Switched, Until::Switched, _) => Some(Exit::Done),
        (RolloutState::RolledBack | RolloutState::Failed | RolloutState::Aborted, _, _) => Some(Exit::RolledBack),
        (RolloutState::Superseded, _, _) => Some(Exit::Superseded),
        (RolloutState::Held | RolloutState::Frozen, _, Gates::Fail) => Some(Exit::Gate),
        (
            RolloutState::Held
            | RolloutState::Frozen
            | RolloutState::Switched
            | RolloutState::Running
            | RolloutState::Soaking
            | RolloutState::RollingBack
            | RolloutState::Unknown,
            _,
            _,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use meridian_client::fake::sample;

    use super::*;

    #[test]
    fn every_state_has_its_exit() {
        use RolloutState as S;
        let table = [
            (S::Running, None, None),
            (S::Soaking, None, None),
            (S::RollingBack, None, None),
            (S::Unknown, None, None),
            (S::Held, None, Some(11)),
            (S::Frozen, None, Some(11)),
            (S::Switched, Some(0), Some(0)),
            (S::Stable, Some(0), Some(0)),
            (S::RolledBack, Some(10), Some(10)),
            (S::Aborted, Some(10), Some(10)),
            (S::Failed, Some(10), Some(10)),
            (S::Superseded, Some(12), Some(12)),
        ];
        let mut view = sample::rollout();
        for (state, patient, hurried) in table {
            view.state = state;
            for (gates, expect) in [(Gates::Wait, patient), (Gates::Fail, hurried)] {
                let waiting = Waiting { wait_for_gates: gates, until: Until::Switched };
                assert_eq!(of(&view, waiting).map(Exit::number), expect, "{state:?} {gates:?}");
            }
        }
        (view.state, view.waits) = (S::Running, vec![sample::reason("APPROVALS", "1 of 2", None, None)]);
        for (gates, expect) in [(Gates::Wait, None), (Gates::Fail, Some(11))] {
            let waiting = Waiting { wait_for_gates: gates, until: Until::Switched };
            assert_eq!(of(&view, waiting).map(Exit::number), expect, "a wave that asks, {gates:?}");
        }
        view.waits.clear();
        view.state = S::Switched;
        let waiting = Waiting { wait_for_gates: Gates::Wait, until: Until::Stable };
        assert_eq!(of(&view, waiting), None);
    }
}
