//! What a person may set by hand: `musette.json` in the home.

use musette_crdt::date::rfc3339;
use musette_protocol::{
    schedule::{Pause, Settings},
    time::Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    home::Home,
    store::replace::{read_bounded, replace, told},
};

/// The newest format of the file that this program knows.
const FORMAT: u64 = 1;
/// Bytes of the file: a thousand times what it holds by itself.
const MAX_CONFIG_LEN: u64 = 256 * 1024;

/// The configuration. What other versions or the person added is kept when it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    #[serde(default = "newest_format")]
    format: u64,
    /// Multiaddresses to listen on; empty: the default ones.
    #[serde(default)]
    pub(crate) listen: Vec<String>,
    /// Whether devices on the same network may find this one.
    #[serde(default = "yes")]
    pub(crate) lan_discovery: bool,
    /// When and how much to sync.
    #[serde(default, skip_serializing_if = "Syncing::is_default")]
    pub(crate) sync: Syncing,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What the person set about syncing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Syncing {
    #[serde(default)]
    paused: bool,
    /// The end of the pause; none: until resumed.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "write_instant")]
    #[serde(deserialize_with = "read_instant")]
    paused_until: Option<Timestamp>,
    #[serde(default)]
    pub(crate) metered: bool,
    /// Bytes per UTC day, both ways together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) daily_budget: Option<u64>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Syncing {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Pauses, or resumes.
    pub(crate) const fn set_pause(&mut self, pause: Option<Pause>) {
        self.paused = pause.is_some();
        self.paused_until = match pause {
            Some(Pause::Until(end)) => Some(end),
            _ => None,
        };
    }

    /// As the schedule takes it.
    pub(crate) fn settings(&self) -> Settings {
        let pause = self.paused.then(|| self.paused_until.map_or(Pause::UntilResumed, Pause::Until));
        Settings { pause, metered: self.metered, daily_budget: self.daily_budget }
    }
}

fn write_instant<S: Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    instant.and_then(rfc3339).serialize(serializer)
}

fn read_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let instant: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    Ok(Some(Timestamp::from_millis(instant.as_millisecond())))
}

const fn newest_format() -> u64 {
    FORMAT
}

const fn yes() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: FORMAT,
            listen: Vec::new(),
            lan_discovery: true,
            sync: Syncing::default(),
            unknown: Map::new(),
        }
    }
}

impl Config {
    /// Reads the home's configuration, or the defaults if there is none.
    ///
    /// # Errors
    /// `home-newer`; `config-damaged` with line and column; `disk-failed`.
    pub(crate) fn load(home: &Home) -> Result<Self> {
        let Some(bytes) = told(read_bounded(&home.config_path(), MAX_CONFIG_LEN))? else {
            return Ok(Self::default());
        };
        let found: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        let format = found.get("format").and_then(Value::as_u64);
        if let Some(format) = format.filter(|format| *format > FORMAT) {
            return Err(Error::new("home-newer").with("found", format).with("known", FORMAT));
        }
        serde_json::from_slice(&bytes).map_err(|error| damaged(&error))
    }

    /// Writes it whole. The caller holds the home's lock.
    ///
    /// # Errors
    /// `disk-full`, `disk-failed`; the old one is then untouched.
    pub(crate) fn save(&self, home: &Home) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).expect("a configuration is plain JSON");
        text.push(b'\n');
        told(replace(&home.config_path(), &text))
    }
}

fn damaged(error: &serde_json::Error) -> Error {
    Error::new("config-damaged").with("line", error.line()).with("column", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(text: &str) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(dir.path())).unwrap();
        std::fs::write(home.config_path(), text).unwrap();
        (dir, home)
    }

    #[test]
    fn unknown_keys_survive() {
        let (_dir, home) =
            home(r#"{"format":1,"listen":["/ip4/0.0.0.0/udp/4001/quic-v1"],"later":{"a":[1]}}"#);
        let mut config = Config::load(&home).unwrap();
        assert!(config.lan_discovery);
        config.lan_discovery = false;
        config.save(&home).unwrap();
        assert_eq!(Config::load(&home).unwrap(), config);
        let written: Value = serde_json::from_slice(&std::fs::read(home.config_path()).unwrap()).unwrap();
        let expected = r#"{"format":1,"listen":["/ip4/0.0.0.0/udp/4001/quic-v1"],"lan_discovery":false,"later":{"a":[1]}}"#;
        assert_eq!(written, serde_json::from_str::<Value>(expected).unwrap());
    }

    #[test]
    fn what_was_set_about_syncing_is_kept_beside_what_a_newer_version_added() {
        let text = r#"{"sync":{"paused":true,"paused_until":"2026-11-24T00:00:00Z","later":1}}"#;
        let (_dir, home) = home(text);
        let mut config = Config::load(&home).unwrap();
        let midnight = Timestamp::from_millis(1_795_478_400_000);
        assert_eq!(config.sync.settings().pause, Some(Pause::Until(midnight)));
        config.sync.daily_budget = Some(5_000_000);
        config.save(&home).unwrap();
        assert_eq!(Config::load(&home).unwrap(), config);
        let written: Value = serde_json::from_slice(&std::fs::read(home.config_path()).unwrap()).unwrap();
        assert_eq!(written["sync"]["later"], 1);
        config.sync.set_pause(None);
        assert_eq!(config.sync.settings(), Settings { daily_budget: Some(5_000_000), ..Settings::default() });
        config.sync.set_pause(Some(Pause::UntilResumed));
        assert_eq!(config.sync.settings().pause, Some(Pause::UntilResumed));
    }

    #[test]
    fn no_file_means_the_defaults() {
        let (_dir, home) = home("{}");
        assert_eq!(Config::load(&home).unwrap(), Config::default());
        std::fs::remove_file(home.config_path()).unwrap();
        assert_eq!(Config::load(&home).unwrap(), Config::default());
    }

    #[test]
    fn newer_and_damaged_files_are_refused() {
        // Whatever else a newer format says need not be readable here.
        let (_dir, newer) = home(r#"{"format":2,"listen":"elsewhere"}"#);
        let error = Config::load(&newer).unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("home-newer", 7));
        assert_eq!((error.args()["found"].as_str(), error.args()["known"].as_str()), ("2", "1"));
        for bad in [
            "",
            "[]",
            "{\"listen\":",
            "{\n\"lan_discovery\":3}",
            r#"{"format":-1}"#,
            r#"{"format":"x"}"#,
            r#"{"sync":{"paused_until":"tomorrow"}}"#,
            r#"{"sync":{"daily_budget":-1}}"#,
        ] {
            let (_dir, damaged) = home(bad);
            assert_eq!(Config::load(&damaged).unwrap_err().code(), "config-damaged", "{bad}");
        }
        let (_dir, long) = home(&" ".repeat(300_000));
        assert_eq!(Config::load(&long).unwrap_err().code(), "disk-failed");
    }
}
