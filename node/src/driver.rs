//! One thread owns the store. Whoever wants something of it sends a job.
//!
//! 1. The thread takes all jobs that wait, up to a bound, and runs them one after the other.
//! 2. It makes what they wrote durable, with one fsync for all of them.
//! 3. Only then do their answers and events leave.
//!
//! A failing fsync ends it: nobody knows what the disk kept, and every later job is refused. So does a home that
//! is no more where it was: files are named by where they are, and another home may be there by now.

use std::thread;

use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::spawn_blocking,
};

use crate::{
    error::{Error, Result},
    store::{Store, StoreEvent},
};

/// Jobs that may wait: each is an API call or a frame, both bounded by their connections.
const MAX_WAITING_JOBS: usize = 256;
/// Jobs under one fsync.
const MAX_JOBS_AT_ONCE: usize = 64;
/// Events that a slow listener may miss before it is told so.
const MAX_WAITING_EVENTS: usize = 4_096;

type Answer = Box<dyn FnOnce(Result<()>) + Send>;
type Job = Box<dyn FnOnce(&mut Store) -> Answer + Send>;

enum Message {
    Job(Job),
    Stop(oneshot::Sender<Result<()>>),
}

/// A way to the store; cheap to clone.
#[derive(Clone)]
pub(crate) struct Driver {
    messages: mpsc::Sender<Message>,
    events: broadcast::Sender<StoreEvent>,
    changed: watch::Receiver<u64>,
    failed: watch::Receiver<Option<Error>>,
}

impl Driver {
    /// Starts the thread.
    pub(crate) fn start(store: Store) -> Self {
        let (messages, inbox) = mpsc::channel(MAX_WAITING_JOBS);
        let (events, _) = broadcast::channel(MAX_WAITING_EVENTS);
        let (changed_sender, changed) = watch::channel(0);
        let (failed_sender, failed) = watch::channel(None);
        let worker = Worker { inbox, events: events.clone(), changed: changed_sender, failed: failed_sender };
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker.run(store))
            .expect("the system has a thread left");
        Self { messages, events, changed, failed }
    }

    /// Runs `work` on the store; the answer comes once all that it wrote is durable.
    ///
    /// # Errors
    /// What `work` says, or that the disk failed.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let outcome = work(store);
            Box::new(move |durable| drop(sender.send(durable.and(outcome))))
        });
        let sent = self.messages.send(Message::Job(job)).await;
        sent.map_err(|_| self.reason())?;
        receiver.await.map_err(|_| self.reason())?
    }

    fn reason(&self) -> Error {
        self.failed.borrow().clone().unwrap_or_else(|| Error::new("stopping"))
    }

    /// What happens from now on.
    pub(crate) fn events(&self) -> broadcast::Receiver<StoreEvent> {
        self.events.subscribe()
    }

    /// Changes whenever something durable was added.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Resolves when the disk failed, or the home is gone.
    pub(crate) async fn failed(&self) -> Error {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(error) => error.clone().unwrap_or_else(|| Error::new("disk-failed")),
            Err(_) => std::future::pending().await,
        }
    }

    /// Writes the index and closes the store.
    ///
    /// # Errors
    /// When the disk failed.
    pub(crate) async fn stop(&self) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        if self.messages.send(Message::Stop(sender)).await.is_err() {
            return self.failed.borrow().clone().map_or(Ok(()), Err);
        }
        receiver.await.unwrap_or(Ok(()))
    }
}

/// Runs work that waits for a disk, without the store.
///
/// # Errors
/// What it says.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|_| Error::new("internal"))?
}

struct Worker {
    inbox: mpsc::Receiver<Message>,
    events: broadcast::Sender<StoreEvent>,
    changed: watch::Sender<u64>,
    failed: watch::Sender<Option<Error>>,
}

impl Worker {
    fn run(mut self, mut store: Store) {
        while let Some(message) = self.inbox.blocking_recv() {
            if let Err(error) = store.check_in_place() {
                return self.fail(&error, Vec::new());
            }
            let mut answers = Vec::new();
            let mut stop = None;
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Job(job) => answers.push(job(&mut store)),
                    Message::Stop(sender) => stop = Some(sender),
                }
                let room = stop.is_none() && answers.len() < MAX_JOBS_AT_ONCE;
                next = if room { self.inbox.try_recv().ok() } else { None };
            }
            let durable = store.commit();
            if let Err(error) = &durable {
                return self.fail(error, answers);
            }
            self.tell(&mut store);
            answers.into_iter().for_each(|answer| answer(Ok(())));
            if let Some(sender) = stop {
                drop(sender.send(store.close()));
                return;
            }
            store.checkpoint(false);
        }
        drop(store.close());
    }

    fn fail(&self, error: &Error, answers: Vec<Answer>) {
        tracing::error!(code = error.code(), "nothing can be written any more; stopping");
        self.failed.send_replace(Some(error.clone()));
        answers.into_iter().for_each(|answer| answer(Err(error.clone())));
    }

    fn tell(&self, store: &mut Store) {
        let events = store.take_events();
        if store.take_changed() {
            self.changed.send_modify(|generation| *generation += 1);
        }
        for event in events {
            // Nobody listening is fine.
            drop(self.events.send(event));
        }
    }
}
