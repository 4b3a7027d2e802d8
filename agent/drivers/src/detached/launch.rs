//! Launching a process that goes on when we end. It knows files, groups and environments, not what is run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::identity::Identity;
use crate::error::DriverError;

/// Carries the token of a launch.
pub(super) const TOKEN_VARIABLE: &str = "MERIDIAN_LAUNCH";

/// How much of a full log is kept beside the new one: enough for the story of an end.
const LOG_TAIL_BYTES: u64 = 256 * 1024;

/// What to launch.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// A path, or a name to be looked up in `PATH`.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Its whole environment but for the token: nothing is inherited.
    pub(crate) environment: BTreeMap<String, OsString>,
    /// Where it runs.
    pub(crate) folder: PathBuf,
    /// Where its output goes; appended.
    pub(crate) log: PathBuf,
}

impl Launch {
    /// Starts it in a process group of its own, so that a signal for our terminal or our group does not reach it.
    /// The child is returned for reaping only; dropping it ends nothing.
    pub(crate) fn start(&self, token: &str) -> io::Result<(Child, Identity)> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .env(TOKEN_VARIABLE, token)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(false)
            .spawn()?;
        // Not reaped yet, so its entry is there even if it has already ended.
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let identity = pid.and_then(Identity::of).ok_or_else(|| io::Error::other("the new process has no entry"))?;
        Ok((child, identity))
    }
}

/// The variables of our own environment with these names; those that are not set are left out.
pub(crate) fn inherited<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, OsString> {
    let value = |name: &str| std::env::var_os(name).map(|value| (name.to_owned(), value));
    names.into_iter().filter_map(value).collect()
}

/// A launch that failed: a program that is not there or not ours to run stays so until somebody acts.
pub(crate) fn launch_error(code: &'static str, error: &io::Error, message: String) -> DriverError {
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) {
        DriverError::permanent(code, message)
    } else {
        DriverError::passing(code, message)
    }
}

/// Empties a log that has grown beyond `bytes_max`, keeping its end beside it as `.1`. The process goes on writing: its
/// file is open for appending. Lines written in between are lost. Nobody bounds the log while no agent runs.
pub(crate) fn bound_log(log: &Path, bytes_max: u64) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    if length <= bytes_max {
        return Ok(());
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES.min(bytes_max))))?;
    (&mut file).take(LOG_TAIL_BYTES).read_to_end(&mut tail)?;
    let mut beside = log.to_owned();
    beside.as_mut_os_string().push(".1");
    File::create(beside)?.write_all(&tail)?;
    file.set_len(0)
}
