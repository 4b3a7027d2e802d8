//! One rollout taking over the lanes of another: two decisions in one commit, held against what must be true of both.

use meridian_core::canon::Canonical;
use meridian_core::invariants::{self, Broken};
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::rollout::supersede::Superseded;
use meridian_store::layout::Place;
use meridian_store::record;

use super::Books;
use super::books::{Written, entry, require};

impl Books {
    /// The two records, if a commit ends a rollout because another one takes over.
    pub(super) fn takeover(&self, written: &[Written]) -> Option<Superseded> {
        let records = || written.iter().filter(|one| matches!(one.place, Place::Rollout(_)));
        let old = records().filter_map(|one| self.decoded(one)).find_map(|record| match &record.phase {
            Phase::Superseded { by, since: _ } => Some((record.clone(), by.clone())),
            Phase::Running(_)
            | Phase::RollingBack { .. }
            | Phase::Frozen { .. }
            | Phase::Switched { .. }
            | Phase::Stable { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Failed { .. } => None,
        });
        let (old, by) = old?;
        let new = records().filter_map(|one| self.decoded(one)).find(|record| record.id == by)?;
        Some(Superseded { old, new })
    }

    /// Both or none, one epoch after the other, each with its entry, and the lanes change hands.
    pub(super) fn taken_over(&mut self, taken: &Superseded, written: &[Written], broken: &mut Vec<Broken>) {
        let Superseded { old, new } = taken;
        let service = &new.plan.service;
        let head = self.heads.get(service).cloned().unwrap_or_default();
        let lanes = self.lanes.get(service).cloned().unwrap_or_default();
        let find = |place: Place| written.iter().find(|one| one.place == place);
        let after = find(Place::Lanes(service.clone()));
        let after = after.and_then(|lanes| record::decode_lanes(&lanes.key, &lanes.value).ok()).unwrap_or_default();
        broken.extend(invariants::record(old));
        broken.extend(invariants::record(new));
        match self.rollouts.get(&old.id) {
            Some(before) => {
                let ended = before.phase.is_terminal();
                require(broken, "S15", !ended, || format!("{} was {} and changed", old.id, before.phase.as_str()));
                let lanes = (&lanes, &after);
                broken.extend(invariants::supersession(before, taken, head.epoch, lanes, &head.vetoes));
            }
            None => broken.push(Broken { id: "C20", what: format!("{} was not there", old.id) }),
        }
        let mut previous = head.audit;
        for next in [old, new] {
            let Some(one) = find(Place::Rollout(next.id.clone())) else { continue };
            let Some(entry) = entry(next, one, written, previous, broken) else { return };
            previous = Some(entry.digest());
        }
        let moved = find(Place::Head(service.clone()));
        let moved = moved.and_then(|head| record::decode_head(&head.key, &head.value).ok());
        let fits = moved.is_some_and(|moved| moved.epoch == new.epoch && moved.audit == previous);
        require(broken, "S18", fits, || format!("the head does not stand at {}", new.epoch));
        self.keep(old.clone(), broken);
        self.keep(new.clone(), broken);
        let records: Vec<Rollout> = self.rollouts.values().cloned().collect();
        broken.extend(invariants::holders(&records));
    }
}
