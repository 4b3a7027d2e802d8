//! Domain types back to YAML, in the one form that we write: blocks, the order of the documentation, defaults left out
//! where they say nothing. Whatever is printed here reads back as the same value.

use std::collections::BTreeMap;

use meridian_core::alert::{Match, Receiver, Route};
use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};
use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::evidence::{Asks, Bound, Check, EvidencePolicy, LoadMeasure, Measure, Query, Reach, Source};
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::parameters::Layer;
use meridian_core::playbook::{
    ApprovalRule, BackPace, Callback, ChecklistItem, Concurrency, DeadManPolicy, Electorate, HotfixPolicy, ItemKind,
    Joiners, Limits, Load, LoadRequest, Playbook, Pooling, RegionSelector, RollbackPolicy, SafetyPolicy, Spread, Stage,
    Staging, Step, VotePolicy, Wave,
};
use meridian_core::release::{Note, Notes, Release, Reversibility};
use meridian_core::time::Span;
use meridian_core::watch::{Cadence, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};

use super::kinds::staging::WEIGHT_DEFAULT;
use super::kinds::wave::{PARALLEL_DEFAULT, SKEW_DEFAULT};
use super::{API_VERSION, Manifest, RegionManifest, ServiceManifest};

/// Prints one document, without `---` before it.
#[must_use]
pub fn to_yaml(manifest: &Manifest) -> String {
    let mut page = Page::default();
    page.line(0, format!("apiVersion: {API_VERSION}"));
    page.line(0, format!("kind: {}", manifest.kind()));
    page.line(0, "metadata:");
    page.line(1, format!("name: {}", scalar(&manifest.name())));
    match manifest {
        Manifest::Service(service) => page.service(service),
        Manifest::Playbook(playbook) => page.playbook(playbook),
        Manifest::Release(release) => page.release(release),
        Manifest::Region(region) => page.region(region),
        Manifest::Route(route) => page.route(route),
    }
    page.text
}

/// The notes of a release alone.
#[must_use]
pub(crate) fn notes_to_yaml(notes: &Notes) -> String {
    let mut page = Page::default();
    page.notes(0, notes);
    page.text
}

/// The field that says on which side of its number a target is met.
#[must_use]
pub(crate) const fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::AtLeast => "atLeast",
        Direction::AtMost => "atMost",
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, level: usize, line: impl AsRef<str>) {
        for _ in 0..level {
            self.text.push_str("  ");
        }
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn optional(&mut self, level: usize, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        match block(value) {
            Some((header, lines)) => {
                self.line(level, format!("{key}: {header}"));
                for line in lines {
                    // An indented empty line would be trailing white space.
                    let level = if line.is_empty() { 0 } else { level + 1 };
                    self.line(level, line);
                }
            }
            None => self.line(level, format!("{key}: {}", scalar(value))),
        }
    }

    fn labels(&mut self, labels: &BTreeMap<String, String>) {
        if !labels.is_empty() {
            self.line(1, "labels:");
        }
        for (key, value) in labels {
            self.line(2, format!("{}: {}", scalar(key), scalar(value)));
        }
    }

    fn service(&mut self, service: &ServiceManifest) {
        self.labels(&service.labels);
        let layers = service.parameters.layers();
        if service.description.is_empty() && service.owner.is_empty() && layers.is_empty() {
            return;
        }
        self.line(0, "spec:");
        self.optional(1, "description", &service.description);
        self.optional(1, "owner", &service.owner);
        if !layers.is_empty() {
            self.line(1, "parameters:");
        }
        for Layer { regions, labels, values } in layers {
            let pair = |(key, value): (&String, &String)| format!("{}: {}", quoted(key), quoted(value));
            let pairs = |all: &BTreeMap<String, String>| all.iter().map(pair).collect::<Vec<_>>().join(", ");
            self.line(2, format!("- values: {{{}}}", pairs(values)));
            if !regions.is_empty() {
                let names: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
                self.line(3, format!("regions: [{}]", names.join(", ")));
            }
            if !labels.is_empty() {
                self.line(3, format!("labels: {{{}}}", pairs(labels)));
            }
        }
    }

    fn region(&mut self, region: &RegionManifest) {
        self.labels(&region.labels);
        self.line(0, "spec:");
        self.optional(1, "description", &region.description);
        self.line(1, format!("cordoned: {}", region.cordoned));
        if let Some(share) = region.traffic_share {
            self.line(1, format!("trafficShare: {}", share.get()));
        }
    }

    fn route(&mut self, route: &Route) {
        let Route { id: _, matches, template, receivers } = route;
        self.line(0, "spec:");
        if *matches != Match::default() {
            self.line(1, "match:");
        }
        let Match { severity, services, regions, labels } = matches;
        if let Some(severity) = severity {
            self.line(2, format!("severity: {}", severity.as_str()));
        }
        let services: Vec<&str> = services.iter().map(ServiceId::as_str).collect();
        let regions: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
        for (key, names) in [("services", services), ("regions", regions)] {
            if !names.is_empty() {
                let names: Vec<String> = names.into_iter().map(scalar).collect();
                self.line(2, format!("{key}: [{}]", names.join(", ")));
            }
        }
        if !labels.is_empty() {
            self.line(2, "labels:");
        }
        for (key, value) in labels {
            self.line(3, format!("{}: {}", scalar(key), scalar(value)));
        }
        self.optional(1, "template", template);
        self.line(1, "receivers:");
        for Receiver { name, target } in receivers {
            self.line(2, format!("- name: {}", scalar(name)));
            let url = target.url().map(|url| format!("url: {}", scalar(url)));
            let secret = target.secret().map(|secret| format!("secret: {}", scalar(secret.as_str())));
            let fields: Vec<String> = url.into_iter().chain(secret).collect();
            self.line(3, format!("{}: {{{}}}", target.as_str(), fields.join(", ")));
        }
    }

    fn release(&mut self, release: &Release) {
        self.line(0, "spec:");
        self.line(1, format!("service: {}", scalar(release.service.as_str())));
        // Three numbers with dots are text to every YAML reader.
        self.line(1, format!("version: {}", release.version));
        self.line(1, format!("digest: {}", scalar(&release.digest.to_string())));
        if release.reversibility != Reversibility::default() {
            self.line(1, format!("reversibility: {}", release.reversibility.as_str()));
        }
        if let Some(prepares) = &release.prepares {
            self.line(1, format!("prepares: {prepares}"));
        }
        self.notes(1, &release.notes);
    }

    fn notes(&mut self, level: usize, notes: &Notes) {
        let entries = match notes {
            Notes::Plain(text) => return self.optional(level, "notes", text),
            Notes::Typed(entries) => entries,
        };
        self.line(level, "notes:");
        for Note { kind, breaking, text } in entries {
            self.line(level + 1, format!("- kind: {}", kind.as_str()));
            if *breaking {
                self.line(level + 2, "breaking: true");
            }
            self.optional(level + 2, "text", text);
        }
    }

    fn playbook(&mut self, playbook: &Playbook) {
        self.line(0, "spec:");
        if !playbook.checklist.is_empty() {
            self.line(1, "checklist:");
        }
        for ChecklistItem { id, kind, owner, valid_for } in &playbook.checklist {
            self.line(2, format!("- kind: {}", kind.as_str()));
            if id.as_str() != kind.as_str() || *kind == ItemKind::Custom {
                self.line(3, format!("name: {}", scalar(id.as_str())));
            }
            self.line(3, format!("owner: {}", scalar(owner)));
            self.line(3, format!("validFor: {valid_for}"));
        }
        if let Some(policy) = &playbook.hotfix {
            self.hotfix(policy);
        }
        if playbook.joiners != Joiners::default() {
            self.line(1, format!("joiners: {}", playbook.joiners.as_str()));
        }
        if playbook.concurrency != Concurrency::default() {
            self.line(1, format!("concurrency: {}", playbook.concurrency.as_str()));
        }
        self.line(1, "stages:");
        for stage in &playbook.stages {
            self.stage(stage);
        }
        self.evidence(&playbook.evidence);
        self.rollback(&playbook.rollback);
        let Limits { prepare, shift, revert, total } = &playbook.limits;
        self.line(1, "limits:");
        for (name, limit) in [("prepare", prepare), ("shift", shift), ("revert", revert), ("total", total)] {
            self.line(2, format!("{name}: {limit}"));
        }
        self.safety(&playbook.safety);
        self.timetable(&playbook.timetable);
        self.watch(&playbook.watch);
    }

    fn hotfix(&mut self, policy: &HotfixPolicy) {
        let HotfixPolicy { bake, approvals, earns, waives } = policy;
        self.line(1, "hotfix:");
        self.line(2, format!("bake: {bake}"));
        self.approvals(2, approvals);
        self.line(2, format!("earns: {}", earns.as_str()));
        if !waives.is_empty() {
            let items: Vec<String> = waives.iter().map(|item| scalar(item.as_str())).collect();
            self.line(2, format!("waives: [{}]", items.join(", ")));
        }
    }

    fn watch(&mut self, policy: &WatchPolicy) {
        let WatchPolicy { reviews, evaluation, grace, targets, feedback } = policy;
        let standard = WatchPolicy::default();
        if *policy == standard {
            return;
        }
        self.line(1, "watch:");
        if *reviews != standard.reviews {
            let cadence = |cadence: &Cadence| format!("{{every: {}, until: {}}}", cadence.every, cadence.until);
            let all: Vec<_> = reviews.iter().map(cadence).collect();
            self.line(2, format!("reviews: [{}]", all.join(", ")));
        }
        self.line(2, format!("evaluation: {evaluation}"));
        self.line(2, format!("grace: {grace}"));
        if !targets.is_empty() {
            self.line(2, "kpis:");
        }
        for KpiTarget { kpi, direction, target } in targets {
            self.line(3, format!("- {{name: {}, {}: {target}}}", scalar(kpi.as_str()), side(*direction)));
        }
        if let Some(FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits }) = feedback {
            let waits = if *pilot_waits { ", pilotWaits: true" } else { "" };
            let text = format!("scoreMin: {score_min}, answersMin: {answers_min}, blockersMax: {blockers_max}{waits}");
            self.line(2, format!("feedback: {{{text}}}"));
        }
    }

    fn timetable(&mut self, timetable: &Timetable) {
        let Timetable { windows, freezes, splits, trains, increments, train } = timetable;
        for (field, entries) in [("windows", windows), ("freezes", freezes)] {
            if !entries.is_empty() {
                self.line(1, format!("{field}:"));
            }
            for Entry { name, zone, when } in entries {
                self.line(2, format!("- name: {}", scalar(name)));
                if let Zone::Named(zone) = zone {
                    self.line(3, format!("zone: {}", scalar(zone)));
                }
                match when {
                    When::Cron { expression, lasts } => {
                        self.line(3, format!("cron: {}", scalar(expression)));
                        self.line(3, format!("duration: {lasts}"));
                    }
                    When::Range { from, to } => {
                        self.line(3, format!("from: {}", scalar(from)));
                        self.line(3, format!("to: {}", scalar(to)));
                    }
                }
            }
        }
        if *splits != Splits::None {
            self.line(1, format!("splits: {}", splits.as_str()));
        }
        if !trains.is_empty() {
            self.line(1, "trains:");
        }
        for Train { name, zone, departs, boarding, from, every } in trains {
            self.line(2, format!("- name: {}", scalar(name)));
            self.line(3, format!("zone: {}", scalar(zone)));
            self.line(3, format!("departs: {}", scalar(departs)));
            self.line(3, format!("boarding: {boarding}"));
            if *every != 1 {
                self.line(3, format!("every: {every}"));
            }
            if let Some(from) = from {
                self.line(3, format!("from: {}", scalar(from)));
            }
        }
        self.increments(increments);
        if let Some(train) = train {
            self.line(1, format!("train: {}", scalar(train)));
        }
    }

    fn increments(&mut self, increments: &[Increment]) {
        if !increments.is_empty() {
            self.line(1, "increments:");
        }
        for Increment { name, zone, during: Dates { from, to }, planning, innovation } in increments {
            self.line(2, format!("- name: {}", scalar(name)));
            self.line(3, format!("zone: {}", scalar(zone)));
            self.line(3, format!("from: {}", scalar(from)));
            self.line(3, format!("to: {}", scalar(to)));
            for (field, quiet) in [("planning", planning), ("innovation", innovation)] {
                if let Some(Dates { from, to }) = quiet {
                    self.line(3, format!("{field}:"));
                    self.line(4, format!("from: {}", scalar(from)));
                    self.line(4, format!("to: {}", scalar(to)));
                }
            }
        }
    }

    fn safety(&mut self, safety: &SafetyPolicy) {
        if *safety == SafetyPolicy::default() {
            return;
        }
        let SafetyPolicy { dead_man, drift } = safety;
        self.line(1, "safety:");
        if let Some(DeadManPolicy { alone_after, breach_for }) = dead_man {
            self.line(2, format!("deadMan: {{aloneAfter: {alone_after}, breachFor: {breach_for}}}"));
        }
        self.line(2, format!("drift: {}", drift.as_str()));
    }

    fn rollback(&mut self, rollback: &RollbackPolicy) {
        let RollbackPolicy { votes, over, pooled, fleet, retention, pace } = rollback;
        self.line(1, "rollback:");
        let votes = match votes {
            VotePolicy::Any => "any".to_owned(),
            VotePolicy::Count(count) => format!("{{count: {count}}}"),
            VotePolicy::Percent(share) => format!("{{percent: {share}}}"),
            VotePolicy::Traffic(share) => format!("{{traffic: {share}}}"),
        };
        self.line(2, format!("votes: {votes}"));
        if *over != Electorate::of(*fleet) {
            self.line(2, format!("over: {}", over.as_str()));
        }
        if let Some(Pooling { sample_min }) = pooled {
            self.line(2, format!("pooled: {{sampleMin: {sample_min}}}"));
        }
        self.line(2, format!("scope: {}", if *fleet { "fleet" } else { "wave" }));
        self.line(2, format!("retention: {retention}"));
        if let Some(BackPace { max_parallel }) = pace {
            self.line(2, format!("pace: {{maxParallel: {max_parallel}, order: {}}}", BackPace::ORDER));
        }
    }

    fn stage(&mut self, stage: &Stage) {
        self.line(2, format!("- kind: {}", stage.kind.as_str()));
        if let Some(staging) = &stage.staging {
            self.staging(staging);
        }
        self.line(3, "waves:");
        for wave in &stage.waves {
            self.wave(wave);
        }
    }

    fn staging(&mut self, Staging { load, rehearsal }: &Staging) {
        let Load { rate, ramp, requests, connections, timeout } = load;
        self.line(3, "load:");
        self.line(4, format!("rate: {rate}/s"));
        if *ramp != Span::ZERO {
            self.line(4, format!("ramp: {ramp}"));
        }
        if *connections != Load::CONNECTIONS {
            self.line(4, format!("connections: {connections}"));
        }
        self.line(4, format!("timeout: {timeout}"));
        self.line(4, "requests:");
        for LoadRequest { method, path, headers, body, weight } in requests {
            let mut fields = vec![format!("method: {}", method.as_str()), format!("path: {}", scalar(path))];
            if !headers.is_empty() {
                let pair = |(name, value): (&String, &String)| format!("{}: {}", scalar(name), scalar(value));
                fields.push(format!("headers: {{{}}}", headers.iter().map(pair).collect::<Vec<_>>().join(", ")));
            }
            if !body.is_empty() {
                fields.push(format!("body: {}", scalar(body)));
            }
            if *weight != WEIGHT_DEFAULT {
                fields.push(format!("weight: {weight}"));
            }
            self.line(5, format!("- {{{}}}", fields.join(", ")));
        }
        if *rehearsal {
            self.line(3, "rehearsal: true");
        }
    }

    fn wave(&mut self, wave: &Wave) {
        self.line(4, format!("- name: {}", scalar(wave.id.as_str())));
        self.line(5, format!("regions: {}", selector(&wave.regions)));
        if let Some(Spread { first, factor, order }) = wave.spread {
            self.line(5, format!("spread: {{first: {first}, factor: {factor}, order: {}}}", order.as_str()));
        }
        if wave.max_parallel != PARALLEL_DEFAULT {
            self.line(5, format!("maxParallel: {}", wave.max_parallel));
        }
        if wave.max_skew != SKEW_DEFAULT {
            self.line(5, format!("maxSkew: {}", wave.max_skew));
        }
        self.line(5, "steps:");
        for Step { weight, cohort, bake, requests } in &wave.steps {
            let cohort = cohort.as_ref().map(|rule| format!(", cohort: {}", cohort_rule(rule))).unwrap_or_default();
            let requests = if *requests > 0 { format!(", bakeRequests: {requests}") } else { String::new() };
            self.line(6, format!("- {{weight: {weight}{cohort}, bake: {bake}{requests}}}"));
        }
        if wave.soak != Span::ZERO {
            self.line(5, format!("soak: {}", wave.soak));
        }
        self.approvals(5, &wave.approvals);
        self.gates(&wave.callbacks);
    }

    fn approvals(&mut self, level: usize, rules: &[ApprovalRule]) {
        if !rules.is_empty() {
            self.line(level, "approvals:");
        }
        for ApprovalRule { role, count, valid_for } in rules {
            let role = scalar(role.as_str());
            self.line(level + 1, format!("- {{role: {role}, count: {count}, validFor: {valid_for}}}"));
        }
    }

    fn gates(&mut self, callbacks: &[Callback]) {
        if !callbacks.is_empty() {
            self.line(5, "gates:");
        }
        for Callback { id, url, timeout, secret } in callbacks {
            self.line(6, format!("- name: {}", scalar(id.as_str())));
            self.line(7, format!("url: {}", scalar(url)));
            self.line(7, format!("timeout: {timeout}"));
            if let Some(secret) = secret {
                self.line(7, format!("secret: {}", scalar(secret.as_str())));
            }
        }
    }

    fn evidence(&mut self, evidence: &EvidencePolicy) {
        self.line(1, "evidence:");
        self.line(2, format!("window: {}", evidence.window));
        self.line(2, format!("extendMax: {}", evidence.extend_max));
        if !evidence.checks.is_empty() {
            self.line(2, "checks:");
        }
        for Check { name, measure, sample_min } in &evidence.checks {
            self.line(3, format!("- name: {}", scalar(name)));
            let measure = match measure {
                Measure::ErrorRatio { max } => format!("errorRatio: {{max: {max}}}"),
                Measure::Latency { quantile, max } => {
                    format!("latency: {{quantile: {quantile}, max: {max}}}")
                }
                Measure::Probe { path, max } => format!("probe: {{path: {}, max: {max}}}", scalar(path)),
                Measure::ErrorDifference { max } => format!("errorDifference: {{max: {max}}}"),
                Measure::LatencyShift { tolerance } => format!("latencyShift: {{tolerance: {tolerance}}}"),
                Measure::ErrorSequence { max } => format!("errorSequence: {{max: {max}}}"),
                Measure::BudgetBurn { budget, factor } => {
                    format!("budgetBurn: {{budget: {budget}, factor: {factor}}}")
                }
                Measure::Query(query) => query_text(query),
                Measure::Load(LoadMeasure::Errors { max }) => format!("loadErrors: {{max: {max}}}"),
                Measure::Load(LoadMeasure::Latency { quantile, max }) => {
                    format!("loadLatency: {{quantile: {quantile}, max: {max}}}")
                }
                Measure::Load(LoadMeasure::Rate { min }) => format!("loadRate: {{min: {min}}}"),
            };
            self.line(4, measure);
            self.line(4, format!("sampleMin: {sample_min}"));
        }
    }
}

fn query_text(Query { source, url, asks, reach }: &Query) -> String {
    let of = match source {
        Source::Prometheus => "query",
        Source::WebhookGet | Source::WebhookPost => "pointer",
    };
    let mut fields = vec![format!("url: {}", scalar(url))];
    fields.extend((*source == Source::WebhookPost).then(|| "method: POST".to_owned()));
    fields.extend(match asks {
        Asks::Value { of: text, bound: Bound::Most(most) } => {
            vec![format!("{of}: {}", scalar(text)), format!("max: {most}")]
        }
        Asks::Value { of: text, bound: Bound::Least(least) } => {
            vec![format!("{of}: {}", scalar(text)), format!("min: {least}")]
        }
        Asks::Counts { errors, total, max } => {
            vec![format!("errors: {}", scalar(errors)), format!("total: {}", scalar(total)), format!("max: {max}")]
        }
    });
    fields.extend((*reach == Reach::Fleet).then(|| "over: fleet".to_owned()));
    format!("{}: {{{}}}", source.as_str(), fields.join(", "))
}

fn selector(regions: &RegionSelector) -> String {
    match regions {
        RegionSelector::Rest => "rest".to_owned(),
        RegionSelector::Names(names) => {
            let names: Vec<String> = names.iter().map(|name| scalar(name.as_str())).collect();
            format!("[{}]", names.join(", "))
        }
        RegionSelector::Labels(labels) => {
            let pair = |(key, value): (&String, &String)| format!("{}: {}", scalar(key), scalar(value));
            let pairs: Vec<String> = labels.iter().map(pair).collect();
            format!("{{labels: {{{}}}}}", pairs.join(", "))
        }
    }
}

fn cohort_rule(rule: &CohortRule) -> String {
    let key = |key: &RequestKey| match key {
        RequestKey::Header(name) => format!("header: {}", scalar(name)),
        RequestKey::Cookie(name) => format!("cookie: {}", scalar(name)),
    };
    match rule {
        CohortRule::Equals(of, value) => format!("{{{}, value: {}}}", key(of), scalar(value)),
        CohortRule::Share(of, share) => format!("{{{}, percentage: {share}}}", key(of)),
    }
}

/// Words that some YAML reader takes for something else than text.
const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "none"];

/// A text as a scalar that every YAML reader takes for this text: bare only if no reader could see anything else.
fn scalar(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let follows = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let digest = text.strip_prefix("sha256:").unwrap_or(text);
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if starts && !word && digest.bytes().all(follows) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            shown if is_shown(shown) => out.push(shown),
            hidden if u32::from(hidden) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(hidden))),
            hidden => out.push_str(&format!("\\U{:08x}", u32::from(hidden))),
        }
    }
    out.push('"');
    out
}

/// A text of several lines as a literal block: its header and its lines; `None` where a block would not be exact.
fn block(text: &str) -> Option<(&'static str, std::str::Split<'_, char>)> {
    let (header, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    let exact = body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n'])
        && body.chars().all(|c| c == '\n' || is_shown(c))
        && body.split('\n').all(|line| !line.ends_with(' '));
    exact.then(|| (header, body.split('\n')))
}

/// Characters that stand for themselves on paper: the others could break a line or turn the reading direction.
fn is_shown(character: char) -> bool {
    let hides = matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    let private = matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..);
    !character.is_control() && !hides && !private
}
