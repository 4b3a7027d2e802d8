//! The traffic driver `envoy`: this process is the ADS server of one Envoy per lane, and starts it if none is there.
//!
//! It knows the order of pushes: endpoints before the routes that need them, routes before the endpoints they left are
//! taken away. Envoy's acknowledgement is waited for in between, and the last route is on disk before it is pushed, so
//! that an agent that comes back changes nothing. Where to go next: `routes` (from a route to Envoy's configuration),
//! `feed` and `ads` (how it gets there), `workers` (when it is in effect), `admin` (how it is read back).

mod admin;
mod ads;
mod bootstrap;
mod config;
mod feed;
mod pb;
mod resources;
mod routes;
mod saved;
mod workers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_core::slot::{Slot, Slots};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use self::ads::AdsServer;
pub use self::config::EnvoyConfig;
use self::feed::{Feed, Kind, Publication, Unsettled};
use self::saved::{Saved, SavedFile};
use self::workers::Workers;
use crate::detached::{Duty, Identity, Launch, Standing, inherited};
use crate::error::{DriverError, code};
use crate::traffic::{Route, RouteSeen, TrafficCapabilities, TrafficCounters, TrafficDriver};
use crate::{durable, ports, program};

/// How often we knock while an Envoy that was just started is not listening yet.
const KNOCK_EVERY: Duration = Duration::from_millis(10);
/// Envoy ends at once when told; the lane has no traffic any more.
const RETIRE_GRACE: Duration = Duration::from_secs(5);

/// Drives the Envoy of one lane. Dropping it leaves Envoy serving what it has.
#[derive(Debug)]
pub struct EnvoyTraffic {
    config: EnvoyConfig,
    entrance: SocketAddr,
    /// See [`ports::hold`]; `None` if an Envoy of before was listening already.
    _held: Option<TcpSocket>,
    admin: PathBuf,
    probe: PathBuf,
    feed: Arc<Feed>,
    _ads: AdsServer,
    standing: Standing,
    turn: Mutex<Turn>,
}

/// What only the holder of the turn may touch.
#[derive(Debug)]
struct Turn {
    saved: Saved,
    file: SavedFile,
    /// The Envoy that was seen listening.
    listening: Option<Identity>,
    workers: Workers,
}

impl EnvoyTraffic {
    /// Opens the driver: serves the last route again, adopts the Envoy of this folder, or starts one.
    ///
    /// # Errors
    /// `DRIVER_CONFIG`, `DRIVER_STATE`, `TRAFFIC_UNREACHABLE` when Envoy cannot be started.
    pub async fn open(mut config: EnvoyConfig) -> Result<Self, DriverError> {
        config.dir = program::absolute(&config.dir)?;
        durable::make_folder(&config.dir).await?;
        let socket = |name| program::socket(&config.dir, name);
        let (admin, ads_socket, probe) = (socket("admin.sock")?, socket("ads.sock")?, socket("probe.sock")?);
        let listen = config.listen;
        let entrance = ports::kept(listen.ip(), listen.port(), &config.dir.join("port.json")).await?;
        let held = ports::hold(entrance).ok().map(|(_, held)| held);
        let (file, saved) = SavedFile::open(&config.dir.join("route.pages")).await?;
        let feed = Arc::new(feed_of(&config, entrance, &probe, &saved));
        let ads = AdsServer::open(&ads_socket, &config.node, Arc::clone(&feed))?;
        let bootstrap = config.dir.join("bootstrap.json");
        durable::save(&bootstrap, &bootstrap::bootstrap(&config, &admin, &ads_socket)).await?;
        let standing = Standing::open(Duty {
            launch: launch(&config, &bootstrap),
            mark: config.dir.join("process.json"),
            socket: admin.clone(),
            log_bytes_max: config.log_bytes_max,
        });
        let standing = standing.await?;
        let workers = Workers::new(admin.clone(), probe.clone());
        let turn = Mutex::new(Turn { saved, file, listening: None, workers });
        Ok(Self { config, entrance, _held: held, admin, probe, feed, _ads: ads, standing, turn })
    }

    /// Envoy's process.
    #[must_use]
    pub fn process(&self) -> Option<Identity> {
        self.standing.process()
    }

    async fn bring_about(&self, route: &Route) -> Result<(), DriverError> {
        let mut guard = self.turn.lock().await;
        let turn = &mut *guard;
        turn.saved.fence(route)?;
        let before = turn.saved.clone();
        turn.saved.wanted = Some(route.clone());
        turn.file.write(&turn.saved).await?;
        if let Err(error) = self.push(route, &before, turn).await {
            if error.code() == code::TRAFFIC_REFUSED {
                // Envoy goes on with the route before, and so do we.
                turn.saved.wanted = before.confirmed;
                turn.file.write(&turn.saved).await?;
            }
            return Err(error);
        }
        // On disk with the next route: until then the file's last wanted one is this one anyway.
        turn.saved.confirmed = Some(route.clone());
        self.listens(turn).await
    }

    /// Make before break.
    async fn push(&self, route: &Route, before: &Saved, turn: &mut Turn) -> Result<(), DriverError> {
        // What Envoy serves now is the confirmed route or, if its answer was lost, the one that was wanted.
        let last = [&before.confirmed, &before.wanted].into_iter().flatten();
        let left = |slot| last.clone().find_map(|last| *last.targets.get(slot));
        let both = Slots::from_fn(|slot: Slot| route.targets.get(slot).or(left(slot)));
        let routes = routes::routes(Some(route), self.config.idle_timeout_ms);
        self.pushed(Kind::Cluster, resources::clusters(&self.config, &both)).await?;
        self.pushed(Kind::Listener, resources::listeners(&self.config, self.entrance, &self.probe)).await?;
        self.pushed(Kind::Route, routes).await?;
        turn.workers.have(&routes::mark(route), self.config.ack_timeout()).await?;
        self.pushed(Kind::Cluster, resources::clusters(&self.config, &route.targets)).await
    }

    async fn pushed(&self, kind: Kind, publication: Publication) -> Result<(), DriverError> {
        let ticket = self.feed.publish(kind, publication);
        self.feed.settled(ticket, self.config.ack_timeout()).await.map_err(|unsettled| match unsettled {
            Unsettled::Refused(words) => DriverError::permanent(code::TRAFFIC_REFUSED, words),
            Unsettled::Silent => {
                let message = format!("Envoy has not acknowledged within {:?}", self.config.ack_timeout());
                DriverError::passing(code::TRAFFIC_TIMEOUT, message)
            }
        })
    }

    /// A new Envoy acknowledges the listener a moment before it listens.
    async fn listens(&self, turn: &mut Turn) -> Result<(), DriverError> {
        let process = self.standing.process();
        if process.is_some() && turn.listening == process {
            return Ok(());
        }
        let deadline = Instant::now() + self.config.ack_timeout();
        while let Err(error) = TcpStream::connect(self.entrance).await {
            if Instant::now() >= deadline {
                let message = format!("Envoy does not listen on {}: {error}", self.entrance);
                return Err(DriverError::passing(code::TRAFFIC_UNREACHABLE, message));
            }
            sleep(KNOCK_EVERY).await;
        }
        turn.listening = process;
        Ok(())
    }
}

impl TrafficDriver for EnvoyTraffic {
    fn capabilities(&self) -> TrafficCapabilities {
        TrafficCapabilities { weights: true, cohorts: true, sticky: true }
    }

    fn entrance(&self) -> SocketAddr {
        self.entrance
    }

    fn route<'a>(&'a self, route: &'a Route) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            route.check()?;
            self.bring_about(route).await
        })
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<RouteSeen>, DriverError>> {
        Box::pin(admin::route(&self.admin))
    }

    fn counters(&self) -> BoxFuture<'_, Result<TrafficCounters, DriverError>> {
        Box::pin(async {
            let start_id = self.standing.process().map(|process| process.start_id());
            let slots = admin::counters(&self.admin).await?;
            Ok(TrafficCounters { start_id: start_id.unwrap_or_else(|| "adopted".to_owned()), slots })
        })
    }

    fn retire(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.standing.retire(RETIRE_GRACE))
    }
}

/// What was wanted last is served again; what was acknowledged last is what Envoy falls back to if it refuses.
fn feed_of(config: &EnvoyConfig, entrance: SocketAddr, probe: &Path, saved: &Saved) -> Feed {
    let of = |kind, route: Option<&Route>| match kind {
        Kind::Cluster => {
            let targets = route.map_or_else(Slots::default, |route| route.targets);
            resources::clusters(config, &targets)
        }
        Kind::Listener => resources::listeners(config, entrance, probe),
        Kind::Route => routes::routes(route, config.idle_timeout_ms),
    };
    Feed::new(
        |kind| of(kind, saved.wanted.as_ref()),
        |kind| saved.confirmed.as_ref().map(|route| of(kind, Some(route))),
    )
}

fn launch(config: &EnvoyConfig, bootstrap: &Path) -> Launch {
    let tools = Path::new(".tools/bin/envoy");
    let configured = config.binary.as_deref().or(tools.is_file().then_some(tools));
    Launch {
        program: program::locate(configured, "envoy"),
        arguments: vec![
            "--config-path".into(),
            bootstrap.into(),
            "--concurrency".into(),
            config.concurrency.to_string().into(),
            // Its shared memory would be one for the whole machine.
            "--disable-hot-restart".into(),
            // An Envoy too old for a matcher must refuse it, not ignore it and send everybody to the cohort.
            "--reject-unknown-dynamic-fields".into(),
            "--log-level".into(),
            "warning".into(),
        ],
        environment: inherited(["PATH"]),
        log: config.dir.join("envoy.log"),
        folder: config.dir.clone(),
    }
}

#[cfg(test)]
mod tests;
