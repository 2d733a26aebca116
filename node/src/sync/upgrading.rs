//! From a relay to a direct connection, with the session standing all the time.
//!
//! A hole punched by DCUtR, or an address that answers now, gives a direct connection beside the relayed
//! one. A second session begins over it; both sides then close the first (see
//! [`musette_protocol::schedule::Standing`]). What was under way in the first is asked for again.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Network, Talk, sessions::Handle};
use crate::{error::Error, net::Path};

/// The pause after the first attempt to connect directly, while a relay carries the session. It doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest such pause: each attempt is a few packets to each address.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

impl Network {
    /// Runs a conversation to its end, over better paths as they come. `number` is that of its dial.
    pub(super) async fn converse(&self, talk: Talk, number: &mut u64) -> Error {
        let Talk { contact, endpoint, connection, conversation, stream } = talk;
        let mut running = pin!(conversation.run(stream));
        if connection.path() == Path::Direct {
            return running.await;
        }
        let (mut pause, mut after) = (FIRST_PAUSE, Duration::ZERO);
        loop {
            let handle = Arc::new(Handle::default());
            let wait = after;
            let has_begun = AtomicBool::new(false);
            let mut over = pin!(async {
                tokio::time::sleep(wait).await;
                endpoint.until_direct(connection.peer).await;
                match self.connect(contact, Path::Direct, &handle).await {
                    Ok(talk) => {
                        has_begun.store(true, Ordering::Relaxed);
                        *number = self.dials().begin(contact, handle.clone());
                        talk.conversation.run(talk.stream).await
                    }
                    Err(error) => error,
                }
            });
            let dialling = async {
                loop {
                    let addresses = self.addresses_of(contact).await.unwrap_or_default();
                    drop(endpoint.connect_over(Path::Direct, addresses.clone()).await);
                    tokio::time::sleep(pause).await;
                    // The first hole was punched when the relay connected the two.
                    endpoint.punch(addresses).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            };
            tokio::select! {
                ended = &mut running => return match has_begun.load(Ordering::Relaxed) {
                    // The direct one took its place, or does so as soon as this side knows what the other one
                    // knows already. It has a deadline for that.
                    true => over.await,
                    false => ended,
                },
                _ = &mut over => after = FIRST_PAUSE,
                () = dialling => {}
            }
        }
    }
}
