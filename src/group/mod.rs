//! What a group has committed, against what Kafka holds: how far it is behind, and where it shall go on.
//!
//! ```text
//! session    the cluster, and which of its partitions are asked for
//! lag        how each of them stands, and how old what it has not settled is
//! goal       the ends that were there at the start, and whether they are settled
//! target     where a position shall go, and what that makes of each        pure
//! replay     what is sent again, and the group it is kept in
//! placing    the plan, and then the one commit that carries it out
//! table, json
//! ```
//! The invariant: nothing is joined, and nothing is changed but by [`PositionsPlan::carry_out`], which Kafka refuses itself while
//! somebody is in the group, and by [`ReplayPlan::fix`] and [`ReplayPlan::forget`] in the replay's own group. All is over by the deadline.

mod failure;
mod goal;
mod json;
mod lag;
mod members;
mod placing;
mod replay;
mod session;
mod table;
mod target;

pub(crate) use failure::some;
pub use failure::{CommandError, ErrorKind};
pub use goal::{Goal, GoalLook};
pub use lag::{Behind, Lag};
pub use placing::{Placed, PositionsPlan};
pub use replay::{Forecast, ReplayPlan, ReplaySpan, Replayed};
pub(crate) use session::enter;
pub use session::{Selection, Session};
pub use table::ShownGroup;
pub(crate) use table::{empty, exact};
pub use target::{PositionChange, PositionTarget};
