//! One slot from start to stop. It knows the order of files and signals; it does not know the other slot.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use meridian_core::observation::{SlotSeen, SlotState};
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::Slot;
use tokio::process::Child;

use super::artifact::verified_copy;
use super::command::{Filling, filled};
use super::config::ProcessConfig;
use super::record::SlotRecord;
use crate::detached::{Identity, Launch, Mark, bound_log, end, inherited, launch_error};
use crate::durable;
use crate::error::{DriverError, code};
use crate::{http_call, ports};

/// A slot's folder and what is known of the process in it.
#[derive(Debug)]
pub(super) struct SlotProcess {
    slot: Slot,
    config: Arc<ProcessConfig>,
    /// What the record file says. The process itself is asked anew at every look.
    record: Mutex<Option<SlotRecord>>,
    /// Held by whoever changes the slot; the child is here for reaping.
    turn: tokio::sync::Mutex<Option<Child>>,
}

impl SlotProcess {
    pub(super) async fn open(slot: Slot, config: Arc<ProcessConfig>) -> Result<Self, DriverError> {
        let this = Self { slot, config, record: Mutex::new(None), turn: tokio::sync::Mutex::new(None) };
        durable::make_folder(&this.folder()).await?;
        let mut found: Option<SlotRecord> = durable::load(&this.record_file()).await?;
        if let Some(record) = &mut found
            && record.mark.process.is_none()
        {
            // An agent ended between launching and writing it down.
            record.mark.process = record.mark.find();
        }
        *this.record() = found;
        Ok(this)
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.record().as_ref().map(|record| record.address)
    }

    pub(super) fn process(&self) -> Option<Identity> {
        self.record().as_ref().and_then(|record| record.mark.process.clone())
    }

    pub(super) async fn start(&self, release: &ReleaseRef, parameters: &Values) -> Result<(), DriverError> {
        let mut turn = self.turn.lock().await;
        let mut starts = 0;
        let held = self.record().clone();
        if let Some(held) = held {
            if held.is_stopping {
                self.end_it(&held, &mut turn).await?;
            } else if held.mark.find().is_some() {
                return self.already_up(&held, release, parameters);
            } else if held.digest == release.digest {
                starts = self.starts_so_far(&held)?;
            }
        }
        reap(&mut turn);
        let address = self.free_address().await?;
        let artifact = verified_copy(&self.config.artifacts, &self.folder().join("artifact"), release.digest).await?;
        let launch = self.launch(release, parameters, address, artifact);
        let record = SlotRecord { parameters: parameters.clone(), ..self.fresh_record(release, address, starts) };
        *turn = Some(self.launched(&launch, record).await?);
        Ok(())
    }

    pub(super) async fn stop(&self) -> Result<(), DriverError> {
        let mut turn = self.turn.lock().await;
        let Some(mut held) = self.record().clone() else {
            return Ok(());
        };
        held.is_stopping = true;
        self.write(&held).await?;
        self.end_it(&held, &mut turn).await
    }

    pub(super) async fn look(&self) -> Result<Option<SlotSeen>, DriverError> {
        if let Ok(mut turn) = self.turn.try_lock() {
            reap(&mut turn);
        }
        if let Err(error) = bound_log(&self.log_file(), self.config.log_bytes_max) {
            tracing::warn!(slot = %self.slot, %error, "cannot bound the log of a slot");
        }
        let Some(record) = self.record().clone() else {
            return Ok(None);
        };
        let Some(process) = record.mark.find() else {
            return Ok(Some(SlotSeen { digest: record.digest, state: SlotState::Failed }));
        };
        let state = if record.is_stopping {
            SlotState::Stopping
        } else if self.answers(record.address).await {
            self.note_ready(&record).await?;
            SlotState::Ready
        } else if record.was_ready {
            SlotState::Unready
        } else if process.age() < self.config.ready_timeout() {
            SlotState::Starting
        } else {
            SlotState::Failed
        };
        Ok(Some(SlotSeen { digest: record.digest, state }))
    }

    fn already_up(&self, held: &SlotRecord, release: &ReleaseRef, parameters: &Values) -> Result<(), DriverError> {
        if held.digest == release.digest && held.parameters == *parameters {
            return Ok(());
        }
        let message = format!("{} holds {} ({}), which is up", self.slot, held.version, held.digest.short());
        Err(DriverError::permanent(code::SLOT_OCCUPIED, message))
    }

    /// How often the release was started in vain; an error while it is too early for the next time.
    fn starts_so_far(&self, held: &SlotRecord) -> Result<u32, DriverError> {
        let wait_ms = held.restart_after_ms.saturating_sub(now_ms());
        // A wall clock that was set back must not make us wait for years.
        if wait_ms == 0 || wait_ms > 2 * self.config.restart_backoff_ms_max {
            let was_long_ago = now_ms() > held.restart_after_ms.saturating_add(self.config.restart_backoff_ms_max);
            return Ok(if was_long_ago { 0 } else { held.starts });
        }
        let message = format!(
            "{} in {} ended {} times; see {}; next start in {wait_ms} ms",
            held.version,
            self.slot,
            held.starts,
            self.log_file().display()
        );
        Err(DriverError::passing(code::SLOT_BACKOFF, message))
    }

    /// The slot's address, with nobody listening there.
    async fn free_address(&self) -> Result<SocketAddr, DriverError> {
        let (fixed, file) = (self.config.ports.of(self.slot), self.folder().join("port.json"));
        let address = ports::kept(self.config.ip, fixed, &file).await?;
        let is_free = ports::is_free(address).map_err(|error| {
            DriverError::permanent(code::DRIVER_CONFIG, format!("cannot listen on {address}: {error}"))
        })?;
        match (is_free, fixed) {
            (true, _) => Ok(address),
            // Somebody took it while the slot was down: nobody was promised this number.
            (false, 0) => ports::pick(self.config.ip, &file).await,
            (false, _) => {
                let message = format!("somebody listens on {address}, the address of {}", self.slot);
                Err(DriverError::passing(code::PORT_TAKEN, message))
            }
        }
    }

    fn launch(&self, release: &ReleaseRef, parameters: &Values, address: SocketAddr, artifact: PathBuf) -> Launch {
        let filling = Filling { address, artifact: &artifact, version: &release.version, slot: self.slot };
        let mut words = self.config.command.iter().map(|word| filled(word, &filling));
        // The configuration was checked: there is a first word.
        let program = words.next().unwrap_or_else(|| OsString::from("false"));
        let mut environment = inherited(self.config.env.iter().map(String::as_str));
        environment.extend(parameters.iter().map(|(name, value)| (name.clone(), value.into())));
        Launch {
            program: program.into(),
            arguments: words.collect(),
            environment,
            folder: self.folder(),
            log: self.log_file(),
        }
    }

    fn fresh_record(&self, release: &ReleaseRef, address: SocketAddr, starts: u32) -> SlotRecord {
        let doubled = self.config.restart_backoff_ms.saturating_mul(1 << starts.min(20));
        let backoff = doubled.min(self.config.restart_backoff_ms_max);
        // Up to a quarter more, so that slots that fell together do not rise together.
        let jitter = backoff / 4 * u64::from(rand::random::<u8>()) / 255;
        SlotRecord {
            digest: release.digest,
            version: release.version.to_string(),
            parameters: Values::new(),
            address,
            mark: Mark::fresh(),
            was_ready: false,
            is_stopping: false,
            starts: starts.saturating_add(1),
            restart_after_ms: now_ms().saturating_add(backoff + jitter),
        }
    }

    /// Writes the intent, launches, writes the result: a crash in between leaves a process that can be found.
    async fn launched(&self, launch: &Launch, mut record: SlotRecord) -> Result<Child, DriverError> {
        self.write(&record).await?;
        match launch.start(&record.mark.token) {
            Ok((child, process)) => {
                record.mark.process = Some(process);
                self.write(&record).await?;
                Ok(child)
            }
            Err(error) => {
                self.forget().await?;
                let message = format!("cannot start {}: {error}", launch.program.display());
                Err(launch_error(code::SLOT_NOT_STARTED, &error, message))
            }
        }
    }

    async fn end_it(&self, held: &SlotRecord, turn: &mut Option<Child>) -> Result<(), DriverError> {
        if let Some(process) = held.mark.find()
            && !end(&process, self.config.stop_grace()).await
        {
            let message = format!("process {} in {} does not end", process.pid, self.slot);
            return Err(DriverError::passing(code::SLOT_NOT_STOPPED, message));
        }
        reap(turn);
        self.forget().await
    }

    async fn answers(&self, address: SocketAddr) -> bool {
        let answer = http_call::get(address, &self.config.ready_path, self.config.probe_timeout()).await;
        answer.is_ok_and(|(status, _)| status.is_success())
    }

    /// Remembered across agents: a release that was ready and is not any more is something else than one that starts.
    async fn note_ready(&self, seen: &SlotRecord) -> Result<(), DriverError> {
        if seen.was_ready {
            return Ok(());
        }
        // Whoever has the turn is changing the record: the next look comes soon.
        let Ok(_turn) = self.turn.try_lock() else {
            return Ok(());
        };
        let Some(mut record) = self.record().clone() else {
            return Ok(());
        };
        if record.mark != seen.mark {
            return Ok(());
        }
        record.was_ready = true;
        self.write(&record).await
    }

    async fn write(&self, record: &SlotRecord) -> Result<(), DriverError> {
        durable::save(&self.record_file(), record).await?;
        *self.record() = Some(record.clone());
        Ok(())
    }

    async fn forget(&self) -> Result<(), DriverError> {
        durable::remove(&self.record_file()).await?;
        *self.record() = None;
        Ok(())
    }

    pub(super) fn started_with(&self) -> Option<Values> {
        self.record().as_ref().map(|record| record.parameters.clone())
    }

    fn record(&self) -> MutexGuard<'_, Option<SlotRecord>> {
        // Replaced as a whole, so a panic elsewhere leaves nothing half done.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self) -> PathBuf {
        self.config.dir.join(self.slot.as_str())
    }

    fn record_file(&self) -> PathBuf {
        self.folder().join("slot.json")
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("output.log")
    }
}

/// Takes the exit status of a child that has ended, so that no zombie stays. One that runs stays where it is.
fn reap(turn: &mut Option<Child>) {
    let ended = turn.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
    if ended {
        *turn = None;
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
