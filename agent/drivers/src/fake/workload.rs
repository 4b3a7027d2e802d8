//! The fake workload driver. It knows the world and nothing real.

use std::net::SocketAddr;

use futures::future::BoxFuture;
use meridian_core::observation::{SlotSeen, SlotState};
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};

use super::{Artifact, Call, FakeProcess, FakeWorld, World, address};
use crate::error::{DriverError, code};
use crate::workload::{WorkloadCapabilities, WorkloadDriver};

/// Starts and stops in the world.
#[derive(Clone, Debug)]
pub struct FakeWorkload(pub(super) FakeWorld);

impl WorkloadDriver for FakeWorkload {
    fn capabilities(&self) -> WorkloadCapabilities {
        WorkloadCapabilities { verifies_digest: true, survives_agent: true }
    }

    fn start<'a>(
        &'a self,
        slot: Slot,
        release: &'a ReleaseRef,
        parameters: &'a Values,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.0.call(Call::Start, move |world| start(world, slot, release, parameters)))
    }

    fn stop(&self, slot: Slot) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.0.call(Call::Stop, move |world| {
            *world.slots.get_mut(slot) = None;
            Ok(())
        }))
    }

    fn look(&self) -> BoxFuture<'_, Result<Slots<Option<SlotSeen>>, DriverError>> {
        Box::pin(self.0.call(Call::LookAtSlots, |world| {
            let seen = |process: &FakeProcess| SlotSeen { digest: process.digest, state: process.state };
            Ok(Slots::from_fn(|slot| world.slots.get(slot).as_ref().map(seen)))
        }))
    }

    fn started_with(&self, slot: Slot) -> Option<Values> {
        self.0.lock().slots.get(slot).as_ref().map(|process| process.parameters.clone())
    }

    fn address(&self, slot: Slot) -> Option<SocketAddr> {
        self.0.lock().slots.get(slot).as_ref().map(|_| address(slot))
    }
}

fn start(world: &mut World, slot: Slot, release: &ReleaseRef, parameters: &Values) -> Result<(), DriverError> {
    let held = world.slots.get(slot).as_ref().filter(|process| process.state != SlotState::Failed);
    if let Some(held) = held {
        if held.digest == release.digest && held.parameters == *parameters {
            return Ok(());
        }
        let message = format!("{slot} holds {}, which is up", held.digest.short());
        return Err(DriverError::permanent(code::SLOT_OCCUPIED, message));
    }
    let artifacts = world.artifacts.as_ref();
    match artifacts.map_or(Some(&Artifact::Good), |artifacts| artifacts.get(&release.digest)) {
        Some(Artifact::Good) => {}
        Some(Artifact::Tampered) => {
            let message = format!("not the bytes of {}", release.digest);
            return Err(DriverError::permanent(code::DIGEST_MISMATCH, message));
        }
        None => {
            let message = format!("there is no {}", release.digest);
            return Err(DriverError::passing(code::ARTIFACT_MISSING, message));
        }
    }
    world.started += 1;
    let state = if world.starts_ready { SlotState::Ready } else { SlotState::Starting };
    *world.slots.get_mut(slot) =
        Some(FakeProcess { number: world.started, digest: release.digest, parameters: parameters.clone(), state });
    Ok(())
}
