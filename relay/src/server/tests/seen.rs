//! What a relay writes of those it serves, to its log and its disk: `protocol/spec/threats.md` has
//! the list, and this fails when something else is written.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::*;

/// Every field that an event of the relay may have. `from` is a network, `kind` a sort of abuse,
/// `error` the system's word on the disk or a listener.
const FIELDS: [&str; 5] = ["message", "kind", "from", "error", "orderly"];

/// Keeps the fields of all the relay's events, of whatever level.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(BTreeSet<&'static str>, String)>>);

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("musette_relay")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        panic!("the relay's log has no spans")
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(self));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields<'a>(&'a Seen);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut seen = self.0.0.lock().unwrap();
        seen.0.insert(field.name());
        seen.1 += &format!("{}={value:?}\n", field.name());
    }
}

#[test]
fn log_and_disk_hold_what_is_listed_and_nothing_else() {
    let seen = Seen::default();
    // One thread, so that all of the relay's tasks log to this subscriber.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = tracing::subscriber::set_default(seen.clone());
    let (names, dir) = runtime.block_on(async { timeout(PATIENCE, whole_life(&seen)).await.unwrap() });

    let (fields, log) = std::mem::take(&mut *seen.0.lock().unwrap());
    assert!(fields.iter().all(|field| FIELDS.contains(field)), "{fields:?}");
    assert!(log.contains("forged-ticket") && log.contains("127.0.0.0/24"), "{log}");
    let mut files: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, ["key", "usage"]);
    let usage = fs::read_to_string(dir.path().join("usage")).unwrap();
    let ticket = "01".repeat(16);
    let words: Vec<_> = usage.lines().nth(1).unwrap().split(' ').collect();
    assert!(
        words.len() == 3 && words[0] == ticket && words[1..].iter().all(|word| word.parse::<u64>().is_ok())
    );
    assert_eq!(usage.lines().count(), 2);
    for name in names.iter().map(String::as_str).chain(["127.0.0.1", &ticket]) {
        assert!(!log.contains(name), "the log tells {name}: {log}");
        assert!(name == ticket || !usage.contains(name), "the disk tells {name}");
    }
}

/// A relay that admits, carries, refuses, is abused and stops; the names of those it saw, and where
/// it wrote.
async fn whole_life(seen: &Seen) -> (Vec<String>, TempDir) {
    let relay = Running::start(TCP, |_| {}).await;
    let called = called(&relay, 1).await;
    let mut caller = Client::new();
    call(&relay, &mut caller, &called).await;
    exchange(&mut caller, called.peer, BYTES).await.unwrap();

    let mut stranger = connected(&relay).await;
    stranger.reserve(relay.address.clone());
    stranger.told(&Told::Unreserved).await;
    let mut stream = stranger.stream(relay.peer(), musette_protocol::relaying::PROTOCOL).await.unwrap();
    let mut forged = relay.ticket(2).to_bytes();
    *forged.last_mut().unwrap() ^= 0x10;
    write_frame(&mut stream, &encode(&Message::Present { ticket: forged })).await.unwrap();
    read_frame(&mut stream, MAX_FRAME_LEN).await.unwrap();
    relay.stop.send(()).unwrap();
    relay.stopped.await.unwrap();
    // The circuit ends with its connections, and has its say.
    while !seen.0.lock().unwrap().1.contains("a circuit ended") {
        tokio::task::yield_now().await;
    }
    let names = [called.peer, caller.peer, stranger.peer].map(|peer| peer.to_string());
    (names.to_vec(), relay.dir)
}
