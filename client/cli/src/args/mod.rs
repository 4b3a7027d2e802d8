//! The command line: every command, flag and default. It parses; it does nothing.

mod checklist;
mod queue;
mod rollout;
mod set;
mod simulate;
mod stop;
mod train;
mod watch;
mod window;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::clock::parse_duration;

pub use checklist::{ChecklistCommand, ChecklistRevoke, ChecklistSign};
pub use queue::{QueueCommand, QueueRemove, QueueResume};
pub use rollout::{
    Gates, Over, Rollout, RolloutAbandon, RolloutCommand, RolloutConsent, RolloutExport, RolloutOrder, RolloutRollback,
    RolloutStart, RolloutStatus, RolloutWatch, Until, Waiting,
};
pub use set::{SetCommand, SetMembers, SetRollback, SetStart, SetStatus};
pub use simulate::Simulate;
pub use stop::{StopCommand, StopExempt, StopOrderArgs, StopWhere};
pub use train::{TrainBoard, TrainCommand, TrainLeave, TrainNext};
pub use watch::{
    ActionAdd, ActionCommand, ActionKind, EvaluationCommand, EvaluationSign, FeedbackCommand, FeedbackGive, KpiCommand,
    KpiRecord, MilestoneCommand, RetrospectiveCommand, Review, ReviewCommand, ReviewSaid,
};
pub use window::{WindowCommand, WindowExport, WindowNext};

/// Safe, staged launches of new versions across many regions.
#[derive(Clone, Debug, Parser)]
#[command(name = "meridian", version, max_term_width = 110, propagate_version = false)]
pub struct CommandLine {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Servers, tried in this order; several with commas.
    #[arg(
        long,
        global = true,
        env = "MERIDIAN_SERVER",
        default_value = "http://127.0.0.1:7401",
        value_delimiter = ','
    )]
    pub server: Vec<String>,
    /// PEM file of who signs the server's certificate.
    #[arg(long, global = true, env = "MERIDIAN_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file of your own certificate.
    #[arg(long, global = true, env = "MERIDIAN_CERT", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// PEM file of its key.
    #[arg(long, global = true, env = "MERIDIAN_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Longest time for a call (10s), or for a whole watch (no limit).
    #[arg(long, global = true, value_parser = parse_duration, value_name = "SPAN")]
    pub timeout: Option<Duration>,
    /// How to print what was asked for.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Tables without their first line.
    #[arg(long, global = true)]
    pub no_headers: bool,
    /// Whether to use colours; NO_COLOR is respected.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Id of the change, a UUID: sent again with it, the change has the effect of once.
    #[arg(long, global = true, value_name = "UUID")]
    pub request_id: Option<String>,
    /// Who wants it, for the record.
    #[arg(long, global = true, env = "USER", hide_env_values = true, default_value = "unknown")]
    pub actor: String,
}

/// How to print.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One JSON value.
    Json,
    /// YAML; of services, playbooks, releases and regions what `apply` takes.
    Yaml,
    /// One JSON value a line.
    Jsonl,
    /// Resource names, one a line.
    Name,
    /// A picture; of `simulate` alone.
    Svg,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Color {
    /// On terminals.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make or change what manifests say.
    Apply(Apply),
    /// Check manifests without a server.
    Lint(Files),
    /// Show what `apply` would change: exit 0 nothing, 1 something, 2 error.
    Diff(Files),
    /// Compile a plan: waves, steps, times, the way back of each region, and the hash to start it by.
    Plan(Plan),
    /// Play a whole plan in virtual time, without a server: when what happens, and where failures lead.
    Simulate(Simulate),
    /// List things of a kind, or get one.
    Get(What),
    /// Tell everything about one thing.
    Describe(What),
    /// Delete a service, playbook, region or route.
    Delete(Delete),
    /// Services: what is being launched.
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Releases: what is launched.
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Rollouts: launches in progress.
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Sets: services that are launched together, and end together.
    #[command(subcommand)]
    Set(SetCommand),
    /// Checklists: what must be signed off before a rollout begins.
    #[command(subcommand)]
    Checklist(ChecklistCommand),
    /// Stop-the-line: let nothing go forward until somebody lifts it.
    #[command(subcommand)]
    StopTheLine(StopCommand),
    /// Regions: where it is launched.
    #[command(subcommand)]
    Region(RegionCommand),
    /// Say why a rollout is where it is, what each region waits for and on whom, and what you may do.
    Explain(Rollout),
    /// Windows: when steps may start.
    #[command(subcommand)]
    Window(WindowCommand),
    /// Trains: when rollouts begin together.
    #[command(subcommand)]
    Train(TrainCommand),
    /// What evidence says of a rollout.
    #[command(subcommand)]
    Analysis(AnalysisCommand),
    /// Alerts: what stands, and whether those who should be told are reached.
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Evidence bundles.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Reviews: looks at what was recorded after a launch.
    #[command(subcommand)]
    Review(ReviewCommand),
    /// The evaluation of a launch: its last review.
    #[command(subcommand)]
    Evaluation(EvaluationCommand),
    /// Actions: what follows from reviews, until it is done.
    #[command(subcommand)]
    Action(ActionCommand),
    /// Retrospectives: what was learnt of a launch.
    #[command(subcommand)]
    Retrospective(RetrospectiveCommand),
    /// Feedback: what people say of a release.
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// KPIs: numbers that launches are held against.
    #[command(subcommand)]
    Kpi(KpiCommand),
    /// Milestones: what a launch has reached.
    #[command(subcommand)]
    Milestone(MilestoneCommand),
    /// Print completions for a shell.
    Completion {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version,
}

/// Manifests.
#[derive(Clone, Debug, Args)]
pub struct Files {
    /// Files, folders of *.yaml, or - for standard input.
    #[arg(short = 'f', long = "file", required = true, value_name = "FILE|DIR|-")]
    pub files: Vec<String>,
    /// Folders in folders too.
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// `apply`.
#[derive(Clone, Debug, Args)]
pub struct Apply {
    /// Which manifests.
    #[command(flatten)]
    pub files: Files,
    /// Change nothing: check here, or on the server.
    #[arg(long, value_enum, value_name = "WHERE")]
    pub dry_run: Option<DryRun>,
}

/// Where to check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum DryRun {
    /// Here, without a server.
    Client,
    /// On the server.
    Server,
}

/// `plan`.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// The service.
    pub service: String,
    /// The release's version.
    pub version: String,
    /// The playbook; `name@3` for its revision 3.
    #[arg(long, value_name = "PLAYBOOK")]
    pub playbook: String,
    /// Whose lanes it takes over.
    #[command(flatten)]
    pub over: Over,
    /// Compile and show, store nothing.
    #[arg(long)]
    pub validate_only: bool,
}

/// `get` and `describe`.
#[derive(Clone, Debug, Args)]
pub struct What {
    /// service, playbook, release, region, route, rollout, plan or decision; with /NAME for one.
    #[arg(value_name = "KIND[/NAME]")]
    pub what: String,
    /// The name, if it is not after the slash.
    pub name: Option<String>,
    /// Whose releases, rollouts or decisions.
    #[arg(long)]
    pub service: Option<String>,
}

/// `delete`.
#[derive(Clone, Debug, Args)]
pub struct Delete {
    /// service, playbook, region or route, and which.
    #[arg(value_name = "KIND/NAME")]
    pub what: String,
    /// The name, if it is not after the slash.
    pub name: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// `service …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ServiceCommand {
    /// List services.
    List,
    /// Let rollouts start again after a rollback has held them. What went back stays vetoed.
    ReleaseHold {
        /// Whose.
        service: String,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
}

/// `release …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ReleaseCommand {
    /// Make a release known.
    Create(ReleaseCreate),
    /// List the releases of a service, or of all.
    List {
        /// Whose.
        service: Option<String>,
    },
    /// Everything about a release, and every rollout that launched it with its end.
    Show {
        /// Whose.
        service: String,
        /// Its version.
        version: String,
    },
    /// Print the notes that conventional commits come to, as a manifest takes them.
    Notes(Commits),
    /// Let no agent start it again, until the veto is lifted.
    Veto(ReleaseOrder),
    /// Lift its veto: it may be started again.
    Unveto(ReleaseOrder),
}

/// `release veto` and `release unveto`.
#[derive(Clone, Debug, Args)]
pub struct ReleaseOrder {
    /// Whose release.
    pub service: String,
    /// Its version.
    pub version: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}

/// `release notes`.
#[derive(Clone, Debug, Args)]
pub struct Commits {
    /// The commits, as `git log` takes them, e.g. `v1.2.3..HEAD`.
    #[arg(long, value_name = "RANGE")]
    pub from: String,
    /// The folder of the repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repo: PathBuf,
}

/// `release create`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("content").required(true).args(["digest", "artifact"]))]
pub struct ReleaseCreate {
    /// Whose release.
    #[arg(long)]
    pub service: String,
    /// Its semantic version.
    #[arg(long = "version", value_name = "VERSION")]
    pub version: String,
    /// The artifact's content, `sha256:…`.
    #[arg(long)]
    pub digest: Option<String>,
    /// The artifact itself: its digest is computed.
    #[arg(long, value_name = "FILE")]
    pub artifact: Option<PathBuf>,
    /// Release notes in plain words.
    #[arg(long, default_value = "")]
    pub notes: String,
    /// Make the notes of these commits instead, e.g. `v1.2.3..HEAD`; the version must be the step that they ask for.
    #[arg(long, value_name = "RANGE", conflicts_with = "notes")]
    pub notes_from: Option<String>,
    /// The folder of the repository that the commits are in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repo: PathBuf,
    /// How hard it is to go back.
    #[arg(long, value_enum, default_value_t = Reversibility::Free)]
    pub reversibility: Reversibility,
    /// The version that must be stable everywhere first.
    #[arg(long, value_name = "VERSION")]
    pub prepares: Option<String>,
    /// Check everything, change nothing.
    #[arg(long)]
    pub validate_only: bool,
}

/// How hard it is to go back.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Reversibility {
    /// Costs nothing.
    Free,
    /// Works, at a price.
    Costly,
    /// Would do harm.
    PointOfNoReturn,
}

/// `region …`.
#[derive(Clone, Debug, Subcommand)]
pub enum RegionCommand {
    /// List regions.
    List,
    /// Take regions out of new plans.
    Cordon {
        /// Which.
        #[arg(required = true)]
        regions: Vec<String>,
    },
    /// Let regions into new plans again.
    Uncordon {
        /// Which.
        #[arg(required = true)]
        regions: Vec<String>,
    },
    /// Take regions out of the fleet: no new plan takes them, and what serves there goes on serving. `describe` tells when
    /// they are drained and may be deleted.
    Drain {
        /// Which.
        #[arg(required = true)]
        regions: Vec<String>,
        /// Why they go.
        #[arg(long)]
        reason: String,
    },
    /// Take regions back into the fleet.
    Undrain {
        /// Which.
        #[arg(required = true)]
        regions: Vec<String>,
        /// Why they stay.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Bring a region up to what the fleet has, also where it is not to follow by itself or has failed to.
    Join {
        /// Which.
        region: String,
        /// Of this service only.
        #[arg(long)]
        service: Option<String>,
    },
    /// Let a region out of quarantine: you have looked at its agent and vouch for it.
    Confirm {
        /// Which.
        region: String,
        /// What was found.
        #[arg(long)]
        reason: String,
    },
}

/// `alert …`.
#[derive(Clone, Debug, Subcommand)]
pub enum AlertCommand {
    /// List what stands of rollouts that have not ended, and what is still to be told.
    List,
    /// Tell every receiver of a route once that this is a test: exit 0 all took it, 1 not all.
    Test {
        /// Which.
        route: String,
    },
}

/// `audit …`.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Check a bundle that `rollout export` wrote, without a server: exit 0 it holds, 6 it does not.
    Verify {
        /// The bundle; - is standard input.
        #[arg(value_name = "FILE|-")]
        file: String,
    },
}

/// `analysis …`.
#[derive(Clone, Debug, Subcommand)]
pub enum AnalysisCommand {
    /// Say what each check found in each region: measure, samples, test, numbers, verdict, and why.
    Explain {
        /// Which.
        #[command(flatten)]
        rollout: Rollout,
        /// Of this region only.
        #[arg(long)]
        region: Option<String>,
    },
    /// Say what the load of each step came to in each region: offered, achieved, failed, latencies, and the verdict.
    Report {
        /// Which.
        #[command(flatten)]
        rollout: Rollout,
    },
}
