//! The shared words: slots, epochs, releases in their slots, splits, cohorts and steps.

use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::epoch::Epoch;
use meridian_core::evidence::StepRef;
use meridian_core::lane::Placed;
use meridian_core::playbook::validate::{STEPS_MAX, WAVES_MAX};
use meridian_core::release::{ReleaseRef, Reversibility};
use meridian_core::slot::Slot;
use meridian_core::weight::{Split, Weight};

use super::field::{
    TEXT_BYTES_MAX, WORD_BYTES_MAX, digest, position, position_to_wire, present, required, text, version, weight, word,
};
use super::invalid::{At, Invalid, InvalidKind};
use super::parameters::values;
use crate::r#gen::v1;

impl TryFrom<v1::Slot> for Slot {
    type Error = Invalid;

    fn try_from(wire: v1::Slot) -> Result<Self, Invalid> {
        match wire {
            v1::Slot::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::Slot::Blue => Ok(Self::Blue),
            v1::Slot::Green => Ok(Self::Green),
        }
    }
}

impl From<Slot> for v1::Slot {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::Blue => Self::Blue,
            Slot::Green => Self::Green,
        }
    }
}

impl TryFrom<v1::Reversibility> for Reversibility {
    type Error = Invalid;

    fn try_from(wire: v1::Reversibility) -> Result<Self, Invalid> {
        match wire {
            v1::Reversibility::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::Reversibility::Free => Ok(Self::Free),
            v1::Reversibility::Costly => Ok(Self::Costly),
            v1::Reversibility::PointOfNoReturn => Ok(Self::PointOfNoReturn),
        }
    }
}

impl From<Reversibility> for v1::Reversibility {
    fn from(reversibility: Reversibility) -> Self {
        match reversibility {
            Reversibility::Free => Self::Free,
            Reversibility::Costly => Self::Costly,
            Reversibility::PointOfNoReturn => Self::PointOfNoReturn,
        }
    }
}

impl TryFrom<v1::Epoch> for Epoch {
    type Error = Invalid;

    /// Takes [`Epoch::ZERO`] too; where a decision is meant, see [`decided`].
    fn try_from(wire: v1::Epoch) -> Result<Self, Invalid> {
        let v1::Epoch { generation, counter } = wire;
        // Core never hands out the last counter, so it can only come from somebody who wants to lock the lane for ever.
        for (field, number) in [("generation", generation), ("counter", counter)] {
            if number == u64::MAX {
                return Err(Invalid::of(number, InvalidKind::EpochExhausted)).at(field);
            }
        }
        Ok(Self::new(generation, counter))
    }
}

impl From<Epoch> for v1::Epoch {
    fn from(epoch: Epoch) -> Self {
        Self { generation: epoch.generation(), counter: epoch.counter() }
    }
}

/// An epoch that some decision made: never [`Epoch::ZERO`].
pub(crate) fn decided(field: &str, wire: Option<v1::Epoch>) -> Result<Epoch, Invalid> {
    let epoch = required(field, wire)?;
    if epoch == Epoch::ZERO { Err(Invalid::of(epoch, InvalidKind::EpochZero)).at(field) } else { Ok(epoch) }
}

impl TryFrom<v1::ReleaseRef> for ReleaseRef {
    type Error = Invalid;

    fn try_from(wire: v1::ReleaseRef) -> Result<Self, Invalid> {
        let v1::ReleaseRef { version: semantic, digest: content } = wire;
        Ok(Self { version: version("version", &semantic)?, digest: digest("digest", &content)? })
    }
}

impl From<&ReleaseRef> for v1::ReleaseRef {
    fn from(release: &ReleaseRef) -> Self {
        let ReleaseRef { version, digest } = release;
        Self { version: version.to_string(), digest: digest.to_string() }
    }
}

impl TryFrom<v1::Placed> for Placed {
    type Error = Invalid;

    fn try_from(wire: v1::Placed) -> Result<Self, Invalid> {
        let v1::Placed { slot, release, parameters } = wire;
        Ok(Self {
            slot: word::<v1::Slot, _>("slot", slot)?,
            release: required("release", release)?,
            parameters: values("parameters", parameters)?,
        })
    }
}

impl From<&Placed> for v1::Placed {
    fn from(placed: &Placed) -> Self {
        let Placed { slot, release, parameters } = placed;
        Self { slot: v1::Slot::from(*slot).into(), release: Some(release.into()), parameters: parameters.clone() }
    }
}

impl TryFrom<v1::Split> for Split {
    type Error = Invalid;

    fn try_from(wire: v1::Split) -> Result<Self, Invalid> {
        let v1::Split { blue_basis_points, green_basis_points } = wire;
        let blue = weight("blue_basis_points", blue_basis_points)?;
        let green = weight("green_basis_points", green_basis_points)?;
        if blue.rest() != green {
            let sum = u32::from(blue.basis_points()) + u32::from(green.basis_points());
            return Err(Invalid::of(sum, InvalidKind::SplitNotWhole));
        }
        Ok(Self::toward(Slot::Blue, blue))
    }
}

impl From<Split> for v1::Split {
    fn from(split: Split) -> Self {
        Self {
            blue_basis_points: weight_to_wire(split.of(Slot::Blue)),
            green_basis_points: weight_to_wire(split.of(Slot::Green)),
        }
    }
}

/// A weight as the wire says it.
pub(crate) fn weight_to_wire(weight: Weight) -> u32 {
    u32::from(weight.basis_points())
}

impl TryFrom<v1::RequestKey> for RequestKey {
    type Error = Invalid;

    /// The alphabet of the name is a rule of playbooks, and checked with them.
    fn try_from(wire: v1::RequestKey) -> Result<Self, Invalid> {
        let v1::RequestKey { key } = wire;
        match present("key", key)? {
            v1::request_key::Key::Header(name) => text("header", name, WORD_BYTES_MAX).map(Self::Header),
            v1::request_key::Key::Cookie(name) => text("cookie", name, WORD_BYTES_MAX).map(Self::Cookie),
        }
    }
}

impl From<&RequestKey> for v1::RequestKey {
    fn from(key: &RequestKey) -> Self {
        let key = match key {
            RequestKey::Header(name) => v1::request_key::Key::Header(name.clone()),
            RequestKey::Cookie(name) => v1::request_key::Key::Cookie(name.clone()),
        };
        Self { key: Some(key) }
    }
}

impl TryFrom<v1::CohortRule> for CohortRule {
    type Error = Invalid;

    fn try_from(wire: v1::CohortRule) -> Result<Self, Invalid> {
        let v1::CohortRule { key, rule } = wire;
        let key = required("key", key)?;
        match present("rule", rule)? {
            v1::cohort_rule::Rule::Equals(value) => Ok(Self::Equals(key, text("equals", value, TEXT_BYTES_MAX)?)),
            v1::cohort_rule::Rule::ShareBasisPoints(share) => {
                Ok(Self::Share(key, weight("share_basis_points", share)?))
            }
        }
    }
}

impl From<&CohortRule> for v1::CohortRule {
    fn from(rule: &CohortRule) -> Self {
        let (key, rule) = match rule {
            CohortRule::Equals(key, value) => (key, v1::cohort_rule::Rule::Equals(value.clone())),
            CohortRule::Share(key, share) => (key, v1::cohort_rule::Rule::ShareBasisPoints(weight_to_wire(*share))),
        };
        Self { key: Some(key.into()), rule: Some(rule) }
    }
}

impl TryFrom<v1::Cohort> for Cohort {
    type Error = Invalid;

    fn try_from(wire: v1::Cohort) -> Result<Self, Invalid> {
        let v1::Cohort { rule, slot } = wire;
        Ok(Self { rule: required("rule", rule)?, slot: word::<v1::Slot, _>("slot", slot)? })
    }
}

impl From<&Cohort> for v1::Cohort {
    fn from(cohort: &Cohort) -> Self {
        let Cohort { rule, slot } = cohort;
        Self { rule: Some(rule.into()), slot: v1::Slot::from(*slot).into() }
    }
}

impl TryFrom<v1::StepRef> for StepRef {
    type Error = Invalid;

    fn try_from(wire: v1::StepRef) -> Result<Self, Invalid> {
        let v1::StepRef { wave, step } = wire;
        Ok(Self { wave: position("wave", wave, WAVES_MAX)?, step: position("step", step, STEPS_MAX)? })
    }
}

impl From<StepRef> for v1::StepRef {
    fn from(at: StepRef) -> Self {
        let StepRef { wave, step } = at;
        Self { wave: position_to_wire(wave), step: position_to_wire(step) }
    }
}
