//! One seed again: its story on standard output, and if something broke, the shortest list of faults that still breaks it.

use std::io;
use std::process::Command;

use crate::options::Options;
use crate::play;

/// Tells the story, then looks for the faults that matter. Says whether nothing was broken.
///
/// # Errors
/// If a process can't be started.
pub fn run(options: &Options, seed: u64) -> io::Result<bool> {
    let mut command = Command::new(play::program()?);
    let status = command.args(["--seed", &seed.to_string(), "--tell"]).args(&options.words).status()?;
    if status.success() {
        return Ok(true);
    }
    let played = play::play(seed, &options.words)?;
    let breaks = |kept: &[usize]| -> io::Result<bool> {
        let list = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let words = [&options.words[..], &["--only".to_owned(), list]].concat();
        Ok(!play::play(seed, &words)?.broken.is_empty())
    };
    let kept = shortest((0..played.faults.len()).collect(), breaks)?;
    println!("{} of {} faults are enough:", kept.len(), played.faults.len());
    for position in kept {
        println!("  {}", played.faults[position]);
    }
    Ok(false)
}

/// Leaves out ever smaller parts while it still breaks.
fn shortest(mut kept: Vec<usize>, breaks: impl Fn(&[usize]) -> io::Result<bool>) -> io::Result<Vec<usize>> {
    if breaks(&[])? {
        return Ok(Vec::new());
    }
    let mut part = kept.len().div_ceil(2);
    while part > 0 {
        let mut start = 0;
        while start < kept.len() {
            let end = (start + part).min(kept.len());
            let rest = [&kept[..start], &kept[end..]].concat();
            if breaks(&rest)? {
                kept = rest;
            } else {
                start = end;
            }
        }
        part /= 2;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_faults_that_matter_are_left() {
        let needs =
            |wanted: &'static [usize]| move |kept: &[usize]| Ok(wanted.iter().all(|position| kept.contains(position)));
        assert_eq!(shortest((0..20).collect(), needs(&[3, 11])).unwrap(), [3, 11]);
        assert_eq!(shortest((0..7).collect(), needs(&[6])).unwrap(), [6]);
        assert_eq!(shortest((0..7).collect(), needs(&[])).unwrap(), [] as [usize; 0]);
    }
}
