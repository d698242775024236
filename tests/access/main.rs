//! The doors into Event Hubs: every kind of credential against an issuer the test starts and an Event Hubs that checks
//! tokens for real, tokens that last seconds, and secrets that change in mid-flow.

mod flow;
mod issuer;
mod kinds;
mod refusals;
mod way;
