//! Who is at the other end: certificates, identities, and the loop that takes connections in. Knows nothing of what is
//! said over them.

pub mod accept;
pub mod authority;
pub mod identity;
pub mod terms;

pub use accept::accept;
pub use identity::{Caller, Identity, IdentityRefused};
pub use terms::{Terms, TermsError, Wire};
