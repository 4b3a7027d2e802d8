//! Rule on core: no async, no clock, no hashing order, no surroundings. It reads tokens, so words in comments and strings
//! are free; it does not know which crate core's types come from.

use super::finding::Finding;
use super::source::Tree;
use proc_macro2::{TokenStream, TokenTree};
use std::str::FromStr;

/// Where the rule holds.
const CORE: &str = "core/src/";

/// Words core has no use for, and why.
const IMPURE: [(&str, &str); 9] = [
    ("async", "core decides, the shell waits: return an effect"),
    ("await", "core decides, the shell waits: return an effect"),
    ("HashMap", "its order differs between runs: use BTreeMap"),
    ("HashSet", "its order differs between runs: use BTreeSet"),
    ("Instant", "time is an argument: use core's Timestamp"),
    ("SystemTime", "time is an argument: use core's Timestamp"),
    ("tokio", "core decides, the shell runs"),
    ("rand", "chance is an argument"),
    ("unsafe", "nothing here needs it"),
];

/// Checks the tokens of every file of core.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust() && file.path.starts_with(CORE)) {
        let Ok(tokens) = TokenStream::from_str(&file.text) else {
            continue;
        };
        let mut words = Vec::new();
        collect(tokens, &mut words);
        for (word, line) in words {
            if let Some((_, fix)) = IMPURE.iter().find(|(impure, _)| *impure == word) {
                let what = format!("core says `{word}`");
                found.push(Finding::error("core-purity", (&file.path, line), what, *fix));
            }
        }
    }
    found
}

fn collect(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => words.push((ident.to_string(), ident.span().start().line)),
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_has_no_clock_no_async_and_no_hash_order() {
        let text = "//! No async here.\nuse std::collections::HashMap;\nfn f() { std::time::Instant::now(); }\n";
        let found = check(&Tree::of(&[("core/src/a.rs", text), ("server/src/a.rs", text)]));
        let places: Vec<_> = found.iter().map(|finding| (finding.file.as_str(), finding.line)).collect();
        assert_eq!(places, [("core/src/a.rs", 2), ("core/src/a.rs", 3)]);
    }
}
