//! Who is in a group, in words.

use crate::kafka::Member;

/// How many members are named.
pub(super) const NAMED: usize = 8;

/// A member, by what tells somebody where it runs.
pub(super) fn member(member: &Member) -> String {
    let Member { client, host, instance, .. } = member;
    let host = host.trim_start_matches('/');
    match instance {
        Some(instance) => format!("{client} at {host} (`{instance}`)"),
        None => format!("{client} at {host}"),
    }
}
