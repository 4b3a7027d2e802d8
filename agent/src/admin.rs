//! `/metrics` and `/healthz` over HTTP, for scrapers and supervisors. It reads numbers and changes nothing.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What scrapers expect of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves for ever. May be dropped at any moment.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) -> io::Result<()> {
    let routes = Router::new().route("/healthz", get(healthy)).route("/metrics", get(scrape)).with_state(metrics);
    axum::serve(listener, routes).await
}

/// An agent without a server is healthy: it holds its region as it is. A new start would not change that.
async fn healthy() -> &'static str {
    "ok\n"
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
