//! `musette kinds [KIND]`: what kinds of item there are, and their fields.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::{locale, t, text};
use musette_node::schema::{self, Field, Kind, Shape};
use serde_json::{Value, json};

/// Lists kinds, or the fields of one.
#[derive(clap::Args, Debug)]
pub(crate) struct Kinds {
    #[arg(value_name = "KIND")]
    kind: Option<String>,
}

impl Kinds {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let known = || schema::kinds().filter(|kind| !kind.internal);
        let rows = match &self.kind {
            None if context.output.is_json() => {
                let kinds: Vec<_> = known().map(as_json).collect();
                context.output.json(&json!({ "kinds": kinds }))?;
                return Ok(Exit::Done);
            }
            None => known()
                .map(|kind| vec![kind.name.to_owned(), locale::pick(&kind.plural).to_owned()])
                .collect(),
            Some(name) => {
                let kind = known()
                    .find(|kind| kind.name == name)
                    .ok_or_else(|| Failure::new("unknown-kind").with("kind", name))?;
                if context.output.is_json() {
                    context.output.json(&as_json(kind))?;
                    return Ok(Exit::Done);
                }
                fields_of(kind).map(field_row).collect::<Vec<_>>()
            }
        };
        for line in text::table(&rows, context.output.width()) {
            context.output.answer(&line)?;
        }
        if self.kind.is_none() {
            context.output.say(&t!("kinds-next"));
        }
        Ok(Exit::Done)
    }
}

fn fields_of(kind: &'static Kind) -> impl Iterator<Item = &'static Field> {
    kind.fields.iter().chain(schema::COMMON_FIELDS)
}

fn as_json(kind: &'static Kind) -> Value {
    let fields: Vec<_> = fields_of(kind)
        .map(|field| {
            let mut described = json!({
                "name": field.name,
                "label": locale::pick(&field.label),
                "shape": shape_name(field.shape),
            });
            if let Shape::Choice(words) = field.shape {
                described["choices"] = json!(words);
            }
            described
        })
        .collect();
    json!({ "name": kind.name, "label": locale::pick(&kind.label), "fields": fields })
}

fn field_row(field: &'static Field) -> Vec<String> {
    let shape = match field.shape {
        Shape::Choice(words) => words.join(" | "),
        shape => locale::message(&format!("shape-{}", shape_name(shape)), &[]),
    };
    vec![field.name.to_owned(), locale::pick(&field.label).to_owned(), shape]
}

fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "text",
        Shape::LongText => "long-text",
        Shape::Int => "number",
        Shape::Bool => "yes-no",
        Shape::Date => "date",
        Shape::List => "list",
        Shape::Choice(_) => "choice",
        Shape::Url => "link",
    }
}
