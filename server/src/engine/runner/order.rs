//! Somebody's order: carried out once, and refused only on what is the newest record.

use meridian_core::rollout::event::Event;
use meridian_store::Revision;

use super::decide::Asked;
use super::{Held, OrderCall, Runner};
use crate::engine::RequestMark;
use crate::engine::books::Request;
use crate::engine::commit::check_etag;
use crate::error::EngineError;

impl Runner {
    pub(super) async fn obey(&mut self, call: OrderCall) {
        let OrderCall { event, etag, request, reply } = call;
        let answer = self.order(event, etag, request.as_ref()).await;
        // The caller may have gone away; what was decided stays decided.
        let _gone = reply.send(answer);
    }

    pub(super) async fn order(
        &mut self,
        event: Event,
        etag: Option<Revision>,
        request: Option<&RequestMark>,
    ) -> Result<Held, EngineError> {
        if let Some(mark) = request
            && let Request::Done(_) = self.engine.shared.books.request(mark).await?
        {
            return Ok(self.held.clone());
        }
        self.catch_up().await;
        let judged = self.obeyed(&event, etag, request).await;
        let Err(EngineError::Refused(_) | EngineError::StaleEtag { .. }) = judged else {
            return judged.map(|()| self.held.clone());
        };
        // Whoever gives the order may have seen what another replica decided a moment ago; it is not refused for that.
        let known = self.held.1;
        self.reload().await?;
        if self.held.1 != known {
            self.obeyed(&event, etag, request).await?;
            return Ok(self.held.clone());
        }
        judged.map(|()| self.held.clone())
    }

    async fn obeyed(
        &mut self,
        event: &Event,
        etag: Option<Revision>,
        request: Option<&RequestMark>,
    ) -> Result<(), EngineError> {
        check_etag(&self.id, etag, self.held.1)?;
        self.decide(&Asked::Order(event), request).await
    }
}
