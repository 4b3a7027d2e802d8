//! Evidence bundles as files: JSON Lines, every line with what it says for people and the bytes that it was made from.
//! Nothing in a file is taken on trust: it is read from the bytes alone and has to be, to the byte, what those print as.

mod check;
mod print;

pub(crate) use check::verify;
pub(crate) use print::print;

/// The first word of a bundle, raised when old readers would misread it.
const FORMAT: &str = "meridian.bundle.v1";
