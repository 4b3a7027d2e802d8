//! Rule on functions: from `fn` to the closing brace at most 70 lines, in tests as well. It counts lines; it does not
//! weigh them.

use super::finding::Finding;
use super::source::Tree;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines from the `fn` line to the closing brace: one screen, so that the end is in sight from the start.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Checks every function, method and default method.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, ast) in tree.rust() {
        let mut measured = Measured::default();
        measured.visit_file(ast);
        for (name, line, lines) in measured.too_long {
            let what = format!("fn {name} has {lines} lines, {FUNCTION_LINES_MAX} allowed");
            let fix = "parents branch, leaves compute: move leaves out";
            found.push(Finding::error("function-length", (&file.path, line), what, fix));
        }
    }
    found
}

#[derive(Default)]
struct Measured {
    too_long: Vec<(String, usize, usize)>,
}

impl Measured {
    fn measure(&mut self, signature: &syn::Signature, end: Span) {
        let first = signature.span().start().line;
        let lines = end.end().line.saturating_sub(first) + 1;
        if lines > FUNCTION_LINES_MAX {
            self.too_long.push((signature.ident.to_string(), first, lines));
        }
    }
}

impl<'ast> Visit<'ast> for Measured {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_body(lines: usize) -> String {
        format!("//! Doc.\n/// Doc.\nfn long() {{\n{}}}\n", "    step();\n".repeat(lines))
    }

    #[test]
    fn the_seventieth_line_is_the_last() {
        let fits = with_body(FUNCTION_LINES_MAX - 2);
        let breaks = with_body(FUNCTION_LINES_MAX - 1);
        assert!(check(&Tree::of(&[("a/src/lib.rs", &fits)])).is_empty());
        let found = check(&Tree::of(&[("a/src/lib.rs", &breaks)]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule, found[0].line), ("function-length", 3));
    }

    #[test]
    fn methods_count_too() {
        let text = format!("//! Doc.\nimpl A {{\n    fn long() {{\n{}    }}\n}}\n", "        x();\n".repeat(80));
        assert_eq!(check(&Tree::of(&[("a/src/lib.rs", &text)])).len(), 1);
    }
}
