//! What one seed is played with. The runner writes these; people only read them.

use std::collections::BTreeSet;

/// How a seed is played.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    /// Whether the story is printed while it happens.
    pub tells: bool,
    /// Positions of the faults that befall; `None`: all of them.
    pub only: Option<BTreeSet<usize>>,
    /// `None`: the seed says how many.
    pub servers: Option<usize>,
    /// A fault planted in the product's own code.
    pub planted: Option<String>,
}

impl Options {
    /// Reads `--seed N [--tell] [--only 1,2] [--servers N] [--planted NAME]`.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { seed: 0, tells: false, only: None, servers: None, planted: None };
        while let Some(word) = words.next() {
            if word == "--tell" {
                options.tells = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let wrong = |error: &dyn std::fmt::Display| format!("{word} {value}: {error}");
            match word.as_str() {
                "--seed" => options.seed = value.parse().map_err(|error| wrong(&error))?,
                "--servers" => options.servers = Some(value.parse().map_err(|error| wrong(&error))?),
                "--planted" => options.planted = Some(value),
                "--only" => {
                    let numbers = value.split(',').filter(|number| !number.is_empty()).map(str::parse);
                    options.only = Some(numbers.collect::<Result<_, _>>().map_err(|error| wrong(&error))?);
                }
                _ => return Err(format!("{word} is not an option")),
            }
        }
        Ok(options)
    }
}
