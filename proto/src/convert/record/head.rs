//! The head of a service: moved by every decision, so that no two are made side by side. The vetoes are in it, so that
//! no rollout starts beside the decision that vetoes its digest.

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::RolloutId;
use meridian_core::rollout::veto::{VETOES_MAX, Veto, Vetoes};
use meridian_core::time::Timestamp;

use super::{check_schema, schema};
use crate::convert::field::{
    RECORD_TEXT_BYTES_MAX, digest, digest_or_none, map_with, named_or_none, optional, required, text,
};
use crate::convert::invalid::{At, Invalid};
use crate::convert::name;
use crate::convert::plan::plan_or_none;
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// Where a service's decisions are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// The epoch of the last decision; [`Epoch::ZERO`] before the first.
    pub epoch: Epoch,
    /// The digest of the last audit entry; `None` before the first.
    pub audit: Option<Digest>,
    /// The hash of the plan that was started last; `None` before the first.
    pub plan: Option<Digest>,
    /// What must not start.
    pub vetoes: Vetoes,
}

impl TryFrom<records::HeadRecord> for Head {
    type Error = Invalid;

    fn try_from(wire: records::HeadRecord) -> Result<Self, Invalid> {
        let records::HeadRecord { schema, epoch, audit_digest, plan, vetoed_digests, vetoes, hold, vetoes_changed } =
            wire;
        check_schema(schema)?;
        let mut why = map_with("vetoes", vetoes, VETOES_MAX, veto)?;
        let unsaid = || Veto {
            rollout: None,
            actor: "unknown".to_owned(),
            reason: String::new(),
            at: Timestamp::from_millis(0),
        };
        let digests = map_with("vetoed_digests", vetoed_digests, VETOES_MAX, |vetoed| {
            let digest = digest("", &vetoed)?;
            Ok((digest, why.remove(&digest).unwrap_or_else(unsaid)))
        })?;
        Ok(Self {
            epoch: required("epoch", epoch)?,
            audit: digest_or_none("audit_digest", &audit_digest)?,
            plan: plan_or_none("plan", &plan)?,
            vetoes: Vetoes {
                changed: optional("vetoes_changed", vetoes_changed)?.unwrap_or_default(),
                digests,
                hold: hold.map(reasons).transpose().at("hold")?,
            },
        })
    }
}

impl From<&Head> for records::HeadRecord {
    fn from(head: &Head) -> Self {
        let Head { epoch, audit, plan, vetoes: Vetoes { changed, digests, hold } } = head;
        Self {
            schema: schema(),
            epoch: Some((*epoch).into()),
            audit_digest: audit.as_ref().map(ToString::to_string).unwrap_or_default(),
            plan: plan.as_ref().map(name::plan).unwrap_or_default(),
            vetoed_digests: digests.keys().map(ToString::to_string).collect(),
            vetoes: digests.iter().map(|(digest, veto)| veto_to_record(digest.to_string(), veto)).collect(),
            hold: hold.as_ref().map(|veto| veto_to_record(String::new(), veto)),
            vetoes_changed: Some((*changed).into()),
        }
    }
}

fn veto(wire: records::VetoRecord) -> Result<(Digest, Veto), Invalid> {
    Ok((digest("digest", &wire.digest)?, reasons(wire)?))
}

fn reasons(wire: records::VetoRecord) -> Result<Veto, Invalid> {
    let records::VetoRecord { digest: _, rollout, actor, reason, at } = wire;
    Ok(Veto {
        rollout: named_or_none("rollout", rollout, RolloutId::new)?,
        actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
        reason: text("reason", reason, RECORD_TEXT_BYTES_MAX)?,
        at: moment("at", at)?,
    })
}

fn veto_to_record(digest: String, veto: &Veto) -> records::VetoRecord {
    let Veto { rollout, actor, reason, at } = veto;
    records::VetoRecord {
        digest,
        rollout: rollout.as_ref().map(ToString::to_string).unwrap_or_default(),
        actor: actor.clone(),
        reason: reason.clone(),
        at: Some(timestamp_to_wire(*at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veto_of_an_older_version_stands_without_its_reason() {
        let digest = Digest::of(b"bad");
        let mut record = records::HeadRecord::from(&Head::default());
        record.vetoed_digests = vec![digest.to_string()];
        record.vetoes_changed = None;
        let head = Head::try_from(record).unwrap();
        assert_eq!(head.vetoes.digests.keys().collect::<Vec<_>>(), [&digest]);
        assert_eq!(head.vetoes.changed, Epoch::ZERO);
    }
}
