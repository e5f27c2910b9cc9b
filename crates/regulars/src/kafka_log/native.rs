//! The calls of librdkafka that its Rust binding does not offer: the only unsafe code of the program.
//!
//! Two things are missing from the binding. Its producers give no way to see requests go out, and without
//! counting those that end transactions or commit offsets a delayed duplicate of one could meet a later transaction. And its partition queues hide
//! the offset at which a partition ended, without which nobody can tell how fresh an end is. So here are a
//! transactional producer and a partition queue, as thin as they can be; both stand on the binding's clients.
//!
//! Nothing is decided here: errors go up as they are.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::{RDKafkaRespErr, RDKafkaType};
use rdkafka::{ClientContext, TopicPartitionList};

use super::client::{self, Outgoing, Sent, TopicHandle, TransactionError, Undelivered};
use super::membership::Membership;
use super::signal::Signal;
use super::voice::Voice;

/// A transactional producer that counts requests: see [`Sent`].
pub struct Producer {
    /// Owned; released before the client.
    queue: *mut sys::rd_kafka_queue_t,
    /// Owned; released before the client.
    topics: Vec<(String, *mut sys::rd_kafka_topic_t)>,
    /// Released by `drop`, and before the counters, to which its threads hold a pointer.
    client: ManuallyDrop<Client<Voice>>,
    counters: Box<Counters>,
}

// SAFETY: librdkafka's handles may be used from any thread, and nothing here is bound to the thread that made it.
unsafe impl Send for Producer {}

/// See [`Sent`].
#[derive(Default)]
struct Counters {
    ends: AtomicU32,
    offset_commits: AtomicU32,
}

const END_TXN_API_KEY: i16 = 26;
const TXN_OFFSET_COMMIT_API_KEY: i16 = 28;
const INTERCEPTOR: &CStr = c"regulars-request-counter";

/// Called by librdkafka once for every client, before any of its threads runs.
unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _config: *const sys::rd_kafka_conf_t,
    counters: *mut c_void,
    _text: *mut c_char,
    _text_size: usize,
) -> RDKafkaRespErr {
    // SAFETY: `client` is being made by the caller, which is the one place where interceptors may be added.
    unsafe {
        sys::rd_kafka_interceptor_add_on_request_sent(client, INTERCEPTOR.as_ptr(), Some(on_request_sent), counters)
    }
}

/// Called by the broker threads after each request that they wrote to a socket.
unsafe extern "C" fn on_request_sent(
    _client: *mut sys::rd_kafka_t,
    _socket: c_int,
    _broker_name: *const c_char,
    _broker_id: i32,
    api_key: i16,
    _api_version: i16,
    _correlation_id: i32,
    _size: usize,
    counters: *mut c_void,
) -> RDKafkaRespErr {
    // SAFETY: the counters outlive the client and with it this thread: see `Producer::drop`.
    let counters = unsafe { &*counters.cast::<Counters>() };
    match api_key {
        END_TXN_API_KEY => counters.ends.fetch_add(1, Ordering::Relaxed),
        TXN_OFFSET_COMMIT_API_KEY => counters.offset_commits.fetch_add(1, Ordering::Relaxed),
        _ => 0,
    };
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

impl Producer {
    /// Makes the client; connects in the background.
    pub(crate) fn new(config: &ClientConfig, context: Voice) -> KafkaResult<Producer> {
        let native = config.create_native_config()?;
        let counters = Box::<Counters>::default();
        let counted = ptr::from_ref(&*counters).cast_mut().cast::<c_void>();
        // SAFETY: `native` is a live configuration; the name is copied; the counters outlive the client.
        let added = unsafe {
            sys::rd_kafka_conf_set_events(native.ptr(), sys::RD_KAFKA_EVENT_DR | sys::RD_KAFKA_EVENT_ERROR);
            sys::rd_kafka_conf_interceptor_add_on_new(native.ptr(), INTERCEPTOR.as_ptr(), Some(on_new), counted)
        };
        if added != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::ClientCreation(format!("request counter: {}", RDKafkaErrorCode::from(added))));
        }
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_PRODUCER, context)?;
        // SAFETY: the client is live; the reference to its queue is given back in `drop`.
        let queue = unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) };
        Ok(Producer { queue, topics: Vec::new(), client: ManuallyDrop::new(client), counters })
    }

    /// The binding's view of the client, for metadata and watermarks (read_uncommitted).
    pub(crate) fn client(&self) -> &Client<Voice> {
        &self.client
    }

    /// # Safety
    /// `event` is a live event of this client's queue.
    unsafe fn serve(&self, event: *mut sys::rd_kafka_event_t, undelivered: &mut Vec<Undelivered>) {
        // SAFETY: by the contract of this function; texts are checked for null, and copied or used at once.
        unsafe {
            match sys::rd_kafka_event_type(event) {
                sys::RD_KAFKA_EVENT_DR => loop {
                    let message = sys::rd_kafka_event_message_next(event);
                    let Some(message) = message.as_ref() else { break };
                    if message.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                        undelivered.push(Undelivered {
                            topic: text(sys::rd_kafka_topic_name(message.rkt)),
                            value_bytes: message.len,
                            code: message.err.into(),
                        });
                    }
                },
                sys::RD_KAFKA_EVENT_ERROR => {
                    let error = KafkaError::Global(sys::rd_kafka_event_error(event).into());
                    self.client.context().error(error, &text(sys::rd_kafka_event_error_string(event)));
                }
                sys::RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
                    if sys::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) == 0 {
                        self.client.context().log(log_level(level), &text(facility), &text(line));
                    }
                }
                _ => (),
            }
        }
    }
}

impl client::Producer for Producer {
    type Group = BaseConsumer<Membership>;

    fn topic(&mut self, name: &str) -> TopicHandle {
        if let Some(place) = self.topics.iter().position(|(known, _)| known == name) {
            return TopicHandle(place);
        }
        let native = CString::new(name).expect("topic names were checked to have no zero byte");
        // SAFETY: the client is live, the name is copied, a null configuration means the client's.
        let topic = unsafe { sys::rd_kafka_topic_new(self.client.native_ptr(), native.as_ptr(), ptr::null_mut()) };
        assert!(!topic.is_null(), "topic `{name}` is not one that Kafka could have");
        self.topics.push((name.to_owned(), topic));
        TopicHandle(self.topics.len() - 1)
    }

    fn send<'h>(
        &self,
        message: &Outgoing<'_>,
        headers: impl ExactSizeIterator<Item = (&'h [u8], &'h [u8])>,
    ) -> Result<(), RDKafkaErrorCode> {
        let headers = if headers.len() == 0 { ptr::null_mut() } else { native_headers(headers) };
        let bytes = |bytes: Option<&[u8]>| {
            let (ptr, size) = bytes.map_or((ptr::null(), 0), |b| (b.as_ptr(), b.len()));
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: ptr.cast_mut().cast(), size },
            }
        };
        let topic = self.topics[message.topic.0].1;
        let mut fields = [
            field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, sys::rd_kafka_vu_s__bindgen_ty_1 { rkt: topic }),
            field(
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i32_: message.partition.unwrap_or(-1) },
            ),
            field(
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i: sys::RD_KAFKA_MSG_F_COPY },
            ),
            field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, bytes(message.key)),
            field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, bytes(message.value)),
            field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, sys::rd_kafka_vu_s__bindgen_ty_1 { headers }),
        ];
        let count = if headers.is_null() { fields.len() - 1 } else { fields.len() };
        // SAFETY: every field carries the union member that its type names; key and value are copied before the call
        // returns; the topic belongs to this client. On success the headers belong to the message.
        let error = unsafe { sys::rd_kafka_produceva(self.client.native_ptr(), fields.as_mut_ptr(), count) };
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: `error` is a live error, ours to destroy. The headers were not taken over.
        unsafe {
            let code = sys::rd_kafka_error_code(error).into();
            sys::rd_kafka_error_destroy(error);
            if !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            Err(code)
        }
    }

    fn flush(&self, timeout: Duration) -> bool {
        // SAFETY: the client is live. Delivery reports are events, so this only waits.
        let code = unsafe { sys::rd_kafka_flush(self.client.native_ptr(), milliseconds(timeout)) };
        code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    fn poll(&self, timeout: Duration, undelivered: &mut Vec<Undelivered>) {
        let mut timeout = milliseconds(timeout);
        loop {
            // SAFETY: the queue is live; the event, if any, is ours to destroy.
            let event = unsafe { sys::rd_kafka_queue_poll(self.queue, timeout) };
            if event.is_null() {
                return;
            }
            timeout = 0;
            // SAFETY: `event` is live until destroyed below; what it lends does not outlive the call.
            unsafe {
                self.serve(event, undelivered);
                sys::rd_kafka_event_destroy(event);
            }
        }
    }

    fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        let began = Instant::now();
        self.wait_for_a_broker(timeout);
        let timeout = timeout.saturating_sub(began.elapsed());
        // SAFETY: the client is live.
        checked(unsafe { sys::rd_kafka_init_transactions(self.client.native_ptr(), milliseconds(timeout)) })
    }

    fn begin_transaction(&self) -> Result<(), TransactionError> {
        // SAFETY: the client is live.
        checked(unsafe { sys::rd_kafka_begin_transaction(self.client.native_ptr()) })
    }

    fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        consumer: &BaseConsumer<Membership>,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        let not_a_member = || TransactionError {
            code: RDKafkaErrorCode::UnknownMemberId,
            text: "this process is no member of its consumer group at the moment".to_owned(),
            fatal: false,
            retriable: false,
            requires_abort: true,
        };
        // SAFETY: both clients are live; the metadata is ours to destroy and outlives the call that reads it.
        unsafe {
            let group = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
            if group.is_null() {
                return Err(not_a_member());
            }
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(group);
            let member = sys::rd_kafka_consumer_group_metadata_member_id(group);
            let result = if generation < 0 || member.is_null() || *member == 0 {
                Err(not_a_member())
            } else {
                checked(sys::rd_kafka_send_offsets_to_transaction(
                    self.client.native_ptr(),
                    offsets.ptr(),
                    group,
                    milliseconds(timeout),
                ))
            };
            sys::rd_kafka_consumer_group_metadata_destroy(group);
            result
        }
    }

    fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is live.
        checked(unsafe { sys::rd_kafka_commit_transaction(self.client.native_ptr(), milliseconds(timeout)) })
    }

    fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is live.
        checked(unsafe { sys::rd_kafka_abort_transaction(self.client.native_ptr(), milliseconds(timeout)) })
    }

    fn sent(&self) -> Sent {
        let Counters { ends, offset_commits } = &*self.counters;
        Sent { ends: ends.load(Ordering::Relaxed), offset_commits: offset_commits.load(Ordering::Relaxed) }
    }

    fn bounds(&self, topic: &str, partition: i32, timeout: Duration) -> KafkaResult<(i64, i64)> {
        let bounds = self.client.fetch_watermarks(topic, partition, timeout);
        if let Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownPartition)) = &bounds {
            // Nobody led the partition when librdkafka last heard of it. It answers from that memory until it happens to
            // hear again, which may take minutes.
            self.client.fetch_metadata(Some(topic), timeout)?;
        }
        bounds
    }

    fn last_error(&self) -> String {
        self.client.context().last_error()
    }
}

impl Producer {
    /// Waits until a broker has answered. librdkafka looks for the transaction coordinator once when transactions are
    /// initialised, and where it has no connection yet, again half a second later: a new producer never has one. Whether
    /// one answered in time is said by what is asked of it next.
    fn wait_for_a_broker(&self, timeout: Duration) {
        let mut metadata = ptr::null();
        // SAFETY: the client is live; no topic is named, and with `all_topics` 0 a new producer asks for brokers alone.
        // What was answered is ours to destroy.
        unsafe {
            let client = self.client.native_ptr();
            sys::rd_kafka_metadata(client, 0, ptr::null_mut(), &mut metadata, milliseconds(timeout));
            if !metadata.is_null() {
                sys::rd_kafka_metadata_destroy(metadata);
            }
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Messages under way belong to a transaction that nobody will commit.
        let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the client is live. It can only fail for flags that do not exist.
        unsafe { sys::rd_kafka_purge(self.client.native_ptr(), flags) };
        client::Producer::poll(self, Duration::ZERO, &mut Vec::new());
        // SAFETY: topics, queue and client are live and used no more. The client goes last: its destruction ends the
        // threads that hold a pointer to the counters, which are dropped after this.
        unsafe {
            for (_, topic) in self.topics.drain(..) {
                sys::rd_kafka_topic_destroy(topic);
            }
            sys::rd_kafka_queue_destroy(self.queue);
            ManuallyDrop::drop(&mut self.client);
        }
    }
}

/// What a partition queue hands over.
pub(crate) enum Taken<'q> {
    Record(TakenRecord<'q>),
    /// Everything before `offset` has been handed over (or is none of a reader's business), and at the moment of
    /// the fetch there was nothing from there on.
    End {
        offset: i64,
    },
    Trouble {
        code: RDKafkaErrorCode,
        text: String,
    },
}

/// A fetched record. Lives until the queue is asked for the next.
pub(crate) struct TakenRecord<'q> {
    message: &'q sys::rd_kafka_message_t,
}

impl<'q> TakenRecord<'q> {
    pub(crate) fn offset(&self) -> i64 {
        self.message.offset
    }

    pub(crate) fn key(&self) -> Option<&'q [u8]> {
        // SAFETY: librdkafka gives pointer and length of bytes that live as long as the message.
        unsafe { slice(self.message.key, self.message.key_len) }
    }

    /// `None` for a tombstone.
    pub(crate) fn value(&self) -> Option<&'q [u8]> {
        // SAFETY: as for the key.
        unsafe { slice(self.message.payload, self.message.len) }
    }

    /// When the broker appended the record, ms since 1970, if the topic is set to say so.
    pub(crate) fn appended_at_ms(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is live.
        let at = unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        (kind == sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME).then_some(at)
    }

    /// Calls `each` with the name and value of every header; a header without a value has an empty one.
    pub(crate) fn each_header(&self, mut each: impl FnMut(&[u8], &[u8])) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is live and keeps the headers, whose names end in a zero byte.
        unsafe {
            let code = sys::rd_kafka_message_headers(self.message, &raw mut headers);
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            for place in 0.. {
                let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
                let code =
                    sys::rd_kafka_header_get_all(headers, place, &raw mut name, &raw mut value, &raw mut size);
                if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return;
                }
                each(CStr::from_ptr(name).to_bytes(), slice(value.cast_mut(), size).unwrap_or_default());
            }
        }
    }
}

/// The first offset of (`topic`, `partition`) that was kept, as of the last fetch; `None` where there was none. Asks nobody.
pub(crate) fn first_kept<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client is live, and so are the name and the numbers.
    let code = unsafe {
        let client = consumer.client().native_ptr();
        sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, &raw mut low, &raw mut high)
    };
    (code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0).then_some(low)
}

/// How many messages are taken from librdkafka's queue at once: enough to make the lock cheap.
const BATCH: usize = 256;

/// The fetched records of one partition, apart from those of all others.
pub(crate) struct PartitionQueue<C: ConsumerContext + 'static> {
    /// Owned; released before the consumer.
    queue: *mut sys::rd_kafka_queue_t,
    /// Owned from `next` on; those before were destroyed.
    batch: Vec<*mut sys::rd_kafka_message_t>,
    next: usize,
    /// The callback of the queue holds a pointer to it.
    _signal: Arc<Signal>,
    _consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's handles may be used from any thread, and nothing here is bound to the thread that made it.
unsafe impl<C: ConsumerContext> Send for PartitionQueue<C> {}

/// Called by librdkafka's threads when a queue that was empty is so no more.
unsafe extern "C" fn on_not_empty(_client: *mut sys::rd_kafka_t, signal: *mut c_void) {
    // SAFETY: the queue that calls keeps the signal alive until the callback is disabled: see `drop`.
    unsafe { &*signal.cast::<Signal>() }.raise();
}

impl<C: ConsumerContext> PartitionQueue<C> {
    /// Parts the queue of (`topic`, `partition`) from the consumer's main queue. `signal` is raised when there is
    /// something to take. `None` where librdkafka does not know of such a partition.
    pub(crate) fn split(
        consumer: &Arc<BaseConsumer<C>>,
        topic: &str,
        partition: i32,
        signal: &Arc<Signal>,
    ) -> Option<PartitionQueue<C>> {
        let topic = CString::new(topic).ok()?;
        let opaque = Arc::as_ptr(signal).cast_mut().cast::<c_void>();
        // SAFETY: the consumer is live and kept so by the queue; so is the signal.
        let queue = unsafe {
            let queue =
                sys::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), partition);
            if queue.is_null() {
                return None;
            }
            sys::rd_kafka_queue_forward(queue, ptr::null_mut());
            sys::rd_kafka_queue_cb_event_enable(queue, Some(on_not_empty), opaque);
            queue
        };
        Some(PartitionQueue {
            queue,
            batch: Vec::with_capacity(BATCH),
            next: 0,
            _signal: Arc::clone(signal),
            _consumer: Arc::clone(consumer),
        })
    }

    /// The next thing that was fetched; never waits.
    pub(crate) fn take(&mut self) -> Option<Taken<'_>> {
        if self.next > 0 {
            self.destroy(self.next - 1);
        }
        if self.next == self.batch.len() {
            self.batch.clear();
            self.next = 0;
            // SAFETY: there is room for `BATCH` pointers, and as many are valid as the call says.
            unsafe {
                let taken = sys::rd_kafka_consume_batch_queue(self.queue, 0, self.batch.as_mut_ptr(), BATCH);
                self.batch.set_len(usize::try_from(taken).unwrap_or(0));
            }
        }
        let message = *self.batch.get(self.next)?;
        self.next += 1;
        // SAFETY: the message is ours and destroyed only by the next call, which needs `&mut self`.
        let message = unsafe { &*message };
        Some(match message.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Taken::Record(TakenRecord { message }),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => Taken::End { offset: message.offset },
            // SAFETY: the message is live; the text is checked for null and copied.
            error => {
                Taken::Trouble { code: error.into(), text: unsafe { text(sys::rd_kafka_message_errstr(message)) } }
            }
        })
    }

    /// Drops what was taken from librdkafka but not handed over: it belongs to a position that was left.
    pub(crate) fn discard(&mut self) {
        // The one before `next` was handed over and is still whole.
        for place in self.next.saturating_sub(1)..self.batch.len() {
            self.destroy(place);
        }
        self.batch.clear();
        self.next = 0;
    }

    fn destroy(&mut self, place: usize) {
        let message = std::mem::replace(&mut self.batch[place], ptr::null_mut());
        if !message.is_null() {
            // SAFETY: taken from the queue, ours, and forgotten with this.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
    }
}

impl<C: ConsumerContext> Drop for PartitionQueue<C> {
    fn drop(&mut self) {
        self.discard();
        // SAFETY: the queue is live; once its callback is disabled nobody uses the signal.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue);
        }
    }
}

fn field(vtype: sys::rd_kafka_vtype_t, u: sys::rd_kafka_vu_s__bindgen_ty_1) -> sys::rd_kafka_vu_t {
    sys::rd_kafka_vu_t { vtype, u }
}

fn native_headers<'h>(
    headers: impl ExactSizeIterator<Item = (&'h [u8], &'h [u8])>,
) -> *mut sys::rd_kafka_headers_t {
    // SAFETY: names and values are copied, their lengths given.
    unsafe {
        let native = sys::rd_kafka_headers_new(headers.len());
        for (name, value) in headers {
            let size = |bytes: &[u8]| isize::try_from(bytes.len()).expect("no slice is longer than isize::MAX");
            sys::rd_kafka_header_add(native, name.as_ptr().cast(), size(name), value.as_ptr().cast(), size(value));
        }
        native
    }
}

fn checked(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so a live error, ours to destroy; its text is copied.
    unsafe {
        let described = TransactionError {
            code: sys::rd_kafka_error_code(error).into(),
            text: text(sys::rd_kafka_error_string(error)),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(described)
    }
}

/// # Safety
/// `from` is null, or points to `size` bytes that live for `'a`.
unsafe fn slice<'a>(from: *mut c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: by the contract of this function.
    (!from.is_null()).then(|| unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) })
}

/// # Safety
/// `from` is null, or points to a text that ends in a zero byte.
unsafe fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(from) }.to_string_lossy().trim().to_owned()
}

fn milliseconds(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}

/// Syslog's levels, in which librdkafka speaks.
fn log_level(level: c_int) -> RDKafkaLogLevel {
    match level {
        ..=2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaApiKey;

    use super::super::client::Producer as _;
    use super::*;

    fn on_mock(key: &str, value: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1").set("delivery.report.only.error", "true").set(key, value);
        config
    }

    // A repeated EndTxn that goes unnoticed can end a later transaction, and half of a turn is announced.
    #[test]
    fn end_txn_requests_are_counted_also_when_librdkafka_repeats_them() {
        let timeout = Duration::from_secs(30);
        let config = on_mock("transactional.id", "counted");
        let mut producer = Producer::new(&config, Voice::new("test")).unwrap();
        producer.init_transactions(timeout).unwrap();
        let topic = producer.topic("topic");
        let commit = || {
            producer.begin_transaction().unwrap();
            let message = Outgoing { topic, partition: Some(0), key: Some(b"key"), value: None };
            producer.send(&message, std::iter::empty()).unwrap();
            assert!(producer.flush(timeout));
            producer.commit_transaction(timeout).unwrap();
            producer.sent().ends
        };
        assert_eq!(commit(), 1);
        let cluster = producer.client().mock_cluster().unwrap();
        let again = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS; 2];
        cluster.request_errors(RDKafkaApiKey::EndTxn, &again);
        assert_eq!(commit(), 4);
    }

    #[test]
    fn headers_and_failures_come_back() {
        let config = on_mock("message.timeout.ms", "10000");
        let mut producer = Producer::new(&config, Voice::new("test")).unwrap();
        let topic = producer.topic("topic");
        assert_eq!(producer.topic("topic"), topic);
        assert_ne!(producer.topic("other"), topic);
        let large = vec![0; 2_000_000];
        let headers = || [(&b"name"[..], &b"value"[..])].into_iter();
        let message = Outgoing { topic, partition: None, key: None, value: Some(&large) };
        assert_eq!(producer.send(&message, headers()), Err(RDKafkaErrorCode::MessageSizeTooLarge));
        let cluster = producer.client().mock_cluster().unwrap();
        cluster.request_errors(
            RDKafkaApiKey::Produce,
            &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
        );
        let message = Outgoing { value: Some(b"small"), ..message };
        producer.send(&message, headers()).unwrap();
        let mut undelivered = Vec::new();
        while undelivered.is_empty() {
            producer.poll(Duration::from_millis(100), &mut undelivered);
        }
        assert_eq!(undelivered[0].code, RDKafkaErrorCode::TopicAuthorizationFailed);
        assert_eq!((undelivered[0].topic.as_str(), undelivered[0].value_bytes), ("topic", 5));
    }
}
