//! One seed from its options to its exit code. It knows no world.

use std::process::ExitCode;

use mad_turmoil::time::SimClocksGuard;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::options::Options;
use crate::world::World;

/// As much as a program's first thread has.
const STACK: usize = 8 << 20;
/// As of a program that panics by itself.
const PANICKED: u8 = 101;

/// The program.
pub fn main() -> ExitCode {
    if !cfg!(tokio_unstable) {
        eprintln!("sim: not built with --cfg tokio_unstable, so that no two runs would be alike; use `make sim`");
        return ExitCode::from(2);
    }
    if std::env::args().any(|word| word == "--list-planted") {
        #[cfg(feature = "planted")]
        meridian_core::planted::LIST.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("sim: {why}");
            return ExitCode::from(2);
        }
    };
    if options.tells && std::env::var_os("MERIDIAN_LOG").is_some() {
        tell_logs();
    }
    // On a thread of its own, whose hash maps have not drawn their seeds yet: logs or not, the history is the same.
    let played = std::thread::Builder::new().stack_size(STACK).spawn(move || play(&options));
    played.expect("there is room for one thread").join().unwrap_or(ExitCode::from(PANICKED))
}

fn play(options: &Options) -> ExitCode {
    if let Some(name) = &options.planted {
        plant(name);
    }
    mad_turmoil::rand::set_rng(StdRng::seed_from_u64(options.seed));
    let _clocks = SimClocksGuard::init();
    let mut world = World::new(options);
    let faults = world.faults().to_vec();
    world.run(options.seed);
    let summary = world.story.summary();
    for (at, fault) in faults.iter().enumerate() {
        println!("fault {at} {fault}");
    }
    for broken in &summary.broken {
        println!("broken {} {}", broken.id, broken.what);
    }
    let simulated = world.story.now().as_millis();
    println!("seed={} trace={:016x} events={} ms={simulated}", options.seed, summary.hash, summary.events);
    if summary.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

#[cfg(feature = "planted")]
fn plant(name: &str) {
    meridian_core::planted::plant(name);
}

#[cfg(not(feature = "planted"))]
fn plant(name: &str) {
    panic!("{name} can't be planted: this was built without the feature `planted`");
}

/// Lines of the shells' own logs between those of the story; MERIDIAN_LOG chooses which.
fn tell_logs() {
    let filter = std::env::var("MERIDIAN_LOG").unwrap_or_else(|_| "warn".to_owned());
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_ansi(false).init();
}
