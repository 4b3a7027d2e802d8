//! Those who have a say: they sign items off, approve waves, and say how good a release is, each under their own name.

use meridian_client::Client;
use meridian_harness::fleet::SERVICE;

use super::waits_for;
use crate::shell::Shell;

/// The people of the launch.
pub struct People<'a> {
    shell: &'a Shell,
    client: &'a Client,
}

impl<'a> People<'a> {
    /// All of them.
    pub const fn new(shell: &'a Shell, client: &'a Client) -> Self {
        Self { shell, client }
    }

    /// Every owner signs what is theirs, with a report as evidence. Says how many items there were.
    pub async fn sign_everything(&self) -> anyhow::Result<usize> {
        let view = waits_for(self.client, "CHECKLIST").await?;
        let missing: Vec<_> = view.checklist.iter().filter(|entry| entry.signed.is_none()).collect();
        for entry in &missing {
            let evidence = format!("https://reports.example/{}/{}", view.release.version, entry.name);
            let digest = meridian_core::digest::Digest::of(evidence.as_bytes()).to_string();
            let words = ["checklist", "sign", SERVICE, "--item", &entry.name, "--evidence", &evidence];
            self.shell.order(&[&words[..], &["--digest", &digest, "--actor", &entry.owner]].concat()).await?;
        }
        Ok(missing.len())
    }

    /// These people consent in a role to what asks for it. Says how many they are.
    pub async fn approve(&self, role: &str, names: &[&str]) -> anyhow::Result<usize> {
        for name in names {
            self.shell.order(&["rollout", "approve", SERVICE, "--role", role, "--actor", name]).await?;
        }
        Ok(names.len())
    }

    /// These people say how good a release is. Says how many they are.
    pub async fn say(&self, version: &str, said: &[(&str, u32, &str)], more: &[&str]) -> anyhow::Result<usize> {
        for (name, score, text) in said {
            let (release, score) = (format!("{SERVICE}/{version}"), score.to_string());
            let words = ["feedback", "give", &release, "--score", &score, "--text", text, "--cohort", "partners"];
            self.shell.order(&[&words[..], &["--actor", name], more].concat()).await?;
        }
        Ok(said.len())
    }

    /// So many people are content.
    pub async fn praise(&self, version: &str, count: usize) -> anyhow::Result<usize> {
        for number in 1..=count {
            let name = format!("partner-{number}");
            self.say(version, &[(&name, 5, "")], &[]).await?;
        }
        Ok(count)
    }
}
