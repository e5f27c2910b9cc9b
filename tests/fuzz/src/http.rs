//! A request over HTTP to a service that is ready and has customers.
//!
//! No request is answered with a server's error; what is answered is short unless it was asked for, errors are JSON, and
//! a card is that of the customer that was asked for. The bytes are the target of a GET request, and may end it and go
//! on with whatever else: they are sent as they are, through the service's own router and server.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use engine::log::TaskId;
use engine::store::stores::{StoreOptions, Stores};
use engine::tally::Tally;
use metrics_exporter_prometheus::PrometheusBuilder;
use programme::customer::Customer;
use programme::event::{Body, Event, Purchase};
use programme::time::Timestamp;
use regulars::http::{Shared, router};
use regulars::run::governing::Governing;
use regulars::run::status::{Status, TaskView};
use serde_json::Value;
use tokio::net::UnixStream as Served;
use tokio::net::unix::SocketAddr;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wire::output::Stamp;

use crate::event::PROGRAMME;

/// 2024-03-01T12:00:00Z.
const NOON: Timestamp = Timestamp(1_709_294_400_000);
const CUSTOMERS: [&str; 4] = ["ann", "a/b", "я 1", "a+b"];
/// An error may show the id that was asked for, which takes at most three bytes for each of its own.
const ERROR_BYTES_MAX: usize = 2048;

/// Checks the target of a request.
pub fn check(target: &[u8]) {
    let request = [b"GET ", target, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
    let answer = SERVICE.ask(&request);
    // Whoever speaks no HTTP/1 at all is not answered.
    let Some(head) = answer.strip_prefix(b"HTTP/1.") else { return assert_eq!(answer, b"") };
    let status: u16 = std::str::from_utf8(&head[2..5]).expect("a status is text").parse().expect("a number");
    assert!((200..500).contains(&status), "{}", answer.escape_ascii());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("the head of an answer ends");
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let is_json = head.windows(30).any(|header| header == b"content-type: application/json");
    if is_json && !target.iter().any(|byte| byte.is_ascii_whitespace()) {
        is_right(status, target, body);
    }
}

fn is_right(status: u16, target: &[u8], body: &[u8]) {
    let json: Value = serde_json::from_slice(body).expect("the answer is JSON");
    if status != 200 {
        assert!(body.len() <= ERROR_BYTES_MAX && json["error"].is_string(), "{json}");
    } else if let Some(id) = json.get("customerId") {
        let id = id.as_str().expect("an id is a text");
        let path = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        let asked = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        assert_eq!(percent_decoded(asked), id.as_bytes());
        assert!(CUSTOMERS.contains(&id), "{id}");
    }
}

fn percent_decoded(mut text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    while let Some((first, rest)) = text.split_first() {
        let escaped = rest.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = escaped.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        text = if byte.is_some() { &rest[2..] } else { rest };
    }
    decoded
}

static SERVICE: LazyLock<Service> = LazyLock::new(Service::start);

/// A service with one partition, of which it has recovered the state.
struct Service {
    connections: UnboundedSender<UnixStream>,
    _runtime: tokio::runtime::Runtime,
    _data: tempfile::TempDir,
}

impl Service {
    fn start() -> Service {
        let data = tempfile::tempdir().expect("a folder can be made");
        let options = StoreOptions { cache_bytes: 8 << 20, write_buffer_bytes: 4 << 20 };
        let stores = Stores::new(data.path().to_path_buf(), options);
        stores.open(TaskId(0)).expect("a new store opens");
        let status = Status::new(1, Duration::MAX);
        status.set_partitions(1);
        status.recovering(0, TaskId(0), 0);
        let view = TaskView { clock: Some(NOON), ..TaskView::default() };
        status.turned(0, &Tally::default(), [(TaskId(0), view)].into_iter(), false);
        put_customers(&stores);
        let shared = Shared {
            status: Arc::new(status),
            stores,
            governing: Arc::new(Governing::new(PROGRAMME.clone(), Stamp::default())),
            population: None,
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            now: || NOON,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let (connections, accepted) = unbounded_channel();
        let server = axum::serve(Pairs(accepted), router(Arc::new(shared)));
        runtime.spawn(async move { server.await });
        Service { connections, _runtime: runtime, _data: data }
    }

    fn ask(&self, request: &[u8]) -> Vec<u8> {
        let (mut ours, theirs) = UnixStream::pair().expect("sockets can be made");
        self.connections.send(theirs).expect("the service runs");
        ours.set_read_timeout(Some(Duration::from_secs(5))).expect("not zero");
        let mut answer = Vec::new();
        // Who has heard enough may hang up before everything was said.
        let _ = ours.write_all(request).and_then(|()| ours.shutdown(std::net::Shutdown::Write));
        match ours.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the answer does not end: {error}"),
        }
        answer
    }
}

fn put_customers(stores: &Stores) {
    let store = stores.get(TaskId(0)).expect("opened before");
    let mut changes = store.changes();
    for id in CUSTOMERS {
        let mut customer = Customer::default();
        let purchase = Purchase { basket_id: "b".into(), amount_minor: 12_34, ..Purchase::default() };
        let event = Event { id: "e".into(), customer_id: id.into(), at: NOON, body: Body::Purchase(purchase) };
        PROGRAMME.fold(&mut customer, &event, &mut Vec::new());
        let mut stored = Vec::new();
        wire::stored::encode_customer(&customer, &mut stored);
        changes.put(id.as_bytes(), None, &stored);
    }
    changes.stage().apply(&store).expect("a store takes its customers");
}

/// Connections that were made in this process.
struct Pairs(UnboundedReceiver<UnixStream>);

impl axum::serve::Listener for Pairs {
    type Io = Served;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Served, SocketAddr) {
        let Some(stream) = self.0.recv().await else { return std::future::pending().await };
        stream.set_nonblocking(true).expect("a socket can wait elsewhere");
        let stream = Served::from_std(stream).expect("within the runtime");
        let address = stream.peer_addr().expect("both ends are open");
        (stream, address)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Err(std::io::ErrorKind::AddrNotAvailable.into())
    }
}
