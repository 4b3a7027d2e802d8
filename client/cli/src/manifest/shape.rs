//! The shape of a document: walks the tree by field names, remembers the path, and refuses what is unknown, missing or
//! of the wrong make. It does not know what any field means.

use super::error::Finding;
use super::report::Report;
use super::yaml::{Content, Entry, Node, Place, Scalar};

/// Why a value was refused, without path and place.
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fix: String,
}

impl Refused {
    pub(super) fn new(code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: fix.into() }
    }
}

/// A node and the path that leads to it.
#[derive(Clone)]
pub(super) struct Cursor<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
}

/// The fields of a mapping whose names are all known.
pub(super) struct Fields<'n> {
    path: String,
    at: Place,
    entries: &'n [Entry],
}

impl<'n> Cursor<'n> {
    pub(super) const fn root(node: &'n Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(super) fn refuse(&self, report: &mut Report<'_>, refused: Refused) {
        let value = match &self.node.content {
            Content::Scalar(scalar) => scalar.text.clone(),
            Content::List(_) | Content::Map(_) => String::new(),
        };
        let Refused { code, message, fix } = refused;
        report.add(self.node.at, Finding { code, field: self.path.clone(), value, message, fix });
    }

    pub(super) const fn is_scalar(&self) -> bool {
        matches!(self.node.content, Content::Scalar(_))
    }

    pub(super) const fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    /// A mapping with none but these fields.
    pub(super) fn fields(&self, report: &mut Report<'_>, known: &[&str]) -> Option<Fields<'n>> {
        let entries = self.entries(report)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let field = join(&self.path, &entry.key);
            let fix = match nearest(&entry.key, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("remove it; fields here: {}", known.join(", ")),
            };
            let message = "there is no such field".to_owned();
            let finding = Finding { code: "UNKNOWN_FIELD", field, value: String::new(), message, fix };
            report.add(entry.key_at, finding);
        }
        Some(Fields { path: self.path.clone(), at: self.node.at, entries })
    }

    /// A mapping with any keys.
    pub(super) fn entries(&self, report: &mut Report<'_>) -> Option<&'n [Entry]> {
        match &self.node.content {
            Content::Map(entries) => Some(entries),
            Content::List(_) | Content::Scalar(_) => {
                self.wrong(report, "a mapping (`field: value`)");
                None
            }
        }
    }

    pub(super) fn items(&self, report: &mut Report<'_>) -> Option<Vec<Self>> {
        match &self.node.content {
            Content::List(items) => {
                let item = |(index, node)| Self { node, path: format!("{}[{index}]", self.path) };
                Some(items.iter().enumerate().map(item).collect())
            }
            Content::Map(_) | Content::Scalar(_) => {
                self.wrong(report, "a list (`[a, b]` or lines that start with `- `)");
                None
            }
        }
    }

    /// Reads every item; `None` if one was refused, after all were looked at.
    pub(super) fn each<T>(
        &self,
        report: &mut Report<'_>,
        mut read: impl FnMut(&Self, &mut Report<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = self.items(report)?.iter().map(|item| read(item, report)).collect();
        read.into_iter().collect()
    }

    /// A scalar, read by one of [`super::values`].
    pub(super) fn value<T>(
        &self,
        report: &mut Report<'_>,
        parse: impl FnOnce(&Scalar) -> Result<T, Refused>,
    ) -> Option<T> {
        match &self.node.content {
            Content::Scalar(scalar) if scalar.is_null() => {
                self.wrong(report, "a value");
                None
            }
            Content::Scalar(scalar) => match parse(scalar) {
                Ok(value) => Some(value),
                Err(refused) => {
                    self.refuse(report, refused);
                    None
                }
            },
            Content::List(_) | Content::Map(_) => {
                self.wrong(report, "a single value");
                None
            }
        }
    }

    pub(super) fn wrong(&self, report: &mut Report<'_>, wanted: &str) {
        let found = match &self.node.content {
            Content::Scalar(scalar) if scalar.is_null() => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        };
        let fix = format!("write {wanted}, or remove the field if it may be left out");
        self.refuse(report, Refused::new("WRONG_TYPE", format!("{wanted} is needed here, not {found}"), fix));
    }

    /// The node at a path below, or the deepest one on the way there; `of` picks the item that says the value.
    pub(super) fn find(&self, path: &str, value: &str) -> Self {
        let mut here = self.clone();
        for part in path.split(['.', '[']) {
            let index = part.strip_suffix(']').and_then(|index| index.parse::<usize>().ok());
            let next = match (&here.node.content, index) {
                (Content::List(items), Some(index)) => items.get(index),
                (Content::Map(entries), None) => {
                    entries.iter().find(|entry| entry.key == part).map(|entry| &entry.value)
                }
                (Content::List(_) | Content::Map(_) | Content::Scalar(_), _) => None,
            };
            let Some(node) = next else { break };
            here.node = node;
        }
        let says = |node: &&'n Node| matches!(&node.content, Content::Scalar(scalar) if scalar.text == value);
        if let Content::List(items) = &here.node.content
            && let Some(item) = items.iter().rfind(says)
        {
            here.node = item;
        }
        here.path = join(&self.path, path);
        here
    }
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<Cursor<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Cursor { node: &entry.value, path: join(&self.path, key) })
    }

    /// The field, or a refusal that shows how it is written.
    pub(super) fn need(&self, report: &mut Report<'_>, key: &str, example: &str) -> Option<Cursor<'n>> {
        let found = self.get(key);
        if found.is_none() {
            let fix = format!("add `{key}: {example}`");
            self.refuse(report, key, Refused::new("FIELD_MISSING", "this field is needed", fix));
        }
        found
    }

    /// Refuses the mapping itself because of one of its fields.
    pub(super) fn refuse(&self, report: &mut Report<'_>, key: &str, refused: Refused) {
        let Refused { code, message, fix } = refused;
        let field = if key.is_empty() { self.path.clone() } else { join(&self.path, key) };
        report.add(self.at, Finding { code, field, value: String::new(), message, fix });
    }

    /// The field's value, or the default if it is left out; `None` if it was refused.
    pub(super) fn value_or<T>(
        &self,
        report: &mut Report<'_>,
        key: &str,
        default: T,
        parse: impl FnOnce(&Scalar) -> Result<T, Refused>,
    ) -> Option<T> {
        match self.get(key) {
            Some(field) => field.value(report, parse),
            None => Some(default),
        }
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The known name that was probably meant: other case or separators, or at most two letters off.
fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let bare = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    if written.len() > 64 {
        return None;
    }
    let distance = |name: &&'k str| distance(&bare(written), &bare(name));
    let best = known.iter().copied().min_by_key(distance)?;
    (distance(&best) <= 2.min(best.len() / 2)).then_some(best)
}

/// Levenshtein's: how many letters must be changed, added or removed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
