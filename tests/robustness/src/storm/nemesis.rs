//! Two hands that break things at the same time: one the store and links, one servers and agents. Each does one fault after
//! the other and undoes it before the next, so that a majority of etcd is never broken by us.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use crate::fault::{Cell, Component, Deck, Matrix, cells, inflict};
use crate::record::Recorder;
use crate::site::Site;

/// How long a fault lasts.
const LASTS_MILLIS: std::ops::Range<u64> = 1_000..5_000;
/// How long it is quiet after one.
const QUIET_MILLIS: std::ops::Range<u64> = 500..2_000;

/// What was broken.
#[derive(Debug, Default)]
pub struct Nemesis {
    done: Mutex<Done>,
}

/// What both hands have done.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// How often which.
    pub matrix: Matrix,
    /// Servers and agents that ended without being killed.
    pub deaths: Vec<String>,
}

impl Nemesis {
    /// What was done so far.
    #[must_use]
    pub fn done(&self) -> Done {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Breaks and heals until `end`; everything is healed when it returns.
    ///
    /// # Errors
    /// If a fault can't be undone.
    pub async fn rage(&self, site: &Site, recorder: &Recorder, end: Instant, seed: u64) -> anyhow::Result<()> {
        let of = |wanted: [Component; 2]| cells().filter(|(_, component)| wanted.contains(component)).collect();
        let store = self.hand(site, recorder, end, (of([Component::Etcd, Component::Link]), seed));
        let rest = self.hand(site, recorder, end, (of([Component::Server, Component::Agent]), seed.wrapping_add(1)));
        let (one, other) = tokio::join!(store, rest);
        one.and(other)
    }

    async fn hand(
        &self,
        site: &Site,
        recorder: &Recorder,
        end: Instant,
        (cells, seed): (Vec<Cell>, u64),
    ) -> anyhow::Result<()> {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut deck = Deck::new(cells);
        while Instant::now() < end {
            let Some(cell) = deck.deal(&mut chance) else { return Ok(()) };
            self.once(site, recorder, cell, &mut chance).await?;
            sleep(Duration::from_millis(chance.random_range(QUIET_MILLIS))).await; // tidy: paced
        }
        Ok(())
    }

    async fn once(&self, site: &Site, recorder: &Recorder, cell: Cell, chance: &mut StdRng) -> anyhow::Result<()> {
        let (class, component) = cell;
        let lasts = Duration::from_millis(chance.random_range(LASTS_MILLIS));
        let at = site.base.elapsed().as_secs();
        let inflicted = match inflict(site, cell, chance, recorder.revision()).await {
            Ok(inflicted) => inflicted,
            Err(why) => {
                println!("  {at:>4} s  {:<14}{:<7} could not be done: {why:#}", class.as_str(), component.as_str());
                return Ok(());
            }
        };
        println!("  {at:>4} s  {:<14}{:<7} {:<7} {lasts:?}", class.as_str(), component.as_str(), inflicted.whom);
        sleep(lasts).await; // tidy: paced
        let died = inflicted.heal()?;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.matrix.add(cell, 1);
        // etcd ends by design when its disk fails it; ours do not.
        let is_ours = |name: &String| !name.starts_with('e');
        done.deaths.extend(died.filter(is_ours).map(|name| format!("{name} ended in {}", class.as_str())));
        Ok(())
    }
}
