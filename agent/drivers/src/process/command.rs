//! Filling in a command: words with placeholders become a launch. It knows the placeholders, not the programs.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use meridian_core::slot::Slot;
use semver::Version;

/// What a command can ask for.
const PLACEHOLDERS: [&str; 6] = ["address", "ip", "port", "artifact", "version", "slot"];

/// What placeholders stand for.
pub(super) struct Filling<'a> {
    pub(super) address: SocketAddr,
    pub(super) artifact: &'a Path,
    pub(super) version: &'a Version,
    pub(super) slot: Slot,
}

/// The first placeholder in a word that nobody fills in. Braces around anything but a name are plain text.
pub(super) fn unknown_placeholder(word: &str) -> Option<&str> {
    pieces(word).find_map(|piece| match piece {
        Piece::Placeholder(name) if !PLACEHOLDERS.contains(&name) => Some(name),
        Piece::Placeholder(_) | Piece::Text(_) => None,
    })
}

/// A word with its placeholders filled in.
pub(super) fn filled(word: &str, filling: &Filling<'_>) -> OsString {
    let mut text = OsString::new();
    for piece in pieces(word) {
        match piece {
            Piece::Text(plain) => text.push(plain),
            Piece::Placeholder("address") => text.push(filling.address.to_string()),
            Piece::Placeholder("ip") => text.push(filling.address.ip().to_string()),
            Piece::Placeholder("port") => text.push(filling.address.port().to_string()),
            Piece::Placeholder("artifact") => text.push(filling.artifact),
            Piece::Placeholder("version") => text.push(filling.version.to_string()),
            Piece::Placeholder("slot") => text.push(filling.slot.as_str()),
            // Refused when the configuration was read; kept as it stands.
            Piece::Placeholder(other) => text.push(format!("{{{other}}}")),
        }
    }
    text
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

fn pieces(word: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
        let name = rest.strip_prefix('{').and_then(|open| open.split_once('}')).map(|(name, _)| name);
        if let Some(name) = name.filter(|name| is_name(name)) {
            rest = &rest[name.len() + 2..];
            return Some(Piece::Placeholder(name));
        }
        let end = rest.char_indices().skip(1).find(|(_, c)| *c == '{').map_or(rest.len(), |(at, _)| at);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_kept() {
        let version = Version::new(1, 2, 0);
        let filling = Filling {
            address: "127.0.0.1:81".parse().unwrap(),
            artifact: Path::new("/a/b"),
            version: &version,
            slot: Slot::Green,
        };
        for (word, wanted) in [
            ("--listen={address}", "--listen=127.0.0.1:81"),
            ("{ip}:{port}", "127.0.0.1:81"),
            ("{artifact}", "/a/b"),
            ("v{version}-{slot}", "v1.2.0-green"),
            ("{\"a\":{}}", "{\"a\":{}}"),
            ("{{port}}", "{81}"),
            ("ü{", "ü{"),
            ("", ""),
        ] {
            assert_eq!(filled(word, &filling), wanted, "{word}");
            assert_eq!(unknown_placeholder(word), None, "{word}");
        }
        assert_eq!(unknown_placeholder("x{adress}"), Some("adress"));
    }
}
