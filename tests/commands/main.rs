//! Commands that ask a real Kafka, or change what is committed there, as people and scripts use them.

mod asked;
mod caught_up;
mod examples;
mod lag;
mod letters;
mod offsets;
mod progress;
mod purge;
mod redrive;
mod replay;
mod replaying;
mod said;
mod tail;
mod terminal;
mod trial;
mod verify;
mod verify_live;
