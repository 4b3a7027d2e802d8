//! The program itself: what it says about a bad configuration.

use std::process::Command;

#[test]
fn a_bad_configuration_is_named_and_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.yaml");
    std::fs::write(
        &path,
        "region: eu\nservers: [\"localhost:1\"]\nstate_dir: /nowhere\nlanes: []\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_meridian-agent"))
        .arg("--config")
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("`lanes` has 0 entries"), "{words}");
}
