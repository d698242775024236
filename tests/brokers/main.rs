//! Brokers of other times: what holds on today's Kafka holds on those that still need `ZooKeeper`.
//!
//! Each broker runs the same tests; where it can do less, a test of its own says what then happens.

mod commands;
mod content;
mod group;

use std::sync::OnceLock;

use stage::{Kafka, Release};

/// The same tests for each release, each of which runs once.
macro_rules! on {
    ($($module:ident: $release:ident { $($test:path as $name:ident),+ $(,)? })+) => { $(
        mod $module {
            use super::{Kafka, OnceLock, Release};

            const RELEASE: Release = Release::$release;

            fn kafka() -> &'static Kafka {
                static SHARED: OnceLock<Kafka> = OnceLock::new();
                SHARED.get_or_init(|| Kafka::of_old(RELEASE))
            }

            $(#[test]
            fn $name() {
                $test(kafka());
            })+

            #[test]
            fn a_broker_that_is_gone_for_a_while_costs_nothing() {
                super::group::outage(RELEASE);
            }
        }
    )+ };
}

on! {
    v1_1_1: V1_1 {
        super::content::copy as records_arrive_whole_once_and_in_order,
        super::content::compacted as a_compacted_topic_is_read_to_its_end,
        super::content::transactions as aborted_transactions_are_not_sent,
        super::content::letters as what_does_not_fit_becomes_a_dead_letter,
        super::content::old_format as records_of_older_formats_arrive_whole,
        super::content::bare_in_old_format as a_record_of_an_older_format_without_key_and_value_stands,
        super::content::letters_in_old_format as a_dead_letter_topic_of_an_older_format_takes_none,
        super::content::deleted as records_deleted_before_they_were_read_are_counted,
        super::group::second as a_second_member_joins_and_leaves,
        super::group::unled as a_group_that_old_brokers_cannot_lead_is_told,
        super::group::resume as a_stopped_bridge_goes_on_where_it_was,
        super::group::killed as a_killed_bridge_loses_nothing,
        super::group::start as a_new_group_starts_where_it_is_told,
        super::commands::placed as a_group_is_asked_for_and_set,
        super::group::instance_id as a_static_member_is_an_ordinary_one,
    }
    v2_8_2: V2_8 {
        super::content::copy as records_arrive_whole_once_and_in_order,
        super::content::compacted as a_compacted_topic_is_read_to_its_end,
        super::content::transactions as aborted_transactions_are_not_sent,
        super::content::letters as what_does_not_fit_becomes_a_dead_letter,
        super::content::old_format_misread as records_of_older_formats_are_not_taken_for_tombstones,
        super::content::letters_in_old_format as a_dead_letter_topic_of_an_older_format_takes_none,
        super::content::deleted as records_deleted_before_they_were_read_are_counted,
        super::group::second as a_second_member_joins_and_leaves,
        super::group::unled as a_group_that_old_brokers_cannot_lead_is_told,
        super::group::resume as a_stopped_bridge_goes_on_where_it_was,
        super::group::killed as a_killed_bridge_loses_nothing,
        super::group::start as a_new_group_starts_where_it_is_told,
        super::commands::placed as a_group_is_asked_for_and_set,
    }
}
