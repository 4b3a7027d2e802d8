//! From an operator's configuration to a driver. The only place that knows every driver.

use serde::{Deserialize, Serialize};

use crate::error::DriverError;
use crate::process::{ProcessConfig, ProcessWorkload};
use crate::proxy::{ProxyConfig, ProxyTraffic};
use crate::traffic::TrafficDriver;
use crate::workload::WorkloadDriver;

/// Which workload driver, and how.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkloadConfig {
    /// Processes on this machine.
    Process(ProcessConfig),
}

/// Which traffic driver, and how.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "snake_case", deny_unknown_fields)]
pub enum TrafficConfig {
    /// Meridian's own proxy.
    Proxy(ProxyConfig),
    /// An Envoy, driven through ADS.
    #[cfg(feature = "envoy")]
    Envoy(crate::envoy::EnvoyConfig),
}

/// Opens a workload driver; what an agent before us started is found again.
///
/// # Errors
/// `DRIVER_CONFIG`, `DRIVER_STATE`.
pub async fn open_workload(config: WorkloadConfig) -> Result<Box<dyn WorkloadDriver>, DriverError> {
    match config {
        WorkloadConfig::Process(config) => Ok(Box::new(ProcessWorkload::open(config).await?)),
    }
}

/// Opens a traffic driver; its data plane is adopted if it is there and started if not.
///
/// # Errors
/// `DRIVER_CONFIG`, `DRIVER_STATE`, `TRAFFIC_UNREACHABLE` when the data plane cannot be started.
pub async fn open_traffic(config: TrafficConfig) -> Result<Box<dyn TrafficDriver>, DriverError> {
    match config {
        TrafficConfig::Proxy(config) => Ok(Box::new(ProxyTraffic::open(config).await?)),
        #[cfg(feature = "envoy")]
        TrafficConfig::Envoy(config) => Ok(Box::new(crate::envoy::EnvoyTraffic::open(config).await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read_and_unknown_fields_refused() {
        let text = r#"{"driver":"process","dir":"/d","artifacts":"/a","command":["x","{port}"]}"#;
        let config: WorkloadConfig = serde_json::from_str(text).unwrap();
        let expected = ProcessConfig::new("/d", "/a", vec!["x".to_owned(), "{port}".to_owned()]);
        assert_eq!(config, WorkloadConfig::Process(expected));
        let unknown = r#"{"driver":"process","dir":"/d","artifacts":"/a","command":["x"],"shell":true}"#;
        assert!(serde_json::from_str::<WorkloadConfig>(unknown).is_err());
        let proxy = r#"{"driver":"proxy","dir":"/d","listen":"127.0.0.1:0"}"#;
        assert!(matches!(serde_json::from_str(proxy), Ok(TrafficConfig::Proxy(_))));
        assert!(serde_json::from_str::<TrafficConfig>(r#"{"driver":"nginx"}"#).is_err());
    }
}
