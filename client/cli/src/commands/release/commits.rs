//! Release notes from the commits of a repository: runs `git log` and hands each message to the rules. It does not know
//! the grammar.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use meridian_core::release::commits::{Told, read as read_commit};
use meridian_core::release::{NOTES_BYTES_MAX, NOTES_MAX, Notes};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::error::CliError;

/// The longest that `git` may take: a log that is slower has lost its disk.
const TIME_MAX: Duration = Duration::from_secs(30);
/// The most that is read of it: more than the notes could ever hold.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What stands between two messages; git strips it from none, and nobody writes it.
const SEPARATOR: char = '\u{1e}';

/// The notes of some commits, and what did not become one.
pub(super) struct Made {
    pub(super) notes: Notes,
    housekeeping: usize,
    unconventional: usize,
}

impl Made {
    /// For people.
    pub(super) fn left_out(&self) -> String {
        let Self { notes, housekeeping, unconventional } = self;
        let entries = notes.entries().len();
        format!("{entries} notes; left out: {housekeeping} of housekeeping, {unconventional} that are not conventional")
    }
}

/// Reads the commits of a range, the newest first.
pub(super) async fn read(range: &str, repo: &Path) -> Result<Made, CliError> {
    let failed = |reason: String| CliError::Commits { range: range.to_owned(), reason };
    let log = log(range, repo).await.map_err(failed)?;
    let (mut entries, mut housekeeping, mut unconventional) = (Vec::new(), 0, 0);
    for message in log.split(SEPARATOR).filter(|message| !message.trim().is_empty()) {
        match read_commit(message) {
            Told::Entry(note) => entries.push(note),
            Told::Housekeeping => housekeeping += 1,
            Told::Unconventional => unconventional += 1,
        }
    }
    let notes = Notes::of(entries);
    if notes.entries().len() > NOTES_MAX || notes.bytes() > NOTES_BYTES_MAX {
        let limit = format!("{NOTES_MAX} notes or {NOTES_BYTES_MAX} bytes");
        return Err(failed(format!("these are more than {limit}; take a shorter range")));
    }
    Ok(Made { notes, housekeeping, unconventional })
}

async fn log(range: &str, repo: &Path) -> Result<String, String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repo).args([
        "log",
        "--no-color",
        "--no-merges",
        "--format=%B%x1e",
        "--end-of-options",
        range,
    ]);
    // Else a range that names a file would be taken for a path.
    command.arg("--").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let run = async {
        let mut child = command.spawn()?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = (stdout.expect("stdout is piped"), stderr.expect("stderr is piped"));
        let (mut stdout, mut stderr) = (stdout.take(LOG_BYTES_MAX), stderr.take(LOG_BYTES_MAX));
        tokio::try_join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err))?;
        // Whoever has more to say finds nobody listening, and ends.
        drop((stdout, stderr));
        std::io::Result::Ok((child.wait().await?, out, err))
    };
    let late = |_| format!("no answer within {} s", TIME_MAX.as_secs());
    let (status, out, err) =
        tokio::time::timeout(TIME_MAX, run).await.map_err(late)?.map_err(|error| error.to_string())?;
    if out.len() as u64 == LOG_BYTES_MAX {
        return Err("the log is too long; take a shorter range".to_owned());
    }
    if !status.success() {
        let said = String::from_utf8_lossy(&err);
        return Err(said.lines().next().unwrap_or("it failed without a word").to_owned());
    }
    String::from_utf8(out).map_err(|_| "a message is not UTF-8".to_owned())
}
