//! Drills: a store is lost with decisions that agents have carried out already, and an older backup takes its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::agent::{GoalRefused, LaneMemory};
use meridian_core::audit::{self, AuditEntry};
use meridian_core::epoch::Epoch;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::Observed;
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_proto::convert::{goal_from_wire, report_to_wire};
use meridian_proto::r#gen::agent::v1 as wire;
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_store::Store;
use meridian_store::embedded::{EmbeddedLimits, EmbeddedStore};
use meridian_store::etcd::testing::EtcdProcess;
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use tokio::process::Command;
use tonic::transport::Channel;

use super::chain;
use crate::program::{Program, run};
use crate::support::agent::{Link, done};
use crate::support::fixture::{SERVICE, plan, playbook, release, rollout};
use crate::support::{connect, until};

/// An agent's disk: it outlives every session, and what is on it is refused to no server but an older one.
#[derive(Default)]
struct Disk {
    memory: LaneMemory,
    observed: Option<Observed>,
    conflicts: u32,
}

/// An agent with a fence, which obeys at once.
struct Fenced {
    region: &'static str,
    disk: Arc<Mutex<Disk>>,
}

impl Fenced {
    fn new(region: &'static str) -> Self {
        Self { region, disk: Arc::default() }
    }

    fn accepted(&self) -> Epoch {
        self.disk.lock().unwrap().memory.accepted()
    }

    fn serves_green(&self) -> bool {
        let traffic = self.disk.lock().unwrap().observed.clone().and_then(|observed| observed.traffic);
        traffic.is_some_and(|traffic| traffic.split.serves(Slot::Green))
    }

    /// Serves one server until it is gone.
    async fn connect(&self, channel: Channel) {
        let (mut link, _) = Link::introduced(channel, self.region).await;
        let (region, disk) = (RegionId::new(self.region).unwrap(), Arc::clone(&self.disk));
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_secs(1));
            loop {
                tokio::select! {
                    told = link.hear.message() => match told {
                        Ok(Some(wire::SessionResponse { message: Some(Told::Goals(wire::Goals { goals, .. })) })) => {
                            goals.into_iter().for_each(|goal| take(&disk, &region, goal));
                        }
                        Ok(Some(_)) => {}
                        Ok(None) | Err(_) => return,
                    },
                    _ = beat.tick() => {}
                }
                let observed = disk.lock().unwrap().observed.clone();
                let service = ServiceId::new("checkout").unwrap();
                link.say(Said::Report(report_to_wire(observed.iter().map(|observed| (&service, observed))))).await;
            }
        });
    }
}

fn take(disk: &Mutex<Disk>, region: &RegionId, goal: wire::Goal) {
    let goal = goal_from_wire(region, goal).unwrap();
    let mut disk = disk.lock().unwrap();
    match disk.memory.accept(goal.clone()) {
        Ok(_) => {
            disk.memory.mark_done(goal.epoch);
            disk.observed = Some(done(&goal, disk.observed.as_ref()));
        }
        Err(GoalRefused::Stale { .. }) => {}
        Err(GoalRefused::Conflict { .. }) => disk.conflicts += 1,
    }
}

/// Calls to a server in another process.
struct Api(Channel);

impl Api {
    async fn of(program: &Program) -> Self {
        Self(connect(program.grpc.parse().unwrap()).await)
    }

    async fn stock(&self) {
        let service = v1::Service { name: SERVICE.to_owned(), ..v1::Service::default() };
        let request = v1::UpdateServiceRequest { service: Some(service), allow_missing: true, ..Default::default() };
        v1::service_service_client::ServiceServiceClient::new(self.0.clone()).update_service(request).await.unwrap();
    }

    async fn book(&self, retention: Span) {
        let mut book = playbook(Span::ZERO);
        book.rollback.retention = retention;
        let request =
            v1::UpdatePlaybookRequest { playbook: Some((&book).into()), allow_missing: true, ..Default::default() };
        let mut playbooks = v1::playbook_service_client::PlaybookServiceClient::new(self.0.clone());
        playbooks.update_playbook(request).await.unwrap();
    }

    async fn launch(&self, version: &str) -> String {
        let mut releases = v1::release_service_client::ReleaseServiceClient::new(self.0.clone());
        releases.create_release(release(version)).await.unwrap();
        let mut plans = v1::plan_service_client::PlanServiceClient::new(self.0.clone());
        let made = plans.create_plan(plan(version)).await.unwrap().into_inner().plan.unwrap();
        self.rollouts().create_rollout(rollout(&made.name)).await.unwrap().into_inner().rollout.unwrap().name
    }

    fn rollouts(&self) -> v1::rollout_service_client::RolloutServiceClient<Channel> {
        v1::rollout_service_client::RolloutServiceClient::new(self.0.clone())
    }

    async fn until(&self, name: &str, what: &str, look: impl Fn(&v1::Rollout) -> bool) -> v1::Rollout {
        until(what, || async {
            let request = v1::GetRolloutRequest { name: name.to_owned() };
            let rollout = self.rollouts().get_rollout(request).await.ok()?.into_inner().rollout?;
            look(&rollout).then_some(rollout)
        })
        .await
    }

    async fn until_state(&self, name: &str, state: State) -> v1::Rollout {
        self.until(name, state.as_str_name(), |rollout| rollout.state == i32::from(state)).await
    }

    async fn resume(&self, name: &str) {
        let request = v1::ResumeRolloutRequest {
            name: name.to_owned(),
            actor: "carla".to_owned(),
            reason: "looked".to_owned(),
            ..Default::default()
        };
        self.rollouts().resume_rollout(request).await.unwrap();
    }

    async fn roll_back(&self, name: &str) {
        let request = v1::RollbackRolloutRequest {
            name: name.to_owned(),
            actor: "bob".to_owned(),
            reason: "it smells".to_owned(),
            ..Default::default()
        };
        self.rollouts().rollback_rollout(request).await.unwrap();
    }
}

fn settled(rollout: &v1::Rollout, region: &str) -> bool {
    let lane = rollout.lanes.iter().find(|lane| lane.region == region);
    lane.is_some_and(|lane| lane.state == i32::from(v1::rollout_lane::State::Settled))
}

async fn command(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_meridian-server")).args(arguments).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// What is lost, what takes its place, and how both are reached.
struct Drill {
    lost: Vec<String>,
    fresh: Vec<String>,
    file: PathBuf,
    /// Whether the store is the server's alone, so that a backup needs it stopped.
    alone: bool,
}

impl Drill {
    /// Both regions are stable, and the next rollout will not end by itself.
    async fn first_rollout(&self, eu: &Fenced, us: &Fenced) {
        let mut server = run(&strs(&self.lost)).await;
        let api = Api::of(&server).await;
        api.stock().await;
        api.book(Span::ZERO).await;
        eu.connect(api.0.clone()).await;
        us.connect(api.0.clone()).await;
        let first = api.launch("1.0.0").await;
        api.until_state(&first, State::Stable).await;
        api.book(Span::from_secs(3600)).await;
        server.child.kill().await.unwrap();
    }

    async fn carry_out(&self, open: impl AsyncFn(&[String]) -> Arc<dyn Store>) {
        let (lost, fresh) = (&strs(&self.lost)[..], &strs(&self.fresh)[..]);
        let file = self.file.to_str().unwrap();
        let (eu, us) = (Fenced::new("eu"), Fenced::new("us"));
        self.first_rollout(&eu, &us).await;

        // One region is through, the other is away: the rollout is in progress for as long as it takes.
        let mut server = run(lost).await;
        let api = Api::of(&server).await;
        eu.connect(api.0.clone()).await;
        let name = api.launch("1.1.0").await;
        api.until(&name, "eu is through", |rollout| settled(rollout, "eu")).await;
        if self.alone {
            let (taken, text) = command(&[&["backup", "--out", file], lost].concat()).await;
            assert!(!taken && text.contains("in use"), "{text}");
            server.child.kill().await.unwrap();
        }
        let (taken, text) = command(&[&["backup", "--out", file], lost].concat()).await;
        assert!(taken, "{text}");
        let (again, text) = command(&[&["backup", "--out", file], lost].concat()).await;
        assert!(!again && text.contains("already"), "a backup is never overwritten: {text}");
        let backed_up = eu.accepted();
        if self.alone {
            server = run(lost).await;
        }

        // What happens now will be lost, but not by the agents.
        let api = Api::of(&server).await;
        eu.connect(api.0.clone()).await;
        us.connect(api.0.clone()).await;
        api.until_state(&name, State::Switched).await;
        api.roll_back(&name).await;
        api.until_state(&name, State::RolledBack).await;
        server.child.kill().await.unwrap();
        let before = chain(open(&self.lost).await.as_ref()).await;
        assert!(eu.accepted() > backed_up, "the agents are ahead of the backup");

        let (restored, text) = command(&[&["restore", "--from", file, "--actor", "carla"], fresh].concat()).await;
        assert!(restored && text.contains("goes on: "), "{text}");
        let (again, text) = command(&[&["restore", "--from", file], fresh].concat()).await;
        assert!(again && text.contains("restored before"), "{text}");
        let mut server = run(fresh).await;
        let api = Api::of(&server).await;
        eu.connect(api.0.clone()).await;
        us.connect(api.0.clone()).await;
        let held = api.until_state(&name, State::Held).await;
        assert!(format!("{:?}", held.cause).contains("restored from the backup of"), "{:?}", held.cause);
        // The restored decision says that eu is through and us has not begun, and so it is again.
        let wanted = held.epoch.unwrap();
        let generation = |agent: &Fenced| agent.accepted().generation();
        until("both take the restored goals", || async {
            (generation(&eu) == wanted.generation && generation(&us) == wanted.generation).then_some(())
        })
        .await;
        assert!(eu.serves_green() && !us.serves_green());
        api.resume(&name).await;
        api.until_state(&name, State::Switched).await;
        assert!(eu.serves_green() && us.serves_green());
        server.child.kill().await.unwrap();
        let after = chain(open(&self.fresh).await.as_ref()).await;
        never_issued_twice(&before, &after);
        assert_eq!(eu.disk.lock().unwrap().conflicts + us.disk.lock().unwrap().conflicts, 0);
    }
}

/// S2 and S26 over what was audited before the loss and after the restore.
fn never_issued_twice(before: &[AuditEntry], after: &[AuditEntry]) {
    audit::verify(before).unwrap();
    audit::verify(after).unwrap();
    let issued: BTreeMap<Epoch, &AuditEntry> = before.iter().map(|entry| (entry.epoch, entry)).collect();
    let mut restores = 0;
    for pair in after.windows(2) {
        let [was, is] = pair else { panic!() };
        let raised = is.epoch.generation() > was.epoch.generation();
        assert_eq!(raised, is.kind == "restore", "{} after {}", is.epoch, was.epoch);
        assert_eq!(is.epoch.counter(), was.epoch.counter() + 1);
        restores += u32::from(raised);
        if let Some(known) = issued.get(&is.epoch) {
            assert_eq!(*known, is, "{} was issued before with other content", is.epoch);
        }
    }
    assert_eq!(restores, 1);
    assert!(after.iter().any(|entry| entry.kind == "restore" && entry.actor == "carla"));
    assert!(before.len() > after.iter().position(|entry| entry.kind == "restore").unwrap(), "nothing was lost");
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_store_is_lost_and_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store = |name: &str| texts(["--store", "embedded", "--data", dir.path().join(name).to_str().unwrap()]);
    let (lost, fresh, file) = (store("lost"), store("fresh"), dir.path().join("backup"));
    let open = async |store: &[String]| -> Arc<dyn Store> {
        let path = Path::new(&store[3]).join("meridian.redb");
        until("the killed server has let go of its file", || async {
            EmbeddedStore::open(&path, EmbeddedLimits::default()).ok().map(|store| Arc::new(store) as Arc<dyn Store>)
        })
        .await
    };
    Drill { lost, fresh, file, alone: true }.carry_out(open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_is_lost_and_restored() {
    let dir = tempfile::tempdir().unwrap();
    let start = async || EtcdProcess::start().await.unwrap_or_else(|error| panic!("{error}"));
    let (first, second) = (start().await, start().await);
    let store = |etcd: &EtcdProcess| texts(["--store", "etcd", "--etcd", &etcd.endpoint()]);
    let (lost, fresh, file) = (store(&first), store(&second), dir.path().join("backup"));
    let open = async |store: &[String]| -> Arc<dyn Store> {
        let opened = EtcdStore::connect(EtcdOptions::new([store[3].clone()])).await.unwrap();
        Arc::new(opened) as Arc<dyn Store>
    };
    Drill { lost, fresh, file, alone: false }.carry_out(open).await;
}
