//! One way to the local API, be it a running node's socket or handlers in this process.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, http::Request, response::Response};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::UnixStream;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

mod list;

use self::list::ListReader;
use crate::{
    api::{Context, router},
    driver::Driver,
    error::{Error, Result},
    home::Home,
    store::{Repair, Store},
};

/// How long to wait for another command to end, and how often to look.
const LOCK_WAIT: Duration = Duration::from_secs(3);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// A home that was opened, here or by a node that runs.
pub(crate) enum Opened {
    Here(Box<Store>),
    ByNode(Client),
}

/// Opens a home's store. Another command may hold the home for a moment, and a node that starts is
/// reached by its socket a moment later: worth a short wait before saying that the home is in use.
///
/// # Errors
/// When the home is locked, in use, damaged or newer.
pub(crate) async fn open_when_free(
    home: &Home,
    passphrase: Option<Zeroizing<String>>,
    repair: Repair,
) -> Result<Opened> {
    let passphrase = std::sync::Arc::new(passphrase);
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        let (home_there, secret) = (home.clone(), passphrase.clone());
        let open = move || Store::open(&home_there, secret.as_ref().as_deref().map(String::as_str), repair);
        match tokio::task::spawn_blocking(open).await.map_err(|_| Error::new("internal"))? {
            Ok(store) => return Ok(Opened::Here(Box::new(store))),
            Err(error) if error.code() == "home-in-use" && Instant::now() < deadline => {
                if let Some(client) = Client::connect(home).await? {
                    return Ok(Opened::ByNode(client));
                }
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// An open way to one home's API.
pub struct Client(Way);

enum Way {
    Socket(PathBuf),
    InProcess { router: Router, driver: Driver, upgraded_from: Option<PathBuf> },
}

impl Client {
    /// The node that runs on this home, if one does.
    ///
    /// # Errors
    /// When the socket is there but this user may not use it.
    pub async fn connect(home: &Home) -> Result<Option<Self>> {
        let paths: [Option<PathBuf>; 2] = [home.socket_path().ok(), home.noted_socket()];
        for path in paths.into_iter().flatten() {
            match UnixStream::connect(&path).await {
                Ok(_) => return Ok(Some(Self(Way::Socket(path)))),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    return Err(Error::new("permission-denied").with("path", path.display()));
                }
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Opens the store in this process.
    ///
    /// # Errors
    /// When the home is locked, in use, damaged or newer.
    pub async fn open(home: &Home, passphrase: Option<Zeroizing<String>>) -> Result<Self> {
        Self::open_with(home, passphrase, Repair::No).await
    }

    /// Opens the store without its index, and around damage in the journal.
    ///
    /// # Errors
    /// When the home is locked, in use or newer, or its vault is damaged.
    pub async fn rebuild(home: &Home, passphrase: Option<Zeroizing<String>>) -> Result<Self> {
        Self::open_with(home, passphrase, Repair::Rebuild).await
    }

    async fn open_with(home: &Home, passphrase: Option<Zeroizing<String>>, repair: Repair) -> Result<Self> {
        match open_when_free(home, passphrase, repair).await? {
            Opened::Here(store) => Ok(Self::in_process(*store)),
            Opened::ByNode(client) if repair == Repair::No => Ok(client),
            Opened::ByNode(_) => Err(Error::new("home-in-use")),
        }
    }

    fn in_process(store: Store) -> Self {
        let upgraded_from = store.upgraded_from();
        let driver = Driver::start(store);
        let context = Context { driver: driver.clone(), network: None };
        Self(Way::InProcess { router: router(context), driver, upgraded_from })
    }

    /// Where the home is as it was, if opening it here brought it to this program's format.
    #[must_use]
    pub fn upgraded_from(&self) -> Option<&Path> {
        match &self.0 {
            Way::InProcess { upgraded_from, .. } => upgraded_from.as_deref(),
            Way::Socket(_) => None,
        }
    }

    /// Over the routes of a node in this process.
    pub(crate) fn over(context: Context) -> Self {
        let driver = context.driver.clone();
        Self(Way::InProcess { router: router(context), driver, upgraded_from: None })
    }

    /// One request, one JSON answer.
    ///
    /// # Errors
    /// What the API says, or `node-gone` when a running node stopped.
    pub async fn call(&self, method: &str, path: &str, body: Option<Json>) -> Result<Json> {
        let response = self.send(method, path, body).await?;
        let bytes = response.into_body().collect().await.map_err(|_| gone())?.to_bytes();
        let json: Json = serde_json::from_slice(&bytes).map_err(|_| gone())?;
        error_in(&json).map_or(Ok(json), Err)
    }

    /// One request whose answer is JSON lines: hands each to `on_line`, and gives the result.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stream(
        &self,
        method: &str,
        path: &str,
        body: Option<Json>,
        on_line: &mut (dyn FnMut(Json) + Send),
    ) -> Result<Json> {
        let mut body = self.send(method, path, body).await?.into_body();
        let mut buffer = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame.map_err(|_| gone())?.into_data() else { continue };
            buffer.extend_from_slice(&bytes);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let mut json: Json = serde_json::from_slice(&line).map_err(|_| gone())?;
                if let Some(error) = error_in(&json) {
                    return Err(error);
                }
                match json.get_mut("result") {
                    Some(result) => return Ok(result.take()),
                    None => on_line(json),
                }
            }
        }
        let json: Json = serde_json::from_slice(&buffer).unwrap_or(Json::Null);
        Err(error_in(&json).unwrap_or_else(gone))
    }

    /// One request whose answer is a list: hands each item to `on_item` as it comes, until that
    /// breaks off.
    ///
    /// # Errors
    /// As [`Client::call`]; an answer that ends early is an error too.
    pub async fn items(
        &self,
        path: &str,
        on_item: &mut (dyn FnMut(Json) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        let response = self.send("GET", path, None).await?;
        if !response.status().is_success() {
            let bytes = response.into_body().collect().await.map_err(|_| gone())?.to_bytes();
            let json: Json = serde_json::from_slice(&bytes).map_err(|_| gone())?;
            return Err(error_in(&json).unwrap_or_else(gone));
        }
        let (mut body, mut items) = (response.into_body(), ListReader::default());
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame.map_err(|_| gone())?.into_data() else { continue };
            if items.read(&bytes, on_item)?.is_break() {
                return Ok(());
            }
        }
        if items.has_ended() { Ok(()) } else { Err(gone()) }
    }

    /// One request whose answer is bytes, handed on as they come; gives how many.
    ///
    /// # Errors
    /// As [`Client::call`]; an answer that ends early is an error too.
    pub async fn bytes(
        &self,
        path: &str,
        on_bytes: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
    ) -> Result<u64> {
        let response = self.send("GET", path, None).await?;
        if !response.status().is_success() {
            let bytes = response.into_body().collect().await.map_err(|_| gone())?.to_bytes();
            let json: Json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
            return Err(error_in(&json).unwrap_or_else(gone));
        }
        let (mut body, mut total) = (response.into_body(), 0);
        while let Some(frame) = body.frame().await {
            let incomplete = || Error::new("attachment-incomplete");
            let Ok(bytes) = frame.map_err(|_| incomplete())?.into_data() else { continue };
            on_bytes(&bytes).map_err(|error| crate::store::replace::io_error(&error))?;
            total += bytes.len() as u64;
        }
        Ok(total)
    }

    async fn send(&self, method: &str, path: &str, body: Option<Json>) -> Result<Response> {
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "musette")
            .header("content-type", "application/json")
            .body(body)
            .map_err(|error| Error::new("bad-request").with("detail", error))?;
        match &self.0 {
            Way::InProcess { router, .. } => match router.clone().oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            },
            Way::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|_| gone())?;
                let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
                let (mut sender, connection) = handshake.map_err(|_| gone())?;
                tokio::spawn(connection);
                let response = sender.send_request(request).await.map_err(|_| gone())?;
                Ok(response.map(Body::new))
            }
        }
    }

    /// Closes the store, if it was opened here.
    ///
    /// # Errors
    /// When the disk failed.
    pub async fn close(self) -> Result<()> {
        match self.0 {
            Way::InProcess { driver, .. } => driver.stop().await,
            Way::Socket(_) => Ok(()),
        }
    }
}

fn gone() -> Error {
    Error::new("node-gone")
}

fn error_in(json: &Json) -> Option<Error> {
    let error = json.get("error")?;
    let code = error.get("code")?.as_str()?.to_owned();
    let args = error.get("args").and_then(Json::as_object).into_iter().flatten();
    Some(args.fold(Error::new(code), |error, (name, value)| {
        error.with(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }))
}
