//! Gates in the shell: what is known from elsewhere than the rollout's own record and its regions. It decides nothing.

pub(super) mod stops;

pub use stops::StopCall;
