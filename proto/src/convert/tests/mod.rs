//! What the conversions promise: nothing is lost on the way there and back, and nothing wrong gets in.

mod refused;
mod refused_record;
mod there_and_back;
