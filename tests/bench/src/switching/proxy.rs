//! The driver `proxy` and its floor: what any data plane that remembers its route must do, which is to write it durably and
//! to answer on its socket once.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use meridian_core::slot::Slots;
use meridian_drivers::TrafficDriver;
use meridian_drivers::proxy::{ProxyConfig, ProxyTraffic};
use meridian_harness::process::end_all_in;
use meridian_harness::{ground, program};
use meridian_proxy::control::ControlClient;

use super::round::{self, Found};
use super::{Orders, slots};

/// About as large as a routing on disk.
const ROUTING_BYTES: usize = 300;
/// The floor is measured with every so many switches.
const FLOOR_EVERY: usize = 4;

/// Switches so often; what was found, and the floor's times in milliseconds.
pub async fn measure(switches: usize) -> anyhow::Result<(Found, Vec<f64>)> {
    let folder = ground::folder()?;
    let measured = within(folder.path(), switches).await;
    end_all_in(folder.path(), Duration::from_secs(6));
    measured
}

async fn within(folder: &Path, switches: usize) -> anyhow::Result<(Found, Vec<f64>)> {
    let Slots { blue, green } = slots::start(folder).await?;
    let entrance: SocketAddr = ground::free_address()?;
    let mut config = ProxyConfig::new(folder.join("t"), entrance);
    config.binary = Some(program("meridian-proxy")?);
    let driver = ProxyTraffic::open(config).await?;
    let mut orders = Orders::new(Slots { blue: Some(blue), green: Some(green) });
    let floor = Floor::open(folder)?;
    let (mut floors, mut count) = (Vec::new(), 0);
    let switch = async |slot| orders.switch(&driver, slot).await;
    let between = async || {
        count += 1;
        if count % FLOOR_EVERY == 0 {
            floors.push(floor.time().await?);
        }
        Ok(())
    };
    let found = round::run(driver.entrance(), switches, switch, between).await?;
    Ok((found, floors))
}

struct Floor {
    file: Arc<File>,
    control: ControlClient,
}

impl Floor {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = File::create(folder.join("floor"))?;
        file.write_all_at(&[0; ROUTING_BYTES], 0)?;
        file.sync_all()?;
        Ok(Self { file: Arc::new(file), control: ControlClient::new(folder.join("t").join("control.sock")) })
    }

    /// One durable write in place and one round trip, in milliseconds.
    async fn time(&self) -> anyhow::Result<f64> {
        let file = self.file.clone();
        let write = move || -> io::Result<Duration> {
            let began = Instant::now();
            file.write_all_at(&[1; ROUTING_BYTES], 0)?;
            file.sync_data()?;
            Ok(began.elapsed())
        };
        let written = tokio::task::spawn_blocking(write).await??;
        let began = Instant::now();
        self.control.get_routing().await?.context("a routing is in effect")?;
        Ok((written + began.elapsed()).as_secs_f64() * 1000.0)
    }
}
