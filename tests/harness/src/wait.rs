//! Waiting on conditions, never on the clock alone.

use std::future::Future;
use std::time::{Duration, Instant};

/// Between two looks: short against everything waited for, long against a look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Errors
/// If nothing was there within `patience`; the message names what was waited for.
pub async fn wait_until<T, F>(what: &str, patience: Duration, mut look: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        anyhow::ensure!(began.elapsed() < patience, "waited {patience:?} in vain for {what}");
        tokio::time::sleep(LOOK_EVERY).await; // tidy: paced
    }
}
