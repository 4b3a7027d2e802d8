//! Looks at a queue: what waits and for what, and what became of a request whose rollout is not there.

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::queue::{Queue, Turn, Unbegun};
use meridian_proto::convert::name;

use super::Queues;
use crate::engine::Status;
use crate::error::EngineError;

/// A queue as it is seen from here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueView {
    /// Its record.
    pub queue: Queue,
    /// What becomes of each waiting request.
    pub turns: Vec<Turn>,
}

impl Queues {
    /// What waits, and for what.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn view(&self, service: &ServiceId) -> Result<QueueView, EngineError> {
        let queue = self.catalog.queue_of(service).await?.value;
        let turns = self.turns(service, &queue).await?;
        Ok(QueueView { queue, turns })
    }

    pub(super) async fn turns(&self, service: &ServiceId, queue: &Queue) -> Result<Vec<Turn>, EngineError> {
        if queue.waiting.is_empty() {
            return Ok(Vec::new());
        }
        Ok(queue.turns(self.catalog.outlook(service, &queue.waiting).await?.sight()))
    }

    /// The status of a rollout of a service.
    ///
    /// # Errors
    /// If it has not begun, with what became of its request if one is known; if it does not exist or can't be read.
    pub async fn rollout(&self, service: &ServiceId, id: &RolloutId) -> Result<Status, EngineError> {
        let missing = || EngineError::NotFound { kind: "rollout", name: name::rollout(service, id) };
        let status = match self.engine.status(id).await {
            Err(EngineError::NotFound { .. }) => {
                let QueueView { queue, turns } = self.view(service).await?;
                if let Some(fate) = queue.fate(id, &turns) {
                    return Err(Box::new(Unbegun { service: service.clone(), fate }).into());
                }
                // A request leaves the queue in the transaction in which its rollout begins: maybe just now.
                self.engine.status(id).await
            }
            answer => answer,
        };
        status.and_then(|status| if status.record.plan.service == *service { Ok(status) } else { Err(missing()) })
    }
}
