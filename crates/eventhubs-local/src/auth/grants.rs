//! What one connection has been granted, for how long.

use super::{Disbelief, Right, Scope, covers};
use crate::address;

/// How many audiences a connection may hold tokens for.
const MAX_GRANTS: usize = 10_000;

/// Why an audience is not taken into the grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotGranted {
    Disbelieved(Disbelief),
    TooMany,
}

/// What one connection has been granted.
#[derive(Debug)]
pub(crate) struct Grants {
    /// Whether links need a grant at all.
    required: bool,
    /// Whether expired grants count.
    expire: bool,
    granted: Vec<Scope>,
}

impl Grants {
    pub(crate) fn new(required: bool, expire: bool) -> Self {
        Self { required, expire, granted: Vec::new() }
    }

    /// Takes what was proven without a token.
    pub(crate) fn give(&mut self, scope: Scope) {
        self.granted.push(scope);
    }

    /// Takes `audience` into the grants if `scope` covers it.
    pub(crate) fn put(&mut self, audience: &str, scope: Scope) -> Result<(), NotGranted> {
        let path = address::path(audience).to_lowercase();
        if !covers(&scope.path, &path) {
            return Err(NotGranted::Disbelieved(Disbelief::Audience));
        }
        self.granted.retain(|old| old.path != path);
        if self.granted.len() >= MAX_GRANTS {
            return Err(NotGranted::TooMany);
        }
        self.granted.push(Scope { path, ..scope });
        Ok(())
    }

    /// The same, the grant ending at `end_ms` whatever the token says; it then counts even where none is needed.
    pub(crate) fn put_until(
        &mut self,
        audience: &str,
        scope: Scope,
        end_ms: i64,
    ) -> Result<(), NotGranted> {
        let end_ms = scope.expires_ms.map_or(end_ms, |end| end.min(end_ms));
        self.put(audience, Scope { expires_ms: Some(end_ms), ..scope })?;
        self.required = true;
        self.expire = true;
        Ok(())
    }

    /// Whether that may be done with the entity at `path` now.
    pub(crate) fn allow(&self, path: &str, right: Right, now_ms: i64) -> bool {
        if !self.required {
            return true;
        }
        let path = path.to_lowercase();
        self.granted.iter().any(|scope| {
            let valid = !self.expire || scope.expires_ms.is_none_or(|end| end > now_ms);
            valid && scope.rights.permit(right) && covers(&scope.path, &path)
        })
    }

    /// When the next grant ends, if that matters.
    pub(crate) fn next_expiry(&self, now_ms: i64) -> Option<i64> {
        let ends = self.granted.iter().filter_map(|scope| scope.expires_ms);
        ends.filter(|end| self.expire && *end > now_ms).min()
    }

    /// Forgets all grants; from now on links need one.
    pub(crate) fn revoke(&mut self) {
        self.required = true;
        self.granted.clear();
    }
}
