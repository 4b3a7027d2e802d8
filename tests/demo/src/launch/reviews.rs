//! The month after the launch: KPIs come in, each review is held and signed when it is due, what follows is done, and the
//! evaluation is signed.

use std::time::{Duration, Instant};

use meridian_client::{Client, WatchView};
use meridian_core::id::{KpiId, ServiceId};
use meridian_core::time::Timestamp;
use meridian_core::watch::state::number;
use meridian_core::watch::{Decimal, ReviewKind, ReviewState};
use meridian_harness::fleet::SERVICE;
use meridian_harness::wait_until;

use super::{PATIENCE, launched};
use crate::shell::Shell;

/// What the KPIs come to, time and again.
const KPIS: [(&str, &str); 3] = [("conversion", "2.7"), ("p95-ms", "240"), ("support-tickets", "31")];

/// A few times in the shortest day.
const MEASURE_EVERY: Duration = Duration::from_millis(300);

/// Holds and signs everything up to the evaluation. Says how many reviews there were.
pub async fn hold(shell: &Shell, client: &Client) -> anyhow::Result<usize> {
    let rollout = launched(client).await?.name;
    let began = Instant::now();
    let mut signed = 0;
    loop {
        let due = || async {
            let view = client.watch_of(&rollout).await.ok()?;
            next_due(&view)
        };
        let (review, kind) = wait_until("the next review", PATIENCE, due).await?;
        let place = review.to_string();
        let of = format!("{SERVICE}/{}", rollout.rollout);
        if kind == ReviewKind::Evaluation {
            evaluate(shell, &of, &client.watch_of(&rollout).await?).await?;
            println!("  (a month in {} s)", began.elapsed().as_secs());
            return Ok(signed + 1);
        }
        shell.order(&["review", "hold", &of, &place, "--text", "all of us", "--actor", "paula"]).await?;
        if signed == 0 {
            shell.run(&["review", "show", &of, &place], 0).await?;
            let action =
                ["action", "add", &of, "tell in the guide how partner fares are found", "--kind", "documentation"];
            let action =
                [&action[..], &["--owner", "docs", "--due", "7d", "--review", &place, "--actor", "paula"]].concat();
            shell.run(&action, 0).await?;
        }
        shell.order(&["review", "sign", &of, &place, "--actor", "rosa"]).await?;
        signed += 1;
    }
}

/// What follows from the reviews and what the hotfix owes is done first, by those whose it is.
async fn evaluate(shell: &Shell, of: &str, view: &WatchView) -> anyhow::Result<()> {
    shell.run(&["action", "list", of], 0).await?;
    for (place, action) in view.watch.actions.iter().enumerate().filter(|(_, action)| action.closed.is_none()) {
        let number = number(place).to_string();
        shell.order(&["action", "close", of, &number, "--reason", "it is done", "--actor", &action.owner]).await?;
    }
    let learnt = "ask partners for prices before the pilot";
    shell.run(&["retrospective", "add", of, learnt, "--actor", "sofia"], 0).await?;
    shell.run(&["evaluation", "sign", of, "--text", "as hoped", "--actor", "rosa"], 0).await
}

/// The first review that lies before people.
fn next_due(view: &WatchView) -> Option<(u32, ReviewKind)> {
    let open = |state: &ReviewState| matches!(state, ReviewState::Due(_) | ReviewState::Held { .. });
    let place = view.watch.reviews.iter().position(|review| open(&review.state))?;
    Some((number(place), view.watch.reviews[place].kind))
}

/// Measures all the time, before the launch too: that is what reviews compare with. For ever, until it is cut off.
pub async fn measure_on(client: Client) -> anyhow::Result<()> {
    let service = ServiceId::new(SERVICE)?;
    let mut pace = tokio::time::interval(MEASURE_EVERY);
    loop {
        pace.tick().await;
        measure(&client, &service).await?;
    }
}

async fn measure(client: &Client, service: &ServiceId) -> anyhow::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now = Timestamp::from_millis(u64::try_from(now.as_millis())?);
    for (kpi, value) in KPIS {
        client.record_kpi(service, &KpiId::new(kpi)?, Decimal::parse(value)?, now).await?;
    }
    Ok(())
}
