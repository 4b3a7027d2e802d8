//! Rule on metric names: written once, as literals in a `metrics.rs`, ending by their unit. It reads literals; it does not
//! know which of them are ever recorded.

use super::finding::Finding;
use super::source::{SourceFile, Tree};
use super::workspace::Workspace;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Endings that say unit or kind.
const ENDINGS: [&str; 5] = ["_total", "_seconds", "_bytes", "_info", "_ratio"];
/// A name without such an ending must say one of these in its line or the lines of doc above it: a gauge counts things
/// that have no unit, and a counter of the metrics library gets its `_total` when it is written out.
const SPOKEN_KINDS: [&str; 2] = ["gauge", "counter"];
/// How far above a name its doc may start.
const DOC_LINES: usize = 4;

/// Checks every string literal that is a metric's whole name.
#[must_use]
pub fn check(tree: &Tree, workspace: &Workspace) -> Vec<Finding> {
    let crates: Vec<String> = workspace.members.iter().map(|member| member.name.replace('-', "_")).collect();
    let mut found = Vec::new();
    let mut first_seen: BTreeMap<String, String> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| file.is_rust() && !file.is_proof()) {
        for (name, line) in literals(file) {
            if !is_metric(&name) || crates.contains(&name) {
                continue;
            }
            let place = (file.path.as_str(), line);
            if file.name() != "metrics.rs" {
                let what = format!("metric name `{name}` outside of metrics.rs");
                found.push(Finding::error("metric-place", place, what, "make it a constant of the crate's metrics.rs"));
                continue;
            }
            if !ENDINGS.iter().any(|ending| name.ends_with(ending)) && !kind_is_spoken(file, line) {
                let what = format!("metric `{name}` has neither a unit nor a stated kind");
                let fix = format!("end it with one of {}, or say gauge or counter in its doc", ENDINGS.join(" "));
                found.push(Finding::error("metric-name", place, what, fix));
            }
            let here = format!("{}:{line}", file.path);
            if let Some(there) = first_seen.insert(name.clone(), here) {
                let what = format!("metric `{name}` is also named at {there}");
                found.push(Finding::error("metric-unique", place, what, "one name, one place"));
            }
        }
    }
    found
}

/// A whole name: with nothing after it, or an underscore at the end, it is a prefix that something is added to.
fn is_metric(text: &str) -> bool {
    text.strip_prefix("meridian_").is_some_and(|rest| !rest.is_empty() && !rest.ends_with('_'))
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

fn kind_is_spoken(file: &SourceFile, line: usize) -> bool {
    let near = file.text.lines().take(line).skip(line.saturating_sub(DOC_LINES + 1));
    let near: String = near.collect::<Vec<_>>().join("\n").to_lowercase();
    SPOKEN_KINDS.iter().any(|kind| near.contains(kind))
}

/// String literals of a file, macros included, with their lines.
pub fn literals(file: &SourceFile) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    if let Ok(tokens) = proc_macro2::TokenStream::from_str(&file.text) {
        collect(tokens, &mut found);
    }
    found
}

fn collect(tokens: proc_macro2::TokenStream, found: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    found.push((text.value(), line));
                }
            }
            proc_macro2::TokenTree::Group(group) => collect(group.stream(), found),
            proc_macro2::TokenTree::Ident(_) | proc_macro2::TokenTree::Punct(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> Vec<&'static str> {
        let workspace = Workspace { members: Vec::new() };
        check(&Tree::of(files), &workspace).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn names_live_in_metrics_rs_once_and_end_by_unit() {
        let good = "//! Doc.\nconst A: &str = \"meridian_store_call_seconds\";\n/// Gauge: lanes now.\nconst B: &str = \"meridian_lanes\";\n";
        assert!(rules(&[("a/src/metrics.rs", good)]).is_empty());
        assert_eq!(rules(&[("a/src/x.rs", "//! D.\nfn f() { g(\"meridian_x_total\") }\n")]), ["metric-place"]);
        assert_eq!(rules(&[("a/src/metrics.rs", "//! D.\nconst A: &str = \"meridian_x\";\n")]), ["metric-name"]);
        assert_eq!(rules(&[("a/src/metrics.rs", good), ("b/src/metrics.rs", good)]), ["metric-unique"; 2]);
    }

    #[test]
    fn sentences_and_proof_may_say_any_name() {
        let text = "//! D.\nfn f() { g(\"meridian_server=debug\"); h(\"see meridian_x_total\") }\n";
        assert!(rules(&[("a/src/x.rs", text)]).is_empty());
        assert!(rules(&[("a/tests/x.rs", "//! D.\nfn f() { g(\"meridian_x_total\") }\n")]).is_empty());
    }
}
