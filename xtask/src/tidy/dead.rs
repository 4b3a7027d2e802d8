//! Rule on reachability: every Rust file is reached by `mod` from the start of a target, or cargo never compiles it and
//! it rots. It follows `mod`, `#[path]` and `include!` with a literal; it does not evaluate `cfg`.

use super::finding::Finding;
use super::source::{SourceFile, Tree};
use super::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet};

/// Where programs outside the workspace start: the stand-in for protoc is built while the workspace is.
const ALONE: &[&str] = &["xtask/protoc/src/main.rs"];

/// Checks that every Rust file is compiled into something.
#[must_use]
pub fn check(tree: &Tree, workspace: &Workspace) -> Vec<Finding> {
    let files: BTreeMap<&str, &SourceFile> = tree.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let starts = workspace.members.iter().flat_map(|member| member.starts.iter().cloned());
    let starts = starts.chain(ALONE.iter().map(|start| (*start).to_owned()));
    let mut open: Vec<(String, bool)> = starts.map(|start| (start, true)).collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    while let Some((path, is_start)) = open.pop() {
        let Some(file) = files.get(path.as_str()) else {
            continue;
        };
        if !reached.insert(path.clone()) {
            continue;
        }
        let Some(ast) = file.syntax() else { continue };
        let owns_folder = is_start || file.name() == "mod.rs";
        let folder = file.folder();
        let stem = file.name().trim_end_matches(".rs");
        let below = if owns_folder { folder.to_owned() } else { join(folder, stem) };
        let mut declared = Vec::new();
        follow(&ast.items, Place { folder, below: &below, is_inline: false }, &mut declared);
        // Either spelling of a module is taken: the file that exists decides.
        open.extend(declared.into_iter().map(|path| (path, false)));
    }
    let dead = tree.files.iter().filter(|file| file.is_rust() && !reached.contains(&file.path));
    dead.map(|file| {
        let fix = "declare it with `mod`, or delete it";
        Finding::error("dead-file", (&file.path, 1), "no target reaches this file", fix)
    })
    .collect()
}

/// Where a list of items stands: the folder of its file, and the folder its modules lie in.
#[derive(Clone, Copy)]
struct Place<'a> {
    folder: &'a str,
    below: &'a str,
    is_inline: bool,
}

fn follow(items: &[syn::Item], place: Place<'_>, declared: &mut Vec<String>) {
    for item in items {
        if let syn::Item::Mod(module) = item {
            follow_module(module, place, declared);
        } else if let syn::Item::Macro(call) = item {
            follow_include(&call.mac, place, declared);
        } else if let syn::Item::Fn(function) = item {
            let nested = function.block.stmts.iter().filter_map(|statement| match statement {
                syn::Stmt::Item(item) => Some(item.clone()),
                syn::Stmt::Local(_) | syn::Stmt::Expr(..) | syn::Stmt::Macro(_) => None,
            });
            follow(&nested.collect::<Vec<_>>(), place, declared);
        }
    }
}

fn follow_module(module: &syn::ItemMod, place: Place<'_>, declared: &mut Vec<String>) {
    let name = module.ident.to_string();
    let name = name.trim_start_matches("r#");
    // A `#[path]` starts at the file's folder, but inside an inline module at that module's folder.
    let base = if place.is_inline { place.below } else { place.folder };
    let stated = module.attrs.iter().find_map(stated_path);
    if let Some((_, items)) = &module.content {
        let below = stated.map_or_else(|| join(place.below, name), |path| join(base, &path));
        follow(items, Place { folder: place.folder, below: &below, is_inline: true }, declared);
    } else if let Some(path) = stated {
        declared.push(normal(&join(base, &path)));
    } else {
        declared.push(join(place.below, &format!("{name}.rs")));
        declared.push(join(place.below, &format!("{name}/mod.rs")));
    }
}

fn follow_include(call: &syn::Macro, place: Place<'_>, declared: &mut Vec<String>) {
    if call.path.is_ident("include")
        && let Ok(path) = call.parse_body::<syn::LitStr>()
    {
        declared.push(normal(&join(place.folder, &path.value())));
    }
}

fn stated_path(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &pair.value else {
        return None;
    };
    pair.path.is_ident("path").then(|| path.value())
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The path without `.` and `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            named => parts.push(named),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::workspace::Member;
    use super::*;

    fn dead(starts: &[&str], files: &[(&str, &str)]) -> Vec<String> {
        let starts = starts.iter().map(|start| (*start).to_owned()).collect();
        let member = Member { name: "a".into(), folder: "a".into(), dependencies: Vec::new(), starts };
        let workspace = Workspace { members: vec![member] };
        check(&Tree::of(files), &workspace).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn a_file_nobody_declares_is_dead() {
        let files = [("a/src/lib.rs", "//! D.\nmod b;\n"), ("a/src/b.rs", "//! D.\n"), ("a/src/c.rs", "//! D.\n")];
        assert_eq!(dead(&["a/src/lib.rs"], &files), ["a/src/c.rs"]);
    }

    #[test]
    fn folders_inline_modules_and_stated_paths_are_followed() {
        let files = [
            ("a/src/lib.rs", "//! D.\nmod b;\nmod c { mod d; }\n#[path = \"../odd/e.rs\"]\nmod e;\n"),
            ("a/src/b/mod.rs", "//! D.\n#[cfg(test)]\nmod tests;\n"),
            ("a/src/b/tests.rs", "//! D.\nmod deep;\n"),
            ("a/src/b/tests/deep.rs", "//! D.\n"),
            ("a/src/c/d.rs", "//! D.\n"),
            ("a/odd/e.rs", "//! D.\ninclude!(\"list.rs\");\n"),
            ("a/odd/list.rs", "//! D.\n"),
            ("a/src/d.rs", "//! D.\n"),
        ];
        assert_eq!(dead(&["a/src/lib.rs"], &files), ["a/src/d.rs"]);
    }

    #[test]
    fn tests_start_by_themselves_and_own_their_folder() {
        let files = [
            ("a/tests/api.rs", "//! D.\nmod common;\n"),
            ("a/tests/common/mod.rs", "//! D.\n"),
            ("a/tests/api/common.rs", "//! D.\n"),
        ];
        assert_eq!(dead(&["a/tests/api.rs"], &files), ["a/tests/api/common.rs"]);
    }
}
