//! Playbooks: what stands beside their stages, and in which order.

use meridian_core::playbook::{
    BackPace, ChecklistItem, Concurrency, DeadManPolicy, Electorate, HotfixPolicy, ItemKind, Joiners, Limits, Playbook,
    Pooling, RollbackPolicy, SafetyPolicy, VotePolicy,
};
use meridian_core::watch::{Cadence, FeedbackPolicy, KpiTarget, WatchPolicy};

use super::scalar::scalar;
use super::{Page, side};

impl Page {
    pub(super) fn playbook(&mut self, playbook: &Playbook) {
        self.line(0, "spec:");
        if !playbook.checklist.is_empty() {
            self.line(1, "checklist:");
        }
        for ChecklistItem { id, kind, owner, valid_for } in &playbook.checklist {
            self.line(2, format!("- kind: {}", kind.as_str()));
            if id.as_str() != kind.as_str() || *kind == ItemKind::Custom {
                self.line(3, format!("name: {}", scalar(id.as_str())));
            }
            self.line(3, format!("owner: {}", scalar(owner)));
            self.line(3, format!("validFor: {valid_for}"));
        }
        if let Some(policy) = &playbook.hotfix {
            self.hotfix(policy);
        }
        if playbook.joiners != Joiners::default() {
            self.line(1, format!("joiners: {}", playbook.joiners.as_str()));
        }
        if playbook.concurrency != Concurrency::default() {
            self.line(1, format!("concurrency: {}", playbook.concurrency.as_str()));
        }
        self.line(1, "stages:");
        for stage in &playbook.stages {
            self.stage(stage);
        }
        self.evidence(&playbook.evidence);
        self.rollback(&playbook.rollback);
        let Limits { prepare, shift, revert, total } = &playbook.limits;
        self.line(1, "limits:");
        for (name, limit) in [("prepare", prepare), ("shift", shift), ("revert", revert), ("total", total)] {
            self.line(2, format!("{name}: {limit}"));
        }
        self.safety(&playbook.safety);
        self.timetable(&playbook.timetable);
        self.watch(&playbook.watch);
    }

    fn hotfix(&mut self, policy: &HotfixPolicy) {
        let HotfixPolicy { bake, approvals, earns, waives } = policy;
        self.line(1, "hotfix:");
        self.line(2, format!("bake: {bake}"));
        self.approvals(2, approvals);
        self.line(2, format!("earns: {}", earns.as_str()));
        if !waives.is_empty() {
            let items: Vec<String> = waives.iter().map(|item| scalar(item.as_str())).collect();
            self.line(2, format!("waives: [{}]", items.join(", ")));
        }
    }

    fn watch(&mut self, policy: &WatchPolicy) {
        let WatchPolicy { reviews, evaluation, grace, targets, feedback } = policy;
        let standard = WatchPolicy::default();
        if *policy == standard {
            return;
        }
        self.line(1, "watch:");
        if *reviews != standard.reviews {
            let cadence = |cadence: &Cadence| format!("{{every: {}, until: {}}}", cadence.every, cadence.until);
            let all: Vec<_> = reviews.iter().map(cadence).collect();
            self.line(2, format!("reviews: [{}]", all.join(", ")));
        }
        self.line(2, format!("evaluation: {evaluation}"));
        self.line(2, format!("grace: {grace}"));
        if !targets.is_empty() {
            self.line(2, "kpis:");
        }
        for KpiTarget { kpi, direction, target } in targets {
            self.line(3, format!("- {{name: {}, {}: {target}}}", scalar(kpi.as_str()), side(*direction)));
        }
        if let Some(FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits }) = feedback {
            let waits = if *pilot_waits { ", pilotWaits: true" } else { "" };
            let text = format!("scoreMin: {score_min}, answersMin: {answers_min}, blockersMax: {blockers_max}{waits}");
            self.line(2, format!("feedback: {{{text}}}"));
        }
    }

    fn safety(&mut self, safety: &SafetyPolicy) {
        if *safety == SafetyPolicy::default() {
            return;
        }
        let SafetyPolicy { dead_man, drift } = safety;
        self.line(1, "safety:");
        if let Some(DeadManPolicy { alone_after, breach_for }) = dead_man {
            self.line(2, format!("deadMan: {{aloneAfter: {alone_after}, breachFor: {breach_for}}}"));
        }
        self.line(2, format!("drift: {}", drift.as_str()));
    }

    fn rollback(&mut self, rollback: &RollbackPolicy) {
        let RollbackPolicy { votes, over, pooled, fleet, retention, pace } = rollback;
        self.line(1, "rollback:");
        let votes = match votes {
            VotePolicy::Any => "any".to_owned(),
            VotePolicy::Count(count) => format!("{{count: {count}}}"),
            VotePolicy::Percent(share) => format!("{{percent: {share}}}"),
            VotePolicy::Traffic(share) => format!("{{traffic: {share}}}"),
        };
        self.line(2, format!("votes: {votes}"));
        if *over != Electorate::of(*fleet) {
            self.line(2, format!("over: {}", over.as_str()));
        }
        if let Some(Pooling { sample_min }) = pooled {
            self.line(2, format!("pooled: {{sampleMin: {sample_min}}}"));
        }
        self.line(2, format!("scope: {}", if *fleet { "fleet" } else { "wave" }));
        self.line(2, format!("retention: {retention}"));
        if let Some(BackPace { max_parallel }) = pace {
            self.line(2, format!("pace: {{maxParallel: {max_parallel}, order: {}}}", BackPace::ORDER));
        }
    }
}
