//! Which rows are measured, in which order. A row that cannot be measured does not keep the others from it.

use std::process::ExitCode;

use crate::fleet::launch::errors_check;
use crate::fleet::{Rig, Shape, breach, crowd, rollback, step};
use crate::options::{Command, Options};
use crate::switching::{self, SwitchTime};
use crate::{bare, machine, memory, outage, simulate, stub};

/// Rounds of a rollback of a hundred regions, and of a thousand.
const ROUNDS_HUNDRED: u64 = 11;
const ROUNDS_THOUSAND: u64 = 5;
/// Rounds of a breach.
const BREACHES_HUNDRED: u64 = 25;
const BREACHES_THOUSAND: u64 = 8;

/// Runs what was asked for. Timings never decide the exit code; failed requests and rows that broke do.
pub async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut bench = Bench::default();
    match options.command {
        Some(Command::Agents { server, tls, count, lanes }) => stub::run(server, &tls, count, lanes).await?,
        Some(Command::Bare { tls }) => bare::run(&tls).await?,
        Some(Command::P1) => bench.steps().await,
        Some(Command::P2) => bench.rollbacks().await,
        Some(Command::P3) => {
            bench.proxy().await;
            bench.breaches().await;
        }
        Some(Command::P4 | Command::P11 | Command::P12) => bench.check("P4, P11, P12", crowd::measure().await),
        Some(Command::P5) => bench.check("P5", memory::measure_agents().await),
        Some(Command::P7) => bench.check("P7", memory::measure().await),
        Some(Command::P9 | Command::P10) => bench.switches().await,
        Some(Command::P13) => bench.check("P13", simulate::measure().await),
        Some(Command::R1) => bench.check("R1, takeover", outage::measure().await),
        None => {
            println!("{}", machine::summary());
            bench.switches().await;
            bench.steps().await;
            bench.rollbacks().await;
            bench.breaches().await;
            bench.check("P4, P11, P12", crowd::measure().await);
            bench.check("P5", memory::measure_agents().await);
            bench.check("P7", memory::measure().await);
            bench.check("P13", simulate::measure().await);
            bench.check("R1, takeover", outage::measure().await);
        }
    }
    Ok(if bench.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Bench {
    /// Requests that failed or came to the wrong slot, and rows that broke.
    wrong: u64,
    switch: Option<SwitchTime>,
}

impl Bench {
    fn check(&mut self, row: &str, measured: anyhow::Result<()>) {
        if let Err(error) = measured {
            self.wrong += 1;
            eprintln!("{row} broke: {error:#}");
        }
    }

    async fn steps(&mut self) {
        self.check("P1", step::measure(1).await);
        self.check("P1 on three nodes", step::measure(3).await);
    }

    async fn switches(&mut self) {
        self.proxy().await;
        let measured = switching::measure_envoy().await.map(|outcome| self.wrong += outcome.wrong);
        self.check("P9, P10 envoy", measured);
    }

    async fn proxy(&mut self) {
        let measured = switching::measure_proxy().await.map(|outcome| {
            self.wrong += outcome.wrong;
            self.switch = Some(outcome.time);
        });
        self.check("P9, P10 proxy", measured);
    }

    async fn rollbacks(&mut self) {
        self.check("P2 of 100", rolled_back(100, ROUNDS_HUNDRED, "5ms").await);
        self.check("P2 of 1000", rolled_back(1000, ROUNDS_THOUSAND, "45ms").await);
    }

    async fn breaches(&mut self) {
        for (count, rounds, target) in [(100, BREACHES_HUNDRED, "15ms"), (1000, BREACHES_THOUSAND, "75ms")] {
            let measured = match self.switch {
                Some(switch) => breached(count, rounds, target, switch).await,
                None => Err(anyhow::anyhow!("P10 was not measured")),
            };
            self.check("P3", measured);
        }
    }
}

async fn rolled_back(count: usize, rounds: u64, target: &str) -> anyhow::Result<()> {
    let mut rig = Rig::start(Shape::of(count)).await?;
    let release = rig.prepare(Vec::new()).await?;
    rollback::measure(&mut rig, &release, rounds, target).await?;
    rig.stop().await
}

async fn breached(count: usize, rounds: u64, target: &str, switch: SwitchTime) -> anyhow::Result<()> {
    let mut rig = Rig::start(Shape::of(count)).await?;
    let release = rig.prepare(vec![errors_check()?]).await?;
    breach::measure(&mut rig, &release, rounds, target, switch).await?;
    rig.stop().await
}
