//! Items in the order of time.

use musette_protocol::id::DocumentId;
use serde_json::json;

use crate::{
    date::PartialDate,
    items::kind,
    schema::When,
    value::Value,
    view::{ItemView, ProvenanceRef},
};

/// An item on the time-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The item.
    pub id: DocumentId,
    /// The name of its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// When it began, or was.
    pub from: PartialDate,
    /// When it ended.
    pub to: Option<PartialDate>,
    /// Whether it still goes on.
    pub ongoing: bool,
    /// With whom.
    pub organisation: Option<String>,
    /// `declared` or `imported`.
    pub provenance_type: &'static str,
}

impl TimelineEntry {
    /// The JSON of the contract.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = json!({
            "id": self.id.to_string(),
            "kind": self.kind,
            "title": self.title,
            "from": self.from.to_string(),
            "provenance_type": self.provenance_type,
        });
        if let Some(to) = &self.to {
            json["to"] = to.to_string().into();
        }
        if let Some(organisation) = &self.organisation {
            json["organisation"] = organisation.as_str().into();
        }
        json
    }
}

/// A window of time, open at the sides that are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first date in it.
    pub from: Option<PartialDate>,
    /// The last date in it: a year is in it to its last day.
    pub to: Option<PartialDate>,
}

impl TimeRange {
    /// Whether any day that the entry may mean lies in the window.
    #[must_use]
    pub fn contains(&self, entry: &TimelineEntry) -> bool {
        let last = entry.to.as_ref().unwrap_or(&entry.from).last_day().max(entry.from.last_day());
        let begins = |to: &PartialDate| entry.from.first_day() <= to.last_day();
        let ends = |from: &PartialDate| entry.ongoing || last >= from.first_day();
        self.to.as_ref().is_none_or(begins) && self.from.as_ref().is_none_or(ends)
    }
}

/// Where an item stands on the time-line; nowhere when it has no date, is hidden or put away.
#[must_use]
pub fn timeline_entry(view: &ItemView) -> Option<TimelineEntry> {
    if view.undone || view.archived || view.removed {
        return None;
    }
    let date = |name: &str| view.fields.get(name).and_then(Value::as_date).cloned();
    let (from, to, lasts) = match kind(&view.kind)?.when {
        When::Never => return None,
        When::At(at) => (date(at), None, false),
        When::Span(from, to) => (date(from), date(to), false),
        When::Lasting(from, to) => (date(from), date(to), true),
    };
    // Exports know the end of a course more often than its beginning.
    let ongoing = lasts && to.is_none();
    let from = from.or_else(|| to.clone())?;
    Some(TimelineEntry {
        id: view.id,
        kind: view.kind.clone(),
        title: view.title(),
        ongoing,
        from,
        to,
        organisation: view.fields.get("organisation").map(Value::to_text),
        provenance_type: match view.provenance {
            ProvenanceRef::Declared => "declared",
            ProvenanceRef::Imported { .. } => "imported",
        },
    })
}

/// The time-line of these items in a window, newest first.
pub fn timeline<'a>(views: impl IntoIterator<Item = &'a ItemView>, range: &TimeRange) -> Vec<TimelineEntry> {
    let mut entries: Vec<_> =
        views.into_iter().filter_map(timeline_entry).filter(|entry| range.contains(entry)).collect();
    // The id settles ties, so that all devices show one order.
    entries.sort_by(|a, b| b.from.cmp(&a.from).then(a.id.cmp(&b.id)));
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::schema::Sensitivity;

    fn item(id: u8, kind: &str, dates: &[(&str, &str)]) -> ItemView {
        let value = |text: &str| Value::Date(text.parse().expect("a date"));
        ItemView {
            id: DocumentId::from_bytes([id; 16]),
            kind: kind.into(),
            fields: dates.iter().map(|(name, text)| ((*name).into(), value(text))).collect(),
            labels: vec![],
            sensitivity: Sensitivity::Personal,
            spheres: vec![],
            tags: vec![],
            created: None,
            provenance: ProvenanceRef::Declared,
            conflicts: BTreeMap::new(),
            attachments: vec![],
            links: vec![],
            undone: false,
            archived: false,
            removed: false,
        }
    }

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange { from: from.parse().ok(), to: to.parse().ok() }
    }

    fn ids(views: &[ItemView], range: &TimeRange) -> Vec<u8> {
        timeline(views, range).iter().map(|entry| entry.id.as_bytes()[0]).collect()
    }

    #[test]
    fn newest_first_and_dateless_left_out() {
        let mut hidden = item(5, "experience", &[("from", "2020")]);
        hidden.undone = true;
        let views = [
            item(1, "experience", &[("from", "2014")]),
            item(2, "experience", &[("from", "2014-04-01")]),
            item(3, "skill", &[]),
            item(4, "achievement", &[("to", "2016-06")]),
            hidden,
        ];
        assert_eq!(ids(&views, &TimeRange::default()), [4, 2, 1]);
    }

    #[test]
    fn a_window_matches_whatever_may_lie_in_it() {
        let views = [
            item(1, "activity", &[("from", "2010"), ("to", "2014-03")]),
            item(2, "activity", &[("from", "2012")]),
            item(3, "experience", &[("from", "2012")]),
            item(4, "contact", &[("met_on", "2014")]),
        ];
        assert_eq!(ids(&views, &range("2014-03-31", "2014-04")), [4, 2, 1]);
        assert_eq!(ids(&views, &range("2014-04", "2014-04")), [4, 2]);
        assert_eq!(ids(&views, &range("2030", "")), [2]);
        assert_eq!(ids(&views, &range("", "2011")), [1]);
    }

    #[test]
    fn json_leaves_out_what_is_absent() {
        let json = timeline_entry(&item(1, "activity", &[("from", "2010")])).expect("dated").to_json();
        assert_eq!(json["from"], "2010");
        assert!(json.get("to").is_none() && json.get("organisation").is_none());
    }
}
