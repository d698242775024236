//! stub
use super::Event;
use crate::record::Record;
/// l
#[derive(Debug)]
pub struct Layout;
impl Layout {
    /// n
    pub fn new(_: &crate::config::Events) -> Self {
        Self
    }
}
/// e
pub fn encode(r: &Record<'_>, _: &Layout) -> Event {
    Event::new(r.value.unwrap_or_default().to_vec())
}
/// s
pub fn section_size(l: usize) -> usize {
    l + 8
}
/// o
pub fn envelope_overhead(_: Option<&str>) -> usize {
    30
}
