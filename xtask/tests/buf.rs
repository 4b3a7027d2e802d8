//! The protos keep buf's standard rules and break nobody who compiled them from the baseline.

use std::path::PathBuf;
use std::process::Command;
use xtask::tools::buf;

fn run_buf(args: &[&str]) {
    let root = xtask::root();
    let program: PathBuf = buf::program(&root).expect("buf is installed; `cargo xtask tools buf` does it");
    let output = Command::new(program)
        .current_dir(root.join("proto"))
        .args(args)
        .output()
        .expect("buf starts; if not, delete .tools/buf and run `cargo xtask tools buf`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "buf {}:\n{said}", args.join(" "));
}

#[test]
fn protos_keep_the_standard() {
    run_buf(&["lint"]);
}

#[test]
fn protos_break_nobody() {
    let baseline = xtask::root().join(buf::BASELINE);
    assert!(baseline.is_file(), "{} is missing; `cargo xtask proto-baseline` writes it", buf::BASELINE);
    run_buf(&["breaking", "--against", "baseline.binpb"]);
}
