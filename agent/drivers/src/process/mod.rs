//! The workload driver `process`: each slot is a process on this machine, started from a verified copy of its artifact.
//!
//! It knows how to launch, probe and end a process. It does not know what the process serves, nor whether anybody is
//! sent to it. Where to go next: `slot_process` (one slot from start to stop), `artifact` (bytes and their digest).

mod artifact;
mod command;
mod config;
mod record;
mod slot_process;

use std::net::SocketAddr;

use futures::future::BoxFuture;
use meridian_core::observation::SlotSeen;
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};

pub use config::{ProcessConfig, SlotPorts};
use slot_process::SlotProcess;

use crate::error::DriverError;
use crate::workload::{WorkloadCapabilities, WorkloadDriver};

/// Runs the releases of one lane as processes. Dropping it leaves them running.
#[derive(Debug)]
pub struct ProcessWorkload {
    slots: Slots<SlotProcess>,
}

impl ProcessWorkload {
    /// Opens the driver and finds again what an agent before us started.
    ///
    /// # Errors
    /// `DRIVER_CONFIG`, `DRIVER_STATE`.
    pub async fn open(config: ProcessConfig) -> Result<Self, DriverError> {
        let config = std::sync::Arc::new(config.checked()?);
        let blue = SlotProcess::open(Slot::Blue, config.clone()).await?;
        let green = SlotProcess::open(Slot::Green, config).await?;
        Ok(Self { slots: Slots { blue, green } })
    }

    /// The process in a slot, alive or not; `None` for an empty slot.
    #[must_use]
    pub fn process(&self, slot: Slot) -> Option<crate::detached::Identity> {
        self.slots.get(slot).process()
    }
}

impl WorkloadDriver for ProcessWorkload {
    fn capabilities(&self) -> WorkloadCapabilities {
        WorkloadCapabilities { verifies_digest: true, survives_agent: true }
    }

    fn start<'a>(
        &'a self,
        slot: Slot,
        release: &'a ReleaseRef,
        parameters: &'a Values,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.slots.get(slot).start(release, parameters))
    }

    fn stop(&self, slot: Slot) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.slots.get(slot).stop())
    }

    fn look(&self) -> BoxFuture<'_, Result<Slots<Option<SlotSeen>>, DriverError>> {
        Box::pin(async {
            let (blue, green) = tokio::join!(self.slots.blue.look(), self.slots.green.look());
            Ok(Slots { blue: blue?, green: green? })
        })
    }

    fn started_with(&self, slot: Slot) -> Option<Values> {
        self.slots.get(slot).started_with()
    }

    fn address(&self, slot: Slot) -> Option<SocketAddr> {
        self.slots.get(slot).address()
    }
}

#[cfg(test)]
mod tests;
