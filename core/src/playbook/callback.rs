//! Callbacks: what a service's own endpoint is asked before a wave begins. It does not know what was answered.

use crate::canon::{Canon, Canonical};
use crate::id::{CallbackId, SecretId};
use crate::time::Span;

/// An endpoint that must say yes before the wave begins.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Callback {
    /// Its name, unique in the wave.
    pub id: CallbackId,
    /// Whom to ask: `http` or `https`, without name and password.
    pub url: String,
    /// How long an answer is waited for before a human is.
    pub timeout: Span,
    /// What the question is signed with; `None`: it is not.
    pub secret: Option<SecretId>,
}

impl Callback {
    /// How long an answer is waited for unless the playbook says otherwise.
    pub const TIMEOUT: Span = Span::from_secs(600);
}

impl Canonical for Callback {
    fn feed(&self, canon: &mut Canon) {
        let Self { id, url, timeout, secret } = self;
        canon.text(id.as_str()).text(url).value(timeout).text(secret.as_ref().map_or("", SecretId::as_str));
    }
}
