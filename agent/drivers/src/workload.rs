//! The contract of workload drivers: they hold at most one release per slot. It does not know how one is run.

use std::net::SocketAddr;

use futures::future::BoxFuture;
use meridian_core::observation::SlotSeen;
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};

use crate::error::DriverError;

/// What a workload driver can do beyond starting and stopping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WorkloadCapabilities {
    /// Whether it hashes the artifact before it starts it.
    pub verifies_digest: bool,
    /// Whether what it started goes on when the agent ends.
    pub survives_agent: bool,
}

/// Runs releases in the two slots of one lane.
///
/// All methods may be called again at any time; a second call finds the work of the first. Calls on one slot take
/// turns; a dropped future leaves a state that the next call continues from.
pub trait WorkloadDriver: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> WorkloadCapabilities;

    /// Sees to it that the release runs in the slot, started from bytes with exactly its digest and with these parameters
    /// in its environment. Returns once the
    /// system has started it; readiness is seen by [`look`](Self::look).
    ///
    /// If the release is up there, nothing happens. If it was and ended by itself, it is started again, but not before
    /// a backoff that grows with each end: nobody else restarts it, so call this at every sweep.
    ///
    /// # Errors
    /// `SLOT_OCCUPIED` while another release, or this one with other parameters, is up there (stop it first), `DIGEST_MISMATCH`, `ARTIFACT_MISSING`,
    /// `SLOT_BACKOFF`, `PORT_TAKEN`, `SLOT_NOT_STARTED`, `DRIVER_STATE`.
    fn start<'a>(
        &'a self,
        slot: Slot,
        release: &'a ReleaseRef,
        parameters: &'a Values,
    ) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Sees to it that the slot is empty: asks what runs there to finish, waits for the grace period, then ends it with
    /// everything it started. An empty slot is fine. The caller has taken the traffic away before.
    ///
    /// # Errors
    /// `SLOT_NOT_STOPPED` when the system keeps the process, `DRIVER_STATE`.
    fn stop(&self, slot: Slot) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Reads the slots back from the world: whether the process is there and what its readiness check says now.
    /// `None`: empty.
    ///
    /// # Errors
    /// `DRIVER_STATE` when that cannot be told.
    fn look(&self) -> BoxFuture<'_, Result<Slots<Option<SlotSeen>>, DriverError>>;

    /// With which parameters the slot was started; `None`: it is empty, or the driver can't tell.
    fn started_with(&self, slot: Slot) -> Option<Values>;

    /// Where the slot is reached, up or not; `None` while nothing was started there.
    fn address(&self, slot: Slot) -> Option<SocketAddr>;
}
