//! Every way to a namespace: TLS with an authority and a certificate of one's own, WebSocket, a proxy, another address.
//!
//! Through each of them records flow under an audit, as everywhere.

mod address;
mod certificates;
mod gateway;
mod proxy;
mod rotation;
mod scene;
