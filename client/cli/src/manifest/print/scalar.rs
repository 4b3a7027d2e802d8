//! Texts as YAML: bare, quoted or as a block, whichever every reader takes for this text.

/// Words that some YAML reader takes for something else than text.
const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "none"];

/// A text as a scalar that every YAML reader takes for this text: bare only if no reader could see anything else.
pub(super) fn scalar(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let follows = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let digest = text.strip_prefix("sha256:").unwrap_or(text);
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if starts && !word && digest.bytes().all(follows) { text.to_owned() } else { quoted(text) }
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            shown if is_shown(shown) => out.push(shown),
            hidden if u32::from(hidden) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(hidden))),
            hidden => out.push_str(&format!("\\U{:08x}", u32::from(hidden))),
        }
    }
    out.push('"');
    out
}

/// A text of several lines as a literal block: its header and its lines; `None` where a block would not be exact.
pub(super) fn block(text: &str) -> Option<(&'static str, std::str::Split<'_, char>)> {
    let (header, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    let exact = body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n'])
        && body.chars().all(|c| c == '\n' || is_shown(c))
        && body.split('\n').all(|line| !line.ends_with(' '));
    exact.then(|| (header, body.split('\n')))
}

/// Characters that stand for themselves on paper: the others could break a line or turn the reading direction.
fn is_shown(character: char) -> bool {
    let hides = matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    let private = matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..);
    !character.is_control() && !hides && !private
}
