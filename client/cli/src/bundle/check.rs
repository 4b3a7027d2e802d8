//! A bundle read back from text: whether it holds, else the line that does not and why.

use meridian_client::bundle::{BundlePart, BundleRecords, BundleUnreadable, BundleView};
use meridian_core::audit::bundle::Proof;
use meridian_core::digest::Digest;
use serde_json::Value;

use super::{FORMAT, print};
use crate::reference::{self, RolloutReference};

/// Lines before the first entry.
const LINES_BEFORE: usize = 2;

/// Where a file does not hold, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct FileFlaw {
    line: usize,
    what: String,
}

fn flaw<T>(line: usize, what: impl ToString) -> Result<T, FileFlaw> {
    Err(FileFlaw { line, what: what.to_string() })
}

/// What the first line names.
struct Head {
    records: BundleRecords,
    plan: Digest,
    entries: usize,
    head: Digest,
}

/// Checks a whole file.
pub(crate) fn verify(bytes: &[u8]) -> Result<(BundleView, Proof), FileFlaw> {
    let text = std::str::from_utf8(bytes).or_else(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        flaw(1 + before.iter().filter(|byte| **byte == b'\n').count(), "it is not UTF-8")
    })?;
    let lines: Vec<&str> = text.lines().collect();
    let Head { mut records, plan, entries, head } = first(lines.first().copied().unwrap_or_default())?;
    let wanted = entries.saturating_add(LINES_BEFORE + 1);
    if lines.len() != wanted {
        return flaw(lines.len(), format!("the file has {} lines, its head announces {wanted}", lines.len()));
    }
    for (at, line) in lines.iter().enumerate().skip(1) {
        match at {
            1 => records.plan = bytes_of("plan", at, line)?,
            _ if at == wanted - 1 => records.record = bytes_of("record", at, line)?,
            _ => records.entries.push(bytes_of("entry", at, line)?),
        }
    }
    let view = records.read().or_else(|BundleUnreadable { part, why }| flaw(line_of(part, wanted), why))?;
    let bundle = view.bundle(plan, head);
    let proof = bundle.verify().or_else(|why| {
        let at = why.at().and_then(|at| view.entries.iter().position(|it| it.entry.epoch == at));
        flaw(at.map_or(1, |at| at + LINES_BEFORE + 1), why)
    })?;
    // What is there for people has to be what the bytes say, and nothing else may be there.
    let printed = print(&records, &view);
    if printed != text {
        let differs = printed.split('\n').zip(text.split('\n')).position(|(a, b)| a != b);
        return flaw(differs.map_or(wanted, |at| at + 1), "it says something else than its bytes");
    }
    Ok((view, proof))
}

fn line_of(part: BundlePart, lines: usize) -> usize {
    match part {
        BundlePart::Plan => 2,
        BundlePart::Entry(at) => at + LINES_BEFORE + 1,
        BundlePart::Record => lines,
    }
}

fn first(line: &str) -> Result<Head, FileFlaw> {
    let value = object(0, line)?;
    let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if word("format") != FORMAT {
        return flaw(1, format!("the file is no bundle of the format {FORMAT}"));
    }
    let digest = |key: &str| Digest::parse(word(key)).or_else(|why| flaw(1, format!("{key}: {why}")));
    let (plan, head) = (digest("plan")?, digest("head")?);
    let Ok(RolloutReference::Exact(name)) = reference::rollout(word("rollout")) else {
        return flaw(1, "it names no rollout");
    };
    let entries = value.get("entries").and_then(Value::as_u64).and_then(|entries| usize::try_from(entries).ok());
    let Some(entries) = entries else { return flaw(1, "it does not say how many entries there are") };
    let records = BundleRecords { name, plan: Vec::new(), entries: Vec::new(), record: Vec::new() };
    Ok(Head { records, plan, entries, head })
}

fn object(at: usize, line: &str) -> Result<Value, FileFlaw> {
    serde_json::from_str(line).or_else(|error| flaw(at + 1, format!("it is not JSON: {error}")))
}

/// The bytes of a line of this kind.
fn bytes_of(kind: &str, at: usize, line: &str) -> Result<Vec<u8>, FileFlaw> {
    let value = object(at, line)?;
    if value.get(kind).is_none() {
        return flaw(at + 1, format!("a line with `{kind}` should be here"));
    }
    let bytes = value.get("bytes").and_then(Value::as_str).and_then(unhex);
    bytes.map_or_else(|| flaw(at + 1, "`bytes` are not hexadecimal"), Ok)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
