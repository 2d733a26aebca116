//! vCard 2.1, 3.0 and 4.0: address books of phones, mail programs and services.
//!
//! Each card becomes a contact. It is named by its `UID` where it has one; otherwise by its name
//! and its first mail address, or its first phone number where it has no address. A change of
//! anything else changes the same contact. A card without a name takes that of its organisation,
//! or whatever else it has.
//!
//! Of a card nothing is dropped silently: what no field holds is kept in the list of other details
//! under the name or label that it has, a date that cannot be read is kept in the note. Pictures
//! and sounds inside cards are left out, and how many is told once per file.

mod cards;
mod map;

use std::io::Read;

use super::{
    Format, ReadSeek, base_name, charset_of, checked_length,
    keys::Keys,
    limits::MAX_ROWS,
    out::{Out, Stop},
    reason::{ImportError, Reason},
};
use crate::{imported::ImportedRow, items};
use cards::{Card, Cards, Next};
use map::Mapped;

pub(super) fn read(name: &str, source: &mut dyn ReadSeek, out: &mut Out<'_>) -> Result<(), Stop> {
    let file = base_name(name);
    out.expect_bytes(checked_length(source)?);
    let encoding = charset_of(source)?;
    let mut cards = Cards::new(out.counted(source), encoding);
    let found = read_cards(&file, &mut cards, out)?;
    if found.cards == 0 {
        return Err(ImportError::NotVCard.into());
    }
    if found.media > 0 {
        out.problem(&file, found.first_media, Reason::PhotoLeftOut { count: found.media })?;
    }
    out.progress(&file, true)
}

#[derive(Default)]
struct Found {
    cards: u64,
    media: u64,
    first_media: u64,
}

fn read_cards<R: Read>(file: &str, cards: &mut Cards<R>, out: &mut Out<'_>) -> Result<Found, Stop> {
    let mut found = Found::default();
    let mut keys = Keys::default();
    while let Some(next) = cards.next()? {
        found.cards += 1;
        let card = match next {
            Next::Card(card) => card,
            Next::Bad { line, reason } => {
                out.problem(file, line, reason)?;
                continue;
            }
        };
        if found.cards > MAX_ROWS {
            out.problem(file, card.line, Reason::TooManyRows { limit: MAX_ROWS })?;
            break;
        }
        if card.media > 0 && found.media == 0 {
            found.first_media = card.line;
        }
        found.media += card.media;
        read_card(file, &card, &mut keys, out)?;
        out.progress(file, false)?;
    }
    Ok(found)
}

fn read_card(file: &str, card: &Card, keys: &mut Keys, out: &mut Out<'_>) -> Result<(), Stop> {
    let Mapped { named_by, key, mut draft } = match map::map(card) {
        Ok(mapped) => mapped,
        Err(reason) => return out.problem(file, card.line, reason),
    };
    let stable_key = keys.next(named_by, &key);
    let notices = std::mem::take(&mut draft.notices);
    let fields = match draft.finish() {
        Ok(fields) => fields,
        Err(reason) => return out.problem(file, card.line, reason),
    };
    out.row(ImportedRow {
        kind: &items::contact::KIND,
        source: Format::VCard.name(),
        stable_key,
        fields,
        file: file.to_owned(),
        row: card.line,
    })?;
    let agent = card.agent.then_some(Reason::AgentLeftOut);
    notices.into_iter().chain(agent).try_for_each(|reason| out.problem(file, card.line, reason))
}
