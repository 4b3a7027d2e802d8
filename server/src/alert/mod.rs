//! Alerts on their way to people. What is to be said is written beside the decision that makes it so; a courier of the shard's
//! owner delivers it, at least once, and removes it. It decides nothing about rollouts.

mod courier;
mod letter;
mod secrets;
mod sign;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use meridian_core::alert::Receiver;
use meridian_outbound::{Limits, Outbound, SendError, Trust};
use tokio::sync::Notify;

pub use courier::{Courier, CourierParts};
pub use letter::Notice;
pub use secrets::{NoSecret, Secrets};
pub(crate) use sign::headers;
#[cfg(test)]
pub(crate) use sign::signature;

use crate::metrics::AlertMetrics;
use letter::letter;

/// One try: who does not answer by then is tried again later.
const LIMITS: Limits = Limits { time: Duration::from_secs(5), body_bytes: 64 * 1024, tries: 1 };

/// Tells receivers. Cheap to clone.
#[derive(Clone)]
pub struct Teller {
    outbound: Arc<Outbound>,
    secrets: Secrets,
    metrics: AlertMetrics,
}

/// Why a receiver was not told.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// Its secret is not there.
    #[error(transparent)]
    Secret(#[from] NoSecret),
    /// It could not be spoken with.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It does not want to know.
    #[error("it answered with {0}")]
    Refused(StatusCode),
}

impl Teller {
    /// One that believes these over `https`, and finds secrets there.
    #[must_use]
    pub fn new(trust: Trust, secrets: Secrets, metrics: AlertMetrics) -> Self {
        Self { outbound: Arc::new(Outbound::new(trust)), secrets, metrics }
    }

    /// Tells a receiver once.
    ///
    /// # Errors
    /// If it did not take it.
    pub async fn tell(&self, receiver: &Receiver, notice: Notice<'_>) -> Result<(), Untold> {
        let told = self.told(receiver, notice).await;
        self.metrics.tried(receiver.target.as_str(), told.is_ok());
        told
    }

    async fn told(&self, receiver: &Receiver, notice: Notice<'_>) -> Result<(), Untold> {
        let target = &receiver.target;
        let secret = self.secrets.read_named(target.secret()).await?;
        let letter = letter(target, secret.as_deref(), notice);
        let sent = self.outbound.send(&letter, LIMITS).await;
        // The address of a chat is its secret: it is not shown.
        let sent = sent.map_err(|error| match (error, &secret) {
            (SendError::Address(_), Some(_)) if target.url().is_none() => SendError::Address("the secret".to_owned()),
            (error, _) => error,
        });
        let status = sent?.status;
        if status.is_success() { Ok(()) } else { Err(Untold::Refused(status)) }
    }
}

/// Wakes the courier when something was written for it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Something is there.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn rung(&self) {
        self.0.notified().await;
    }
}
