//! The Kafka side of the bridge against a real Kafka: what is read, from where, by whom, and what is committed.

mod answers;
mod coordinator;
mod cut;
mod forgotten;
mod holding;
mod letters;
mod member;
mod outage;
mod pinned;
mod reading;
mod rebalance;
mod recreated;
mod scanning;
mod shapes;
mod sizes;
mod start;
