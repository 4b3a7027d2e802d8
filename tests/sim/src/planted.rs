//! Faults planted in the product's own code: each is given seeds until one finds it. One that none finds is a hole in the
//! oracle, the faults or the workload.

use std::io;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::options::Options;
use crate::play;

/// Of a hundred planted faults so many have to be found.
const FOUND_MIN_PERCENT: usize = 95;

/// Looks for each fault. Says whether enough were found.
///
/// # Errors
/// If a process can't be started, or nothing can be planted in it.
pub fn run(options: &Options, names: &[String]) -> io::Result<bool> {
    let names = if names.is_empty() { list()? } else { names.to_vec() };
    let mut found = 0;
    for name in &names {
        match find(options, name)? {
            Some((seed, broken)) => {
                found += 1;
                println!("planted {name}: found by seed {seed}: {broken}");
            }
            None => println!("planted {name}: NOT FOUND in {} seeds", options.tries),
        }
    }
    println!("sim planted={} found={found}", names.len());
    Ok(found * 100 >= names.len() * FOUND_MIN_PERCENT)
}

fn list() -> io::Result<Vec<String>> {
    let output = Command::new(play::program()?).arg("--list-planted").output()?;
    let names: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(io::Error::other("nothing can be planted: it was built without the feature `planted`"));
    }
    Ok(names)
}

/// The lowest seed of the first ones tried that finds a fault, and what it saw.
fn find(options: &Options, name: &str) -> io::Result<Option<(u64, String)>> {
    let words = [&options.words[..], &["--planted".to_owned(), name.to_owned()]].concat();
    let (next, found) = (AtomicU64::new(0), Mutex::new(None::<(u64, String)>));
    let outcome: io::Result<()> = std::thread::scope(|scope| {
        let worker = || {
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let is_found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some();
                if position >= options.tries || is_found {
                    return Ok(());
                }
                let seed = options.from + position;
                let played = play::play(seed, &words)?;
                if let Some(broken) = played.broken.into_iter().next() {
                    let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if found.as_ref().is_none_or(|(known, _)| seed < *known) {
                        *found = Some((seed, broken));
                    }
                }
            }
        };
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker broke"))))
    });
    outcome?;
    Ok(found.into_inner().unwrap_or_default())
}
