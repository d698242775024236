//! The foreign calls beside the queue: what librdkafka can and its Rust wrapper does not offer.
//!
//! Commits with a deadline and an answer per partition, leader epochs, and producing a record whose header names need
//! not be UTF-8, and handing a client what it logs in with. Every function here is safe to call; each keeps its own invariants.

mod admin;
mod ends;
mod groups;
mod ids;
mod reports;

use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::bindings as ffi;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaRespErr;

use crate::config::Secret;
use crate::kafka::logins::{Bearer, Entrant};
use crate::record::{Header, Position, Record, TopicPartition};

pub(super) use admin::FAR;
pub(super) use ends::{EndQueue, Which};
pub(super) use groups::group;
pub(super) use ids::IdQueue;
pub(super) use reports::ReportQueue;

const OK: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;

/// The queue that answers to commits come to. The crate's own calls wait without end, or ask for no answer.
pub(super) struct CommitQueue<C: ConsumerContext + 'static> {
    queue: NonNull<ffi::rd_kafka_queue_t>,
    /// Declared last: `drop` below destroys the queue first, then the client may go.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues and clients may be used from any thread.
unsafe impl<C: ConsumerContext> Send for CommitQueue<C> {}
// SAFETY: as above; no field is written after creation.
unsafe impl<C: ConsumerContext> Sync for CommitQueue<C> {}

/// What became of a commit, and of each position in it.
pub(super) struct CommitAnswer {
    pub(super) request: Result<(), RDKafkaErrorCode>,
    pub(super) fates: Vec<(TopicPartition, Position, Result<(), RDKafkaErrorCode>)>,
}

impl CommitAnswer {
    /// The first error, be it the request's or that of a position which `concerns` the caller.
    pub(super) fn result(
        &self,
        concerns: impl Fn(&TopicPartition) -> bool,
    ) -> Result<(), RDKafkaErrorCode> {
        let mut fates = self.fates.iter().filter(|(partition, ..)| concerns(partition));
        self.request.and_then(|()| fates.try_for_each(|(_, _, fate)| *fate))
    }
}

impl<C: ConsumerContext> CommitQueue<C> {
    pub(super) fn new(consumer: &Arc<BaseConsumer<C>>) -> Self {
        // SAFETY: the client is alive, and kept alive by the clone of `consumer`.
        let queue = unsafe { ffi::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Self {
            queue: NonNull::new(queue).expect("rd_kafka_queue_new never returns null"),
            consumer: Arc::clone(consumer),
        }
    }

    pub(super) fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Hands a commit of `positions` to librdkafka.
    pub(super) fn submit(&self, positions: &TopicPartitionList) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: client, list and queue are alive, and librdkafka copies the list.
        let code = unsafe {
            ffi::rd_kafka_commit_queue(
                self.consumer.client().native_ptr(),
                positions.ptr(),
                self.queue.as_ptr(),
                None,
                ptr::null_mut(),
            )
        };
        if code == OK { Ok(()) } else { Err(code.into()) }
    }

    /// Waits up to `timeout` for the answer to a commit.
    pub(super) fn poll(&self, timeout: Duration) -> Option<CommitAnswer> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; only commits are answered to it. The event, and the list in it, live until the
        // event is destroyed.
        unsafe {
            let event = NonNull::new(ffi::rd_kafka_queue_poll(self.queue.as_ptr(), millis))?;
            let answer = answer(event);
            ffi::rd_kafka_event_destroy(event.as_ptr());
            Some(answer)
        }
    }
}

impl<C: ConsumerContext> Drop for CommitQueue<C> {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_queue_new`, destroyed only here; its client is still alive in `consumer`.
        unsafe { ffi::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// # Safety
/// `event` is a live offset-commit event.
unsafe fn answer(event: NonNull<ffi::rd_kafka_event_t>) -> CommitAnswer {
    // SAFETY: the caller's promise; list and names belong to the event.
    unsafe {
        let result = |code: RDKafkaRespErr| if code == OK { Ok(()) } else { Err(code.into()) };
        let list = ffi::rd_kafka_event_topic_partition_list(event.as_ptr());
        let places = match list.as_ref() {
            Some(list) if list.cnt > 0 => std::slice::from_raw_parts(list.elems, list.cnt as usize),
            _ => &[],
        };
        let fate = |place: &ffi::rd_kafka_topic_partition_t| {
            // Kafka allows only ASCII in names.
            let topic = CStr::from_ptr(place.topic).to_string_lossy();
            let partition = TopicPartition::new(&*topic, place.partition);
            (partition, Position(place.offset), result(place.err))
        };
        let request = result(ffi::rd_kafka_event_error(event.as_ptr()));
        CommitAnswer { request, fates: places.iter().map(fate).collect() }
    }
}

/// The leader epoch of element `index` of `list`; -1 when there is none.
pub(super) fn leader_epoch(list: &TopicPartitionList, index: usize) -> i32 {
    assert!(index < list.count(), "an element of the list");
    // SAFETY: the element exists and lives as long as the list.
    unsafe { ffi::rd_kafka_topic_partition_get_leader_epoch((*list.ptr()).elems.add(index)) }
}

/// What was committed along with element `index` of `list`. The crate's own call panics at what is not UTF-8.
pub(super) fn label(list: &TopicPartitionList, index: usize) -> &[u8] {
    assert!(index < list.count(), "an element of the list");
    // SAFETY: the element and its metadata live as long as the list, and nobody changes them meanwhile.
    unsafe {
        let element = &*(*list.ptr()).elems.add(index);
        if element.metadata.is_null() {
            return &[];
        }
        std::slice::from_raw_parts(element.metadata.cast(), element.metadata_size)
    }
}

/// A list of element `index` of `list` alone, with all that is known of it.
pub(super) fn single(list: &TopicPartitionList, index: usize) -> TopicPartitionList {
    let elements = list.elements();
    let element = &elements[index];
    let mut single = TopicPartitionList::with_capacity(1);
    single
        .add_partition_offset(element.topic(), element.partition(), element.offset())
        .expect("it is an offset already");
    set_leader_epoch(&mut single, 0, leader_epoch(list, index));
    single
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

/// Hands a client the user and the password of its next connections; those it has stay as they are.
pub(super) fn set_password<C: ClientContext>(
    client: &Client<C>,
    username: &str,
    password: &str,
) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "it holds a NUL".to_owned());
    let (username, password) = (text(username)?, text(password)?);
    // SAFETY: client and texts are alive, and librdkafka copies the texts.
    unsafe {
        let error = ffi::rd_kafka_sasl_set_credentials(
            client.native_ptr(),
            username.as_ptr(),
            password.as_ptr(),
        );
        if error.is_null() {
            return Ok(());
        }
        let why = CStr::from_ptr(ffi::rd_kafka_error_string(error)).to_string_lossy().into_owned();
        ffi::rd_kafka_error_destroy(error);
        Err(why)
    }
}

/// Hands a client the token of its next logins, and wakes what waits for one.
pub(super) fn set_token<C: ClientContext>(
    client: &Client<C>,
    token: &Bearer,
) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "it holds a NUL".to_owned());
    let (token_text, principal) = (text(token.text.expose())?, text(&token.principal)?);
    let extensions = token.extensions.iter().flat_map(|(name, value)| [name, value]);
    let extensions = extensions.map(|part| text(part)).collect::<Result<Vec<_>, _>>()?;
    let mut parts: Vec<_> = extensions.iter().map(|part| part.as_ptr()).collect();
    let mut why = [0; 512];
    // SAFETY: all texts are alive, and librdkafka copies them; `why` is as long as is said.
    let code = unsafe {
        ffi::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            token_text.as_ptr(),
            token.expires,
            principal.as_ptr(),
            parts.as_mut_ptr(),
            parts.len(),
            why.as_mut_ptr(),
            why.len(),
        )
    };
    if code == OK {
        return Ok(());
    }
    // librdkafka's words repeat what it does not like, which may be the token.
    Err("it has invisible characters, or it has expired".to_owned())
}

/// Gives the client the addresses of `brokers` again.
///
/// A broker that is asked for the cluster while it stops, as the last one, lists none. librdkafka then forgets every broker,
/// also those it was configured with, and plans to add these again; when the answer is read to its end, it gives that plan
/// up, and connects to nobody for ever after.
pub(super) fn add_brokers<C: ClientContext>(client: &Client<C>, brokers: &str) {
    let Ok(text) = CString::new(brokers) else { return };
    // SAFETY: the client and the text are alive, and librdkafka copies it.
    unsafe { ffi::rd_kafka_brokers_add(client.native_ptr(), text.as_ptr()) };
}

/// How often the brokers have changed what this member has; above 0 while it is one.
pub(super) fn member_epoch<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> i32 {
    // SAFETY: the client is alive; what it gives is ours, is read once, and is destroyed below.
    unsafe {
        let metadata = ffi::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return -1;
        }
        let epoch = ffi::rd_kafka_consumer_group_metadata_generation_id(metadata);
        ffi::rd_kafka_consumer_group_metadata_destroy(metadata);
        epoch
    }
}

/// What each fetch of a running client reads anew.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fetch {
    /// How much a broker may answer.
    Size,
    /// What it need not wait for more with.
    Enough,
    /// How long it may wait for that, in milliseconds.
    Wait,
}

/// Changes a setting of the fetches from now on; whether the client has taken it.
///
/// librdkafka has no call for it: it says that the settings of a running client are to be read only. But each fetch reads
/// these anew, and nothing else uses them after the start; each is one aligned number, which is written whole and read whole.
/// `tests/kafka/sizes.rs` looks at what is fetched then, so that a version that no longer does so is found out.
pub(super) fn set_live<C: ClientContext>(client: &Client<C>, what: Fetch, value: u64) -> bool {
    let Ok(text) = CString::new(value.to_string()) else { return false };
    let key = match what {
        Fetch::Size => c"fetch.max.bytes",
        Fetch::Enough => c"fetch.min.bytes",
        Fetch::Wait => c"fetch.wait.max.ms",
    };
    // SAFETY: the client is alive, and its settings live as long as it; the texts are alive. Only the event thread calls
    // this. It writes the number, and a note that it was set, which is only read when a client is made.
    let result = unsafe {
        ffi::rd_kafka_conf_set(
            ffi::rd_kafka_conf(client.native_ptr()).cast_mut(),
            key.as_ptr(),
            text.as_ptr(),
            ptr::null_mut(),
            0,
        )
    };
    result == ffi::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK
}

impl<C: ConsumerContext + 'static> Entrant for BaseConsumer<C> {
    fn take_password(&self, username: &str, password: &Secret) -> Result<(), String> {
        set_password(self.client(), username, password.expose())
    }

    fn take_token(&self, token: &Bearer) -> Result<(), String> {
        set_token(self.client(), token)
    }
}

impl<C: ClientContext + 'static> Entrant for AdminClient<C> {
    fn take_password(&self, username: &str, password: &Secret) -> Result<(), String> {
        set_password(self.inner(), username, password.expose())
    }

    fn take_token(&self, token: &Bearer) -> Result<(), String> {
        set_token(self.inner(), token)
    }
}

impl<C: ProducerContext + 'static> Entrant for BaseProducer<C> {
    fn take_password(&self, username: &str, password: &Secret) -> Result<(), String> {
        set_password(self.client(), username, password.expose())
    }

    fn take_token(&self, token: &Bearer) -> Result<(), String> {
        set_token(self.client(), token)
    }
}
