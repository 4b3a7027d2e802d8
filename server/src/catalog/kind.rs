//! What the kinds of things in the catalog have in common: a key, a name and bytes.

use bytes::Bytes;
use meridian_core::id::{PlaybookId, RegionId, RouteId, ServiceId};
use meridian_proto::convert::name;
use meridian_store::record::{self, RecordError, Region, Service, StoredPlaybook, StoredRelease, StoredRoute};
use meridian_store::{Key, layout};
use semver::Version;

/// A kind of thing that is kept under one key each.
pub trait Kind: Clone + Send + Sync + Sized + 'static {
    /// What one of them is known by.
    type Id: Clone + Send + Sync;
    /// The kind's word.
    const WORD: &'static str;

    /// Where it is kept.
    fn key(id: &Self::Id) -> Key;
    /// Its resource name.
    fn name(id: &Self::Id) -> String;
    /// Its bytes.
    fn encode(&self) -> Bytes;
    /// Reads it back.
    ///
    /// # Errors
    /// If the bytes are not one of these.
    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, RecordError>;
}

impl Kind for Service {
    type Id = ServiceId;
    const WORD: &'static str = "service";

    fn key(id: &ServiceId) -> Key {
        layout::service(id)
    }

    fn name(id: &ServiceId) -> String {
        name::service(id)
    }

    fn encode(&self) -> Bytes {
        record::encode_service(self)
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode_service(key, bytes)
    }
}

impl Kind for Region {
    type Id = RegionId;
    const WORD: &'static str = "region";

    fn key(id: &RegionId) -> Key {
        layout::region(id)
    }

    fn name(id: &RegionId) -> String {
        name::region(id)
    }

    fn encode(&self) -> Bytes {
        record::encode_region(self)
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode_region(key, bytes)
    }
}

impl Kind for StoredPlaybook {
    type Id = PlaybookId;
    const WORD: &'static str = "playbook";

    fn key(id: &PlaybookId) -> Key {
        layout::playbook(id)
    }

    fn name(id: &PlaybookId) -> String {
        name::playbook(id)
    }

    fn encode(&self) -> Bytes {
        record::encode_playbook(self)
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode_playbook(key, bytes)
    }
}

impl Kind for StoredRoute {
    type Id = RouteId;
    const WORD: &'static str = "route";

    fn key(id: &RouteId) -> Key {
        layout::route(id)
    }

    fn name(id: &RouteId) -> String {
        name::route(id)
    }

    fn encode(&self) -> Bytes {
        record::encode_route(self)
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode_route(key, bytes)
    }
}

impl Kind for StoredRelease {
    type Id = (ServiceId, Version);
    const WORD: &'static str = "release";

    fn key((service, version): &Self::Id) -> Key {
        layout::release(service, version)
    }

    fn name((service, version): &Self::Id) -> String {
        name::release(service, version)
    }

    fn encode(&self) -> Bytes {
        record::encode_release(self)
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode_release(key, bytes)
    }
}
