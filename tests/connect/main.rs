//! `check --connect`: each thing that may be refused is found, named and explained, by people and by scripts, and finding
//! it changes nothing.

mod docs;
mod guarded;
mod hubs;
mod kafka;
mod mappings;

mod scene;
mod whole;
