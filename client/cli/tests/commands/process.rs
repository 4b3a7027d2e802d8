//! The program as a process: closed pipes, Ctrl-C, exit codes as the system sees them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use meridian_client::fake::{FakeServer, sample};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::look::plan;
use crate::orders::queue::queue;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    for arguments in [&["completion", "bash"][..], &["--help"], &["version", "-o", "json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program().args(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn exits_reach_the_system() {
    let output = program().args(["get", "services", "--server", "http://127.0.0.1:9"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let output = program().args(["get", "pods"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = program().arg("version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("meridian {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ctrl_c_detaches_and_says_how_to_come_back() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let mut child = program()
        .args(["rollout", "watch", "checkout/r-1", "--server", &server.address()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // All that is known is printed: now it waits.
    for _ in 0..4 {
        lines.next().unwrap().unwrap();
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("meridian rollout watch checkout/r-1"), "{stderr}");
    assert!(server.seen().iter().all(|call| call.call == "WatchRollouts"), "the rollout was left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ctrl_c_is_heard_while_a_look_at_the_queue_takes_long() {
    let server = FakeServer::start().await;
    server.put_plan(&plan());
    server.put_queue(&queue());
    let version = plan().plan.release.version.to_string();
    let mut child = program()
        .args(["rollout", "start", "checkout", "--release", &version, "--playbook", "careful", "--id", "r-2"])
        .args(["--queue", "--watch", "--timeout", "8s", "--server", &server.address()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let looked = async |times: usize| {
        while server.seen().iter().filter(|seen| seen.call == "ListQueue").count() < times {
            tokio::task::yield_now().await;
        }
    };
    looked(1).await;
    server.hang_next();
    looked(2).await;
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("meridian rollout queue remove checkout/r-2"), "{stderr}");
}
