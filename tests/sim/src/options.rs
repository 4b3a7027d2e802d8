//! What the runner is asked for.

use crate::planted;

/// How it is asked.
pub const USAGE: &str = "meridian-sim --seeds N | --seed S | --planted NAME,…|common|all  [--from F] [--jobs J] [--tries T] [--again A] [--servers K]";
/// Of so many seeds one is played twice.
const AGAIN: u64 = 10;

/// What is run.
#[derive(Clone, Debug)]
pub enum Task {
    /// So many seeds.
    Seeds(u64),
    /// One, with its story.
    Seed(u64),
    /// Faults planted in the code, each until it is found; none named: all.
    Planted(Vec<String>),
}

/// Everything that was asked.
#[derive(Clone, Debug)]
pub struct Options {
    pub task: Task,
    /// The first seed.
    pub from: u64,
    /// Processes at once.
    pub jobs: usize,
    /// Of so many seeds one is played twice.
    pub again: u64,
    /// Words for every process.
    pub words: Vec<String>,
    /// How many seeds a planted fault is given.
    pub tries: u64,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// What is not understood.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut task, mut from, mut jobs, mut passed) = (None, 0, 2, Vec::new());
        let (mut tries, mut again) = (1000, AGAIN);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
            match word.as_str() {
                "--seeds" => task = Some(Task::Seeds(number()?)),
                "--seed" => task = Some(Task::Seed(number()?)),
                "--planted" if value == "common" => {
                    task = Some(Task::Planted(planted::COMMON.map(str::to_owned).to_vec()));
                    tries = planted::COMMON_TRIES;
                }
                "--planted" => {
                    let names = value.split(',').filter(|name| *name != "all").map(str::to_owned);
                    task = Some(Task::Planted(names.collect()));
                }
                "--from" => from = number()?,
                "--jobs" => jobs = usize::try_from(number()?).unwrap_or(1).max(1),
                "--again" => again = number()?.max(1),
                "--tries" => tries = number()?,
                "--servers" => passed.extend([word, value]),
                _ => return Err(format!("{word} is not an option")),
            }
        }
        let task = task.ok_or("nothing to do")?;
        Ok(Self { task, from, jobs, again, words: passed, tries })
    }
}
