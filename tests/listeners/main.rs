//! The doors into Kafka: one broker with every kind of listener, certificates of its own authorities, users, and an issuer of
//! tokens that it checks for real.

mod house;
#[cfg(feature = "aws-msk-iam")]
mod iam;
mod issuer;
mod million;
mod refusals;
mod rotation;
