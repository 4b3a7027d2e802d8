//! `checklist …`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::Rollout;

/// `checklist …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ChecklistCommand {
    /// List what must be signed off before the rollout begins, and what is.
    List(Rollout),
    /// Sign an item off, with its evidence. Only its owner can.
    Sign(ChecklistSign),
    /// Take a sign-off back, until the rollout has begun on it. Anyone may.
    Revoke(ChecklistRevoke),
}

/// `checklist sign`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("content").required(true).args(["digest", "file"]))]
pub struct ChecklistSign {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Name of the item.
    #[arg(long)]
    pub item: String,
    /// Where the evidence is.
    #[arg(long, value_name = "URI")]
    pub evidence: String,
    /// Digest of what is there, `sha256:…`.
    #[arg(long)]
    pub digest: Option<String>,
    /// What is there, as a file: its digest is computed.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Why, for the record.
    #[arg(long, default_value = "operator")]
    pub reason: String,
}

/// `checklist revoke`.
#[derive(Clone, Debug, Args)]
pub struct ChecklistRevoke {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Name of the item.
    #[arg(long)]
    pub item: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}
