//! Why nothing moved, and why an order was refused: typed, each naming what and whom it waits for.

mod refused;
mod wait;
mod words;

pub use refused::Refused;
pub use wait::Wait;
