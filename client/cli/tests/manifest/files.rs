//! Which files are taken, in which order, and what is said about those that can't be.

use std::fs;
use std::path::Path;

use meridian_cli::manifest::{Document, ManifestErrors, Origin, load};
use tempfile::TempDir;

fn service(name: &str) -> String {
    format!("apiVersion: meridian.dev/v1\nkind: Service\nmetadata: {{name: {name}}}\n")
}

fn tree() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    write("b.yaml", &service("b"));
    write("a.yml", &format!("# only a comment\n---\n{}---\n{}...\n---\n", service("a1"), service("a2")));
    write("notes.txt", "not: [yaml");
    write("deep/c.yaml", &service("c"));
    folder
}

fn take(path: &Path, recursive: bool) -> Result<Vec<Document>, ManifestErrors> {
    load(&[Origin::Path(path.to_owned())], recursive, &mut std::io::empty())
}

fn names(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| document.manifest.name()).collect()
}

#[test]
fn folders_are_read_in_the_order_of_names() {
    let tree = tree();
    assert_eq!(names(&take(tree.path(), false).unwrap()), ["a1", "a2", "b"]);
    assert_eq!(names(&take(tree.path(), true).unwrap()), ["a1", "a2", "b", "c"]);
    let documents = take(&tree.path().join("a.yml"), false).unwrap();
    let lines: Vec<usize> = documents.iter().map(|document| document.place.line).collect();
    assert_eq!(lines, [3, 7]);
}

#[test]
fn standard_input_is_a_source() {
    let text = service("piped");
    let documents = load(&["-".into()], false, &mut text.as_bytes()).unwrap();
    assert_eq!(documents[0].place.to_string(), "<stdin>:1");
    let mut endless = std::io::repeat(b'#');
    let errors = load(&["-".into()], false, &mut endless).unwrap_err();
    assert_eq!(errors.all()[0].code, "MANIFEST_TOO_LARGE");
}

#[test]
fn one_thing_is_declared_once_over_all_files() {
    let tree = tree();
    fs::write(tree.path().join("z.yaml"), service("b")).unwrap();
    let errors = take(tree.path(), false).unwrap_err();
    assert_eq!(errors.all()[0].code, "DECLARED_TWICE");
    assert!(errors.to_string().contains("z.yaml:1:1") && errors.to_string().contains("b.yaml:1"), "{errors}");
}

#[test]
fn what_can_not_be_read_is_said() {
    let tree = tree();
    let code = |path: &Path| take(path, true).unwrap_err().all()[0].code;
    assert_eq!(code(&tree.path().join("none.yaml")), "FILE_UNREADABLE");
    assert_eq!(code(&tree.path().join("notes.txt")), "YAML_INVALID");
    let empty = TempDir::new().unwrap();
    assert_eq!(code(empty.path()), "NO_MANIFESTS");
    let plain = take(&tree.path().join("none.yaml"), false).unwrap_err();
    assert!(plain.to_string().contains("none.yaml: FILE_UNREADABLE: "), "{plain}");
    assert_eq!(plain.render(false), format!("{plain}\n"));
}
