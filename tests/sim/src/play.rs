//! One process that plays one seed, and what it says at its end.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

/// A history that takes longer hangs: one that never waits can't be interrupted from within.
const WATCHDOG: Duration = Duration::from_secs(180);

/// What came of a seed.
#[derive(Clone, Debug)]
pub struct Played {
    /// The hash of its story; empty if it did not get that far.
    pub trace: String,
    /// What was found broken, a line each: the id and what was seen.
    pub broken: Vec<String>,
    /// The faults that befell it.
    pub faults: Vec<String>,
}

/// The program that plays.
///
/// # Errors
/// If it is not beside this one.
pub fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name("examples").join("seed");
    if program.is_file() {
        return Ok(program);
    }
    let why = format!("{} is not there; use `make sim`", program.display());
    Err(io::Error::new(io::ErrorKind::NotFound, why))
}

/// Plays a seed and waits for its end.
///
/// # Errors
/// If the process can't be started or was not asked properly.
pub fn play(seed: u64, words: &[String]) -> io::Result<Played> {
    let mut command = Command::new(program()?);
    command.args(["--seed", &seed.to_string()]).args(words);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (ended, end) = mpsc::sync_channel(1);
    let reader = |pipe: Option<Box<dyn Read + Send>>, ended: Option<SyncSender<()>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            // A process that was killed in mid-word has said enough.
            let _cut = pipe.map(|mut pipe| pipe.read_to_string(&mut text));
            let _nobody = ended.map(|ended| ended.send(()));
            text
        })
    };
    let said = reader(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>), Some(ended));
    let complained = reader(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>), None);
    let in_time = end.recv_timeout(WATCHDOG).is_ok();
    if !in_time {
        child.kill()?;
    }
    let status = Some(child.wait()?).filter(|_| in_time);
    let (said, complained) = (said.join().unwrap_or_default(), complained.join().unwrap_or_default());
    let mut played = read(&said);
    match status.map(|status| status.code()) {
        Some(Some(0 | 1)) => {}
        Some(Some(2)) => return Err(io::Error::other(complained)),
        Some(_) => played.broken.push(format!("PANIC {}", last_words(&complained))),
        None => played.broken.push(format!("HANG no end after {WATCHDOG:?}")),
    }
    Ok(played)
}

fn read(said: &str) -> Played {
    let lines = |word: &str| said.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect();
    let last = said.lines().rev().find(|line| line.starts_with("seed="));
    let trace = last.and_then(|line| line.split(' ').find_map(|word| word.strip_prefix("trace=")));
    Played { trace: trace.unwrap_or_default().to_owned(), broken: lines("broken "), faults: lines("fault ") }
}

/// Of a process that panicked: where and what.
fn last_words(complained: &str) -> String {
    let panic = complained.lines().position(|line| line.contains("panicked at"));
    let words = complained.lines().skip(panic.unwrap_or(0)).take(2);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says_is_read() {
        let said = "   0.1 etcd up\nfault 0 at 3 s\nfault 1 at 4 s\nbroken S1 fell\nseed=7 trace=00ff events=3 ms=9\n";
        let played = read(said);
        assert_eq!((played.trace.as_str(), played.faults.len()), ("00ff", 2));
        assert_eq!(played.broken, ["S1 fell"]);
        assert_eq!(
            last_words("noise\nthread main panicked at a.rs:1:\nwhy\nmore"),
            "thread main panicked at a.rs:1: why"
        );
    }
}
