//! Hotfixes and what they mend: what a playbook allows, and what a plan or a rollout has taken over.

use meridian_core::plan::{Debt, Hotfix, Supersede};
use meridian_core::playbook::HotfixPolicy;
use meridian_core::time::Span;
use serde_json::{Value, json};

use super::playbook::approval_json;

/// What a playbook allows, with the words of the manifest.
pub(crate) fn policy_json(policy: &HotfixPolicy) -> Value {
    let HotfixPolicy { bake, approvals, earns, waives } = policy;
    json!({
        "bake": bake.to_string(),
        "approvals": approvals.iter().map(approval_json).collect::<Vec<_>>(),
        "earns": earns.as_str(),
        "waives": waives.iter().map(|item| item.as_str()).collect::<Vec<_>>(),
    })
}

/// What a playbook allows, as people say it.
pub(crate) fn policy_text(policy: &HotfixPolicy) -> String {
    let HotfixPolicy { bake, approvals, earns, waives } = policy;
    let asked: Vec<String> = approvals.iter().map(|rule| format!("{} of {}", rule.count, rule.role)).collect();
    let later: Vec<&str> = waives.iter().map(|item| item.as_str()).collect();
    let later = if later.is_empty() { String::new() } else { format!("; later: {}", later.join(", ")) };
    format!("{bake} of every bake, on the consent of {}; earns: {}{later}", asked.join(" and "), earns.as_str())
}

/// The rollout whose lanes are taken over, for programs.
pub(crate) fn json(supersede: &Supersede) -> Value {
    let Supersede { rollout, release, hotfix } = supersede;
    let debt =
        |Debt { item, kind, owner }: &Debt| json!({ "item": item.as_str(), "kind": kind.as_str(), "owner": owner });
    let hotfix = hotfix.as_ref().map(|Hotfix { reason, bake, earned, debts }| {
        json!({
            "reason": reason,
            "bake": bake.to_string(),
            "earned": earned.to_string(),
            "debts": debts.iter().map(debt).collect::<Vec<_>>(),
        })
    });
    json!({ "rollout": rollout.as_str(), "version": release.version.to_string(), "hotfix": hotfix })
}

/// The same, in a line.
pub(crate) fn text(supersede: &Supersede) -> String {
    let Supersede { rollout, release, hotfix } = supersede;
    let whose = format!("the lanes of {rollout} ({})", release.version);
    let Some(Hotfix { reason, bake, earned, debts }) = hotfix else { return whose };
    let mut parts = vec![format!("{whose}, as its hotfix: {reason}"), format!("bakes are {bake}")];
    if *earned != Span::ZERO {
        parts.push(format!("{earned} earned in the pilot"));
    }
    if !debts.is_empty() {
        let debts: Vec<String> = debts.iter().map(|debt| format!("{} ({})", debt.item, debt.owner)).collect();
        parts.push(format!("owes {}", debts.join(", ")));
    }
    parts.join("; ")
}
