//! Texts that people write: templates of messages, and what must not be in any text. It knows nothing of launches.

pub mod secret;
pub mod template;
