//! The head of a service: moved by every decision, so that no two are made side by side.

use std::collections::BTreeSet;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;

use super::{check_schema, schema};
use crate::convert::field::{digest, digest_or_none, map_with, required};
use crate::convert::invalid::Invalid;
use crate::convert::name;
use crate::convert::plan::plan_or_none;
use crate::r#gen::records::v1 as records;

/// The most vetoed digests of a service; as a record they stay below what a store takes as one value.
pub const VETOED_MAX: usize = 10_000;

/// Where a service's decisions are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// The epoch of the last decision; [`Epoch::ZERO`] before the first.
    pub epoch: Epoch,
    /// The digest of the last audit entry; `None` before the first.
    pub audit: Option<Digest>,
    /// The hash of the plan that was started last; `None` before the first.
    pub plan: Option<Digest>,
    /// Digests that no agent may start again until lifted; at most [`VETOED_MAX`].
    pub vetoed: BTreeSet<Digest>,
}

impl TryFrom<records::HeadRecord> for Head {
    type Error = Invalid;

    fn try_from(wire: records::HeadRecord) -> Result<Self, Invalid> {
        let records::HeadRecord { schema, epoch, audit_digest, plan, vetoed_digests } = wire;
        check_schema(schema)?;
        let vetoed = map_with("vetoed_digests", vetoed_digests, VETOED_MAX, |vetoed| Ok((digest("", &vetoed)?, ())))?;
        Ok(Self {
            epoch: required("epoch", epoch)?,
            audit: digest_or_none("audit_digest", &audit_digest)?,
            plan: plan_or_none("plan", &plan)?,
            vetoed: vetoed.into_keys().collect(),
        })
    }
}

impl From<&Head> for records::HeadRecord {
    fn from(head: &Head) -> Self {
        let Head { epoch, audit, plan, vetoed } = head;
        Self {
            schema: schema(),
            epoch: Some((*epoch).into()),
            audit_digest: audit.as_ref().map(ToString::to_string).unwrap_or_default(),
            plan: plan.as_ref().map(name::plan).unwrap_or_default(),
            vetoed_digests: vetoed.iter().map(ToString::to_string).collect(),
        }
    }
}
