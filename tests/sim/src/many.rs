//! Many seeds, and some of them twice: a history that does not come out alike can't be replayed.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::options::Options;
use crate::play::{self, Played};

/// What came of all.
#[derive(Default)]
struct Tally {
    played: u64,
    again: u64,
    alike: u64,
    violations: u64,
}

/// Plays the seeds. Says whether nothing was broken and every history came out alike.
///
/// # Errors
/// If a process can't be started.
pub fn run(options: &Options, count: u64) -> io::Result<bool> {
    play::program()?;
    let (began, next, tally) = (Instant::now(), AtomicU64::new(0), Mutex::new(Tally::default()));
    let outcome: io::Result<()> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(|| work(options, count, &next, &tally))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker broke"))))
    });
    outcome?;
    let Tally { played, again, alike, violations } = tally.into_inner().unwrap_or_default();
    let per_hour = played as f64 * 3600.0 / began.elapsed().as_secs_f64();
    println!("sim seeds={played} violations={violations} trace_equal={alike}/{again} seeds_per_hour={per_hour:.0}");
    Ok(violations == 0 && alike == again)
}

fn work(options: &Options, count: u64, next: &AtomicU64, tally: &Mutex<Tally>) -> io::Result<()> {
    loop {
        let position = next.fetch_add(1, Ordering::Relaxed);
        if position >= count {
            return Ok(());
        }
        let seed = options.from + position;
        let first = play::play(seed, &options.words)?;
        let is_again = position.is_multiple_of(options.again);
        let second = if is_again { play::play(seed, &options.words)? } else { first.clone() };
        let is_alike = !first.trace.is_empty() && first.trace == second.trace;
        tell(seed, &first, is_alike, options);
        let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        tally.played += 1;
        tally.again += u64::from(is_again);
        tally.alike += u64::from(is_again && is_alike);
        tally.violations += u64::from(!first.broken.is_empty());
        if tally.played.is_multiple_of(100) {
            eprintln!("sim: {} of {count} seeds, {} violations", tally.played, tally.violations);
        }
    }
}

fn tell(seed: u64, played: &Played, is_alike: bool, options: &Options) {
    for broken in &played.broken {
        println!("seed {seed}: {broken}");
    }
    if !is_alike {
        println!("seed {seed}: two runs are not alike");
    }
    if !is_alike || !played.broken.is_empty() {
        println!("replay: make sim SEED={seed} {}", options.words.join(" "));
    }
}
