//! Silence and idleness: a peer that says nothing, a connection without links, a link without events.

use std::time::Instant;

use super::Connection;
use super::due::Later;
use crate::condition::Condition;

/// A connection that has no link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linkless {
    pub(super) since: Instant,
    pub(super) had_links: bool,
}

impl Connection {
    pub(super) fn watch_silence(&mut self) {
        let limit = self.core.namespace.settings.idle_time_out;
        self.core.due.push(self.last_received + limit * 2, Later::Silence);
    }

    pub(super) fn check_silence(&mut self, now: Instant) {
        let limit = self.core.namespace.settings.idle_time_out * 2;
        if now.duration_since(self.last_received) >= limit {
            self.close(&Condition::connection_forced());
        } else {
            self.watch_silence();
        }
    }

    /// Notes that the connection has that many links now.
    pub(super) fn count_links(&mut self, count: usize) {
        self.linkless = match (count, self.linkless) {
            (0, None) => Some(Linkless { since: self.core.now, had_links: true }),
            (0, linkless) => linkless,
            (_, _) => None,
        };
        self.watch_idle();
    }

    /// Looks again when the first thing may have been idle for too long.
    pub(super) fn watch_idle(&mut self) {
        let Some(rules) = self.core.namespace.settings.idle_rules else { return };
        let links = self.sessions.values().flat_map(|session| session.links.values());
        let used = links.filter(|link| link.carries_events()).map(|link| link.used);
        let connection = self.linkless.map(|linkless| {
            linkless.since + if linkless.had_links { rules.no_links } else { rules.first_link }
        });
        if let Some(at) = used.map(|used| used + rules.link).chain(connection).min() {
            self.core.due.replace_idle(at);
        }
    }

    pub(super) fn check_idle(&mut self) {
        let Some(rules) = self.core.namespace.settings.idle_rules else { return };
        let now = self.core.now;
        self.detach_where(|link| {
            let idle = link.carries_events() && now.duration_since(link.used) >= rules.link;
            idle.then(|| Condition::link_idle(&link.view.name, link.view.sender, rules.link))
        });
        if let Some(Linkless { since, had_links }) = self.linkless {
            let allowed = if had_links { rules.no_links } else { rules.first_link };
            if now.duration_since(since) >= allowed {
                return self.close(&Condition::inactive(allowed));
            }
        }
        self.watch_idle();
    }
}
