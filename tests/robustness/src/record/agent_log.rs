//! An agent's log as an account of what it took and reached. Its lines are written after its disk has them, so a line may
//! be missing after a `kill -9`, and none is there too early. It knows the agent's words, not what must follow from them.

use std::path::Path;

use meridian_core::epoch::Epoch;
use serde_json::Value;

use crate::history::{Act, ActKind};

/// What a log tells.
#[derive(Clone, Debug, Default)]
pub struct AgentLog {
    /// What the agent did, in order.
    pub acts: Vec<Act>,
    /// Goals it refused as older than what it has: the fence at work.
    pub refused: u64,
    /// Lines of a panic.
    pub panics: Vec<String>,
}

/// Reads a log.
///
/// # Errors
/// If the file can't be read.
pub fn read(path: &Path) -> std::io::Result<AgentLog> {
    Ok(parse(&std::fs::read_to_string(path)?))
}

fn parse(text: &str) -> AgentLog {
    let mut log = AgentLog::default();
    for line in text.lines() {
        if line.contains("panicked at") {
            log.panics.push(line.to_owned());
        }
        // A line that a kill cut short is followed by the next process' first one; both are lost.
        let Ok(fields) = serde_json::from_str::<Value>(line) else { continue };
        let word = |name: &str| fields.get(name).and_then(Value::as_str);
        let kind = match word("message") {
            Some("goal taken") => ActKind::Took,
            Some("going on with the goal of before") => ActKind::Resumed,
            Some("goal reached") => ActKind::Reached,
            Some("goal refused") => {
                log.refused += 1;
                continue;
            }
            Some(_) | None => continue,
        };
        let (Some(epoch), Some(rollout)) = (word("epoch").and_then(epoch), word("rollout")) else { continue };
        let hash = word("hash").map(str::to_owned);
        log.acts.push(Act { kind, epoch, rollout: rollout.to_owned(), hash });
    }
    log
}

fn epoch(text: &str) -> Option<Epoch> {
    let (generation, counter) = text.split_once('.')?;
    Some(Epoch::new(generation.parse().ok()?, counter.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_torn_ones_are_left() {
        let text = concat!(
            r#"{"timestamp":"t","level":"INFO","message":"goal taken","epoch":"1.4","rollout":"r1","hash":"sha256:00"}"#,
            "\n",
            r#"{"timestamp":"t","level":"INFO","message":"goal rea{"message":"agent started"}"#,
            "\nthread 'main' panicked at src/x.rs:1:2:\n",
            r#"{"message":"going on with the goal of before","epoch":"1.4","rollout":"r1","state":"unfinished"}"#,
            "\n",
            r#"{"message":"goal refused","refused":"older"}"#,
        );
        let log = parse(text);
        assert_eq!(log.acts.iter().map(|act| act.kind).collect::<Vec<_>>(), [ActKind::Took, ActKind::Resumed]);
        assert_eq!((log.acts[0].epoch, log.acts[0].hash.as_deref()), (Epoch::new(1, 4), Some("sha256:00")));
        assert_eq!((log.refused, log.panics.len()), (1, 1));
    }
}
