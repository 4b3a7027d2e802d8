//! A process that is there as long as its lane is: the proxy or the Envoy of a region. It is started if nobody answers
//! at its socket, kept alive while an agent runs, and left alone when the agent ends. It does not know what it serves.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::launch::launch_error;
use super::{Identity, Launch, Mark, bound_log, end};
use crate::durable;
use crate::error::{DriverError, code};

/// How often we look whether it is alive: nobody is served from its end until the next start.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The wait before the second start in a row (the first comes at once); doubled with each that follows soon.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// The longest wait: the lane is down meanwhile, so it is short.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// What to keep running.
#[derive(Clone, Debug)]
pub(crate) struct Duty {
    /// How it is started.
    pub(crate) launch: Launch,
    /// Where its mark is kept.
    pub(crate) mark: PathBuf,
    /// A unix socket at which it answers when it is there, whoever started it.
    pub(crate) socket: PathBuf,
    /// Its log is emptied beyond this.
    pub(crate) log_bytes_max: u64,
}

/// The keeper of one standing process. Dropping it stops the keeping, not the process.
#[derive(Debug)]
pub(crate) struct Standing {
    duty: Arc<Duty>,
    known: Arc<Mutex<Option<Identity>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Standing {
    /// Adopts the process if it is there, starts it if not, and keeps it running from now on.
    pub(crate) async fn open(duty: Duty) -> Result<Self, DriverError> {
        let (duty, known) = (Arc::new(duty), Arc::new(Mutex::new(None)));
        let child = see_to_it(&duty, &known).await?;
        let keeper = tokio::spawn(keep(Arc::clone(&duty), Arc::clone(&known), child));
        Ok(Self { duty, known, keeper: Mutex::new(Some(keeper)) })
    }

    /// The process, if it was started by us or an agent before us.
    pub(crate) fn process(&self) -> Option<Identity> {
        locked(&self.known).clone()
    }

    /// Ends the process for good.
    pub(crate) async fn retire(&self, grace: Duration) -> Result<(), DriverError> {
        let keeper = locked(&self.keeper).take();
        if let Some(keeper) = keeper {
            keeper.abort();
            // Aborted or ended: in both cases nobody starts it any more.
            let _ended = keeper.await;
        }
        let found = durable::load::<Mark>(&self.duty.mark).await?.and_then(|mark| mark.find());
        if let Some(process) = found
            && !end(&process, grace).await
        {
            let message = format!("process {} does not end", process.pid);
            return Err(DriverError::passing(code::SLOT_NOT_STOPPED, message));
        }
        *locked(&self.known) = None;
        durable::remove(&self.duty.mark).await
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        if let Some(keeper) = locked(&self.keeper).take() {
            keeper.abort();
        }
    }
}

async fn keep(duty: Arc<Duty>, known: Arc<Mutex<Option<Identity>>>, mut child: Option<Child>) {
    let mut backoff = Duration::ZERO;
    let mut started = Instant::now();
    loop {
        ended_or_a_while(&mut child).await;
        if let Err(error) = bound_log(&duty.launch.log, duty.log_bytes_max) {
            tracing::warn!(log = %duty.launch.log.display(), %error, "cannot bound the log of the data plane");
        }
        let process = locked(&known).clone();
        if is_there(&duty, process).await {
            continue;
        }
        if started.elapsed() > BACKOFF_MAX * 2 {
            backoff = Duration::ZERO;
        }
        tracing::error!(program = %duty.launch.program.display(), ?backoff, "the data plane has ended; starting it again");
        // Up to a quarter more, so that regions that fell together do not rise together.
        sleep(backoff.mul_f64(1.0 + rand::random::<f64>() / 4.0)).await;
        backoff = (backoff * 2).clamp(BACKOFF_MIN, BACKOFF_MAX);
        started = Instant::now();
        match see_to_it(&duty, &known).await {
            Ok(new) => child = new.or(child),
            Err(error) => tracing::error!(%error, "the data plane does not start"),
        }
    }
}

/// Returns at once when our own child ends, and takes its exit status; else after a while, because a process that we
/// adopted ends without telling us.
async fn ended_or_a_while(child: &mut Option<Child>) {
    let Some(own) = child else {
        return sleep(LOOK_EVERY).await;
    };
    tokio::select! {
        () = sleep(LOOK_EVERY) => {}
        status = own.wait() => {
            tracing::warn!(?status, "a child has ended");
            *child = None;
        }
    }
}

async fn see_to_it(duty: &Duty, known: &Mutex<Option<Identity>>) -> Result<Option<Child>, DriverError> {
    let found = durable::load::<Mark>(&duty.mark).await?.and_then(|mark| mark.find());
    if is_there(duty, found.clone()).await {
        *locked(known) = found;
        return Ok(None);
    }
    let mut mark = Mark::fresh();
    durable::save(&duty.mark, &mark).await?;
    let (child, process) = duty.launch.start(&mark.token).map_err(|error| {
        let message = format!("cannot start {}: {error}", duty.launch.program.display());
        launch_error(code::TRAFFIC_UNREACHABLE, &error, message)
    })?;
    *locked(known) = Some(process.clone());
    mark.process = Some(process);
    durable::save(&duty.mark, &mark).await?;
    Ok(Some(child))
}

/// A process of ours that lives is there even while its socket is not open yet; without one, somebody who answers at the
/// socket is.
async fn is_there(duty: &Duty, process: Option<Identity>) -> bool {
    process.is_some_and(|process| process.is_alive()) || UnixStream::connect(&duty.socket).await.is_ok()
}

/// The guarded values are replaced as a whole, so a panic elsewhere leaves nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
