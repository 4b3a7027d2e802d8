//! `meridian.v1.PlaybookService`.

use meridian_calendar::{check, fits, never_open, stranded};
use meridian_core::playbook::{Playbook, Violation, validate};
use meridian_proto::convert::{name, parse_playbook_or_revision, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::playbook_service_server::PlaybookService;
use meridian_store::{layout, record};
use tonic::{Request, Response, Status};

use super::field::{self, at, etag, etag_to_wire, mark};
use super::{status, terms};
use crate::catalog::{Catalog, Stored, Terms};

const LISTING: &str = "playbooks";

/// Answers for playbooks.
pub struct Playbooks {
    pub(super) catalog: Catalog,
}

fn view(stored: &Stored<record::StoredPlaybook>) -> v1::Playbook {
    let record::StoredPlaybook { playbook, revision, updated } = &stored.value;
    v1::Playbook {
        revision: *revision,
        etag: etag_to_wire(stored.revision),
        update_time: Some(timestamp_to_wire(*updated)),
        ..playbook.into()
    }
}

#[tonic::async_trait]
impl PlaybookService for Playbooks {
    async fn get_playbook(
        &self,
        request: Request<v1::GetPlaybookRequest>,
    ) -> Result<Response<v1::GetPlaybookResponse>, Status> {
        let v1::GetPlaybookRequest { name } = request.into_inner();
        let (id, revision) = at("name", parse_playbook_or_revision(&name))?;
        let stored = self.catalog.playbook(&id, revision).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::GetPlaybookResponse { playbook: Some(view(&stored)) }))
    }

    async fn list_playbooks(
        &self,
        request: Request<v1::ListPlaybooksRequest>,
    ) -> Result<Response<v1::ListPlaybooksResponse>, Status> {
        let v1::ListPlaybooksRequest { page_size, page_token } = request.into_inner();
        let wanted = field::page(LISTING, &layout::playbooks(), page_size, &page_token)?;
        let page = self.catalog.playbooks(wanted.after, wanted.size).await.map_err(|error| status::refused(&error))?;
        let playbooks = page.items.iter().map(view).collect();
        let next_page_token = field::next_page(LISTING, page.next.as_ref());
        Ok(Response::new(v1::ListPlaybooksResponse { playbooks, next_page_token }))
    }

    async fn update_playbook(
        &self,
        request: Request<v1::UpdatePlaybookRequest>,
    ) -> Result<Response<v1::UpdatePlaybookResponse>, Status> {
        let message = request.into_inner();
        let request = mark("UpdatePlaybook", &message.request_id, &message)?;
        let v1::UpdatePlaybookRequest { playbook, allow_missing, validate_only, request_id: _ } = message;
        let playbook = playbook.ok_or_else(|| field::missing("playbook"))?;
        let terms = terms(allow_missing, validate_only, etag("playbook.etag", &playbook.etag)?, request);
        let spec = at("playbook", Playbook::try_from(playbook))?;
        let untimely = check(&spec.timetable).into_iter().map(Violation::from).chain(fits(&spec));
        let now = self.catalog.now();
        let never = never_open(&spec.timetable, now).into_iter().chain(stranded(&spec.timetable, now));
        let untimely: Vec<Violation> = untimely.chain(never).collect();
        let valid = validate(spec).map_err(|violations| status::violated(&violations))?;
        if !untimely.is_empty() {
            return Err(status::violated(&untimely));
        }
        let stored = self.catalog.put_playbook(&valid, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::UpdatePlaybookResponse { playbook: Some(view(&stored)) }))
    }

    async fn delete_playbook(
        &self,
        request: Request<v1::DeletePlaybookRequest>,
    ) -> Result<Response<v1::DeletePlaybookResponse>, Status> {
        let message = request.into_inner();
        let request = mark("DeletePlaybook", &message.request_id, &message)?;
        let v1::DeletePlaybookRequest { name, etag: given, request_id: _ } = message;
        let id = at("name", name::parse_playbook(&name))?;
        let terms = Terms { etag: etag("etag", &given)?, request, ..Terms::default() };
        self.catalog.remove_playbook(&id, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::DeletePlaybookResponse {}))
    }
}
