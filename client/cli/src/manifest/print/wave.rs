//! Stages and their waves: regions, steps, gates, and the load of a staging.

use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::playbook::{
    ApprovalRule, Callback, Load, LoadRequest, RegionSelector, Spread, Stage, Staging, Step, Wave,
};
use meridian_core::time::Span;

use super::Page;
use super::scalar::scalar;
use crate::manifest::kinds::staging::WEIGHT_DEFAULT;
use crate::manifest::kinds::wave::{PARALLEL_DEFAULT, SKEW_DEFAULT};

impl Page {
    pub(super) fn stage(&mut self, stage: &Stage) {
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

    pub(super) fn approvals(&mut self, level: usize, rules: &[ApprovalRule]) {
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
