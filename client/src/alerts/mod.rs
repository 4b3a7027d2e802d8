//! Alerts and the routes to people, as the server knows them.

use meridian_core::alert::{Alert, Route, Saying};
use meridian_core::id::RouteId;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{Invalid, name};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::alert_service_client::AlertServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RequestId;
use crate::{Intent, wire};

/// A route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteView {
    /// What it says.
    pub route: Route,
    /// Changes with every change.
    pub etag: String,
    /// When it was made, if the server says so.
    pub created: Option<Timestamp>,
    /// When it was changed last, if the server says so.
    pub updated: Option<Timestamp>,
}

/// What came of telling one receiver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ToldView {
    /// Which.
    pub receiver: String,
    /// Why it did not take it; `None`: it did.
    pub failure: Option<String>,
}

/// What stands, and what is still to be said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AlertsView {
    /// Of rollouts that have not ended.
    pub standing: Vec<Alert>,
    /// The oldest first.
    pub pending: Vec<Saying>,
}

impl Client {
    /// One route.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn route(&self, id: &RouteId) -> Result<RouteView, ClientError> {
        const CALL: &str = "get notification route";
        let message = v1::GetNotificationRouteRequest { name: name::route(id) };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).get_notification_route(m).await }).await?;
        wire::answer(CALL, wire::required("notification_route", answer.notification_route))
    }

    /// All routes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn routes(&self) -> Result<Vec<RouteView>, ClientError> {
        const CALL: &str = "list notification routes";
        wire::pages(CALL, |page_token| async move {
            let message = v1::ListNotificationRoutesRequest { page_size: wire::PAGE_SIZE, page_token };
            let call =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_notification_routes(m).await });
            let answer = call.await?;
            let views = wire::list("notification_routes", answer.notification_routes, RouteView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Makes or changes a route. With an etag it is refused unless that is still the current one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn apply_route(
        &self,
        route: &Route,
        etag: Option<&str>,
        intent: Intent,
        request: &RequestId,
    ) -> Result<RouteView, ClientError> {
        const CALL: &str = "apply notification route";
        let mut message = v1::NotificationRoute::from(route);
        message.etag = etag.unwrap_or_default().to_owned();
        let message = v1::UpdateNotificationRouteRequest {
            notification_route: Some(message),
            allow_missing: true,
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let call =
            self.call(CALL, message, |link, m| async move { Calls::new(link).update_notification_route(m).await });
        wire::answer(CALL, wire::required("notification_route", call.await?.notification_route))
    }

    /// Deletes a route.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete_route(&self, id: &RouteId, request: &RequestId) -> Result<(), ClientError> {
        const CALL: &str = "delete notification route";
        let (name, request_id) = (name::route(id), request.to_string());
        let message = v1::DeleteNotificationRouteRequest { name, etag: String::new(), request_id };
        self.call(CALL, message, |link, m| async move { Calls::new(link).delete_notification_route(m).await }).await?;
        Ok(())
    }

    /// Tells every receiver of a route once that this is a test.
    ///
    /// # Errors
    /// See [`ClientError`]. A receiver that does not take it is no error.
    pub async fn test_route(&self, id: &RouteId) -> Result<Vec<ToldView>, ClientError> {
        const CALL: &str = "test notification route";
        let message = v1::TestNotificationRouteRequest { name: name::route(id) };
        let answer = self
            .call(CALL, message, |link, m| async move { Calls::new(link).test_notification_route(m).await })
            .await?;
        let told = |v1::test_notification_route_response::Told { receiver, failure }| ToldView {
            receiver,
            failure: (!failure.is_empty()).then_some(failure),
        };
        Ok(answer.told.into_iter().map(told).collect())
    }

    /// The alerts that stand, and what is still to be said.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn alerts(&self) -> Result<AlertsView, ClientError> {
        const CALL: &str = "list alerts";
        let message = v1::ListAlertsRequest {};
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).list_alerts(m).await }).await?;
        let standing = wire::answer(CALL, wire::list("standing", answer.standing, Alert::try_from))?;
        let pending = wire::answer(CALL, wire::list("pending", answer.pending, Saying::try_from))?;
        Ok(AlertsView { standing, pending })
    }
}

impl TryFrom<v1::NotificationRoute> for RouteView {
    type Error = Invalid;

    fn try_from(message: v1::NotificationRoute) -> Result<Self, Invalid> {
        let etag = message.etag.clone();
        let created = wire::moment_or_none("create_time", message.create_time)?;
        let updated = wire::moment_or_none("update_time", message.update_time)?;
        Ok(Self { route: Route::try_from(message)?, etag, created, updated })
    }
}
