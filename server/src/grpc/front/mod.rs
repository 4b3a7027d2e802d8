//! The front: what every call passes before it reaches its service. Who may call, how much at once, how long, and what
//! was counted. It knows methods by name, not what they do.

mod methods;
mod port;
mod words;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service as _;

use self::methods::{Access, Method, Weight, check_access, methods};
use self::words::{named, parse_timeout};
use super::status;
use crate::metrics::CallMetrics;
use crate::tls::Caller;

pub use port::Port;
pub(super) use words::{code_name, translated};

/// No call takes longer until its answer begins; the store's own waits end far below.
const CALL_MAX: Duration = Duration::from_secs(30);
/// Calls at work at once. More would only wait for the same two cores.
const CALLS_MAX: usize = 512;
/// Of those that stop something. They have room of their own: overload by others must not keep them out.
const URGENT_MAX: usize = 4096;
/// How long a call waits for room before it is told to come back.
const ROOM_WAIT: Duration = Duration::from_secs(2);
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
        if limit.is_zero() {
            return Err(too_late(limit));
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.caller.clone());
        match timeout(limit, self.routes.call(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            Err(_) => Err(too_late(limit)),
        }
    }
}

fn too_late(limit: Duration) -> Status {
    let message = format!("no answer within {limit:?}; read before trying again");
    status::reasoned(Code::DeadlineExceeded, "DEADLINE_PASSED", message)
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
