//! The foreign calls beside the queue: what librdkafka can and its Rust wrapper does not offer.
//!
//! Commits with a deadline and a result per partition, leader epochs, and producing a record whose header names need
//! not be UTF-8. Every function here is safe to call; each keeps its own invariants.

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as ffi;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

use crate::record::{Header, Record};

const OK: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;

/// Commits `positions` and waits at most `timeout` for the answer; the crate's own call waits without end.
pub(super) fn commit_within<C: ClientContext>(
    client: &Client<C>,
    positions: &TopicPartitionList,
    timeout: Duration,
) -> Result<(), RDKafkaErrorCode> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: client and list are alive throughout. The queue is ours: destroying it drops an answer that comes late.
    // The event, and the list in it, live until the event is destroyed.
    unsafe {
        let queue = ffi::rd_kafka_queue_new(client.native_ptr());
        let code = ffi::rd_kafka_commit_queue(
            client.native_ptr(),
            positions.ptr(),
            queue,
            None,
            ptr::null_mut(),
        );
        let result = if code == OK {
            match NonNull::new(ffi::rd_kafka_queue_poll(queue, millis)) {
                None => Err(RDKafkaErrorCode::OperationTimedOut),
                Some(event) => {
                    let result = outcome(event);
                    ffi::rd_kafka_event_destroy(event.as_ptr());
                    result
                }
            }
        } else {
            Err(code.into())
        };
        ffi::rd_kafka_queue_destroy(queue);
        result
    }
}

/// Commits `positions` without waiting. The answer comes to the consumer's own queue, which leads it to the commit callback;
/// the crate's own call asks for none, so that nobody would hear of a commit that failed.
pub(super) fn commit_soon<C: ClientContext>(
    client: &Client<C>,
    positions: &TopicPartitionList,
) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: client and list are alive throughout, and librdkafka copies the list. The reference to the queue is ours
    // and given back; the queue itself lives as long as the client.
    unsafe {
        let queue = ffi::rd_kafka_queue_get_consumer(client.native_ptr());
        if queue.is_null() {
            return Err(RDKafkaErrorCode::UnknownGroup);
        }
        let code = ffi::rd_kafka_commit_queue(
            client.native_ptr(),
            positions.ptr(),
            queue,
            None,
            ptr::null_mut(),
        );
        ffi::rd_kafka_queue_destroy(queue);
        if code == OK { Ok(()) } else { Err(code.into()) }
    }
}

/// The first error of a commit's answer, be it the request's or a partition's.
///
/// # Safety
/// `event` is a live offset-commit event.
unsafe fn outcome(event: NonNull<ffi::rd_kafka_event_t>) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: the caller's promise; the list belongs to the event.
    unsafe {
        let code = ffi::rd_kafka_event_error(event.as_ptr());
        if code != OK {
            return Err(code.into());
        }
        let list = ffi::rd_kafka_event_topic_partition_list(event.as_ptr());
        if list.is_null() || (*list).cnt <= 0 {
            return Ok(());
        }
        let places = std::slice::from_raw_parts((*list).elems, (*list).cnt as usize);
        places.iter().find(|place| place.err != OK).map_or(Ok(()), |place| Err(place.err.into()))
    }
}

/// The leader epoch of element `index` of `list`; -1 when there is none.
pub(super) fn leader_epoch(list: &TopicPartitionList, index: usize) -> i32 {
    assert!(index < list.count(), "an element of the list");
    // SAFETY: the element exists and lives as long as the list.
    unsafe { ffi::rd_kafka_topic_partition_get_leader_epoch((*list.ptr()).elems.add(index)) }
}

/// Sets the leader epoch of element `index` of `list`.
pub(super) fn set_leader_epoch(list: &mut TopicPartitionList, index: usize, epoch: i32) {
    assert!(index < list.count(), "an element of the list");
    // SAFETY: the element exists and is ours to change.
    unsafe { ffi::rd_kafka_topic_partition_set_leader_epoch((*list.ptr()).elems.add(index), epoch) }
}

/// Hands `record` with `extra` headers to a producer; `opaque` comes back with the delivery report.
///
/// Copies everything. Header names are given as bytes, which the crate's own API can not do.
pub(super) fn produce<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    record: &Record<'_>,
    extra: &[Header<'_>],
    opaque: usize,
) -> Result<(), RDKafkaErrorCode> {
    let topic = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidArgument)?;
    let headers = record.headers.iter().chain(extra);
    let mut args = vec![
        argument(ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TOPIC, Value { cstr: topic.as_ptr() }),
        argument(ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, memory(record.key)),
        argument(ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, memory(record.value)),
        argument(
            ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
            Value { i: ffi::RD_KAFKA_MSG_F_COPY },
        ),
        argument(
            ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE,
            Value { ptr: opaque as *mut c_void },
        ),
    ];
    if let Some(timestamp) = record.timestamp {
        args.push(argument(
            ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP,
            Value { i64_: timestamp },
        ));
    }
    // SAFETY: the arguments point to memory that lives through the call, which copies key, value and topic. The
    // headers are ours until the call succeeds, when librdkafka takes them.
    unsafe {
        let list = ffi::rd_kafka_headers_new(record.headers.len() + extra.len());
        for header in headers {
            let (value, size) = header.value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
            ffi::rd_kafka_header_add(
                list,
                header.name.as_ptr().cast(),
                header.name.len() as isize,
                value.cast(),
                size as isize,
            );
        }
        args.push(argument(ffi::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, Value { headers: list }));
        let error = ffi::rd_kafka_produceva(client.native_ptr(), args.as_ptr(), args.len());
        if error.is_null() {
            return Ok(());
        }
        let code = ffi::rd_kafka_error_code(error);
        ffi::rd_kafka_error_destroy(error);
        ffi::rd_kafka_headers_destroy(list);
        Err(code.into())
    }
}

use ffi::rd_kafka_vu_s__bindgen_ty_1 as Value;

fn argument(vtype: ffi::rd_kafka_vtype_t, u: Value) -> ffi::rd_kafka_vu_t {
    ffi::rd_kafka_vu_t { vtype, u }
}

fn memory(bytes: Option<&[u8]>) -> Value {
    let (ptr, size) =
        bytes.map_or((ptr::null_mut(), 0), |b| (b.as_ptr().cast_mut().cast(), b.len()));
    Value { mem: ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size } }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use rdkafka::config::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
    use rdkafka::error::KafkaResult;
    use rdkafka::mocking::MockCluster;
    use rdkafka::topic_partition_list::Offset;

    use super::*;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<(bool, Offset)>>>);

    impl ClientContext for Heard {}

    impl ConsumerContext for Heard {
        fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
            let offset = offsets.elements()[0].offset();
            self.0.lock().unwrap().push((result.is_ok(), offset));
        }
    }

    #[test]
    fn the_answer_to_a_commit_reaches_the_callback() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        let heard = Heard::default();
        let consumer: BaseConsumer<Heard> = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .set("enable.auto.commit", "false")
            .create_with_context(heard.clone())
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("t", 0, Offset::Offset(7)).unwrap();
        commit_soon(consumer.client(), &list).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while heard.0.lock().unwrap().is_empty() {
            assert!(Instant::now() < deadline, "no answer");
            drop(consumer.poll(Duration::from_millis(50)));
        }
        assert_eq!(*heard.0.lock().unwrap(), [(true, Offset::Offset(7))]);
    }
}
