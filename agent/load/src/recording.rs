//! Every request with its times, small enough for millions of them. It does not know what is looked for in it.

use crate::failure::FailureReason;

/// More requests than this are counted but not kept: 240 MB.
pub(crate) const LIMIT: usize = 10_000_000;
/// More different versions and slots than this share the label `other`.
pub(crate) const MAX_LABELS: usize = 4096;
/// What further labels are counted as.
pub(crate) const OTHER: &str = "other";

const NO_LABEL: u16 = u16::MAX;
const NO_STATUS: u16 = 0;

/// Every request of a load, in the order in which they ended. Empty unless [`crate::Options::record`] was set.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    entries: Vec<Entry>,
    labels: Vec<String>,
    left_out: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start_micros: u64,
    took_micros: u32,
    slot: u16,
    version: u16,
    status: u16,
    failure: Option<FailureReason>,
}

/// One request. Its times are microseconds since [`crate::Options::base`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// When it was written (the clock was read just before), or was due if it never was.
    pub start_micros: u64,
    /// When its answer was complete, or it was given up.
    pub end_micros: u64,
    /// The slot that answered, if it said so.
    pub slot: Option<&'a str>,
    /// The version that answered, if it said so.
    pub version: Option<&'a str>,
    /// The status; `None` if there was no answer.
    pub status: Option<u16>,
    /// Why it counts as failed; `None`: a slot answered.
    pub failure: Option<FailureReason>,
}

impl Recording {
    /// How many requests were kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many were not kept because ten million were.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The kept requests, in the order in which they ended.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Sample<'_>> {
        self.entries.iter().map(|entry| Sample {
            start_micros: entry.start_micros,
            end_micros: entry.start_micros + u64::from(entry.took_micros),
            slot: self.label(entry.slot),
            version: self.label(entry.version),
            status: (entry.status != NO_STATUS).then_some(entry.status),
            failure: entry.failure,
        })
    }

    pub(crate) fn add(&mut self, sample: Sample<'_>, limit: usize) {
        if self.entries.len() >= limit {
            self.left_out += 1;
            return;
        }
        let entry = Entry {
            start_micros: sample.start_micros,
            took_micros: u32::try_from(sample.end_micros.saturating_sub(sample.start_micros)).unwrap_or(u32::MAX),
            slot: self.index(sample.slot),
            version: self.index(sample.version),
            status: sample.status.unwrap_or(NO_STATUS),
            failure: sample.failure,
        };
        self.entries.push(entry);
    }

    fn label(&self, index: u16) -> Option<&str> {
        self.labels.get(usize::from(index)).map(String::as_str)
    }

    fn index(&mut self, label: Option<&str>) -> u16 {
        let Some(label) = label else { return NO_LABEL };
        // From the end: what answers now is mostly what came last.
        let find = |labels: &[String], label: &str| labels.iter().rposition(|known| known == label);
        let known = find(&self.labels, label).unwrap_or_else(|| {
            let label = if self.labels.len() < MAX_LABELS { label } else { OTHER };
            find(&self.labels, label).unwrap_or_else(|| {
                self.labels.push(label.to_owned());
                self.labels.len() - 1
            })
        });
        u16::try_from(known).unwrap_or(NO_LABEL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample<'a>(start_micros: u64, slot: Option<&'a str>, version: Option<&'a str>) -> Sample<'a> {
        let failure = slot.is_none().then_some(FailureReason::Refused);
        Sample { start_micros, end_micros: start_micros + 3, slot, version, status: slot.map(|_| 200), failure }
    }

    #[test]
    fn what_was_added_comes_back() {
        let mut recording = Recording::default();
        let samples = [sample(1, Some("blue"), Some("1.0.0")), sample(u64::from(u32::MAX) + 9, None, None)];
        for added in samples {
            recording.add(added, LIMIT);
        }
        assert_eq!(recording.iter().collect::<Vec<_>>(), samples);
        assert_eq!(recording.left_out(), 0);
    }

    #[test]
    fn it_is_bounded() {
        let mut recording = Recording::default();
        let limit = MAX_LABELS + 100;
        for number in 0..MAX_LABELS as u64 + 150 {
            recording.add(sample(number, Some(&format!("slot {number}")), None), limit);
        }
        assert_eq!((recording.len(), recording.left_out()), (limit, 50));
        let slots: Vec<_> = recording.iter().filter_map(|kept| kept.slot).collect();
        let last = format!("slot {}", MAX_LABELS - 1);
        assert_eq!((slots[MAX_LABELS - 1], slots[MAX_LABELS], slots[limit - 1]), (last.as_str(), OTHER, OTHER));
        assert_eq!(size_of::<Entry>(), 24);
    }
}
