//! What services have vetoed, as agents connected here are told: all of it when a session begins, and again when it has
//! changed. Of two lists the one of the higher epoch counts, whatever came first.

use meridian_core::agent::VetoList;
use meridian_core::id::ServiceId;

use super::Sessions;

impl Sessions {
    /// A service's vetoes were read, or have changed. Agents are told if that is news to them.
    pub fn tell_vetoes(&self, service: &ServiceId, list: VetoList) {
        let mut vetoes = self.vetoes.lock().expect("no holder of this lock panics");
        let known = vetoes.get(service);
        let is_news = known.is_none_or(|known| known.digests != list.digests);
        if !vetoes.entry(service.clone()).or_default().renew(list.clone()) || !is_news {
            return;
        }
        let regions = self.regions.lock().expect("no holder of this lock panics");
        for entry in regions.values().filter(|entry| entry.runs(service)) {
            if let Some(live) = &entry.live {
                live.outbox.put_vetoes(service.clone(), list.clone());
            }
        }
    }

    /// Whether a service's vetoes were read before.
    #[must_use]
    pub fn knows_vetoes(&self, service: &ServiceId) -> bool {
        self.vetoes.lock().expect("no holder of this lock panics").contains_key(service)
    }

    /// Every service whose vetoes were read.
    #[must_use]
    pub fn vetoing(&self) -> Vec<ServiceId> {
        self.vetoes.lock().expect("no holder of this lock panics").keys().cloned().collect()
    }
}
