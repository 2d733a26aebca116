//! Key derivation: BLAKE3's `derive_key` mode, one context string per purpose.

use super::secret::Secret32;

/// Every purpose a key is derived for. A context is never reused or changed.
pub mod context {
    /// Recovery phrase entropy → root signing key.
    pub const ROOT_SIGNING: &str = "musette 2026-11 root signing key v1";
    /// Recovery phrase entropy → recovery HPKE key.
    pub const RECOVERY_KEM: &str = "musette 2026-11 recovery hpke key v1";
    /// Recovery phrase entropy → recovery keeper key.
    pub const RECOVERY_KEEPER: &str = "musette 2026-11 recovery keeper key v1";
    /// Inception statement → person id.
    pub const PERSON_ID: &str = "musette 2026-11 person id v1";
    /// Keeper key and recovery keeper key → space id.
    pub const SPACE_ID: &str = "musette 2026-11 space id v1";
    /// Epoch secret → epoch id.
    pub const EPOCH_ID: &str = "musette 2026-11 epoch id v1";
    /// Space, epoch id and epoch secret → key that seals records.
    pub const RECORD_KEY: &str = "musette 2026-11 record key v1";
    /// Space, and ids and secrets of several epochs → key that seals records.
    pub const RECORD_KEY_SEVERAL: &str = "musette 2026-11 record key of several epochs v1";
    /// Key that seals records and a payload → the nonce under which the payload is sealed anew.
    pub const RENEWED_NONCE: &str = "musette 2026-11 nonce of a renewed record v1";
    /// Epoch secret → key that seals earlier epochs' secrets.
    pub const EARLIER_SECRETS: &str = "musette 2026-11 earlier epoch secrets v1";
    /// Epoch secret and the keys that it is sealed to → key that tells for whom the epoch was made.
    pub const EPOCH_AUDIENCE: &str = "musette 2026-11 epoch audience v1";
    /// Epoch secret → HPKE key to which the log heads are sealed that the epoch's author knew.
    pub const EPOCH_HEADS: &str = "musette 2026-11 epoch heads v1";
    /// Epoch secret → signing key that a mirror asks of writers.
    pub const EPOCH_WRITE: &str = "musette 2026-11 epoch write key v1";
    /// Epoch secret → signing key that a mirror asks of readers.
    pub const EPOCH_READ: &str = "musette 2026-11 epoch read key v1";
    /// Space and device → the mark by which a revocation names the space.
    pub const REVOCATION_SPACE: &str = "musette 2026-11 revocation space mark v1";
    /// Epoch secret of a person's own space → HPKE key that others seal to.
    pub const PERSON_KEY: &str = "musette 2026-11 person key v1";
    /// Epoch secret → key by which members of a space recognise each other in a session.
    pub const SESSION_RECOGNITION: &str = "musette 2026-11 session recognition v1";
    /// Session secret and space → the mark that names the space in that session.
    pub const SESSION_SPACE: &str = "musette 2026-11 session space mark v1";
    /// Session secret and space → key under which record ids are reconciled in that session.
    pub const SESSION_RECONCILE: &str = "musette 2026-11 session reconciliation v1";
    /// Pairing secret → keys of a pairing session.
    pub const PAIRING: &str = "musette 2026-11 pairing v1";
    /// Pairing transcript → authentication words.
    pub const PAIRING_WORDS: &str = "musette 2026-11 pairing words v1";
    /// Secret of a challenge → keys of a recovery's session.
    pub const RECOVERING: &str = "musette 2026-11 recovering v1";
    /// Argon2id output or key file → key that seals the vault.
    pub const VAULT: &str = "musette 2026-11 vault key v1";
    /// Seed of a device's signing key → key of its transport, by which relays and other devices know it.
    pub const TRANSPORT: &str = "musette 2026-11 transport key v1";
    /// Vault's index secret → key that seals the index.
    pub const INDEX: &str = "musette 2026-11 index key v1";
    /// Space → id of the document that holds its settings.
    pub const SETTINGS_DOCUMENT: &str = "musette 2026-11 settings document v1";
    /// Import salt and contents → id of the document that describes an import.
    pub const IMPORT_BATCH: &str = "musette 2026-11 import batch v1";
}

/// Derives 32 public bytes: an id.
#[must_use]
pub fn derive_id(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    *derive(context, parts).expose()
}

/// Derives a secret. Each part is preceded by its length, so that no two lists of parts collide.
#[must_use]
pub fn derive(context: &str, parts: &[&[u8]]) -> Secret32 {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Secret32::from_bytes(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&[u8]]| derive_id(context::SPACE_ID, parts);
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"abc"]), derive_id(context::EPOCH_ID, &[b"abc"]));
    }
}
