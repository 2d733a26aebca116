//! samod: one Automerge document per item, its file system storage, TCP as in its documentation.
//!
//! The follower asks for every document by its id, all at once, as an application does that holds a
//! list of ids; the holder announces them too, which is samod's default.

use std::{fs, ops::Range, str::FromStr as _};

use anyhow::{Context as _, Result};
use automerge::{Automerge, AutomergeError, ROOT, ReadDoc as _, transaction::Transactable as _};
use futures::{
    StreamExt as _,
    stream::{BoxStream, FuturesOrdered},
};
use samod::{BackoffConfig, DocHandle, DocumentId, Repo, Url, storage::TokioFilesystemStorage};
use tokio::net::TcpListener;

use crate::{
    items::{CHANGED, Item},
    node::Replica,
    options::Node,
};

/// Where the holder leaves its address and the ids of its documents.
const ADDRESS: &str = "address";
const IDS: &str = "ids";

/// A replica.
pub(crate) struct Samod {
    repo: Repo,
    documents: Vec<DocHandle>,
    node: Node,
}

impl Replica for Samod {
    async fn hold(node: &Node) -> Result<Self> {
        let repo = open(node).await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("tcp://{}", listener.local_addr()?);
        let acceptor = repo.make_acceptor(Url::parse(&url)?)?;
        fs::write(node.shared.join(ADDRESS), url)?;
        fs::write(node.shared.join(IDS), "")?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream.set_nodelay(true));
                drop(acceptor.accept_tokio_io(stream));
            }
        });
        Ok(Self { repo, documents: Vec::new(), node: node.clone() })
    }

    async fn follow(node: &Node) -> Result<Self> {
        let url = Url::parse(&fs::read_to_string(node.shared.join(ADDRESS))?)?;
        let ids = fs::read_to_string(node.shared.join(IDS))?;
        let ids = ids.lines().map(DocumentId::from_str).collect::<Result<Vec<_>, _>>()?;
        let repo = open(node).await;
        let dialer =
            repo.dial_tcp(url, BackoffConfig::default()).map_err(|error| anyhow::anyhow!("{error}"))?;
        dialer.established().await.map_err(|_| anyhow::anyhow!("the holder does not answer"))?;
        let connection = dialer.connection_id().context("it is connected")?;
        let mut finding: FuturesOrdered<_> = ids.into_iter().map(|id| repo.find(id)).collect();
        let mut documents = Vec::new();
        while let Some(found) = finding.next().await {
            documents.push(found?.context("the holder has every document")?);
        }
        // A document that was here already is found without asking anybody.
        for document in &documents {
            document.we_have_their_changes(connection).await;
        }
        Ok(Self { repo, documents, node: node.clone() })
    }

    async fn fill(&mut self, count: usize) -> Result<()> {
        for number in 0..count {
            let document = self.repo.create(automerge(&Item::first(number))?).await?;
            self.documents.push(document);
        }
        let ids = self.documents.iter().map(|document| format!("{}\n", document.document_id()));
        fs::write(self.node.shared.join(IDS), ids.collect::<String>())?;
        Ok(())
    }

    async fn change(&mut self, which: Range<usize>, note: &str) -> Result<()> {
        for document in &self.documents[which] {
            let written = document.with_document(|document| {
                document.transact::<_, _, AutomergeError>(|change| change.put(ROOT, CHANGED, note))
            });
            written.map_err(|failure| failure.error)?;
        }
        Ok(())
    }

    async fn count(&mut self, note: &str) -> Result<usize> {
        let has = |document: &&DocHandle| {
            let value = document.with_document(|document| {
                let value = document.get(ROOT, CHANGED).ok()??;
                value.0.as_str().map(str::to_owned)
            });
            value.as_deref() == Some(note)
        };
        Ok(self.documents.iter().filter(has).count())
    }

    async fn seen(&mut self) -> Result<BoxStream<'static, ()>> {
        let first = self.documents.first().context("there is an item")?;
        Ok(first.changes().map(drop).boxed())
    }

    async fn close(self) -> Result<()> {
        self.repo.stop().await;
        Ok(())
    }
}

async fn open(node: &Node) -> Repo {
    Repo::build_tokio().with_storage(TokioFilesystemStorage::new(&node.home)).load().await
}

fn automerge(item: &Item) -> Result<Automerge, AutomergeError> {
    let mut document = Automerge::new();
    let written = document.transact::<_, _, AutomergeError>(|change| {
        item.fields().into_iter().try_for_each(|(name, value)| change.put(ROOT, name, value))
    });
    written.map_err(|failure| failure.error)?;
    Ok(document)
}
