//! An agent that obeys at once, and the bare stream for those that do not.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::{DoneMark, Observed, SlotSeen, SlotState, TrafficSeen};
use meridian_core::slot::Slots;
use meridian_proto::convert::{Hello, goal_from_wire, report_to_wire};
use meridian_proto::r#gen::agent::v1 as wire;
use meridian_proto::r#gen::agent::v1::agent_service_client::AgentServiceClient;
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// A stream as an agent has it.
pub struct Link {
    pub say: mpsc::Sender<wire::SessionRequest>,
    pub hear: Streaming<wire::SessionResponse>,
}

pub fn hello(region: &str) -> wire::Hello {
    (&Hello {
        region: RegionId::new(region).unwrap(),
        agent_version: "0.0.0-test".to_owned(),
        capabilities: ["weights", "cohorts", "parameters"].map(str::to_owned).into(),
        lanes: BTreeMap::new(),
        services: BTreeSet::from([ServiceId::new("checkout").unwrap()]),
    })
        .into()
}

impl Link {
    pub async fn open(channel: Channel) -> Result<Self, Status> {
        let (say, said) = mpsc::channel(64);
        let hear = AgentServiceClient::new(channel).session(ReceiverStream::new(said)).await?.into_inner();
        Ok(Self { say, hear })
    }

    pub async fn say(&self, message: Said) {
        // The server may have hung up; whoever waits for an answer will learn of it.
        let _gone = self.say.send(wire::SessionRequest { message: Some(message) }).await;
    }

    pub async fn hear(&mut self) -> Result<Option<Told>, Status> {
        let heard = tokio::time::timeout(super::PATIENCE, self.hear.message()).await;
        heard.expect("nothing was heard in time").map(|heard| heard.and_then(|heard| heard.message))
    }

    /// Says hello and waits for the welcome.
    pub async fn introduced(channel: Channel, region: &str) -> (Self, wire::Welcome) {
        let mut link = Self::open(channel).await.unwrap();
        link.say(Said::Hello(hello(region))).await;
        match link.hear().await.unwrap() {
            Some(Told::Welcome(welcome)) => (link, welcome),
            other => panic!("no welcome but {other:?}"),
        }
    }

    /// The refusal that the stream ends with.
    pub async fn cut(&mut self) -> Status {
        loop {
            match self.hear().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended in good order"),
                Err(status) => return status,
            }
        }
    }
}

/// An agent that does what it is told, at once. It ends with its server, or when it is dropped.
pub struct Obedient {
    task: JoinHandle<()>,
}

impl Drop for Obedient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Obedient {
    pub async fn start(channel: Channel, region: &str) -> Self {
        Self::of(channel, region, &["checkout".to_owned()]).await
    }

    /// One that has these services.
    pub async fn of(channel: Channel, region: &str, services: &[String]) -> Self {
        let mut link = Link::open(channel).await.unwrap();
        let services = services.to_vec();
        link.say(Said::Hello(wire::Hello { services, ..hello(region) })).await;
        let Some(Told::Welcome(_)) = link.hear().await.unwrap() else { panic!("no welcome") };
        let region = RegionId::new(region).unwrap();
        let task = tokio::spawn(async move {
            let mut lanes: BTreeMap<ServiceId, Observed> = BTreeMap::new();
            let mut beat = tokio::time::interval(std::time::Duration::from_secs(1));
            loop {
                tokio::select! {
                    told = link.hear.message() => match told {
                        Ok(Some(wire::SessionResponse { message: Some(Told::Goals(wire::Goals { goals, .. })) })) => {
                            for goal in goals {
                                let goal = goal_from_wire(&region, goal).unwrap();
                                let seen = done(&goal, lanes.get(&goal.lane.service));
                                lanes.insert(goal.lane.service.clone(), seen);
                            }
                        }
                        Ok(Some(_)) => {}
                        Ok(None) | Err(_) => return,
                    },
                    _ = beat.tick() => {}
                }
                link.say(Said::Report(report_to_wire(&lanes))).await;
            }
        });
        Self { task }
    }
}

/// A lane as it is once its goal is reached.
pub fn done(goal: &Goal, before: Option<&Observed>) -> Observed {
    let slot = |slot| match goal.slots.get(slot) {
        SlotGoal::Empty => None,
        SlotGoal::Keep => before.and_then(|before| *before.slots.get(slot)),
        SlotGoal::Run(release) => Some(SlotSeen { digest: release.digest, state: SlotState::Ready }),
    };
    Observed {
        accepted: goal.epoch,
        done: Some(DoneMark { epoch: goal.epoch, hash: goal.hash() }),
        slots: Slots::from_fn(slot),
        traffic: goal.split.map(|split| TrafficSeen { split, cohort: goal.cohort.clone() }),
        trouble: None,
        evidence: None,
        alone: None,
    }
}
