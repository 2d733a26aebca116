//! Beginnings and ends: a new Musette, a new device, a node that starts and stops.

use std::time::Duration;

use axum::Router;
use tokio::{
    sync::{broadcast::error::RecvError, oneshot},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use crate::{
    api::{Context, Online, router, socket::Socket},
    client::{Client, Opened, open_when_free},
    config::Config,
    driver::Driver,
    error::{Error, Result},
    home::Home,
    memory,
    pairing::Pairing,
    store::{Repair, Store},
    sync::{
        Endpoints, Network,
        scheduler::{Scheduler, keep_usage, load_usage},
    },
};

mod create;
mod join;
mod listen;
mod newcomer;
mod recover;
mod restore;

use create::check_name;
pub use create::{Created, create};
pub use join::{JoinEvent, JoinOptions, Joined, check_ticket, join};
pub use listen::check_listen;
use listen::{Listening, listen, transport_key};
pub use recover::{RecoverEvent, RecoverOptions, Recovered, recover};
pub use restore::{RestoreOptions, Restored, restore};

pub use crate::store::{
    splitting::Split,
    vault::{check_choice, is_passphrase_needed},
};

/// Makes a device of its own of a copy of a home that is in use elsewhere too. No node may run here.
///
/// # Errors
/// When the home cannot be opened, the name cannot be shown, this device may enrol none, something in
/// quarantine would be lost and not `without_quarantine` was said, or a disk refuses.
pub fn split(home: &Home, passphrase: Option<&str>, name: &str, without_quarantine: bool) -> Result<Split> {
    check_name(name)?;
    Store::open(home, passphrase, Repair::No)?.split_copy(name, without_quarantine)
}

/// How long after something happened the index is written.
const INDEX_AFTER: Duration = Duration::from_secs(5);
/// How often the store is tidied.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// The pause between two steps of that.
const TIDY_PAUSE: Duration = Duration::from_millis(100);
/// How often it is looked at most whether an epoch is due.
const EPOCH_PAUSE: Duration = Duration::from_secs(1);

/// How a node starts.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// Multiaddresses to listen on; empty for those of before, or the default.
    pub listen: Vec<String>,
    /// Whether to find devices on the local network, and be found.
    pub discovery: bool,
}

/// A node at work.
pub struct RunningNode {
    driver: Driver,
    context: Context,
    endpoints: Option<Endpoints>,
    network: JoinHandle<()>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Starts the node of a home: network and local API.
///
/// # Errors
/// When the home cannot be opened, an address cannot be bound, or the socket cannot be made.
pub async fn start(
    home: &Home,
    passphrase: Option<Zeroizing<String>>,
    options: NodeOptions,
) -> Result<RunningNode> {
    let Opened::Here(store) = open_when_free(home, passphrase, Repair::No).await? else {
        return Err(Error::new("node-running"));
    };
    let mut node = start_network(home, Driver::start(*store), &options).await?;
    match Socket::bind(home) {
        Ok(socket) => node.serve(socket),
        Err(error) => {
            node.stop().await?;
            return Err(error);
        }
    }
    Ok(node)
}

async fn start_network(home: &Home, driver: Driver, options: &NodeOptions) -> Result<RunningNode> {
    let started = async {
        let config = Config::load(home)?;
        let discovery = options.discovery && config.lan_discovery;
        let scheduler = Scheduler::new(config.sync.settings(), load_usage(home));
        let transport = driver.run(|store| Ok(transport_key(&store.keys().device))).await?;
        let listening = Listening { config, asked: &options.listen, discovery, transport };
        let (endpoints, arrivals) = listen(home, listening).await?;
        Ok((endpoints, arrivals, scheduler))
    };
    let (endpoints, arrivals, scheduler) = match started.await {
        Ok(started) => started,
        Err(error) => {
            driver.stop().await?;
            return Err(error);
        }
    };
    let pairing = Pairing::default();
    let network = Network::new(driver.clone(), endpoints.clone(), pairing.clone(), scheduler.clone());
    let (sessions, relays) = (network.sessions.clone(), network.relays.clone());
    let online = Online { endpoint: endpoints.devices.clone(), pairing, scheduler, sessions, relays };
    let context = Context { driver: driver.clone(), network: Some(online) };
    let [tidying, rotating, indexing] = [&driver; 3].map(Driver::clone);
    let network = tokio::spawn(async move {
        tokio::select! {
            () = network.run(arrivals) => {}
            () = keep_tidy(tidying) => {}
            () = keep_epochs(rotating) => {}
            () = keep_index(indexing) => {}
        }
    });
    Ok(RunningNode { driver, context, endpoints: Some(endpoints), network, server: None })
}

/// Writes the index a while after something happened: what other devices acknowledged is in no other
/// place, and a node that is killed would deny it afterwards until it meets them.
async fn keep_index(driver: Driver) {
    loop {
        let mut events = driver.events();
        if matches!(events.recv().await, Err(RecvError::Closed)) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(INDEX_AFTER).await;
        drop(driver.run(Store::write_index).await);
    }
}

/// Tidies the store now and then, one step at a time so that nobody waits long, and gives back the
/// memory that starting, writing and tidying needed for a moment.
async fn keep_tidy(driver: Driver) {
    let mut written = driver.changed();
    let mut has_freed = true;
    loop {
        if has_freed {
            drop(tokio::task::spawn_blocking(memory::give_back).await);
        }
        tokio::time::sleep(TIDY_EVERY).await;
        loop {
            match driver.run(Store::tidy).await {
                Ok(true) => tokio::time::sleep(TIDY_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(code = error.code(), "tidying stopped");
                    break;
                }
            }
        }
        has_freed = written.has_changed().unwrap_or(false);
        written.mark_unchanged();
    }
}

/// Starts epochs in this device's turn. Not only now and then: what is written before, some may be unable to
/// read.
async fn keep_epochs(driver: Driver) {
    let mut written = driver.changed();
    loop {
        let is_to_come = driver.run(Store::rotate_in_turn).await.unwrap_or_else(|error| {
            tracing::warn!(code = error.code(), "no new epoch");
            false
        });
        if !is_to_come && written.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(EPOCH_PAUSE).await;
    }
}

impl RunningNode {
    fn serve(&mut self, socket: Socket) {
        let routes: Router = router(self.context.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let graceful = axum::serve(socket, routes).with_graceful_shutdown(async {
                drop(stopped.await);
            });
            drop(graceful.await);
        });
        self.server = Some((stop, server));
    }

    /// The API of this node, in this process.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::over(self.context.clone())
    }

    /// Resolves when the node can no longer work: the disk failed.
    pub async fn failed(&mut self) -> Error {
        self.driver.failed().await
    }

    /// Stops everything and closes the store.
    ///
    /// # Errors
    /// When the disk failed.
    pub async fn stop(mut self) -> Result<()> {
        if let Some((stop, server)) = self.server.take() {
            let _ = stop.send(());
            // Followers of events keep their connection open for ever.
            if tokio::time::timeout(Duration::from_millis(200), server).await.is_err() {
                tracing::debug!("a client of the socket was cut off");
            }
        }
        self.network.abort();
        drop((&mut self.network).await);
        if let Some(online) = self.context.network.take() {
            let usage = online.scheduler.usage();
            let kept = self.driver.run(move |store| keep_usage(store.home(), usage)).await;
            if let Err(error) = kept {
                tracing::warn!(code = error.code(), "the bytes of the day are not kept");
            }
        }
        let stopped = self.driver.stop().await;
        if let Some(endpoints) = self.endpoints.take() {
            endpoints.stop().await;
        }
        stopped
    }
}
