//! Asking who is in a group, by the admin call that describes groups: of those the brokers lead (KIP-848) first, and of the
//! others where this one is none. The crate's own call knows only the latter. It needs the right to describe the group.

use std::ffi::{CStr, CString, c_char};
use std::ops::Deref;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;

use super::OK;
use super::admin::{AdminQueue, FAR};
use crate::kafka::group::{Group, Member, State};

/// Waits up to `timeout` for who is in `group`; `None` when there is no answer by then.
pub(in crate::kafka) fn group<C: ConsumerContext, H: Deref<Target = BaseConsumer<C>>>(
    client: H,
    group: &str,
    timeout: Duration,
) -> Option<Result<Group, RDKafkaErrorCode>> {
    let queue = AdminQueue::new(client);
    let Ok(name) = CString::new(group) else {
        return Some(Err(RDKafkaErrorCode::InvalidGroupId));
    };
    let mut names = [name.as_ptr()];
    let op = ffi::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
    let options = queue.options(op, FAR);
    // SAFETY: client, name, options and queue are alive; librdkafka copies the name and the options.
    unsafe {
        ffi::rd_kafka_DescribeConsumerGroups(
            queue.client(),
            names.as_mut_ptr(),
            names.len(),
            options.as_ptr(),
            queue.as_ptr(),
        );
        // Only descriptions are answered to this queue.
        queue.take(timeout, described)
    }
}

/// # Safety
/// `event` is live.
unsafe fn described(event: NonNull<ffi::rd_kafka_event_t>) -> Result<Group, RDKafkaErrorCode> {
    // SAFETY: the caller's promise; everything read here belongs to the event.
    unsafe {
        let code = ffi::rd_kafka_event_error(event.as_ptr());
        if code != OK {
            return Err(code.into());
        }
        let result = ffi::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
        let mut count = 0;
        let groups = ffi::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if groups.is_null() || count == 0 {
            return Err(RDKafkaErrorCode::Unknown);
        }
        let group = *groups;
        let error = ffi::rd_kafka_ConsumerGroupDescription_error(group);
        if !error.is_null() && ffi::rd_kafka_error_code(error) != OK {
            return Err(ffi::rd_kafka_error_code(error).into());
        }
        let count = ffi::rd_kafka_ConsumerGroupDescription_member_count(group);
        let member = |index| member(ffi::rd_kafka_ConsumerGroupDescription_member(group, index));
        let members = (0..count).map(member).collect::<Vec<_>>();
        let state = state(ffi::rd_kafka_ConsumerGroupDescription_state(group), members.is_empty());
        Ok(Group { state, members })
    }
}

/// What a group does that the brokers lead and share partitions out in has no name in librdkafka.
fn state(told: ffi::rd_kafka_consumer_group_state_t, is_empty: bool) -> State {
    use ffi::rd_kafka_consumer_group_state_t as Told;
    match told {
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE => State::Stable,
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY => State::Empty,
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD => State::Absent,
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN if is_empty => State::Unknown,
        _ => State::Rebalancing,
    }
}

/// # Safety
/// `member` is live.
unsafe fn member(member: *const ffi::rd_kafka_MemberDescription_t) -> Member {
    // SAFETY: the caller's promise; texts and lists belong to the member.
    unsafe {
        let assignment = ffi::rd_kafka_MemberDescription_assignment(member);
        let list = match assignment.is_null() {
            true => std::ptr::null(),
            false => ffi::rd_kafka_MemberAssignment_partitions(assignment),
        };
        Member {
            id: text(ffi::rd_kafka_MemberDescription_consumer_id(member)).unwrap_or_default(),
            client: text(ffi::rd_kafka_MemberDescription_client_id(member)).unwrap_or_default(),
            host: text(ffi::rd_kafka_MemberDescription_host(member)).unwrap_or_default(),
            instance: text(ffi::rd_kafka_MemberDescription_group_instance_id(member)),
            partitions: list.as_ref().map_or(0, |list| usize::try_from(list.cnt).unwrap_or(0)),
        }
    }
}

/// # Safety
/// `text` is null or a text that ends.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
