//! Callbacks: what a wave asks of a service's own endpoints.

use meridian_core::id::{CallbackId, SecretId};
use meridian_core::playbook::Callback;

use crate::convert::field::{TEXT_BYTES_MAX, named, named_or_none, text};
use crate::convert::invalid::Invalid;
use crate::convert::time::{span, span_to_wire};
use crate::r#gen::v1;

impl TryFrom<v1::Callback> for Callback {
    type Error = Invalid;

    fn try_from(wire: v1::Callback) -> Result<Self, Invalid> {
        let v1::Callback { name, url, timeout, secret } = wire;
        Ok(Self {
            id: named("name", name, CallbackId::new)?,
            url: text("url", url, TEXT_BYTES_MAX)?,
            timeout: span("timeout", timeout)?,
            secret: named_or_none("secret", secret, SecretId::new)?,
        })
    }
}

impl From<&Callback> for v1::Callback {
    fn from(callback: &Callback) -> Self {
        let Callback { id, url, timeout, secret } = callback;
        Self {
            name: id.to_string(),
            url: url.clone(),
            timeout: Some(span_to_wire(*timeout)),
            secret: secret.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}
