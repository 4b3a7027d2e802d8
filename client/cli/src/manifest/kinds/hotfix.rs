//! What a playbook allows a hotfix.

use meridian_core::id::ItemId;
use meridian_core::playbook::{Earns, HotfixPolicy};

use super::wave;
use crate::manifest::report::Report;
use crate::manifest::shape::Fields;
use crate::manifest::values;

/// The policy, or none if nothing is said: then nothing is allowed.
pub(super) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Option<HotfixPolicy>> {
    let Some(given) = fields.get("hotfix") else { return Some(None) };
    let fields = given.fields(report, &["bake", "approvals", "earns", "waives"])?;
    let bake = fields.need(report, "bake", "25%").and_then(|it| it.value(report, values::percent));
    let asked = fields.need(report, "approvals", "{role: sre}");
    let approvals = wave::approvals(&fields, report);
    let words = Earns::ALL.map(|earns| (earns.as_str(), earns));
    let earns = fields.value_or(report, "earns", Earns::default(), values::word(&words));
    let waives = fields.get("waives").map_or(Some(Vec::new()), |given| {
        given.each(report, |item, report| item.value(report, values::name(ItemId::new)))
    });
    let (bake, _, approvals, earns, waives) = (bake?, asked?, approvals?, earns?, waives?);
    Some(Some(HotfixPolicy { bake, approvals, earns, waives }))
}
