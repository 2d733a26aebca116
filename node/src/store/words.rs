//! The person's recovery words: whose they are, and putting new ones in the place of the old.
//!
//! Whoever writes the replacement alone knows the new words, so they must not be lost, whenever the
//! power goes:
//!
//! 1. The new words are kept aside, sealed, durable: beside the old ones, which still speak.
//! 2. The replacement becomes durable, with the epoch that the old words do not open. From here on the
//!    new words speak.
//! 3. They take the old ones' place in the vault, and what was kept aside goes.
//!
//! A crash before 2 leaves words of which the log says nothing: they are never shown, and the next ones
//! take their place. After 2, the next start does 3; so it does if the journal had lost the replacement
//! and another device brings it back.

use musette_protocol::{
    crypto::{aead::NONCE_LEN, kem::KemPublic, kem::KemSecret, secret::Secret32},
    identity::{log::RootStanding, person::Recovery},
    pairing::words::recovery_entropy,
    recovering::KnownWords,
    replica::rotating::NewEpoch,
};
use serde_json::{Value as Json, json};

use super::{
    Store, formats,
    keys::Keys,
    note,
    opening::inception_of,
    replace::{remove_if_there, sync_dir, told},
    revoking::{ending_error, phrase_error},
};
use crate::{
    entropy,
    error::{Error, Result},
    home::Home,
};

/// Bytes of the file that keeps new words aside: the entropy, sealed.
const MAX_FILE_LEN: u64 = 256;
const PURPOSE: &str = "next words";

/// The new words of a replacement that was begun.
pub(super) fn open_next(home: &Home, keys: &Keys) -> Option<Secret32> {
    note::load(&home.next_words_path(), keys, PURPOSE, MAX_FILE_LEN)
}

fn remove_next(home: &Home) -> Result<()> {
    if !home.next_words_path().exists() {
        return Ok(());
    }
    told(remove_if_there(&home.next_words_path()))?;
    told(sync_dir(home.path()))
}

impl Store {
    /// What whoever asks to be let in by the words must have.
    ///
    /// # Errors
    /// When the vault holds no inception.
    pub(crate) fn known_words(&mut self) -> Result<KnownWords> {
        let inception = inception_of(&self.keys)?;
        KnownWords::new(&inception, self.state().log()).map_err(|_| Error::new("vault-damaged"))
    }

    /// The key of the words to which epochs are sealed beside the devices'. Where two replaced the same
    /// words, none speaks, and the epochs are for the devices alone: this one's own key adds nobody.
    pub(super) fn recovery_key(&self) -> KemPublic {
        let speaking = self.state().log().root().map(|keys| keys.recovery_kem);
        speaking.unwrap_or_else(|| KemSecret::from_secret(&self.keys.kem).public())
    }

    /// The keys of words that were typed.
    ///
    /// # Errors
    /// When they are no phrase, or do not speak for this person.
    pub(super) fn recovery_from(&self, words: &str) -> Result<Recovery> {
        let recovery = Recovery::from_entropy(&recovery_entropy(words).map_err(phrase_error)?);
        check_speaks(self.state().log().root_standing(&recovery.root().verifying_key()))?;
        Ok(recovery)
    }

    /// The words that this device keeps, as they were not checked yet.
    ///
    /// # Errors
    /// `recovery-not-held`; or when they do not speak any more.
    pub(crate) fn words_kept(&self) -> Result<&Secret32> {
        let kept = self.keys.recovery.as_ref().ok_or_else(|| Error::new("recovery-not-held"))?;
        check_speaks(self.standing_of(kept))?;
        Ok(kept)
    }

    fn standing_of(&self, entropy: &Secret32) -> RootStanding {
        self.state().log().root_standing(&Recovery::from_entropy(entropy).root().verifying_key())
    }

    /// Draws new words and puts them in the place of the present ones: those typed, or else those that
    /// this device keeps, for whoever knows its passphrase. Done once [`Store::commit`] was.
    ///
    /// # Errors
    /// When the words are not the present ones, this device has no right to it, or the disk refuses.
    pub(crate) fn replace_words(&mut self, words: Option<&str>, passphrase: Option<&str>) -> Result<Json> {
        self.check_whole()?;
        self.check_entitled()?;
        let keeper = self.keeper().ok_or_else(|| Error::new("replace-not-admin"))?;
        let present = match words {
            Some(words) => self.recovery_from(words)?,
            None => {
                let present = Recovery::from_entropy(self.words_kept()?);
                self.check_passphrase(passphrase)?;
                present
            }
        };
        let drawn = entropy::secret();
        let new = Recovery::from_entropy(&drawn);
        note::save(&self.home.next_words_path(), &self.keys, PURPOSE, &drawn)?;
        self.next_words = Some(drawn);
        let replacement = self.state().log().sign_replacement(&present, &new);
        let recovery = Some(new.keys().recovery_kem);
        let (secret, entropy) = (entropy::secret(), entropy::secret());
        let epoch = NewEpoch { keeper: &keeper, device: &self.device_key, recovery, secret, entropy };
        let nonce = &mut entropy::bytes::<NONCE_LEN>;
        let effects = self
            .replica
            .append_ending(replacement, Some(new.root()), &epoch, nonce)
            .map_err(|error| ending_error(error, "replace-not-admin"))?;
        self.unsynced = true;
        self.apply(effects, Vec::new())?;
        Ok(json!({ "replaced": true }))
    }

    /// Lets the vault follow the log, once that is durable: new words of this device's own making take
    /// their place there, and words that others replaced go.
    ///
    /// # Errors
    /// When the disk refuses: it is done at the next start then.
    pub(super) fn settle_words(&mut self) -> Result<()> {
        let log = self.state().log();
        let is_stated = |words: &Secret32| log.states_root(&Recovery::from_entropy(words).keys().root);
        if let Some(next) = self.next_words.as_ref().filter(|next| is_stated(next)).map(Secret32::duplicate) {
            // The old words are in a copy of the earlier format, and the new ones are not.
            formats::let_go(&self.home)?;
            self.change_keys(|keys| {
                keys.recovery = Some(next);
                keys.recovery_checked = false;
            })?;
            remove_next(&self.home)?;
            self.next_words = None;
        }
        let kept = self.keys.recovery.as_ref();
        if kept.is_some_and(|kept| self.standing_of(kept) == RootStanding::Replaced) {
            formats::let_go(&self.home)?;
            self.change_keys(|keys| keys.recovery = None)?;
        }
        Ok(())
    }

    /// Notes that the person holds the recovery words: no device keeps them from then on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn let_go_of_words(&mut self) -> Result<()> {
        formats::let_go(&self.home)?;
        remove_next(&self.home)?;
        self.next_words = None;
        self.change_keys(|keys| {
            keys.recovery = None;
            keys.recovery_checked = true;
        })
    }
}

/// Whether words with this standing may be used.
pub(crate) fn check_speaks(standing: RootStanding) -> Result<()> {
    match standing {
        RootStanding::Present => Ok(()),
        RootStanding::Replaced => Err(Error::new("words-replaced")),
        RootStanding::Frozen => Err(Error::new("words-frozen")),
        RootStanding::Unknown => Err(Error::new("words-of-another-person")),
    }
}

#[cfg(test)]
mod tests;
