//! The statistics behind the judges: small, exact where that is possible, and free of any library. Floating point lives
//! in here and nowhere else in `core`: what comes out is compared with a level at once, never stored.

pub mod ranks;
pub mod sequence;
pub mod special;
