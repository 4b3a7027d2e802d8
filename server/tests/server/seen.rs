//! How a server is looked at by machines: health, reflection, metrics.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::{Server, raw_http};

#[tokio::test]
async fn health_is_told_for_the_server_and_its_services() {
    let server = Server::plain().await;
    for service in ["", "meridian.v1.RolloutService", "meridian.agent.v1.AgentService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = HealthClient::new(server.channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
}

#[tokio::test]
async fn reflection_names_the_services() {
    let server = Server::plain().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["meridian.v1.RolloutService", "meridian.agent.v1.AgentService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
}

#[tokio::test]
async fn the_small_port_answers_three_questions() {
    let server = Server::plain().await;
    server.put_service("services/a").await;
    let http = server.running.http_addr;
    assert_eq!(raw_http::get(http, "/healthz").await.0, 200);
    assert_eq!(raw_http::get(http, "/readyz").await.0, 200);
    assert_eq!(raw_http::get(http, "/else").await.0, 404);
    let post = "POST /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(raw_http::send(http, post).await.0, 405);
    let (status, text) = raw_http::get(http, "/metrics").await;
    assert_eq!(status, 200);
    let called = "meridian_server_calls_total{method=\"/meridian.v1.ServiceService/UpdateService\",code=\"OK\"} 1";
    for line in [called, "meridian_server_connections 1", "meridian_store_calls_total", "# EOF"] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
