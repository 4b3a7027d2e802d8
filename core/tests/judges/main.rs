//! How often the judges are wrong: false alarms on clean steps and detection of real rises, on synthetic traffic as an
//! agent would report it. The table in docs/judges.md is what this prints with `JUDGES_STEPS=10000` and `--nocapture`;
//! without it fewer steps are tried, against bounds that a broken judge misses by far.
#![allow(clippy::unwrap_used, missing_docs)]

mod rates;
mod traffic;
