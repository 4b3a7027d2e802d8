//! What ends a program that waits before its rollout does: its deadline, or Ctrl-C. Neither touches the rollout.

use std::future::pending;

use tokio::time::{Instant, sleep_until};

use crate::session::Session;

/// When the caller's `--timeout` is up, counted from now; `None`: never.
pub(super) fn deadline(session: &Session<'_>) -> Option<Instant> {
    session.global.timeout.map(|timeout| Instant::now() + timeout)
}

/// Ends at the deadline.
pub(super) async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// Ends at Ctrl-C. Wait on one such future for the whole time: the first listener replaces the system's own handler for
/// good, so a signal that comes while nobody listens is lost.
pub(super) async fn interrupted() {
    // Without the signal's handler the system ends the program, which detaches as well.
    if tokio::signal::ctrl_c().await.is_err() {
        pending::<()>().await;
    }
}
