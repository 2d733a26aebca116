//! The running device's side of a recovery: whoever holds the phrase is let in.
//!
//! The machine is in [`musette_protocol::recovering`]; here are its clock, its stream, and the store.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use musette_protocol::{
    identity::{certificate::Certificate, log::Operation},
    pairing::{Channel, Welcome},
    record::Payload,
    recovering::{Answerer, Door, KnownWords, Output},
    signed::Signed,
};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    time::sleep,
};

use crate::{
    clock, entropy,
    error::{Error, Result},
    net::Framed,
    store::Store,
    sync::Network,
    welcome::{log_operations, welcome},
};

/// The door of one node; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Recovering {
    door: Arc<Mutex<Door>>,
    /// Asked for once, and again when something was written since: strangers who knock are no work for
    /// the store.
    known: Arc<AsyncMutex<Option<Known>>>,
}

struct Known {
    words: KnownWords,
    changed: watch::Receiver<u64>,
}

impl Recovering {
    /// Talks with somebody who opened a stream for it.
    pub(crate) async fn answer(&self, network: &Network, channel: Channel, mut stream: Framed) {
        let Ok(words) = self.words(network).await else { return };
        let mut machine = Answerer::new(channel, words, entropy::secret(), clock::now());
        while let Some(deadline) = machine.deadline() {
            let left = deadline.millis_since(clock::now()).max(0).unsigned_abs();
            let outputs = tokio::select! {
                frame = stream.recv() => match frame {
                    Ok(Some(frame)) => self.handle(&mut machine, &frame),
                    // It hung up, or the line is broken.
                    _ => return,
                },
                () = sleep(Duration::from_millis(left)) => machine.handle_time(clock::now()),
            };
            if !carry_out(network, &mut machine, &mut stream, outputs).await {
                break;
            }
        }
        drop(stream.close().await);
    }

    async fn words(&self, network: &Network) -> Result<KnownWords> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| !known.changed.has_changed().unwrap_or(true)) {
            return Ok(known.words.clone());
        }
        // What is written while the store is asked counts as a change.
        let mut changed = network.driver.changed();
        changed.mark_unchanged();
        let words = network.driver.run(Store::known_words).await?;
        *known = Some(Known { words: words.clone(), changed });
        Ok(words)
    }

    fn handle(&self, machine: &mut Answerer, frame: &[u8]) -> Vec<Output> {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        machine.handle(&mut door, frame, clock::now())
    }
}

/// False when it is over.
async fn carry_out(
    network: &Network,
    machine: &mut Answerer,
    stream: &mut Framed,
    outputs: Vec<Output>,
) -> bool {
    let mut outputs: std::collections::VecDeque<Output> = outputs.into();
    while let Some(output) = outputs.pop_front() {
        match output {
            Output::Send(frame) => {
                if stream.send(&frame).await.is_err() {
                    return false;
                }
            }
            Output::Proved => {
                let log = network.driver.run(|store| {
                    store.check_may_let_in()?;
                    Ok((store.keys().device_key(), log_operations(store)))
                });
                outputs.extend(match log.await {
                    Ok((key, operations)) => machine.answer(&key, operations),
                    Err(_) => machine.refuse(),
                });
            }
            Output::Enrol { operation, certificate, context } => {
                let enrolled =
                    network.driver.run(move |store| enrol(store, *operation, &certificate, &context));
                outputs.extend(match enrolled.await {
                    Ok(welcome) => machine.welcome(welcome),
                    Err(error) => {
                        tracing::warn!(code = error.code(), "a device could not be let in by the words");
                        machine.refuse()
                    }
                });
            }
            Output::Finished => return false,
            Output::Failed(error) => {
                tracing::debug!(code = error.code(), "a recovery ended");
                return false;
            }
            Output::Welcome { .. } => {}
        }
    }
    true
}

/// Lets the root's operation count. Its answer leaves once that is durable.
fn enrol(
    store: &mut Store,
    operation: Signed<Operation>,
    certificate: &Certificate,
    context: &[u8; 32],
) -> Result<Welcome> {
    store.check_may_let_in()?;
    let refused = || Error::new("recover-refused");
    let mut log = store.state().log().clone();
    log.apply(operation.clone()).map_err(|_| refused())?;
    // Another operation may speak of that very device.
    if log.devices().get(&certificate.device).is_none_or(|device| device.certificate != *certificate) {
        return Err(refused());
    }
    store.write_statement(Payload::Operation(operation))?;
    welcome(store, &certificate.kem, certificate.admin, context)
}
