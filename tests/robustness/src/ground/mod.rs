//! The ground a run stands on: a bridge in a network namespace, and a namespace per node, all named after the process that
//! keeps them. It knows links and addresses, not what runs on them. Linux and root only.

mod keeper;
mod wall;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use meridian_harness::Program;

pub use keeper::{Keeper, sweep};
pub use wall::{Wall, WallKind};

/// Begins the names of all our namespaces and folders; the keeper's pid follows.
const PREFIX: &str = "mer-rob-";
/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";
/// Our network; it exists in our namespaces only, so it can't clash with anybody's.
const NET: [u8; 3] = [10, 77, 0];

/// A bridge to which nodes are connected.
#[derive(Clone, Debug)]
pub struct Ground {
    run: String,
}

/// A node: a namespace with one link to the bridge.
#[derive(Clone, Debug)]
pub struct Node {
    namespace: String,
    /// Its address on the bridge.
    pub address: Ipv4Addr,
}

/// Why no run is possible here; `None`: it is.
#[must_use]
pub fn missing() -> Option<String> {
    if !nix::unistd::Uid::effective().is_root() {
        return Some("root is needed for network namespaces".to_owned());
    }
    for program in ["ip", "nft", "strace"] {
        if tool(program).is_none() {
            return Some(format!("`{program}` is missing; run `cargo xtask tools faults`"));
        }
    }
    let probe = format!("{PREFIX}{}-probe", std::process::id());
    let works = ip(&["netns", "add", &probe]).and_then(|()| ip(&["netns", "del", &probe]));
    works.err().map(|why| format!("no network namespace can be made here: {why:#}"))
}

/// A program of the system, also where a PATH leaves its folder out.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Ground {
    /// Makes the bridge.
    ///
    /// # Errors
    /// Without root, or if the names are taken.
    pub fn lay(run: &str) -> anyhow::Result<Self> {
        let ground = Self { run: run.to_owned() };
        let hub = ground.namespace("hub");
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])?;
        Ok(ground)
    }

    /// The ground that somebody has laid under this name.
    #[must_use]
    pub fn of(run: &str) -> Self {
        Self { run: run.to_owned() }
    }

    /// Makes a node and connects it; `number` is the last part of its address.
    ///
    /// # Errors
    /// If the name or the number is taken.
    pub fn node(&self, name: &str, number: u8) -> anyhow::Result<Node> {
        let (hub, namespace) = (self.namespace("hub"), self.namespace(name));
        let address = Ipv4Addr::new(NET[0], NET[1], NET[2], number);
        let with_mask = format!("{address}/24");
        ip(&["netns", "add", &namespace])?;
        ip(&["link", "add", name, "netns", &hub, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
        ip(&["-n", &hub, "link", "set", name, "master", "bridge", "up"])?;
        ip(&["-n", &namespace, "addr", "add", &with_mask, "dev", "eth0"])?;
        ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        Ok(Node { namespace, address })
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }
}

impl Node {
    /// A program to be started on this node. It keeps its own pid: `ip` becomes it.
    ///
    /// # Errors
    /// Without `ip`.
    pub fn program(&self, path: &Path, log: &Path) -> anyhow::Result<Program> {
        let ip = tool("ip").context("`ip` is on this machine")?;
        Ok(Program::new(ip, log).args(["netns", "exec", &self.namespace]).args([path]))
    }

    /// As [`Self::program`], as a command of the system's library.
    ///
    /// # Errors
    /// Without `ip`.
    pub fn command(&self, path: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new(tool("ip").context("`ip` is on this machine")?);
        command.args(["netns", "exec", &self.namespace]).arg(path);
        Ok(command)
    }

    /// Runs `work` on a thread of its own that belongs to this node: what it starts and connects does, too.
    ///
    /// # Errors
    /// If the node can't be entered.
    pub fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
        let door = std::fs::File::open(Path::new(NAMES).join(&self.namespace))?;
        let entered = std::thread::spawn(move || {
            nix::sched::setns(&door, nix::sched::CloneFlags::CLONE_NEWNET).context("entering a node")?;
            Ok(work())
        });
        entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Runs `ip` to its end.
fn ip(words: &[&str]) -> anyhow::Result<()> {
    let program = tool("ip").context("`ip` is on this machine")?;
    run(Command::new(program).args(words))
}

/// Runs a program of the system to its end.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
