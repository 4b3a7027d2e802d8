//! What every order about a watch carries, and how it is carried out.

use meridian_core::watch::{Event, Said};
use meridian_proto::convert::{name, text};
use meridian_proto::r#gen::v1;
use tonic::{Extensions, Status};

use super::{WatchCalls, view};
use crate::engine::RequestMark;
use crate::grpc::field::{at, etag};
use crate::grpc::orders::actor_of;
use crate::grpc::status;
use crate::watching::WatchCall;

/// The longest words over a review.
pub(super) const REVIEW_BYTES_MAX: usize = 2048;
/// The longest words about an action.
pub(super) const ACTION_BYTES_MAX: usize = 1024;
/// The longest lesson.
pub(super) const LESSON_BYTES_MAX: usize = 4096;

/// What every order carries.
pub(super) struct Told<'a> {
    pub name: String,
    pub text: String,
    pub actor: String,
    pub etag: String,
    pub request: Option<RequestMark>,
    pub caller: &'a Extensions,
}

pub(super) fn bounded(field: &str, given: String, max: usize) -> Result<String, Status> {
    at("", text(field, given, max))
}

impl WatchCalls {
    /// Carries out an order; the watch after it.
    pub(super) async fn order(
        &self,
        told: Told<'_>,
        bytes_max: usize,
        event: impl FnOnce(Said) -> Event,
    ) -> Result<Option<v1::Watch>, Status> {
        let Told { name, text, actor, etag: given, request, caller } = told;
        let (service, rollout) = at("name", name::parse_watch(&name))?;
        let said = Said { by: actor_of(actor, caller)?, text: bounded("text", text, bytes_max)? };
        let call = WatchCall { service, rollout, event: event(said), etag: etag("etag", &given)?, request };
        let seen = self.shared.watches.order(&call).await.map_err(|error| status::refused(&error))?;
        Ok(Some(view::watch(&seen)))
    }
}
