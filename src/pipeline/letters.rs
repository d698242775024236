//! Dead letters on their way to the desk, which takes so many at a time.

use std::sync::Arc;

use bridge_core::{HubName, action};

use crate::kafka::DeadLetter;

use super::pump::Pump;

impl Pump {
    pub(super) fn write(&mut self, letter: action::RefusedRecord) {
        let action::RefusedRecord { id, source, offset, topic, holds, hub, reason, detail } =
            letter;
        let HubName { namespace, hub } = hub;
        let (target, detail) = (topic.into(), detail.into());
        let letter =
            DeadLetter { id, source, offset, target, holds, hub, namespace, reason, detail };
        // Behind those that wait for the same target.
        if let Some(waiting) = self.unsent.get_mut(&letter.target) {
            return waiting.push_back(letter);
        }
        if let Err(letter) = self.letters.try_send(letter) {
            self.unsent.entry(Arc::clone(&letter.target)).or_default().push_back(*letter);
        }
    }

    /// The desk takes so many for a target at a time; the rest goes as it finishes one after the other. It has refused one
    /// only while others wait, so an answer comes that leads here.
    pub(super) fn write_unsent(&mut self) {
        let letters = &self.letters;
        self.unsent.retain(|_, waiting| {
            while let Some(letter) = waiting.pop_front() {
                if let Err(letter) = letters.try_send(letter) {
                    waiting.push_front(*letter);
                    return true;
                }
            }
            false
        });
    }
}
