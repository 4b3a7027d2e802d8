//! Playbooks and their revisions, as the server knows them.

use meridian_core::id::PlaybookId;
use meridian_core::playbook::Playbook;
use meridian_core::time::Timestamp;
use meridian_proto::convert::Invalid;
use meridian_proto::convert::name;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::playbook_service_client::PlaybookServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RequestId;
use crate::{Intent, wire};

/// A revision of a playbook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlaybookView {
    /// What it says.
    pub playbook: Playbook,
    /// Counted from one.
    pub revision: u64,
    /// Changes with every change.
    pub etag: String,
    /// When this revision was made, if the server says so.
    pub updated: Option<Timestamp>,
}

impl Client {
    /// A playbook's latest revision, or the one asked for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn playbook(&self, id: &PlaybookId, revision: Option<u64>) -> Result<PlaybookView, ClientError> {
        const CALL: &str = "get playbook";
        let message = v1::GetPlaybookRequest { name: resource(id, revision) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_playbook(m).await }).await?;
        wire::answer(CALL, wire::required("playbook", answer.playbook))
    }

    /// The latest revisions of all playbooks.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn playbooks(&self) -> Result<Vec<PlaybookView>, ClientError> {
        const CALL: &str = "list playbooks";
        wire::pages(CALL, |page_token| async move {
            let message = v1::ListPlaybooksRequest { page_size: wire::PAGE_SIZE, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_playbooks(m).await }).await?;
            let views = wire::list("playbooks", answer.playbooks, PlaybookView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Makes a playbook, or a new revision of it. With an etag it is refused unless that is still the current one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn apply_playbook(
        &self,
        playbook: &Playbook,
        etag: Option<&str>,
        intent: Intent,
        request: &RequestId,
    ) -> Result<PlaybookView, ClientError> {
        const CALL: &str = "apply playbook";
        let mut message = v1::Playbook::from(playbook);
        message.etag = etag.unwrap_or_default().to_owned();
        let message = v1::UpdatePlaybookRequest {
            playbook: Some(message),
            allow_missing: true,
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).update_playbook(m).await }).await?;
        wire::answer(CALL, wire::required("playbook", answer.playbook))
    }

    /// Deletes a playbook. Plans made from it stay.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete_playbook(&self, id: &PlaybookId, request: &RequestId) -> Result<(), ClientError> {
        const CALL: &str = "delete playbook";
        let (name, request_id) = (name::playbook(id), request.to_string());
        let message = v1::DeletePlaybookRequest { name, etag: String::new(), request_id };
        self.call(CALL, message, |link, m| async move { Calls::new(link).delete_playbook(m).await }).await?;
        Ok(())
    }
}

/// The name of the latest revision, or of one revision.
pub(crate) fn resource(id: &PlaybookId, revision: Option<u64>) -> String {
    match revision {
        None => name::playbook(id),
        Some(revision) => name::revision(id, revision),
    }
}

impl TryFrom<v1::Playbook> for PlaybookView {
    type Error = Invalid;

    fn try_from(message: v1::Playbook) -> Result<Self, Invalid> {
        let (revision, etag) = (message.revision, message.etag.clone());
        let updated = wire::moment_or_none("update_time", message.update_time)?;
        Ok(Self { playbook: Playbook::try_from(message)?, revision, etag, updated })
    }
}
