//! Rule on names: no type, trait or module called Manager, Helper or Util. Such a name says that something is done, not
//! what. It does not look at names that come from others.

use super::finding::Finding;
use super::source::Tree;
use syn::visit::{self, Visit};

/// Words that name nothing, in lower case.
const EMPTY_WORDS: [&str; 6] = ["manager", "managers", "helper", "helpers", "util", "utils"];

/// Checks the names of types, traits, modules and files.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, ast) in tree.rust() {
        let mut named = Named::default();
        named.visit_file(ast);
        let stem = file.name().trim_end_matches(".rs").to_owned();
        named.names.push((stem, 1));
        for (name, line) in named.names {
            if let Some(word) = words(&name).find(|word| EMPTY_WORDS.contains(&word.as_str())) {
                let what = format!("{name} is named after no thing (`{word}`)");
                found.push(Finding::error("banned-word", (&file.path, line), what, "name what it is or holds"));
            }
        }
    }
    found
}

/// The words of a CamelCase or snake_case name, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        let starts_word = letter == '_' || letter == '-' || letter.is_uppercase();
        if starts_word {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

#[derive(Default)]
struct Named {
    names: Vec<(String, usize)>,
}

impl Named {
    fn note(&mut self, ident: &syn::Ident) {
        self.names.push((ident.to_string(), ident.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.note(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.note(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.note(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.note(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.note(&item.ident);
        visit::visit_item_mod(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_words_are_found_in_types_modules_and_files() {
        let text = "//! Doc.\nstruct LaneManager;\nmod string_utils {}\nenum Managed { Helper }\n";
        let found = check(&Tree::of(&[("a/src/lib.rs", text), ("a/src/test_helpers.rs", "//! Doc.\n")]));
        let places: Vec<_> = found.iter().map(|finding| (finding.file.as_str(), finding.line)).collect();
        assert_eq!(places, [("a/src/lib.rs", 2), ("a/src/lib.rs", 3), ("a/src/test_helpers.rs", 1)]);
    }

    #[test]
    fn words_of_others_are_theirs() {
        let text = "//! Doc.\nuse other::ConnectionManager;\nfn f(_: tower_util::X) {}\n";
        assert!(check(&Tree::of(&[("a/src/lib.rs", text)])).is_empty());
    }
}
