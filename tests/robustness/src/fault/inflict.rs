//! Does a fault to one member or link of a site, and undoes it. It does not choose when or how long.

use anyhow::Context;
use etcd_client::Client as EtcdClient;
use meridian_store::{Revision, Store as _};
use nix::sys::signal::Signal;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::disk::{Ballast, Sync, Traced};
use super::{Cell, Class, Component};
use crate::ground::{Wall, WallKind};
use crate::site::{Clock, Member, Site};

/// How far a skewed clock is off at most. More would be another test: limits of playbooks are minutes.
const SKEW_MAX_SECONDS: i64 = 20;
/// Percentage of lost packets.
const LOSS_PERCENT: u8 = 30;

/// A fault that is being done.
#[derive(Debug)]
pub struct Inflicted<'a> {
    /// To whom.
    pub whom: String,
    member: Option<&'a Member>,
    undo: Undo,
}

#[derive(Debug)]
enum Undo {
    Nothing,
    Start,
    Resume,
    Restart,
    TearDown(Wall),
    Release(Traced),
    Unload(Ballast),
}

/// Does one fault of a cell to somebody made out by chance. `known`: up to where the store's history has been read, so that
/// compaction takes nothing from the checker.
///
/// # Errors
/// If it can't be done.
pub async fn inflict<'a>(
    site: &'a Site,
    cell: Cell,
    chance: &mut StdRng,
    known: Revision,
) -> anyhow::Result<Inflicted<'a>> {
    let (class, component) = cell;
    let (member, peer) = pick(site, component, chance)?;
    let whom = match (class, peer) {
        (Class::Compaction | Class::LeaderMove, _) => "etcd".to_owned(),
        (_, Some(peer)) => format!("{}-{}", member.name, peer.name),
        (_, None) => member.name.clone(),
    };
    let against = peer.map(|peer| peer.node.address);
    let wall = |kind| Wall::build(&member.node, kind, against).map(Undo::TearDown);
    let one_way = if chance.random_bool(0.5) { WallKind::Inbound } else { WallKind::Outbound };
    let undo = match class {
        Class::Kill => {
            member.kill();
            Undo::Start
        }
        Class::Pause => {
            member.signal(Signal::SIGSTOP)?;
            Undo::Resume
        }
        Class::Partition => wall(WallKind::Whole)?,
        Class::OneWay => wall(one_way)?,
        Class::Loss => wall(WallKind::Holes(LOSS_PERCENT))?,
        Class::Reset => wall(WallKind::Reset)?,
        Class::SlowFsync => Undo::Release(Traced::hold(member, Sync::Slow).await?),
        Class::FailingFsync => Undo::Release(Traced::hold(member, Sync::Failing).await?),
        Class::DiskFull => Undo::Unload(Ballast::load(member.disk.as_deref().context("it has a disk of its own")?)?),
        Class::Compaction => {
            site.store().await?.compact(known).await?;
            Undo::Nothing
        }
        Class::LeaderMove => {
            move_leader(site).await?;
            Undo::Nothing
        }
        Class::ClockSkew => {
            member.kill();
            let seconds = chance.random_range(1..=SKEW_MAX_SECONDS);
            member.start_by(Clock::Skewed(if chance.random_bool(0.5) { seconds } else { -seconds }))?;
            Undo::Restart
        }
    };
    let member = (!matches!(undo, Undo::Nothing)).then_some(member);
    Ok(Inflicted { whom, member, undo })
}

impl Inflicted<'_> {
    /// Undoes it, and starts again whoever died of it. Says who died that was not killed.
    ///
    /// # Errors
    /// If it can't be undone.
    pub fn heal(self) -> anyhow::Result<Option<String>> {
        let Self { whom, member, undo } = self;
        let Some(member) = member else { return Ok(None) };
        match undo {
            Undo::Nothing => {}
            Undo::Start => member.start()?,
            Undo::Resume => member.signal(Signal::SIGCONT)?,
            Undo::Restart => {
                let has_died = member.has_died();
                member.kill();
                member.start()?;
                return Ok(has_died.then_some(whom));
            }
            Undo::TearDown(wall) => wall.tear_down()?,
            Undo::Release(traced) => traced.release()?,
            Undo::Unload(ballast) => ballast.remove()?,
        }
        if !member.has_died() {
            return Ok(None);
        }
        member.start()?;
        Ok(Some(member.name.clone()))
    }
}

/// Somebody of a component; for a link, two who have to do with each other.
fn pick<'a>(
    site: &'a Site,
    component: Component,
    chance: &mut StdRng,
) -> anyhow::Result<(&'a Member, Option<&'a Member>)> {
    let agents: Vec<&Member> = site.agents.values().collect();
    let any =
        |members: &[&'a Member], chance: &mut StdRng| members.choose(chance).copied().context("somebody is there");
    let etcds: Vec<&Member> = site.etcds.iter().collect();
    let servers: Vec<&Member> = site.servers.iter().collect();
    Ok(match component {
        Component::Etcd => (any(&etcds, chance)?, None),
        Component::Server => (any(&servers, chance)?, None),
        Component::Agent => (any(&agents, chance)?, None),
        Component::Link => match chance.random_range(0..3) {
            0 => {
                let one = any(&etcds, chance)?;
                let others: Vec<&Member> = etcds.iter().copied().filter(|etcd| etcd.name != one.name).collect();
                (one, others.choose(chance).copied().or_else(|| servers.first().copied()))
            }
            1 => (any(&servers, chance)?, Some(any(&etcds, chance)?)),
            _ => (any(&agents, chance)?, Some(any(&servers, chance)?)),
        },
    })
}

/// Hands etcd's leadership to another member, if one leads.
async fn move_leader(site: &Site) -> anyhow::Result<()> {
    for url in site.etcd_urls() {
        let Ok(mut client) = EtcdClient::connect([&url], None).await else { continue };
        let status = client.status().await?;
        let own = status.header().context("an answer has a header")?.member_id();
        if status.leader() != own {
            continue;
        }
        let members = client.member_list().await?;
        let other = members.members().iter().map(etcd_client::Member::id).find(|id| *id != own);
        client.move_leader(other.context("a leader has followers")?).await?;
        return Ok(());
    }
    anyhow::bail!("nobody leads")
}
