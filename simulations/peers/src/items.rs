//! The items that every program gets: contacts of ten fields, the same text in each.

use std::fmt::Write as _;

/// What is changed in an item, and counted to see that it arrived.
pub(crate) const CHANGED: &str = "note";

/// The note of all items before any is changed.
pub(crate) const FIRST_NOTE: &str = "Met at the spring fair of the quarter, by the bread oven. Knows \
     the people of the music school; asked for a copy of the poster and the address of the printer.";

/// One contact.
pub(crate) struct Item {
    /// Which one: its fields follow from it.
    pub(crate) number: usize,
    /// What is changed in it.
    pub(crate) note: String,
}

impl Item {
    /// As it is first written.
    pub(crate) fn first(number: usize) -> Self {
        Self { number, note: FIRST_NOTE.to_owned() }
    }

    /// Names and values.
    pub(crate) fn fields(&self) -> [(&'static str, String); 10] {
        let n = self.number;
        [
            ("name", format!("Camille{n} Moreau{n}")),
            ("given_name", format!("Camille{n}")),
            ("family_name", format!("Moreau{n}")),
            ("organisation", format!("Imprimerie {} et associés", n % 500)),
            ("role", format!("Chef de projet {}", n % 300)),
            ("email", format!("camille{n}@example.org")),
            ("phone", format!("+33 6 00 {:02} {:02} {:02}", n / 10_000 % 100, n / 100 % 100, n % 100)),
            ("address", format!("{} rue des Platanes, Bâtiment B, 69001 Lyon, France", n % 200 + 1)),
            ("birthday", format!("{}-{:02}-{:02}", 1950 + n % 50, n % 12 + 1, n % 28 + 1)),
            (CHANGED, self.note.clone()),
        ]
    }

    /// As a JSON object.
    pub(crate) fn json(&self) -> String {
        let fields = self.fields().into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        serde_json::Value::Object(fields.collect()).to_string()
    }
}

/// The note in an item's JSON.
pub(crate) fn note_in(json: &[u8]) -> Option<String> {
    let item: serde_json::Value = serde_json::from_slice(json).ok()?;
    item[CHANGED].as_str().map(str::to_owned)
}

/// So many items as an address book, which is how Musette gets them.
pub(crate) fn vcards(count: usize) -> String {
    let mut cards = String::new();
    for item in (0..count).map(Item::first) {
        let [name, given, family, organisation, role, email, phone, address, birthday, note] =
            item.fields().map(|(_, value)| value.replace(',', "\\,").replace(';', "\\;"));
        write!(
            cards,
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:peers-{}\r\nFN:{name}\r\nN:{family};{given};;;\r\n\
             ORG:{organisation}\r\nTITLE:{role}\r\nEMAIL:{email}\r\nTEL:{phone}\r\n\
             ADR:;;{address};;;;\r\nBDAY:{birthday}\r\nNOTE:{note}\r\nEND:VCARD\r\n",
            item.number
        )
        .expect("a string takes all that is written");
    }
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_small_and_gives_its_note_back() {
        let item = Item::first(9_999);
        assert_eq!(note_in(item.json().as_bytes()).as_deref(), Some(FIRST_NOTE));
        assert!((300..=700).contains(&item.json().len()), "{}", item.json().len());
    }
}
