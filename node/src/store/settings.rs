//! What all of a person's devices share and no interface lists: their name and the import salt.

use musette_crdt::{document::Document, schema::kind};
use musette_protocol::{
    crypto::{
        kdf::{context, derive_id},
        secret::Secret32,
    },
    id::{DocumentId, SpaceId},
    record::Change,
    replica::Write,
};

use super::{Store, items::document_error, relays::Relay};
use crate::{clock, entropy, error::Result};

const NAME: &str = "name";
const SALT: &str = "import-salt";

/// The settings as last read.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) import_salt: Option<Secret32>,
    pub(super) relays: Vec<Relay>,
}

impl Settings {
    pub(super) fn read(&mut self, document: &Document) {
        self.name = document.get_bytes(NAME).and_then(|bytes| String::from_utf8(bytes).ok());
        let salt = document.get_bytes(SALT).and_then(|bytes| bytes.try_into().ok());
        self.import_salt = salt.map(Secret32::from_bytes);
        let relay = |key: &String| Relay::of_entry(key, &document.get_bytes(key)?);
        self.relays = document.keys().iter().filter_map(relay).collect();
    }
}

impl Store {
    /// Writes the first settings of a new Musette.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write_first_settings(&mut self, name: &str) -> Result<()> {
        let kind = kind("settings").expect("a kind of this program");
        let (now, device, actor) = (clock::now(), self.device().short(), entropy::bytes::<16>());
        let mut document = Document::create(kind, &[], now, &device, actor).map_err(document_error)?;
        for (key, value) in [(NAME, name.as_bytes()), (SALT, entropy::bytes::<32>().as_slice())] {
            document.set_bytes(key, Some(value), now, &device, actor).map_err(document_error)?;
        }
        let id = settings_id(self.state().space());
        let change = Change { document: id, bytes: document.take_changes() };
        self.write(vec![Write::Change(change)], vec![(id, document)])
    }

    /// The person's name.
    pub(crate) fn person_name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or_default()
    }
}

/// Every device finds the settings under the same id.
pub(super) fn settings_id(space: &SpaceId) -> DocumentId {
    let id = derive_id(context::SETTINGS_DOCUMENT, &[space.as_bytes()]);
    DocumentId::try_from(&id[..DocumentId::LEN]).expect("cut to length")
}
