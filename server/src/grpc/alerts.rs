//! `meridian.v1.AlertService`.

use meridian_core::alert::route::validate;
use meridian_core::alert::{Alert, Kind, Receiver, Route, Saying, Topic, Turn, standing};
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::release::ReleaseRef;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::alert_service_server::AlertService;
use meridian_proto::r#gen::v1::test_notification_route_response::Told;
use meridian_store::{layout, record};
use semver::Version;
use tonic::{Request, Response, Status};

use super::field::{self, PAGE_MAX, at, etag, etag_to_wire, mark};
use super::{Shared, status, terms};
use crate::alert::Notice;
use crate::catalog::{Stored, Terms};
use crate::error::EngineError;

const LISTING: &str = "routes";

/// Answers for alerts and their routes.
pub struct Alerts {
    pub(super) shared: Shared,
}

fn view(stored: &Stored<record::StoredRoute>) -> v1::NotificationRoute {
    let record::StoredRoute { route, created, updated } = &stored.value;
    v1::NotificationRoute {
        etag: etag_to_wire(stored.revision),
        create_time: Some(timestamp_to_wire(*created)),
        update_time: Some(timestamp_to_wire(*updated)),
        ..route.into()
    }
}

impl Alerts {
    /// What stands of rollouts that have not ended: by their records, and by what they wait for.
    async fn standing(&self) -> Result<Vec<Alert>, EngineError> {
        let live = self.shared.engine.live();
        let mut alerts: Vec<Alert> = live.iter().flat_map(|record| standing(record).into_values()).collect();
        let page = self.shared.catalog.entries(&layout::all_standing(), None, PAGE_MAX).await?;
        for item in page.items {
            alerts.extend(record::decode_stands(&item.key, &item.value)?.standing.into_values());
        }
        alerts.sort_by_key(Alert::key);
        Ok(alerts)
    }

    /// What is still to be said.
    async fn pending(&self) -> Result<Vec<Saying>, EngineError> {
        let page = self.shared.catalog.entries(&layout::outbox(), None, PAGE_MAX).await?;
        let mut sayings = Vec::new();
        for item in page.items {
            sayings.extend(record::decode_outgoing(&item.key, &item.value)?.sayings);
        }
        sayings.truncate(PAGE_MAX);
        Ok(sayings)
    }

    async fn test(&self, route: &Route, receiver: &Receiver) -> Told {
        let now = self.shared.clock.now();
        let delivery = format!("test-{}", now.millis());
        let notice = Notice { route, saying: &test_saying(now), delivery: &delivery, now };
        let told = self.shared.teller.tell(receiver, notice).await;
        let failure = told.err().map_or_else(String::new, |error| {
            let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            format!("{error}{why}")
        });
        Told { receiver: receiver.name.clone(), failure }
    }
}

/// Resolved from the start, so that nobody's list of open alerts grows by a test.
fn test_saying(now: Timestamp) -> Saying {
    let release = ReleaseRef { version: Version::new(0, 0, 0), digest: Digest::of(b"test") };
    let alert = Alert {
        service: ServiceId::new("meridian-test").expect("a valid name"),
        rollout: RolloutId::new("test").expect("a valid name"),
        release,
        topic: Topic { kind: Kind::Held, region: None },
        summary: "this is a test: whoever reads it would have been told".to_owned(),
        since: now,
    };
    Saying { turn: Turn::Resolved, alert }
}

#[tonic::async_trait]
impl AlertService for Alerts {
    async fn get_notification_route(
        &self,
        request: Request<v1::GetNotificationRouteRequest>,
    ) -> Result<Response<v1::GetNotificationRouteResponse>, Status> {
        let id = at("name", name::parse_route(&request.into_inner().name))?;
        let stored = self.shared.catalog.get(&id).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::GetNotificationRouteResponse { notification_route: Some(view(&stored)) }))
    }

    async fn list_notification_routes(
        &self,
        request: Request<v1::ListNotificationRoutesRequest>,
    ) -> Result<Response<v1::ListNotificationRoutesResponse>, Status> {
        let v1::ListNotificationRoutesRequest { page_size, page_token } = request.into_inner();
        let wanted = field::page(LISTING, &layout::routes(), page_size, &page_token)?;
        let page = self.shared.catalog.routes(wanted.after, wanted.size).await;
        let page = page.map_err(|error| status::refused(&error))?;
        let notification_routes = page.items.iter().map(view).collect();
        let next_page_token = field::next_page(LISTING, page.next.as_ref());
        Ok(Response::new(v1::ListNotificationRoutesResponse { notification_routes, next_page_token }))
    }

    async fn update_notification_route(
        &self,
        request: Request<v1::UpdateNotificationRouteRequest>,
    ) -> Result<Response<v1::UpdateNotificationRouteResponse>, Status> {
        let message = request.into_inner();
        let request = mark("UpdateNotificationRoute", &message.request_id, &message)?;
        let v1::UpdateNotificationRouteRequest { notification_route, allow_missing, validate_only, request_id: _ } =
            message;
        let route = notification_route.ok_or_else(|| field::missing("notification_route"))?;
        let terms = terms(allow_missing, validate_only, etag("notification_route.etag", &route.etag)?, request);
        let route = at("notification_route", Route::try_from(route))?;
        validate(&route).map_err(|violations| status::violated(&violations))?;
        let stored = self.shared.catalog.put_route(route, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::UpdateNotificationRouteResponse { notification_route: Some(view(&stored)) }))
    }

    async fn delete_notification_route(
        &self,
        request: Request<v1::DeleteNotificationRouteRequest>,
    ) -> Result<Response<v1::DeleteNotificationRouteResponse>, Status> {
        let message = request.into_inner();
        let request = mark("DeleteNotificationRoute", &message.request_id, &message)?;
        let v1::DeleteNotificationRouteRequest { name, etag: given, request_id: _ } = message;
        let id = at("name", name::parse_route(&name))?;
        let terms = Terms { etag: etag("etag", &given)?, request, ..Terms::default() };
        self.shared.catalog.remove_route(&id, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::DeleteNotificationRouteResponse {}))
    }

    async fn test_notification_route(
        &self,
        request: Request<v1::TestNotificationRouteRequest>,
    ) -> Result<Response<v1::TestNotificationRouteResponse>, Status> {
        let id = at("name", name::parse_route(&request.into_inner().name))?;
        let stored = self.shared.catalog.get::<record::StoredRoute>(&id).await;
        let route = stored.map_err(|error| status::refused(&error))?.value.route;
        let told = route.receivers.iter().map(|receiver| self.test(&route, receiver));
        let told = futures::future::join_all(told).await;
        Ok(Response::new(v1::TestNotificationRouteResponse { told }))
    }

    async fn list_alerts(&self, _: Request<v1::ListAlertsRequest>) -> Result<Response<v1::ListAlertsResponse>, Status> {
        let standing = self.standing().await.map_err(|error| status::refused(&error))?;
        let pending = self.pending().await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::ListAlertsResponse {
            standing: standing.iter().map(Into::into).collect(),
            pending: pending.iter().map(Into::into).collect(),
        }))
    }
}
