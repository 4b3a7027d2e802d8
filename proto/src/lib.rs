//! The wire: generated messages and services, and their conversions to and from `core`. It knows how domain values are
//! spelled, not what they mean.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod convert;

/// Generated code. Named only at the edges: here, in the server's `grpc`, the agent's `link` and the client.
#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::wildcard_enum_match_arm, clippy::unwrap_used)]
pub mod r#gen {
    /// `meridian.v1`: the public API.
    pub mod v1 {
        tonic::include_proto!("meridian.v1");
    }
    /// `meridian.agent.v1`: the agent link.
    pub mod agent {
        /// Version 1.
        pub mod v1 {
            tonic::include_proto!("meridian.agent.v1");
        }
    }
    /// `meridian.records.v1`: what the store keeps.
    pub mod records {
        /// Version 1.
        pub mod v1 {
            tonic::include_proto!("meridian.records.v1");
        }
    }
}

/// The encoded descriptor set of all packages, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
