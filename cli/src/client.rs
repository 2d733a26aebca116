//! A thin adapter over the node's client, the only place that knows its shape.
//!
//! Commands speak in HTTP paths of the local API; whether they travel over the socket of a
//! running node or to handlers in this process is not their business.

use crate::error::Failure;
use musette_node::client::Client;
use musette_node::home::Home;
use serde_json::Value;
use std::fmt::Write as _;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use zeroize::Zeroizing;

/// The code of an answer that ended because the node did.
const NODE_GONE: &str = "node-gone";

/// An open way to one home's local API.
pub(crate) struct Connection {
    client: Client,
}

impl Connection {
    /// The node that runs on this home, if any.
    pub(crate) async fn running(home: &Home) -> Result<Option<Self>, Failure> {
        Ok(Client::connect(home).await?.map(Self::from))
    }

    /// Opens the store of this home in this process.
    pub(crate) async fn in_process(
        home: &Home,
        passphrase: Option<Zeroizing<String>>,
    ) -> Result<Self, Failure> {
        Ok(Self::from(Client::open(home, passphrase).await?))
    }

    /// Opens the store in this process without its index, which is made anew, and around
    /// damage in the journal.
    pub(crate) async fn rebuild(home: &Home, passphrase: Option<Zeroizing<String>>) -> Result<Self, Failure> {
        Ok(Self::from(Client::rebuild(home, passphrase).await?))
    }

    /// Where the home is as it was, if opening it changed its format.
    pub(crate) fn upgraded_from(&self) -> Option<&Path> {
        self.client.upgraded_from()
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.client.call("GET", path, None).await?)
    }

    /// Hands each item of a list to `on_item` as it comes, until that breaks off.
    pub(crate) async fn items(
        &self,
        path: &str,
        on_item: &mut (dyn FnMut(Value) -> ControlFlow<()> + Send),
    ) -> Result<(), Failure> {
        Ok(self.client.items(path, on_item).await?)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        Ok(self.client.call("POST", path, Some(body)).await?)
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Result<Value, Failure> {
        Ok(self.client.call("PATCH", path, Some(body)).await?)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.client.call("DELETE", path, None).await?)
    }

    /// Sends `body` and hands each line of the answer to `on_line`; the result comes last.
    pub(crate) async fn post_stream(
        &self,
        path: &str,
        body: Value,
        on_line: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Value, Failure> {
        Ok(self.client.stream("POST", path, Some(body), on_line).await?)
    }

    /// Follows what changes, until the node goes away.
    pub(crate) async fn follow_events(&self, on_line: &mut (dyn FnMut(Value) + Send)) -> Result<(), Failure> {
        match self.client.stream("GET", "/v1/events", None, on_line).await {
            Err(error) if error.code() != NODE_GONE => Err(error.into()),
            // The stream has no end of its own.
            _ => Ok(()),
        }
    }

    /// Hands the bytes at `path` to `on_bytes` as they come, and gives how many there were.
    pub(crate) async fn bytes(
        &self,
        path: &str,
        on_bytes: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<u64, Failure> {
        Ok(self.client.bytes(path, on_bytes).await?)
    }

    /// Ends the use of the home. Needed for the in-process case, where the home is locked.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        Ok(self.client.close().await?)
    }
}

impl From<Client> for Connection {
    fn from(client: Client) -> Self {
        Self { client }
    }
}

/// The API path of an item, from whatever the person typed as its id.
pub(crate) fn item_path(id: &str) -> String {
    format!("/v1/items/{}", encode(id))
}

/// Writes `path?name=value&…`, leaving out what is `None`.
pub(crate) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut whole = path.to_owned();
    let mut separator = '?';
    for (name, value) in parameters {
        if let Some(value) = value {
            let _ = write!(whole, "{separator}{name}={}", encode(value));
            separator = '&';
        }
    }
    whole
}

/// Percent-encodes everything but RFC 3986's unreserved characters, so that a name with `/`
/// or `?` in it stays one segment.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(encode("cv 2014/été?.pdf"), "cv%202014%2F%C3%A9t%C3%A9%3F.pdf");
        assert_eq!(item_path("../status"), "/v1/items/..%2Fstatus");
    }

    #[test]
    fn absent_parameters_are_left_out() {
        assert_eq!(
            with_query("/v1/timeline", &[("from", None), ("to", Some("2014")), ("kind", Some("a&b"))]),
            "/v1/timeline?to=2014&kind=a%26b"
        );
        assert_eq!(with_query("/v1/items", &[("kind", None)]), "/v1/items");
    }
}
