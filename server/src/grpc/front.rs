//! The front: what every call passes before it reaches its service. Who may call, how much at once, how long, and what
//! was counted. It knows methods by name, not what they do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use prost::Message as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service as _;

use super::status;
use crate::metrics::CallMetrics;
use crate::tls::{Caller, Identity};

/// No call takes longer until its answer begins; the store's own waits end far below.
const CALL_MAX: Duration = Duration::from_secs(30);
/// Calls at work at once. More would only wait for the same two cores.
const CALLS_MAX: usize = 512;
/// Of those that stop something. They have room of their own: overload by others must not keep them out.
const URGENT_MAX: usize = 4096;
/// How long a call waits for room before it is told to come back.
const ROOM_WAIT: Duration = Duration::from_secs(2);
/// The methods that stop something.
const URGENT: [&str; 2] = ["/meridian.v1.RolloutService/RollbackRollout", "/meridian.v1.RolloutService/PauseRollout"];
/// The package that agents speak.
const AGENT_PACKAGE: &str = "meridian.agent.v1";
/// The package that operators speak.
const PUBLIC_PACKAGE: &str = "meridian.v1";

/// Who may call a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Access {
    Agents,
    Operators,
    Anybody,
}

/// How a method counts against what is done at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Weight {
    Call,
    Urgent,
    /// Limited where it is opened.
    Stream,
}

#[derive(Clone, Debug)]
struct Method {
    label: Arc<str>,
    access: Access,
    weight: Weight,
}

/// The front of one connection. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    routes: Routes,
    shared: Arc<FrontShared>,
    caller: Caller,
}

struct FrontShared {
    methods: HashMap<String, Method>,
    /// Health, reflection, and what does not exist: one label, so that strangers can't fill the memory with names.
    other: Method,
    calls: Semaphore,
    urgent: Semaphore,
    metrics: CallMetrics,
}

impl Front {
    /// The front of these services, for nobody yet.
    ///
    /// # Errors
    /// If the descriptions of the services can't be read.
    pub fn new(routes: Routes, metrics: CallMetrics) -> Result<Self, prost::DecodeError> {
        let shared = FrontShared {
            methods: methods()?,
            other: Method { label: "other".into(), access: Access::Anybody, weight: Weight::Call },
            calls: Semaphore::new(CALLS_MAX),
            urgent: Semaphore::new(URGENT_MAX),
            metrics,
        };
        Ok(Self { routes, shared: Arc::new(shared), caller: Caller::Plaintext })
    }

    /// The front for a caller.
    #[must_use]
    pub fn of(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let shared = self.shared.clone();
        let method = shared.methods.get(request.uri().path()).unwrap_or(&shared.other);
        let answered = self.admitted(method, request).await;
        let (response, code) = match answered {
            Ok(response) => named(response),
            Err(status) => {
                let code = status.code();
                (status.into_http(), code)
            }
        };
        shared.metrics.called(&method.label, code_name(code), began.elapsed());
        response
    }

    async fn admitted(mut self, method: &Method, request: Request<Incoming>) -> Result<Response<Body>, Status> {
        check_access(method.access, &self.caller)?;
        let shared = self.shared.clone();
        let _room = shared.room(method.weight).await?;
        let given = request.headers().get("grpc-timeout").and_then(|value| parse_timeout(value.to_str().ok()?));
        let limit = given.map_or(CALL_MAX, |given| given.min(CALL_MAX));
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.caller.clone());
        match timeout(limit, self.routes.call(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            Err(_) => {
                let message = format!("no answer within {limit:?}; read before trying again");
                Err(status::reasoned(Code::DeadlineExceeded, "DEADLINE_PASSED", message))
            }
        }
    }
}

impl FrontShared {
    async fn room(&self, weight: Weight) -> Result<Option<SemaphorePermit<'_>>, Status> {
        let room = match weight {
            Weight::Stream => return Ok(None),
            Weight::Call => &self.calls,
            Weight::Urgent => &self.urgent,
        };
        match timeout(ROOM_WAIT, room.acquire()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            Ok(Err(_)) | Err(_) => {
                let message = "this server has more to do than it can; try again soon, or ask another one";
                Err(status::reasoned(Code::ResourceExhausted, "OVERLOADED", message))
            }
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}

/// By the method that was matched, never by the raw path: what matches nothing reaches nothing.
fn check_access(access: Access, caller: &Caller) -> Result<(), Status> {
    let allowed = match (access, caller) {
        (_, Caller::Refused(refused)) => {
            return Err(status::reasoned(Code::Unauthenticated, "IDENTITY_REFUSED", refused.to_string()));
        }
        (_, Caller::Plaintext) | (Access::Anybody, Caller::Known(_)) => true,
        (Access::Agents, Caller::Known(Identity::Region(_))) => true,
        (Access::Operators, Caller::Known(Identity::Operator(_))) => true,
        (Access::Agents, Caller::Known(Identity::Operator(_) | Identity::Server(_))) => false,
        (Access::Operators, Caller::Known(Identity::Region(_) | Identity::Server(_))) => false,
    };
    if allowed {
        return Ok(());
    }
    let message = "the certificate is not of somebody who may call this method";
    Err(status::reasoned(Code::PermissionDenied, "METHOD_NOT_YOURS", message))
}

/// All methods by their path, read from the descriptions that the services are generated from.
fn methods() -> Result<HashMap<String, Method>, prost::DecodeError> {
    let set = prost_types::FileDescriptorSet::decode(meridian_proto::FILE_DESCRIPTOR_SET)?;
    let mut methods = HashMap::new();
    for file in set.file {
        let access = match file.package() {
            AGENT_PACKAGE => Access::Agents,
            PUBLIC_PACKAGE => Access::Operators,
            _ => continue,
        };
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let weight = if method.server_streaming() {
                    Weight::Stream
                } else if URGENT.contains(&path.as_str()) {
                    Weight::Urgent
                } else {
                    Weight::Call
                };
                methods.insert(path.clone(), Method { label: path.into(), access, weight });
            }
        }
    }
    Ok(methods)
}

/// Gives a refusal of the layers below its reason, and tells the code of any answer.
fn named(response: Response<Body>) -> (Response<Body>, Code) {
    let Some(word) = response.extensions().get::<Status>() else { return (response, Code::Ok) };
    if !word.details().is_empty() || word.code() == Code::Ok {
        let code = word.code();
        return (response, code);
    }
    let word = translated(word.clone());
    let code = word.code();
    (word.into_http(), code)
}

/// A refusal of the layers below in our words: they say with other codes what is the caller's mistake.
pub(super) fn translated(word: Status) -> Status {
    let says = |text: &str| word.message().contains(text);
    let (code, reason) = match word.code() {
        Code::OutOfRange if says("message length too large") => (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        Code::Internal if says("failed to decode Protobuf") => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Code::Internal if says("Missing request message") || says("Unexpected EOF") => {
            (Code::InvalidArgument, "MALFORMED_MESSAGE")
        }
        Code::Internal if says("protocol error") => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Code::Unimplemented => (Code::Unimplemented, "NO_SUCH_METHOD"),
        Code::NotFound => (Code::NotFound, "NOT_FOUND"),
        other => (other, "UNEXPECTED"),
    };
    status::reasoned(code, reason, word.message())
}

/// `1S`, `200m`, …: at most eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_what_they_are() {
        let methods = methods().unwrap();
        let facts = |path: &str| methods.get(path).map(|method| (method.access, method.weight));
        assert_eq!(facts("/meridian.agent.v1.AgentService/Session"), Some((Access::Agents, Weight::Stream)));
        assert_eq!(facts("/meridian.v1.PlanService/CreatePlan"), Some((Access::Operators, Weight::Call)));
        assert_eq!(facts("/meridian.v1.RolloutService/WatchRollouts"), Some((Access::Operators, Weight::Stream)));
        assert_eq!(facts("meridian.v1.PlanService/CreatePlan"), None);
        for path in URGENT {
            assert_eq!(facts(path), Some((Access::Operators, Weight::Urgent)));
        }
    }

    #[test]
    fn timeouts_are_read_or_ignored() {
        assert_eq!(parse_timeout("200m"), Some(Duration::from_millis(200)));
        assert_eq!(parse_timeout("0n"), Some(Duration::ZERO));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "m", "1", "123456789S", "-1S", "1x", "1é", "+1S"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }

    #[test]
    fn every_identity_has_its_methods() {
        let region = meridian_core::id::RegionId::new("eu").unwrap();
        let agent = Caller::Known(Identity::Region(region));
        let operator = Caller::Known(Identity::Operator("ann".to_owned()));
        let server = Caller::Known(Identity::Server("s".to_owned()));
        let table = [
            (&agent, Access::Agents, None),
            (&agent, Access::Operators, Some(Code::PermissionDenied)),
            (&operator, Access::Operators, None),
            (&operator, Access::Agents, Some(Code::PermissionDenied)),
            (&server, Access::Operators, Some(Code::PermissionDenied)),
            (&server, Access::Anybody, None),
            (&Caller::Plaintext, Access::Agents, None),
        ];
        for (caller, access, refused) in table {
            let code = check_access(access, caller).err().map(|status| status.code());
            assert_eq!(code, refused, "{caller:?} {access:?}");
        }
        let nobody = Caller::Refused(crate::tls::IdentityRefused::NotOneUri(2));
        for access in [Access::Agents, Access::Operators, Access::Anybody] {
            assert_eq!(check_access(access, &nobody).unwrap_err().code(), Code::Unauthenticated);
        }
    }
}
