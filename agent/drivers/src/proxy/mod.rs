//! The traffic driver `proxy`: tells a `meridian-proxy` through its control socket, and starts one if none is there.
//!
//! It knows the control API. It does not know how requests are forwarded, and it remembers no route: the proxy keeps
//! the last one itself, across its own restarts, and refuses lower epochs.

mod config;
pub(crate) mod convert;

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_proxy::control::{self, ClientError, ControlClient, Refusal, Routing};
use tokio::net::TcpSocket;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

pub use config::ProxyConfig;

use crate::detached::{Duty, Identity, Launch, Standing, inherited};
use crate::error::{DriverError, code};
use crate::traffic::{Route, RouteSeen, TrafficCapabilities, TrafficCounters, TrafficDriver};
use crate::{durable, ports, program};

/// How often we knock while a proxy that was just started is not listening yet.
const KNOCK_EVERY: Duration = Duration::from_millis(20);
/// The proxy drains for five seconds when it is told to end.
const RETIRE_GRACE: Duration = Duration::from_secs(6);

/// Drives the proxy of one lane. Dropping it leaves the proxy running.
#[derive(Debug)]
pub struct ProxyTraffic {
    client: ControlClient,
    entrance: SocketAddr,
    /// See [`ports::hold`]; `None` if a proxy of before was listening already.
    _held: Option<TcpSocket>,
    standing: Standing,
    ack_timeout: Duration,
    turn: Mutex<()>,
}

impl ProxyTraffic {
    /// Opens the driver: adopts the proxy of this folder, or starts one.
    ///
    /// # Errors
    /// `DRIVER_CONFIG`, `DRIVER_STATE`, `TRAFFIC_UNREACHABLE` when the proxy cannot be started.
    pub async fn open(config: ProxyConfig) -> Result<Self, DriverError> {
        let dir = program::absolute(&config.dir)?;
        durable::make_folder(&dir).await?;
        let socket = program::socket(&dir, "control.sock")?;
        let listen = config.listen;
        let entrance = ports::kept(listen.ip(), listen.port(), &dir.join("port.json")).await?;
        let held = ports::hold(entrance).ok().map(|(_, held)| held);
        let launch = Launch {
            program: program::locate(config.binary.as_deref(), "meridian-proxy"),
            arguments: vec![
                "--listen".into(),
                entrance.to_string().into(),
                "--control".into(),
                socket.clone().into(),
                "--state".into(),
                dir.join("routing.json").into(),
                "--upstream-timeout-ms".into(),
                config.upstream_timeout_ms.to_string().into(),
            ],
            environment: inherited(["PATH", "RUST_LOG"]),
            log: dir.join("proxy.log"),
            folder: dir.clone(),
        };
        let (mark, log_bytes_max) = (dir.join("process.json"), config.log_bytes_max);
        let standing = Standing::open(Duty { launch, mark, socket: socket.clone(), log_bytes_max }).await?;
        let ack_timeout = Duration::from_millis(config.ack_timeout_ms);
        let client = ControlClient::new(socket).with_timeout(ack_timeout);
        Ok(Self { client, entrance, _held: held, standing, ack_timeout, turn: Mutex::new(()) })
    }

    /// The proxy's process, if it was started through a driver.
    #[must_use]
    pub fn process(&self) -> Option<Identity> {
        self.standing.process()
    }

    async fn tell(&self, route: &Route) -> Result<(), DriverError> {
        let _turn = self.turn.lock().await;
        let routing = convert::routing(route);
        let applied = self.reached(|| self.client.put_routing(&routing)).await?;
        if applied.routing != routing {
            let message = format!("told {routing:?}, read back {:?}", applied.routing);
            return Err(DriverError::permanent(code::TRAFFIC_UNREADABLE, message));
        }
        if !applied.settled {
            let message = "requests chosen by the route before have not all reached their slot";
            return Err(DriverError::passing(code::TRAFFIC_TIMEOUT, message));
        }
        Ok(())
    }

    /// Calls until somebody listens at the socket or the time is over: a proxy that was just started, or is being
    /// started again, takes a moment.
    async fn reached<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<T, DriverError> {
        let deadline = Instant::now() + self.ack_timeout;
        loop {
            match call().await {
                Err(ClientError::Unreachable { .. }) if Instant::now() < deadline => sleep(KNOCK_EVERY).await,
                Err(error) => return Err(driver_error(error)),
                Ok(answer) => return Ok(answer),
            }
        }
    }
}

impl TrafficDriver for ProxyTraffic {
    fn capabilities(&self) -> TrafficCapabilities {
        TrafficCapabilities { weights: true, cohorts: true, sticky: true }
    }

    fn entrance(&self) -> SocketAddr {
        self.entrance
    }

    fn route<'a>(&'a self, route: &'a Route) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            route.check()?;
            self.tell(route).await
        })
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<RouteSeen>, DriverError>> {
        Box::pin(async {
            let routing: Option<Routing> = self.reached(|| self.client.get_routing()).await?;
            let unreadable = |what| DriverError::permanent(code::TRAFFIC_UNREADABLE, what);
            let route = routing.as_ref().map(convert::route).transpose().map_err(unreadable)?;
            Ok(route.as_ref().map(RouteSeen::of))
        })
    }

    fn counters(&self) -> BoxFuture<'_, Result<TrafficCounters, DriverError>> {
        Box::pin(async { Ok(convert::counters(self.reached(|| self.client.stats()).await?)) })
    }

    fn retire(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.standing.retire(RETIRE_GRACE))
    }
}

fn driver_error(error: ClientError) -> DriverError {
    let message = error.to_string();
    match error {
        ClientError::Unreachable { .. } | ClientError::Broken(_) => {
            DriverError::passing(code::TRAFFIC_UNREACHABLE, message)
        }
        ClientError::TimedOut(_) => DriverError::passing(code::TRAFFIC_TIMEOUT, message),
        ClientError::Unreadable { .. } => DriverError::permanent(code::TRAFFIC_UNREADABLE, message),
        ClientError::Refused(refusal) => refused(&refusal, message),
    }
}

fn refused(refusal: &Refusal, message: String) -> DriverError {
    match refusal.code.as_str() {
        control::code::EPOCH_FENCED => DriverError::permanent(code::TRAFFIC_FENCED, message),
        control::code::EPOCH_CONFLICT => DriverError::permanent(code::TRAFFIC_CONFLICT, message),
        // Its disk may be full: that passes.
        control::code::STATE_NOT_WRITTEN => DriverError::passing(code::TRAFFIC_REFUSED, message),
        _ => DriverError::permanent(code::TRAFFIC_REFUSED, message),
    }
}

#[cfg(test)]
mod tests;
