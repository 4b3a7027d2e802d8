//! The command line. Every option is read here and nowhere else.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use meridian_core::id::RegionId;
use meridian_store::etcd::{EtcdOptions, TlsFiles as EtcdTls};

use crate::config::{AlertConfig, Config, StoreChoice, Transport};
use crate::telemetry::LogFormat;
use crate::tls::authority::Subject;
use crate::tls::terms::TlsFiles;

/// The control plane of Meridian.
#[derive(Clone, Debug, Parser)]
#[command(name = "meridian-server", version, about, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do; nothing said: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What the program can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the control plane.
    Serve(ServeArgs),
    /// Write all records into a file. An embedded store is backed up while its server is stopped.
    Backup {
        /// What to back up.
        #[command(flatten)]
        store: StoreArgs,
        /// The new file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Fill an empty store from a backup. Rollouts go on held, above every epoch that was issued before.
    Restore {
        /// What to fill; no server may run on it.
        #[command(flatten)]
        store: StoreArgs,
        /// The backup.
        #[arg(long)]
        from: PathBuf,
        /// Who restores, for the audit.
        #[arg(long, default_value = "operator", env = "USER")]
        actor: String,
        /// A generation that agents hold already, if a clock was ahead: epochs go on above it.
        #[arg(long, default_value_t = 0)]
        above: u64,
    },
    /// Make certificates for trying things out.
    #[command(subcommand)]
    Ca(CaCommand),
}

/// How to serve.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Address for agents and callers; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7401", env = "MERIDIAN_LISTEN")]
    pub listen: SocketAddr,
    /// Address for metrics and health.
    #[arg(long, default_value = "127.0.0.1:7402", env = "MERIDIAN_HTTP")]
    pub http: SocketAddr,
    /// Where records are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The server's certificate.
    #[arg(long, requires_all = ["tls_key", "tls_client_ca"])]
    pub tls_cert: Option<PathBuf>,
    /// The key of `--tls-cert`.
    #[arg(long, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Who signed the certificates of agents and operators.
    #[arg(long, requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// The trust domain of their identities.
    #[arg(long, default_value = "meridian", value_parser = name)]
    pub trust_domain: String,
    /// Speak without TLS and believe whoever can connect.
    #[arg(long, conflicts_with = "tls_cert")]
    pub plaintext: bool,
    /// Collector for traces, e.g. http://127.0.0.1:4317.
    #[arg(long, env = "MERIDIAN_OTLP")]
    pub otlp: Option<String>,
    /// Folder of the secrets that notification routes name, a file each.
    #[arg(long, env = "MERIDIAN_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// Who signed the certificates of those who are told of alerts; the system's authorities if left out.
    #[arg(long)]
    pub alert_ca: Option<PathBuf>,
    /// How logs are written; which ones is said by MERIDIAN_LOG.
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// Where records are kept.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreArgs {
    /// Where records are kept.
    #[arg(long, value_enum, default_value = "embedded")]
    pub store: StoreKind,
    /// Folder of the embedded store.
    #[arg(long, default_value = "meridian-data", env = "MERIDIAN_DATA")]
    pub data: PathBuf,
    /// Addresses of etcd, separated by commas.
    #[arg(long, value_delimiter = ',', env = "MERIDIAN_ETCD")]
    pub etcd: Vec<String>,
    /// Who signed etcd's certificates.
    #[arg(long)]
    pub etcd_ca: Option<PathBuf>,
    /// Our certificate for etcd.
    #[arg(long, requires = "etcd_key")]
    pub etcd_cert: Option<PathBuf>,
    /// The key of `--etcd-cert`.
    #[arg(long, requires = "etcd_cert")]
    pub etcd_key: Option<PathBuf>,
}

/// Where records are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum StoreKind {
    /// Nowhere: gone with the process.
    Memory,
    /// In a file of this one server.
    Embedded,
    /// In an etcd that several servers share.
    Etcd,
}

/// Certificates for trying things out.
#[derive(Clone, Debug, Subcommand)]
pub enum CaCommand {
    /// Make an authority.
    Init {
        /// Where.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Issue a certificate.
    Issue {
        /// Where the authority is.
        #[arg(long)]
        dir: PathBuf,
        /// For whom.
        #[command(flatten)]
        subject: SubjectArgs,
        /// The trust domain of the identity.
        #[arg(long, default_value = "meridian", value_parser = name)]
        trust_domain: String,
        /// Where to put certificate and key.
        #[arg(long)]
        out: PathBuf,
    },
}

/// For whom a certificate is.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct SubjectArgs {
    /// The agent of a region.
    #[arg(long, value_parser = region)]
    pub region: Option<RegionId>,
    /// A server: its host names and addresses, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub server: Vec<String>,
    /// A person or program that gives orders.
    #[arg(long, value_parser = name)]
    pub operator: Option<String>,
}

/// Options that do not fit together.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ArgsInvalid {
    /// Neither TLS nor plaintext was asked for.
    #[error(
        "say how to speak: --tls-cert, --tls-key and --tls-client-ca for TLS, or --plaintext for none \
         (`meridian-server ca` makes certificates for trying things out)"
    )]
    NoTransport,
    /// etcd without addresses.
    #[error("--store etcd needs --etcd with the addresses of its members")]
    NoEtcd,
    /// A backup of nothing.
    #[error("a store in memory ends with its server: there is nothing to back up, and nowhere to restore to")]
    NothingKept,
}

impl ServeArgs {
    /// What a server is started with.
    ///
    /// # Errors
    /// Options that do not fit together.
    pub fn config(self) -> Result<Config, ArgsInvalid> {
        let Self {
            listen,
            http,
            store,
            tls_cert,
            tls_key,
            tls_client_ca,
            trust_domain,
            plaintext,
            otlp,
            secrets,
            alert_ca,
            log_format: _,
        } = self;
        let transport = match (tls_cert, tls_key, tls_client_ca, plaintext) {
            (Some(cert), Some(key), Some(client_ca), false) => {
                Transport::Tls(TlsFiles { cert, key, client_ca, trust_domain })
            }
            (None, None, None, true) => Transport::Plaintext,
            (_, _, _, _) => return Err(ArgsInvalid::NoTransport),
        };
        let alerts = AlertConfig { secrets, ca: alert_ca };
        Ok(Config { listen, http, store: store.choice()?, transport, otlp, alerts })
    }
}

impl StoreArgs {
    /// Where records are kept.
    ///
    /// # Errors
    /// etcd without addresses.
    pub fn choice(self) -> Result<StoreChoice, ArgsInvalid> {
        let Self { store, data, etcd, etcd_ca, etcd_cert, etcd_key } = self;
        Ok(match store {
            StoreKind::Memory => StoreChoice::Memory,
            StoreKind::Embedded => StoreChoice::Embedded(data),
            StoreKind::Etcd if etcd.is_empty() => return Err(ArgsInvalid::NoEtcd),
            StoreKind::Etcd => {
                let identity = etcd_cert.zip(etcd_key);
                let encrypted = etcd_ca.is_some() || identity.is_some();
                let tls = encrypted.then_some(EtcdTls { ca: etcd_ca, identity, domain: None });
                StoreChoice::Etcd(Box::new(EtcdOptions { tls, ..EtcdOptions::new(etcd) }))
            }
        })
    }

    /// Where records are kept that outlive the process.
    ///
    /// # Errors
    /// Options that do not fit together; a store that keeps nothing.
    pub fn lasting(self) -> Result<StoreChoice, ArgsInvalid> {
        match self.store {
            StoreKind::Memory => Err(ArgsInvalid::NothingKept),
            StoreKind::Embedded | StoreKind::Etcd => self.choice(),
        }
    }
}

impl SubjectArgs {
    /// The subject; the group lets exactly one be given.
    #[must_use]
    pub fn subject(self) -> Subject {
        let Self { region, server, operator } = self;
        match (region, operator) {
            (Some(region), _) => Subject::Region(region),
            (None, Some(operator)) => Subject::Operator(operator),
            (None, None) => Subject::Server(server),
        }
    }
}

fn region(text: &str) -> Result<RegionId, String> {
    RegionId::new(text).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<String, String> {
    meridian_core::id::check_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn config(line: &str) -> Result<Config, ArgsInvalid> {
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        assert!(args.command.is_none());
        args.serve.config()
    }

    #[test]
    fn options_fit_together() {
        Args::command().debug_assert();
        assert!(matches!(config("meridian-server"), Err(ArgsInvalid::NoTransport)));
        assert!(matches!(config("meridian-server --plaintext --store etcd"), Err(ArgsInvalid::NoEtcd)));
        let tls = "meridian-server --tls-cert a --tls-key b --tls-client-ca c --store memory";
        assert!(matches!(config(tls).unwrap().transport, Transport::Tls(_)));
        for line in ["m --tls-cert a", "m --plaintext --tls-cert a --tls-key b --tls-client-ca c", "m --nonsense"] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        let memory = Args::try_parse_from("m backup --store memory --out f".split(' ')).unwrap().command;
        let Some(Command::Backup { store, .. }) = memory else { panic!("{memory:?}") };
        assert_eq!(store.lasting().err(), Some(ArgsInvalid::NothingKept));
        let issue = "m ca issue --dir d --out o";
        for (who, taken) in [("--region eu", true), ("--operator a --region eu", false), ("", false)] {
            let line = format!("{issue} {who}");
            assert_eq!(Args::try_parse_from(line.trim().split(' ')).is_ok(), taken, "{line}");
        }
    }
}
