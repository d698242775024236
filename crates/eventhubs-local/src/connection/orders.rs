//! What others ask of a connection, and what the end of a token costs it.

use std::time::{Duration, Instant};

use super::link::Link;
use super::{Connection, Fate};
use crate::auth::Grants;
use crate::condition::Condition;
use crate::faults::Region;
use crate::hub::now_ms;
use crate::registry::{Command, Order};

impl Connection {
    /// Does what others asked for, after a wake-up.
    pub(crate) fn woken(&mut self) {
        for command in self.core.handle.take_commands() {
            match command {
                Command::Order(region, order) => self.follow(&region, order),
                Command::HubDeleted => {
                    self.detach_where(|link| {
                        let hub = link.hub().filter(|hub| hub.is_deleted())?;
                        Some(Condition::not_found(hub.name()))
                    });
                }
                Command::DetachReader { reader, condition } => {
                    self.detach_where(|link| {
                        (link.reader() == Some(reader)).then(|| condition.clone())
                    });
                }
            }
        }
        self.look_at_links();
    }

    fn follow(&mut self, region: &Region, order: Order) {
        let id = self.core.handle.id;
        let there = |link: &Link| link.site(id).is_some_and(|site| region.has(site));
        let mut links = self.sessions.values().flat_map(|session| session.links.values());
        if region.is_of_links() && !links.any(there) {
            return;
        }
        match order {
            Order::Close(condition) => self.close(&condition),
            Order::Drop => self.core.fate = Fate::Abort,
            Order::BlackHole => self.core.fate = Fate::Mute,
            Order::DetachLinks(condition) => {
                self.detach_where(|link| there(link).then(|| condition.clone()));
            }
            Order::ExpireTokens => {
                self.core.grants.revoke();
                self.drop_unauthorized();
            }
            Order::CorruptFrame => crate::faults::garbage(&mut self.core.out, 0),
        }
    }

    /// Detaches each link for which there is a reason.
    pub(super) fn detach_where(&mut self, reason: impl Fn(&Link) -> Option<Condition>) {
        for session in self.sessions.values_mut() {
            session.detach_where(&mut self.core, &reason);
        }
        self.links_changed = true;
    }

    pub(super) fn drop_unauthorized(&mut self) {
        let now = now_ms();
        let grants = std::mem::replace(&mut self.core.grants, Grants::new(true, true));
        let handle = std::sync::Arc::clone(&self.core.handle);
        self.detach_where(|link| {
            let (entity, right) = link.needs()?;
            let resource = || handle.resource(entity);
            (!grants.allow(entity, right, now)).then(|| right.ended(&link.view.name, &resource()))
        });
        self.core.grants = grants;
    }

    pub(super) fn watch_tokens(&mut self) {
        let now = now_ms();
        if let Some(end) = self.core.grants.next_expiry(now) {
            let left = Duration::from_millis(end.saturating_sub(now) as u64 + 1);
            self.core.due.replace_expiry(Instant::now() + left);
        }
    }

    /// After links have come or gone: watches for idleness.
    pub(super) fn look_at_links(&mut self) {
        if !std::mem::take(&mut self.links_changed) {
            return;
        }
        let count = self.core.handle.links().len();
        self.count_links(count);
    }
}
