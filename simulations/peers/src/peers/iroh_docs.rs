//! iroh-docs: one document, one entry per item with its JSON as the value, persistent stores, QUIC
//! on loopback without relays and discovery.
//!
//! An entry counts as there when its value is: entries and values travel separately.

use std::{collections::HashSet, fs, ops::Range};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::{StreamExt as _, future::ready, stream::BoxStream};
use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey, endpoint::presets, protocol::Router};
use iroh_blobs::{BlobsProtocol, Hash, store::fs::FsStore};
use iroh_docs::{
    AuthorId, ContentStatus, DocTicket,
    api::{
        Doc,
        protocol::{AddrInfoOptions, ShareMode},
    },
    engine::LiveEvent,
    protocol::Docs,
    store::Query,
};
use iroh_gossip::net::Gossip;

use crate::{
    items::{Item, note_in},
    node::Replica,
    options::{Node, Side},
};

/// Where the holder leaves what its document is and where to find it.
const TICKET: &str = "ticket";

/// A replica.
pub(crate) struct IrohDocs {
    router: Router,
    blobs: FsStore,
    author: AuthorId,
    doc: Doc,
    events: Option<Events>,
}

type Events = BoxStream<'static, Result<LiveEvent>>;

/// The parts of a node before it has a document.
struct Parts {
    router: Router,
    blobs: FsStore,
    docs: Docs,
}

impl Replica for IrohDocs {
    async fn hold(node: &Node) -> Result<Self> {
        let parts = open(node).await?;
        let doc = parts.docs.create().await?;
        let mut ticket = doc.share(ShareMode::Write, AddrInfoOptions::Id).await?;
        let endpoint = parts.router.endpoint();
        let address = *endpoint.bound_sockets().first().context("it listens")?;
        ticket.nodes = vec![EndpointAddr::new(endpoint.id()).with_ip_addr(address)];
        fs::write(node.shared.join(TICKET), ticket.to_string())?;
        doc.start_sync(Vec::new()).await?;
        Self::new(parts, doc, None).await
    }

    async fn follow(node: &Node) -> Result<Self> {
        let ticket: DocTicket = fs::read_to_string(node.shared.join(TICKET))?.parse()?;
        let parts = open(node).await?;
        let doc = match parts.docs.open(ticket.capability.id()).await {
            Ok(Some(doc)) => doc,
            _ => parts.docs.import_namespace(ticket.capability).await?,
        };
        let mut events = doc.subscribe().await?.boxed();
        doc.start_sync(ticket.nodes).await?;
        catch_up(&mut events, &parts.blobs).await?;
        Self::new(parts, doc, Some(events)).await
    }

    async fn fill(&mut self, count: usize) -> Result<()> {
        for item in (0..count).map(Item::first) {
            self.set(&item).await?;
        }
        Ok(())
    }

    async fn change(&mut self, which: Range<usize>, note: &str) -> Result<()> {
        for number in which {
            self.set(&Item { number, note: note.to_owned() }).await?;
        }
        Ok(())
    }

    async fn count(&mut self, note: &str) -> Result<usize> {
        let entries = self.doc.get_many(Query::single_latest_per_key().build()).await?;
        let mut entries = std::pin::pin!(entries);
        let mut count = 0;
        while let Some(entry) = entries.next().await {
            let value = self.blobs.blobs().get_bytes(entry?.content_hash()).await?;
            count += usize::from(note_in(&value).as_deref() == Some(note));
        }
        Ok(count)
    }

    async fn seen(&mut self) -> Result<BoxStream<'static, ()>> {
        let events = self.events.take().context("it follows")?;
        let mut awaited: Option<Hash> = None;
        let seen = events.filter_map(move |event| {
            let is_seen = match event {
                Ok(LiveEvent::InsertRemote { entry, content_status, .. })
                    if entry.key() == key(0).as_bytes() =>
                {
                    let is_here = content_status == ContentStatus::Complete;
                    awaited = (!is_here).then(|| entry.content_hash());
                    is_here
                }
                Ok(LiveEvent::ContentReady { hash }) => awaited.take_if(|awaited| *awaited == hash).is_some(),
                _ => false,
            };
            ready(is_seen.then_some(()))
        });
        Ok(seen.boxed())
    }

    async fn close(self) -> Result<()> {
        // The router's protocols take their stores down with them.
        self.router.shutdown().await?;
        Ok(())
    }
}

impl IrohDocs {
    async fn new(parts: Parts, doc: Doc, events: Option<Events>) -> Result<Self> {
        let author = parts.docs.author_default().await?;
        Ok(Self { router: parts.router, blobs: parts.blobs, author, doc, events })
    }

    async fn set(&self, item: &Item) -> Result<()> {
        self.doc.set_bytes(self.author, key(item.number), item.json()).await?;
        Ok(())
    }
}

fn key(number: usize) -> String {
    format!("contact/{number:06}")
}

/// Waits until a reconciliation succeeded and the value of every entry that it brought is here.
async fn catch_up(events: &mut Events, blobs: &FsStore) -> Result<()> {
    let mut missing: HashSet<Hash> = HashSet::new();
    let mut finished = false;
    while !finished || !missing.is_empty() {
        match events.next().await.context("the events ended")?? {
            LiveEvent::InsertRemote { entry, content_status, .. } => {
                if content_status != ContentStatus::Complete {
                    missing.insert(entry.content_hash());
                }
            }
            LiveEvent::ContentReady { hash } => drop(missing.remove(&hash)),
            LiveEvent::SyncFinished(sync) => match sync.result {
                Err(failure) if !finished => bail!("a reconciliation failed: {failure}"),
                _ => finished = true,
            },
            LiveEvent::PendingContentReady => {
                // The two kinds of events are not ordered among each other.
                for hash in missing.clone() {
                    if blobs.blobs().has(hash).await? {
                        missing.remove(&hash);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

async fn open(node: &Node) -> Result<Parts> {
    fs::create_dir_all(&node.home)?;
    let endpoint = Endpoint::builder(presets::Minimal)
        .secret_key(secret_key(node)?)
        .relay_mode(RelayMode::Disabled)
        .clear_ip_transports()
        .bind_addr("127.0.0.1:0")?
        .bind()
        .await?;
    let blobs = FsStore::load(node.home.join("blobs")).await.map_err(|error| anyhow!("{error}"))?;
    let gossip = Gossip::builder().spawn(endpoint.clone());
    let docs =
        Docs::persistent(node.home.clone()).spawn(endpoint.clone(), (*blobs).clone(), gossip.clone()).await?;
    let router = Router::builder(endpoint)
        .accept(iroh_blobs::ALPN, BlobsProtocol::new(&blobs, None))
        .accept(iroh_gossip::ALPN, gossip)
        .accept(iroh_docs::ALPN, docs.clone())
        .spawn();
    Ok(Parts { router, blobs, docs })
}

/// The node's key, the same at each start.
///
/// As soon as the two meet, the holder dials back. Of two such dials the one from the smaller id is
/// kept. The follower's is, so that each run goes the same way.
fn secret_key(node: &Node) -> Result<SecretKey> {
    let file = node.home.join("key");
    if let Ok(bytes) = fs::read(&file) {
        let bytes: [u8; 32] = bytes.as_slice().try_into()?;
        return Ok(SecretKey::from_bytes(&bytes));
    }
    let is_large = |key: &SecretKey| key.public().as_bytes()[0] >= 0x80;
    let mut key = SecretKey::generate();
    while is_large(&key) != (node.side == Side::Holder) {
        key = SecretKey::generate();
    }
    fs::write(&file, key.to_bytes())?;
    Ok(key)
}
