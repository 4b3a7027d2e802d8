//! Faults planted in the product's own code: each is given seeds until one finds it. One that none finds is a hole in the
//! oracle, the faults or the workload.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::options::Options;
use crate::play;

/// Of a hundred planted faults so many have to be found.
const FOUND_MIN_PERCENT: usize = 95;

/// Faults that nearly every history shows: looked for with every change, in a few seeds, and all of them have to be found.
/// Each is found by one of the first few seeds; what needs a rare history (`no-fence`: an old owner's goal that arrives
/// after the new one's) is for the long run over all of them, or any change of the events' order would break this list.
pub const COMMON: [&str; 29] = [
    "pace-stalls",
    "overtaken-at-once",
    "crowd-ignored",
    "done-kept",
    "intent-not-written",
    "answer-before-sync",
    "done-not-written",
    "stop-serving",
    "reached-early",
    "bake-skipped",
    "wave-runs-ahead",
    "inconclusive-passes",
    "back-unconfirmed",
    "finished-stay",
    "end-while-turning",
    "goal-epoch-kept",
    "epoch-skips",
    "stable-forgotten",
    "speak-first",
    "owner-unchecked",
    "guard-goes-forward",
    "request-forgotten",
    "audit-unchained",
    "audit-left-out",
    "lanes-not-freed",
    "lanes-not-taken",
    "absent-unchecked",
    "queue-not-left",
    "queue-unswept",
];
/// How many seeds those are given.
pub const COMMON_TRIES: u64 = 50;
/// What is told of a finding: the rest is in its replay.
const TOLD_CHARS: usize = 110;

/// Looks for each fault. Says whether enough were found: of all of them nearly all, of some that were named each.
///
/// # Errors
/// If a process can't be started, or nothing can be planted in it.
pub fn run(options: &Options, named: &[String]) -> io::Result<bool> {
    let names = if named.is_empty() { list()? } else { named.to_vec() };
    let (next, found) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || -> io::Result<()> {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            match find(options, name)? {
                Some((seed, broken)) => {
                    found.fetch_add(1, Ordering::Relaxed);
                    let told: String = broken.chars().take(TOLD_CHARS).collect();
                    println!("planted {name}: found by seed {seed}: {told}");
                }
                None => println!("planted {name}: NOT FOUND in {} seeds from {}", options.tries, options.from),
            }
        }
        Ok(())
    };
    let outcome: io::Result<()> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker broke"))))
    });
    outcome?;
    let (found, wanted) = (found.into_inner(), if named.is_empty() { FOUND_MIN_PERCENT } else { 100 });
    println!("sim planted={} found={found}", names.len());
    Ok(found * 100 >= names.len() * wanted)
}

fn list() -> io::Result<Vec<String>> {
    let output = Command::new(play::program()?).arg("--list-planted").output()?;
    let names: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(io::Error::other("nothing can be planted: it was built without the feature `planted`"));
    }
    Ok(names)
}

/// The first seed that finds a fault, and what it saw.
fn find(options: &Options, name: &str) -> io::Result<Option<(u64, String)>> {
    let words = [&options.words[..], &["--planted".to_owned(), name.to_owned()]].concat();
    for seed in options.from..options.from + options.tries {
        if let Some(broken) = play::play(seed, &words)?.broken.into_iter().next() {
            return Ok(Some((seed, broken)));
        }
    }
    Ok(None)
}
