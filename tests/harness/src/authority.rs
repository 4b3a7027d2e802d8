//! A throw-away authority, made by the server's own `ca` subcommand, as somebody trying it out would.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::process::program;

/// The PEM files that somebody needs to prove who they are.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Whom they believe.
    pub ca: PathBuf,
    /// Who they are.
    pub cert: PathBuf,
    /// The key to it.
    pub key: PathBuf,
}

/// An authority and what it issued: one identity for the server, one for an operator, one per region.
#[derive(Clone, Debug)]
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes an authority in `folder/ca` and issues everything a fleet needs.
    ///
    /// # Errors
    /// If the server's program refuses.
    pub fn create(folder: &Path, regions: &[String]) -> anyhow::Result<Self> {
        let folder = folder.join("ca");
        let authority = Self { folder };
        let dir = authority.folder.display().to_string();
        run(&["ca", "init", "--dir", &dir])?;
        authority.issue("server", "--server", "127.0.0.1,localhost")?;
        authority.issue("operator", "--operator", "tests")?;
        for region in regions {
            authority.issue(region, "--region", region)?;
        }
        Ok(authority)
    }

    fn issue(&self, name: &str, flag: &str, subject: &str) -> anyhow::Result<()> {
        let (dir, out) = (self.folder.display().to_string(), self.folder.join(name).display().to_string());
        run(&["ca", "issue", "--dir", &dir, flag, subject, "--out", &out])
    }

    /// What was issued under a name: `server`, `operator`, or a region's.
    ///
    /// # Panics
    /// If nothing was issued under it.
    #[must_use]
    pub fn identity(&self, name: &str) -> Identity {
        let folder = self.folder.join(name);
        let find = |ending: &str| {
            let files = std::fs::read_dir(&folder).expect("everything was issued when the authority was made");
            let mut paths = files.flatten().map(|file| file.path());
            paths
                .find(|path| !path.ends_with("ca.pem") && path.extension().is_some_and(|e| e == ending))
                .expect("issued files have their endings")
        };
        Identity { ca: self.folder.join("ca.pem"), cert: find("pem"), key: find("key") }
    }
}

fn run(args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program("meridian-server")?).args(args).stdin(Stdio::null()).output()?;
    anyhow::ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok::<(), anyhow::Error>(()).context("issuing certificates")
}
