//! The checklist of a playbook.

use meridian_core::id::ItemId;
use meridian_core::playbook::validate::OWNER_BYTES_MAX;
use meridian_core::playbook::{ChecklistItem, ItemKind};

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields};
use crate::manifest::values;

/// All items, or none if nothing is said.
pub(super) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<ChecklistItem>> {
    fields.get("checklist").map_or(Some(Vec::new()), |given| given.each(report, item))
}

/// An item that says no name has that of its kind.
fn item(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<ChecklistItem> {
    let fields = given.fields(report, &["kind", "name", "owner", "validFor"])?;
    let words = ItemKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = fields.need(report, "kind", "uat").and_then(|it| it.value(report, values::word(&words)));
    let id = match (fields.get("name"), kind) {
        (Some(name), _) => name.value(report, values::name(ItemId::new)),
        // Two things that are neither are not the same.
        (None, Some(ItemKind::Custom)) => fields.need(report, "name", "legal-review").and(None),
        (None, kind) => kind.map(|kind| ItemId::new(kind.as_str()).expect("the words of kinds are names")),
    };
    let owner = fields.need(report, "owner", "anna").and_then(|it| it.value(report, values::text(OWNER_BYTES_MAX)));
    let valid_for = fields.value_or(report, "validFor", ChecklistItem::VALID_FOR, values::span);
    Some(ChecklistItem { id: id?, kind: kind?, owner: owner?, valid_for: valid_for? })
}
