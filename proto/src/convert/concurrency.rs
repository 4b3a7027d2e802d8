//! What a request does when others hold the lanes that it needs. On the wire nothing said is what was before there was a
//! choice.

use meridian_core::playbook::Concurrency;

use super::invalid::{At as _, Invalid, InvalidKind};
use crate::r#gen::v1::Concurrency as Wire;

/// The policy that a field says; `None`: it says nothing.
///
/// # Errors
/// A number that is none.
pub fn concurrency_from_wire(field: &str, number: i32) -> Result<Option<Concurrency>, Invalid> {
    let wire = Wire::try_from(number).map_err(|_| Invalid::of(number, InvalidKind::UnknownEnum)).at(field)?;
    Ok(match wire {
        Wire::Unspecified => None,
        Wire::Reject => Some(Concurrency::Reject),
        Wire::Queue => Some(Concurrency::Queue),
        Wire::Supersede => Some(Concurrency::Supersede),
    })
}

/// The number of a policy.
#[must_use]
pub fn concurrency_to_wire(concurrency: Concurrency) -> i32 {
    match concurrency {
        Concurrency::Reject => Wire::Reject,
        Concurrency::Queue => Wire::Queue,
        Concurrency::Supersede => Wire::Supersede,
    }
    .into()
}

/// The number of a playbook's policy: none if it is what is meant without one, so that older playbooks are as they were.
pub(super) fn concurrency_unless_default(concurrency: Concurrency) -> i32 {
    if concurrency == Concurrency::default() { Wire::Unspecified.into() } else { concurrency_to_wire(concurrency) }
}
