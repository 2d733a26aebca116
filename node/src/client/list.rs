//! A list of the API, read as it comes.

use std::ops::ControlFlow;

use serde_json::Value as Json;

use super::gone;
use crate::error::Result;

/// What stands before the first item.
const BEGIN: &[u8] = b"{\"items\":[";

/// Takes apart `{"items":[…]}`, item by item: all of a long list at once takes as much memory as the
/// node itself, and its reader waits for the last item before he sees the first.
#[derive(Debug, Default)]
pub(super) struct ListReader {
    /// What was not taken apart yet.
    buffer: Vec<u8>,
    begun: bool,
    ended: bool,
}

impl ListReader {
    /// Takes in some bytes, and hands on the items that end in them.
    ///
    /// # Errors
    /// When this is no list.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        on_item: &mut dyn FnMut(Json) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        self.buffer.extend_from_slice(bytes);
        if !self.begun {
            if self.buffer.len() < BEGIN.len() {
                return Ok(ControlFlow::Continue(()));
            }
            self.begun = self.buffer.starts_with(BEGIN);
            self.buffer.drain(..BEGIN.len());
        }
        let mut at = 0;
        while let Some(next) = self.buffer.get(at) {
            match (next, self.begun && !self.ended) {
                (b',', true) => at += 1,
                (b']', true) => (self.ended, at) = (true, at + 1),
                (b'{', true) => {
                    let Some((item, len)) = item_in(&self.buffer[at..])? else { break };
                    at += len;
                    if on_item(item).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                (b'}', false) if self.ended => at += 1,
                _ => return Err(gone()),
            }
        }
        self.buffer.drain(..at);
        Ok(ControlFlow::Continue(()))
    }

    /// Whether the end of the list has come.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }
}

/// The item that some bytes begin with, and its length, if all of it is there.
fn item_in(bytes: &[u8]) -> Result<Option<(Json, usize)>> {
    let mut items = serde_json::Deserializer::from_slice(bytes).into_iter::<Json>();
    match items.next() {
        Some(Ok(item)) => Ok(Some((item, items.byte_offset()))),
        Some(Err(error)) if error.is_eof() => Ok(None),
        Some(Err(_)) => Err(gone()),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIST: &[u8] = br#"{"items":[{"id":"a","fields":{"x":"]}"}},{"id":"b,"},{}]}"#;

    fn read(parts: &[&[u8]]) -> Result<(Vec<Json>, bool)> {
        let (mut reader, mut items) = (ListReader::default(), Vec::new());
        for part in parts {
            let _ = reader.read(part, &mut |item| {
                items.push(item);
                ControlFlow::Continue(())
            })?;
        }
        Ok((items, reader.has_ended()))
    }

    #[test]
    fn items_come_whole_wherever_the_bytes_are_cut() {
        let all = vec![json!({"id": "a", "fields": {"x": "]}"}}), json!({"id": "b,"}), json!({})];
        for cut in 0..=LIST.len() {
            let (before, after) = LIST.split_at(cut);
            assert_eq!(read(&[before, after]).unwrap(), (all.clone(), true), "cut at {cut}");
        }
        assert_eq!(read(&[br#"{"items":[]}"#]).unwrap(), (vec![], true));
    }

    #[test]
    fn a_list_that_was_cut_off_has_not_ended() {
        for len in 0..LIST.len() - 2 {
            assert!(!read(&[&LIST[..len]]).unwrap().1, "{len} bytes");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for other in [
            &br#"{"error":{"code":"x"}}"#[..],
            br#"{"items":[1]}"#,
            br#"{"items":[{}]]"#,
            br#"{"items":[{"a"}]}"#,
        ] {
            assert!(read(&[other]).is_err());
        }
    }

    #[test]
    fn who_has_seen_enough_is_given_no_more() {
        let (mut reader, mut seen) = (ListReader::default(), 0);
        let flow = reader.read(LIST, &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert_eq!((flow.unwrap(), seen), (ControlFlow::Break(()), 1));
    }
}
