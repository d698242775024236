//! Who looks on, and may stop it.

/// See the module.
pub trait ProgressWatch {
    /// `what` is begun, of `total` of `unit`.
    fn begin(&self, what: &str, unit: &'static str, total: u64);
    /// So much of that is done.
    fn at(&self, done: u64);
    /// Whether it is to be stopped.
    fn is_over(&self) -> bool;
}
