//! What is written about the bridge: links lead somewhere, the configurations that are shown are good, and what a reader is
//! told to type works.

mod benchmarks;
mod changes;
mod claims;
mod commands;
mod configurations;
mod desk;
mod inventory;
mod links;
mod pages;
mod schemas;
mod sentences;
mod texts;
mod words;
