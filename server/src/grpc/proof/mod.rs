//! Why things were decided: the audit chain, its export, and the analysis behind verdicts.

pub(super) mod analysis;
pub(super) mod decisions;
pub(super) mod export;
