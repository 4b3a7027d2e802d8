//! The sweep: finds rollouts that nobody runs. The same path at start, after a crash and for ever after.

use std::time::Duration;

use meridian_store::layout;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::error::EngineError;

/// Between two sweeps.
const EVERY: Duration = Duration::from_secs(5);
/// Records read at once.
const PAGE: usize = 500;

/// Sweeps until `shutdown`.
pub(super) async fn run(engine: &Engine, shutdown: &CancellationToken) {
    loop {
        let pause = match sweep(engine).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "a sweep came to nothing; sweeping again soon");
                Duration::from_millis(500)
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn sweep(engine: &Engine) -> Result<(), EngineError> {
    let books = &engine.shared.books;
    let mut after = None;
    loop {
        let page = books.store.list(&layout::rollouts(), after.as_ref(), PAGE).await?;
        for item in page.items {
            if meridian_store::record::has_ended(&item.key, &item.value).unwrap_or(false) {
                continue;
            }
            // A record that can't be read is frozen by that: it is told loudly, and the others go on.
            match books.decode_rollout(&item.key, &item.value).await {
                Ok(record) if record.phase.is_terminal() => {}
                Ok(record) => {
                    engine.start_runner(std::sync::Arc::new(record), item.mod_revision);
                }
                Err(error) => tracing::error!(%error, key = item.key.as_str(), "a rollout can't be read"),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
