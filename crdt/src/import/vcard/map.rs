//! One card as a contact.

use std::collections::HashMap;

use calcard::{
    Entry, Parser,
    vcard::{
        VCard, VCardEntry, VCardKind, VCardParameterName, VCardParameterValue, VCardProperty, VCardSex,
        VCardType, VCardValue,
    },
};

use super::{
    super::{dates, draft::Draft, reason::Reason, text::one_line},
    cards::Card,
};
use crate::{date::PartialDate, items};

/// A card that becomes a contact.
pub(super) struct Mapped {
    /// The first part of the stable key: what the rest of it is.
    pub(super) named_by: &'static str,
    /// The parts of the natural key.
    pub(super) key: Vec<String>,
    pub(super) draft: Draft,
}

/// Makes a contact of a card, or says why not.
pub(super) fn map(card: &Card) -> Result<Mapped, Reason> {
    let Entry::VCard(parsed) = Parser::new(&card.text).entry() else {
        return Err(Reason::EmptyCard);
    };
    let mut reading = Reading::new(&parsed);
    for entry in &parsed.entries {
        reading.entry(entry);
    }
    reading.finish()
}

/// Properties that say something about the file and not about the contact, or that repeat
/// another property for display.
const SILENT: &[&str] = &[
    "BEGIN",
    "END",
    "VERSION",
    "PRODID",
    "REV",
    "CLIENTPIDMAP",
    "SOURCE",
    "CLASS",
    "MAILER",
    "SORT-STRING",
    "LABEL",
    "CREATED",
    "XML",
    "X-ABADR",
    "X-ABLABEL",
    "X-ABUID",
    "X-IMAGETYPE",
    "X-IMAGEHASH",
    "X-ABSHOWAS",
];

struct Reading {
    draft: Draft,
    labels: HashMap<String, String>,
    full_name: String,
    parts_name: String,
    nickname: String,
    organisation: String,
    uid: String,
    email: String,
    phone: String,
    roles: Vec<String>,
    has_address: bool,
}

impl Reading {
    fn new(card: &VCard) -> Self {
        let labels = card.entries.iter().filter(|entry| is_other(entry, "X-ABLABEL"));
        let labels = labels.filter_map(|e| Some((e.group.clone()?.to_lowercase(), apple_label(e))));
        Self {
            labels: labels.collect(),
            draft: Draft::new(&items::contact::KIND),
            full_name: String::new(),
            parts_name: String::new(),
            nickname: String::new(),
            organisation: String::new(),
            uid: String::new(),
            email: String::new(),
            phone: String::new(),
            roles: Vec::new(),
            has_address: false,
        }
    }

    fn entry(&mut self, entry: &VCardEntry) {
        let text = one_line(&joined(entry, ", "));
        if text.is_empty() {
            return;
        }
        match &entry.name {
            VCardProperty::Fn if self.full_name.is_empty() => self.full_name = text,
            VCardProperty::N => self.names(entry),
            VCardProperty::Nickname => {
                first(&mut self.nickname, &text);
                self.draft.list("nicknames", texts(entry));
            }
            VCardProperty::Org => self.organisation(entry),
            VCardProperty::Title | VCardProperty::Role => self.roles.push(text),
            VCardProperty::Email => {
                let address = without_scheme(&text, "mailto:").to_owned();
                first(&mut self.email, &address);
                self.draft.list("emails", [address]);
            }
            VCardProperty::Tel => self.phone(entry, &text),
            VCardProperty::Adr => self.address(entry),
            VCardProperty::Url | VCardProperty::Socialprofile | VCardProperty::ContactUri => {
                self.draft.list("urls", [text]);
            }
            VCardProperty::Impp => self.draft.list("messengers", [text]),
            VCardProperty::Lang | VCardProperty::Language => self.draft.list("languages", [text]),
            VCardProperty::Related => self.related(entry, &text),
            VCardProperty::Categories => self.draft.list("tags", texts(entry)),
            VCardProperty::Note => self.draft.note(&joined(entry, ", ")),
            VCardProperty::Bday => self.birthday(&text),
            VCardProperty::Anniversary => self.anniversary(&text),
            VCardProperty::Uid => first(&mut self.uid, &text),
            VCardProperty::Gender => self.once("gender", "GENDER", text),
            VCardProperty::Tz => self.once("time_zone", "TZ", text),
            VCardProperty::Geo => self.once("position", "GEO", text),
            VCardProperty::Photo => self.once("photo", "PHOTO", text),
            VCardProperty::Other(name) => self.other(entry, name, &text),
            known => self.aside(entry, known.as_str(), &text),
        }
    }

    /// Fills a field once; a second value is kept beside it.
    fn once(&mut self, field: &'static str, name: &str, text: String) {
        if self.draft.has(field) {
            self.draft.list("other", [format!("{name}: {text}")]);
        } else {
            self.draft.text(field, &text);
        }
    }

    fn names(&mut self, entry: &VCardEntry) {
        let parts: Vec<Vec<String>> = entry.values.iter().map(value_texts).collect();
        let part = |index: usize| parts.get(index).cloned().unwrap_or_default();
        let order = [3, 1, 2, 0, 4];
        let whole: Vec<String> = order.into_iter().flat_map(part).collect();
        first(&mut self.parts_name, &one_line(&whole.join(" ")));
        if self.draft.has("family_name") || self.draft.has("given_name") {
            return;
        }
        self.draft.text("family_name", &part(0).join(" "));
        self.draft.text("given_name", &part(1).join(" "));
        self.draft.list("additional_names", part(2));
        self.draft.list("prefixes", part(3));
        self.draft.list("suffixes", part(4));
    }

    fn organisation(&mut self, entry: &VCardEntry) {
        let units: Vec<String> = texts(entry).into_iter().filter(|unit| !unit.is_empty()).collect();
        let Some((name, departments)) = units.split_first() else { return };
        if self.organisation.is_empty() {
            self.organisation = one_line(name);
            self.draft.text("organisation", name);
            self.draft.text("department", &departments.join(", "));
        } else {
            self.draft.list("other", [format!("ORG: {}", units.join(", "))]);
        }
    }

    fn phone(&mut self, entry: &VCardEntry, text: &str) {
        let number = without_scheme(text, "tel:").to_owned();
        first(&mut self.phone, &number);
        // The other types (home, cell) say nothing that the number does not; nobody answers these.
        let kind = [(VCardType::Fax, "fax"), (VCardType::Pager, "pager")]
            .into_iter()
            .find(|(kind, word)| has_type(entry, kind, word));
        let shown = kind.map_or(number.clone(), |(_, word)| format!("{number} ({word})"));
        self.draft.list("phones", [shown]);
    }

    fn address(&mut self, entry: &VCardEntry) {
        let parts = entry.values.iter().flat_map(value_texts).filter(|part| !part.is_empty());
        let lines: Vec<String> = parts.collect();
        if self.has_address {
            self.draft.list("other_addresses", [lines.join(", ")]);
        } else if !lines.is_empty() {
            self.has_address = true;
            self.draft.text("address", &lines.join("\n"));
        }
    }

    fn related(&mut self, entry: &VCardEntry, text: &str) {
        let relation = self.label(entry);
        let text = relation.map_or(text.to_owned(), |relation| format!("{relation}: {text}"));
        self.draft.list("relations", [text]);
    }

    fn birthday(&mut self, text: &str) {
        match Day::parse(text) {
            _ if self.draft.has("birthday") => self.draft.list("other", [format!("BDAY: {text}")]),
            Some(Day::Dated(date)) => self.draft.date_value("birthday", date),
            Some(Day::Yearless(day)) => self.draft.text("birthday_without_year", &day),
            None => self.draft.date("birthday", "BDAY", text),
        }
    }

    fn anniversary(&mut self, text: &str) {
        match Day::parse(text) {
            Some(Day::Dated(date)) if !self.draft.has("anniversary") => {
                self.draft.date_value("anniversary", date);
            }
            Some(_) => self.draft.list("other", [format!("ANNIVERSARY: {text}")]),
            None => self.draft.date("anniversary", "ANNIVERSARY", text),
        }
    }

    fn other(&mut self, entry: &VCardEntry, name: &str, text: &str) {
        let upper = name.to_ascii_uppercase();
        match upper.as_str() {
            "X-ABRELATEDNAMES" => self.related(entry, text),
            "X-SOCIALPROFILE" => self.draft.list("urls", [text.to_owned()]),
            "X-MS-ANNIVERSARY" | "X-ANNIVERSARY" => self.anniversary(text),
            "X-MS-MANAGER" | "X-MANAGER" | "X-MS-ASSISTANT" | "X-ASSISTANT" | "X-MS-SPOUSE" | "X-SPOUSE" => {
                let word = upper.rsplit('-').next().unwrap_or_default().to_lowercase();
                self.draft.list("relations", [format!("{word}: {text}")]);
            }
            "X-AIM" | "X-ICQ" | "X-JABBER" | "X-MSN" | "X-YAHOO" | "X-SKYPE" | "X-SKYPE-USERNAME"
            | "X-QQ" | "X-GTALK" | "X-GOOGLE-TALK" | "X-TWITTER" | "X-MS-IMADDRESS" => {
                let service = upper.trim_start_matches("X-").to_lowercase();
                self.draft.list("messengers", [format!("{service}: {text}")]);
            }
            _ if upper.starts_with("X-MS-OL-") => {}
            _ => self.aside(entry, &upper, text),
        }
    }

    /// What no field holds is kept under its name, or under the label that its writer gave it.
    fn aside(&mut self, entry: &VCardEntry, name: &str, text: &str) {
        if SILENT.contains(&name.to_ascii_uppercase().as_str()) {
            return;
        }
        let name = self.label(entry).unwrap_or_else(|| name.to_owned());
        self.draft.list("other", [format!("{name}: {text}")]);
    }

    fn label(&self, entry: &VCardEntry) -> Option<String> {
        let group = entry.group.as_ref()?.to_lowercase();
        self.labels.get(&group).filter(|label| !label.is_empty()).cloned()
    }

    fn finish(mut self) -> Result<Mapped, Reason> {
        let names =
            [&self.full_name, &self.parts_name, &self.nickname, &self.organisation, &self.email, &self.phone];
        let Some(name) = names.into_iter().find(|name| !name.is_empty()).cloned() else {
            return Err(Reason::EmptyCard);
        };
        self.draft.text("name", &name);
        self.draft.text("uid", &self.uid);
        let mut roles = self.roles.into_iter();
        if let Some(role) = roles.next() {
            self.draft.text("role", &role);
            self.draft.list("roles", roles.filter(|other| *other != role));
        }
        if !self.uid.is_empty() {
            return Ok(Mapped { named_by: "uid", key: vec![self.uid], draft: self.draft });
        }
        let digits = self.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let reached_by = if self.email.is_empty() { digits } else { self.email };
        Ok(Mapped { named_by: "name", key: vec![name, reached_by], draft: self.draft })
    }
}

fn first(slot: &mut String, text: &str) {
    if slot.is_empty() {
        text.clone_into(slot);
    }
}

fn is_other(entry: &VCardEntry, name: &str) -> bool {
    matches!(&entry.name, VCardProperty::Other(other) if other.eq_ignore_ascii_case(name))
}

/// Whether an entry is of a type, as `TYPE=FAX` or, in version 2.1, as `FAX` alone.
fn has_type(entry: &VCardEntry, wanted: &VCardType, word: &str) -> bool {
    entry.params.iter().any(|parameter| match (&parameter.name, &parameter.value) {
        (_, VCardParameterValue::Type(found)) => found == wanted,
        (VCardParameterName::Other(name), VCardParameterValue::Null) => name.eq_ignore_ascii_case(word),
        _ => false,
    })
}

/// Apple writes its own words as `_$!<Anniversary>!$_`.
fn apple_label(entry: &VCardEntry) -> String {
    let text = joined(entry, ", ");
    one_line(text.trim().trim_start_matches("_$!<").trim_end_matches(">!$_"))
}

fn without_scheme<'a>(text: &'a str, scheme: &str) -> &'a str {
    match text.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => &text[scheme.len()..],
        _ => text,
    }
}

fn texts(entry: &VCardEntry) -> Vec<String> {
    entry.values.iter().flat_map(value_texts).collect()
}

fn joined(entry: &VCardEntry, between: &str) -> String {
    let parts = texts(entry).into_iter().filter(|text| !text.trim().is_empty());
    parts.collect::<Vec<_>>().join(between)
}

fn value_texts(value: &VCardValue) -> Vec<String> {
    let one = match value {
        VCardValue::Component(parts) => return parts.clone(),
        VCardValue::Text(text) => text.clone(),
        VCardValue::Integer(number) => number.to_string(),
        VCardValue::Float(number) => number.to_string(),
        VCardValue::Boolean(flag) => flag.to_string(),
        VCardValue::Sex(sex) => match sex {
            VCardSex::Male => "M".to_owned(),
            VCardSex::Female => "F".to_owned(),
            VCardSex::Other => "O".to_owned(),
            VCardSex::NoneOrNotApplicable | VCardSex::Unknown => String::new(),
        },
        VCardValue::Kind(kind) => match kind {
            VCardKind::Individual => String::new(),
            VCardKind::Group => "group".to_owned(),
            VCardKind::Org => "org".to_owned(),
            VCardKind::Location => "location".to_owned(),
            VCardKind::Application => "application".to_owned(),
            VCardKind::Device => "device".to_owned(),
        },
        VCardValue::PartialDateTime(_) | VCardValue::Binary(_) | VCardValue::GramGender(_) => String::new(),
    };
    vec![one]
}

/// A birthday, with or without its year.
enum Day {
    Dated(PartialDate),
    Yearless(String),
}

impl Day {
    /// `1980-03-22`, `19800322`, `1980-03`, `1980`, also with a time of day, which is left out:
    /// clients add midnight. `--0412` and `--04-12` have no year, and Apple writes 1604 for none.
    fn parse(text: &str) -> Option<Self> {
        let date = text.trim().split(['T', ' ']).next().unwrap_or_default();
        if let Some(rest) = date.strip_prefix("--").or_else(|| date.strip_prefix("1604-")) {
            return Self::yearless(rest);
        }
        let compact = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
        let dashed =
            if compact { format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]) } else { date.to_owned() };
        dates::parse(&dashed).map(Self::Dated)
    }

    fn yearless(rest: &str) -> Option<Self> {
        let digits: String = rest.chars().filter(|c| *c != '-').collect();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (month, day) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        // A leap year: the 29th of February is a birthday.
        PartialDate::day(2000, month, day).ok()?;
        Some(Self::Yearless(format!("{month:02}-{day:02}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn birthdays_of_every_sort() {
        let shown = |text: &str| match Day::parse(text) {
            Some(Day::Dated(date)) => date.to_string(),
            Some(Day::Yearless(day)) => format!("--{day}"),
            None => "none".to_owned(),
        };
        let cases = [
            ("19800322", "1980-03-22"),
            ("1980-03-22", "1980-03-22"),
            ("1980-03-22T00:00:00Z", "1980-03-22"),
            ("1980-03", "1980-03"),
            ("1980", "1980"),
            ("--0412", "--04-12"),
            ("--02-29", "--02-29"),
            ("1604-04-12", "--04-12"),
            ("--1345", "none"),
            ("---12", "none"),
            ("circa 1800", "none"),
            ("", "none"),
            ("12345678é", "none"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
