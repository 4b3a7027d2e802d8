//! A proxy in this process with two slots behind it, and routings to tell it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use meridian_proxy::app::Proxy;
use meridian_proxy::args::Args;
use meridian_proxy::control::{ControlClient, Epoch, Protocol, Routing, SlotStats, SlotTarget, Slots, Split, Stats};
use tempfile::TempDir;

use super::backend::Backend;

pub struct Rig {
    pub address: SocketAddr,
    pub control: ControlClient,
    pub blue: Backend,
    pub green: Backend,
    /// Stopped with the rig.
    _proxy: Proxy,
    /// Removed with the rig.
    _folder: TempDir,
}

/// Arguments of a proxy that keeps its files in a folder.
pub fn args(folder: &TempDir, more: &[&str]) -> Args {
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (control, state) = (path("control.sock"), path("state.json"));
    let known = ["meridian-proxy", "--listen", "127.0.0.1:0", "--control", &control, "--state", &state];
    Args::parse_from(known.iter().chain(more))
}

impl Rig {
    /// Without a routing yet.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let args = args(&folder, more);
        let proxy = Proxy::start(&args).await.unwrap();
        Self {
            address: proxy.address(),
            control: ControlClient::new(&args.control),
            _proxy: proxy,
            blue: Backend::start("blue").await,
            green: Backend::start("green").await,
            _folder: folder,
        }
    }

    /// A routing to both slots.
    pub fn routing(&self, counter: u64, blue: u16) -> Routing {
        routing(counter, blue, self.blue.address, self.green.address)
    }

    /// Tells a routing and expects that it is in effect for every later request.
    pub async fn tell(&self, routing: &Routing) {
        let applied = self.control.put_routing(routing).await.unwrap();
        assert_eq!(&applied.routing, routing);
        assert!(applied.settled);
    }

    pub async fn stats(&self) -> Stats {
        self.control.stats().await.unwrap()
    }

    /// Waits until the numbers are as expected; they follow an answer's last byte, they are not ahead of it.
    pub async fn wait_stats(&self, expected: impl Fn(&Slots<SlotStats>) -> bool) {
        let waiting = async {
            while !expected(&self.stats().await.slots) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("the numbers come");
    }
}

/// A routing to two addresses.
pub fn routing(counter: u64, blue: u16, blue_at: SocketAddr, green_at: SocketAddr) -> Routing {
    let target = |address: SocketAddr| Some(SlotTarget { address: address.to_string(), protocol: Protocol::Http1 });
    Routing {
        epoch: Epoch { generation: 1, counter },
        alone: false,
        hash: format!("sha256:{counter}-{blue}"),
        slots: Slots { blue: target(blue_at), green: target(green_at) },
        split: Split { blue, green: 10_000 - blue },
        cohort: None,
        sticky: None,
    }
}
