//! Notes from conventional commits (`type(scope)!: description`, with `BREAKING CHANGE:` among the footers). It reads one
//! message at a time and does not know where messages come from.

use super::{NOTE_BYTES_MAX, Note, NoteKind};

/// What one commit message is to the notes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// An entry.
    Entry(Note),
    /// Housekeeping (`chore`, `ci`, `docs`, …), which those who use the service don't see.
    Housekeeping,
    /// Not of the form; it says no kind.
    Unconventional,
}

/// Types that are left out unless they break something.
const HOUSEKEEPING: [&str; 7] = ["build", "chore", "ci", "docs", "refactor", "style", "test"];

/// Reads a commit message.
#[must_use]
pub fn read(message: &str) -> Told {
    let mut lines = message.trim_start().lines();
    let Some(Header { word, scope, marked, description }) = lines.next().and_then(header) else {
        return Told::Unconventional;
    };
    let footer = lines.find_map(breaking_footer);
    let breaking = marked || footer.is_some();
    let kind = match word.as_str() {
        "feat" => NoteKind::Feature,
        "fix" => NoteKind::Fix,
        "perf" => NoteKind::Performance,
        other if HOUSEKEEPING.contains(&other) && !breaking => return Told::Housekeeping,
        _ => NoteKind::Other,
    };
    let scope = scope.map(|scope| format!("{scope}: ")).unwrap_or_default();
    let footer = footer.map(|text| format!("; {text}")).unwrap_or_default();
    Told::Entry(Note { kind, breaking, text: cut(&format!("{scope}{description}{footer}")) })
}

struct Header<'t> {
    /// In lower case.
    word: String,
    scope: Option<&'t str>,
    /// By an exclamation mark.
    marked: bool,
    description: &'t str,
}

fn header(line: &str) -> Option<Header<'_>> {
    let (head, description) = line.split_once(": ")?;
    let description = description.trim();
    let (head, marked) = head.strip_suffix('!').map_or((head, false), |head| (head, true));
    let (word, scope) = match head.split_once('(') {
        None => (head, None),
        Some((word, rest)) => (word, Some(rest.strip_suffix(')')?.trim())),
    };
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_scope = scope.is_none_or(|scope| !scope.is_empty() && !scope.contains(['(', ')']));
    let is_whole = is_word && is_scope && !description.is_empty();
    is_whole.then(|| Header { word: word.to_ascii_lowercase(), scope, marked, description })
}

/// The token is in capitals, unlike all others.
fn breaking_footer(line: &str) -> Option<&str> {
    let text = line.strip_prefix("BREAKING CHANGE: ").or_else(|| line.strip_prefix("BREAKING-CHANGE: "))?;
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

/// One line without control characters, of at most [`NOTE_BYTES_MAX`] bytes.
fn cut(text: &str) -> String {
    let mut line: String = text.chars().filter(|character| !character.is_control()).collect();
    line.truncate(line.floor_char_boundary(NOTE_BYTES_MAX));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_read_by_the_grammar() {
        let (feature, fix, other) = (NoteKind::Feature, NoteKind::Fix, NoteKind::Other);
        let cases = [
            ("feat: pay by card", feature, false, "pay by card"),
            ("Feat: any case", feature, false, "any case"),
            ("fix(cart): keep the order", fix, false, "cart: keep the order"),
            ("perf: half the memory", NoteKind::Performance, false, "half the memory"),
            ("revert: pay by card", other, false, "pay by card"),
            ("feat!: drop v1", feature, true, "drop v1"),
            ("feat(api)!: drop v1", feature, true, "api: drop v1"),
            ("chore!: drop old nodes", other, true, "drop old nodes"),
            ("fix: a: b", fix, false, "a: b"),
            ("\nfix: after a blank line\n", fix, false, "after a blank line"),
            ("fix: x\n\nbody\n\nBREAKING CHANGE: y is gone\n", fix, true, "x; y is gone"),
            ("docs: x\n\nReviewed-by: Z\nBREAKING-CHANGE: y is gone", other, true, "x; y is gone"),
            ("fix: x\n\nbreaking change: in small letters says nothing", fix, false, "x"),
            ("fix: bell\u{7}", fix, false, "bell"),
        ];
        for (message, kind, breaking, text) in cases {
            let expected = Note { kind, breaking, text: text.to_owned() };
            assert_eq!(read(message), Told::Entry(expected), "{message:?}");
        }
    }

    #[test]
    fn what_is_no_entry_says_why() {
        for message in ["chore: tidy up", "ci(main): faster", "docs: a word", "test: more", "REFACTOR: move"] {
            assert_eq!(read(message), Told::Housekeeping, "{message:?}");
        }
        let not = [
            "",
            "Merge branch 'main'",
            "feat:no space",
            "feat: ",
            "feat : x",
            ": x",
            "(scope): x",
            "feat(): x",
            "feat(a: x",
            "feat(a)b: x",
            "feat!!: x",
            "a word: x",
        ];
        for message in not {
            assert_eq!(read(message), Told::Unconventional, "{message:?}");
        }
    }

    #[test]
    fn a_long_commit_is_cut_at_a_character() {
        let Told::Entry(note) = read(&format!("fix: {}", "é".repeat(1000))) else { panic!("it is an entry") };
        assert_eq!(note.text.len(), NOTE_BYTES_MAX);
    }
}
