//! An Event Hubs-compatible AMQP server for development and tests.
