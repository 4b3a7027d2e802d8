//! YAML text to a tree in which every scalar is still the text that was written and everything has its place. The only
//! file that knows the YAML library. It refuses what a manifest never needs (anchors, aliases, tags, directives,
//! duplicate keys, deep nesting) and does not know what fields mean.

use std::collections::BTreeSet;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, options};

use super::{DEPTH_MAX, DOCUMENTS_MAX};

/// Where something stands in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// Counted from one.
    pub(super) line: usize,
    /// In characters, counted from one.
    pub(super) column: usize,
    /// In bytes from the start of the text.
    pub(super) offset: usize,
    /// In bytes; zero for a point.
    pub(super) length: usize,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) content: Content,
}

/// What a value is made of.
#[derive(Debug)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar as written: nothing was rounded, and `no` is still two letters.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes and not as a block.
    pub(super) plain: bool,
}

/// A field of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Place,
    pub(super) value: Node,
}

/// Why a text is not a stream of trees.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) at: Place,
    pub(super) code: &'static str,
    pub(super) value: String,
    pub(super) message: String,
    pub(super) fix: String,
}

impl Scalar {
    /// Whether nothing was given: `key:`, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Reads all documents of a text that was checked to be UTF-8 of bounded length. Empty documents are left out.
///
/// # Errors
/// Every duplicate key and the first of everything else, in the order of the text.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, Vec<Refusal>> {
    let mut reader = Reader::new(text);
    let mut roots = Vec::new();
    if let Err(refusal) = reader.stream(&mut roots) {
        reader.refused.push(*refusal);
    }
    if reader.refused.is_empty() { Ok(roots) } else { Err(reader.refused) }
}

type Step<T> = Result<T, Box<Refusal>>;

struct Reader<'t> {
    text: &'t str,
    events: Parser<'t, StrInput<'t>>,
    refused: Vec<Refusal>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let mut options = options! {
            disallow_directives: true,
            emit_unresolved_aliases: true,
            // Our own depth check speaks first; these bound what the scanner itself keeps.
            flow_nesting_limit: 2 * DEPTH_MAX,
            block_nesting_limit: 2 * DEPTH_MAX,
        };
        options.set_emit_comments(false);
        Self { text, events: Parser::new_from_str_with_options(text, options), refused: Vec::new() }
    }

    fn next(&mut self) -> Step<(Event<'t>, Span)> {
        match self.events.next() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(Box::new(self.broken(&error))),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn stream(&mut self, roots: &mut Vec<Node>) -> Step<()> {
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::StreamEnd) {
                return Ok(());
            }
            if matches!(event, Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd) {
                continue;
            }
            if roots.len() == DOCUMENTS_MAX {
                let message = format!("a stream has at most {DOCUMENTS_MAX} documents");
                return Err(self.refuse(span, "TOO_MANY_DOCUMENTS", message, "split the file"));
            }
            let root = self.node(event, span, 1)?;
            if !matches!(&root.content, Content::Scalar(scalar) if scalar.is_null()) {
                roots.push(root);
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Step<Node> {
        let at = self.place(span);
        let deep = depth > DEPTH_MAX;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some())?;
                let scalar = Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                Ok(Node { at, content: Content::Scalar(scalar) })
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if deep => Err(self.too_deep(span)),
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some())?;
                Ok(Node { at, content: Content::List(self.list(depth)?) })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some())?;
                Ok(Node { at, content: Content::Map(self.map(depth)?) })
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => Err(self.alias(span)),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::SequenceEnd
            | Event::MappingEnd
            | _ => Err(self.refuse(span, "YAML_INVALID", "a value is missing here", "give the field a value")),
        }
    }

    fn list(&mut self, depth: usize) -> Step<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Step<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut keys = BTreeSet::new();
        loop {
            let (key, key_at) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (Event::Scalar(text, _, anchor, tag), span) => {
                    self.refuse_properties(span, anchor, tag.is_some())?;
                    (text.into_owned(), span)
                }
                (Event::Alias(_) | Event::UnresolvedAlias(_), span) => return Err(self.alias(span)),
                (_, span) => {
                    let fix = "write a plain field name before the colon";
                    return Err(self.refuse(span, "KEY_NOT_TEXT", "a list or mapping can't be a field's name", fix));
                }
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if keys.insert(key.clone()) {
                entries.push(Entry { key, key_at: self.place(key_at), value });
            } else if self.refused.len() < super::ERRORS_MAX {
                let message = format!("the field `{}` is given twice", key.escape_debug());
                let refusal = self.refuse(key_at, "DUPLICATE_KEY", message, "keep one of the two");
                self.refused.push(*refusal);
            }
        }
    }

    fn refuse_properties(&self, span: Span, anchor: usize, tagged: bool) -> Step<()> {
        if anchor != 0 {
            return Err(self.refuse(
                span,
                "ALIAS_REFUSED",
                "anchors are not taken",
                "write the value out where it is used",
            ));
        }
        if tagged {
            return Err(self.refuse(span, "TAG_REFUSED", "tags (`!…`) are not taken", "remove the tag"));
        }
        Ok(())
    }

    fn alias(&self, span: Span) -> Box<Refusal> {
        self.refuse(span, "ALIAS_REFUSED", "aliases are not taken", "write the value out")
    }

    fn too_deep(&self, span: Span) -> Box<Refusal> {
        let message = format!("lists and mappings nest at most {DEPTH_MAX} deep");
        self.refuse(span, "TOO_DEEP", message, "no field of a manifest is that deep: check brackets and indentation")
    }

    fn refuse(&self, span: Span, code: &'static str, message: impl Into<String>, fix: &str) -> Box<Refusal> {
        let at = self.place(span);
        let value = self.text.get(at.offset..at.offset + at.length).unwrap_or_default().to_owned();
        Box::new(Refusal { at, code, value, message: message.into(), fix: fix.to_owned() })
    }

    fn broken(&self, error: &ScanError) -> Refusal {
        let mark = *error.marker();
        let span = Span::new(mark, mark);
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return *self.too_deep(span);
        }
        let message = format!("this is not YAML: {}", error.kind());
        *self.refuse(span, "YAML_INVALID", message, "check indentation, quotes and brackets around here")
    }

    /// What of a span lies on its first line: that is what a caret can point at.
    fn place(&self, span: Span) -> Place {
        let range = span.byte_range().unwrap_or_default();
        let start = range.start.min(self.text.len());
        let whole = self.text.get(start..range.end.clamp(start, self.text.len())).unwrap_or_default();
        let length = whole.lines().next().map_or(0, |line| line.trim_end().len());
        Place { line: span.start.line().max(1), column: span.start.col() + 1, offset: start, length }
    }
}
