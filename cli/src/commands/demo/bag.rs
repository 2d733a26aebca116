//! Emilie Joly's bag, from the report *La Musette de l'actif* (Fing, 2017), where she is the
//! invented person of the scenarios. Her data is hers and stays in French.

use musette_node::schema::{self, Shape};
use serde_json::{Map, Value, json};

pub(super) const NAME: &str = "Emilie Joly";

/// The organisation of the activity that both devices edit in different fields.
pub(super) const JOB: &str = "Leroy Merlin";
pub(super) const JOB_DESCRIPTION: &str =
    "Six mois au service de communication : affiches, catalogue et signalétique.";
pub(super) const JOB_SKILLS: [&str; 2] = ["Graphisme", "Relation client"];

/// The organisation of the activity that both devices edit in the same field.
pub(super) const SUMMER: &str = "Mairie de Grenoble";
pub(super) const SUMMER_ROLES: [&str; 2] = ["Agente saisonnière, espaces verts", "Jardinière saisonnière"];

/// One item to come. A field that stands several times is a list.
pub(super) struct Entry {
    kind: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

impl Entry {
    /// The body of the request that adds it.
    pub(super) fn body(&self) -> Value {
        let mut fields = Map::new();
        for (name, text) in self.fields {
            let shape = schema::kind(self.kind).and_then(|kind| kind.field(name));
            match (fields.get_mut(*name), shape.map(|field| field.shape)) {
                (Some(Value::Array(list)), _) => list.push(json!(text)),
                (_, Some(Shape::List)) => drop(fields.insert((*name).to_owned(), json!([text]))),
                _ => drop(fields.insert((*name).to_owned(), json!(text))),
            }
        }
        json!({ "kind": self.kind, "fields": fields })
    }
}

const fn entry(kind: &'static str, fields: &'static [(&'static str, &'static str)]) -> Entry {
    Entry { kind, fields }
}

/// What she collects on her laptop.
pub(super) const LAPTOP: &[Entry] = &[
    entry(
        "identity",
        &[
            ("name", NAME),
            ("headline", "Designer graphiste, passionnée d’écologie"),
            ("emails", "emilie.joly@example.org"),
            ("address", "Paris 11e"),
            ("languages", "Français"),
        ],
    ),
    entry(
        "achievement",
        &[
            ("title", "Lauréate du concours de création de logo"),
            ("organisation", "Green-Eco-Gift"),
            ("type", "prize"),
            ("from", "2014"),
            ("spheres", "personal"),
        ],
    ),
    entry(
        "activity",
        &[
            ("role", "Graphiste"),
            ("organisation", JOB),
            ("from", "2014-04-01"),
            ("to", "2014-09-30"),
            ("spheres", "work"),
        ],
    ),
    entry(
        "event",
        &[
            ("title", "1er hackathon sur la consommation d’énergie"),
            ("from", "2016-05-20"),
            ("to", "2016-05-22"),
            ("place", "Paris"),
            ("spheres", "association"),
        ],
    ),
    entry(
        "event",
        &[
            ("title", "Festival We Love Green"),
            ("from", "2016-06-04"),
            ("to", "2016-06-05"),
            ("place", "Paris"),
            ("spheres", "association"),
        ],
    ),
    entry(
        "experience",
        &[
            ("title", "Résidence workshop du festival We Love Green"),
            ("from", "2014"),
            ("organisation", "We Love Green"),
            ("skills", "Illustration"),
            ("spheres", "association"),
        ],
    ),
    entry(
        "activity",
        &[
            ("role", "Agent saisonnier espace vert"),
            ("organisation", SUMMER),
            ("place", "Grenoble"),
            ("from", "2013-07-01"),
            ("to", "2013-08-31"),
            ("spheres", "work"),
        ],
    ),
    entry(
        "activity",
        &[
            ("role", "Animatrice"),
            ("organisation", "Aux enfants terribles"),
            ("from", "2012-07-01"),
            ("to", "2012-08-31"),
            ("spheres", "work"),
        ],
    ),
    entry(
        "publication",
        &[
            ("title", "MyGreenDesign, le blog"),
            ("where", "Tumblr"),
            ("authors", NAME),
            ("url", "https://mygreendesign.example.org/"),
        ],
    ),
    entry("publication", &[("title", "La consommation locale et bio"), ("authors", NAME)]),
    entry(
        "achievement",
        &[
            ("title", "Diplôme national supérieur d’expression plastique, design graphique multimédia"),
            ("organisation", "École supérieure d’art et design de Saint-Étienne"),
            ("type", "diploma"),
            ("from", "2011"),
            ("to", "2014"),
            ("spheres", "training"),
        ],
    ),
    entry(
        "achievement",
        &[
            ("title", "BTS Design, communication et médias numériques"),
            ("organisation", "Lycée Couperin, Grenoble"),
            ("type", "diploma"),
            ("to", "2011"),
            ("from", "2009"),
            ("spheres", "training"),
        ],
    ),
    entry(
        "achievement",
        &[
            ("title", "Bac S"),
            ("organisation", "Lycée Stendhal, Grenoble"),
            ("type", "diploma"),
            ("from", "2009"),
            ("to", "2009"),
            ("spheres", "training"),
        ],
    ),
    entry("contact", &[("name", "Mélisande Rodriguez"), ("organisation", JOB), ("met_on", "2014-04")]),
    entry(
        "endorsement",
        &[
            ("who", "Mélisande Rodriguez"),
            ("as_what", "peer"),
            ("organisation", JOB),
            ("about", "Graphiste chez Leroy Merlin"),
            ("date", "2014-10"),
            (
                "text",
                "J’ai eu l’occasion de travailler avec Emilie chez Leroy Merlin, elle est \
                  toujours très créative et réactive pour répondre au projet et son coup de \
                  crayon est une véritable valeur ajoutée dans son travail.",
            ),
        ],
    ),
    entry("organisation", &[("name", "We Love Green"), ("sector", "Festival")]),
    entry("skill", &[("name", "Graphisme"), ("state", "have")]),
    entry("skill", &[("name", "Multimédia"), ("state", "have")]),
    entry("skill", &[("name", "Analyse des demandes des clients"), ("state", "have")]),
    entry(
        "project",
        &[("title", "Une charte graphique pour un magasin bio"), ("state", "idea"), ("from", "2016-09")],
    ),
];

/// What she notes on her phone.
pub(super) const PHONE: &[Entry] = &[
    entry(
        "experience",
        &[
            ("title", "Marathon de Paris"),
            ("from", "2016-04-03"),
            ("place", "Paris"),
            ("spheres", "personal"),
        ],
    ),
    entry("place", &[("name", "Parc Floral"), ("type", "Festival"), ("address", "Paris 12e")]),
    entry("place", &[("name", "Saint-Étienne"), ("type", "Études")]),
    entry(
        "contact",
        &[
            ("name", "Camille Arnaud"),
            ("met_on", "2016-05-21"),
            ("met_where", "Hackathon sur la consommation d’énergie"),
        ],
    ),
    entry(
        "note",
        &[("title", "À demander à Mélisande"), ("text", "Un témoignage sur la campagne de rentrée.")],
    ),
    entry("task", &[("title", "Mettre le portfolio à jour"), ("state", "open"), ("due", "2016-11-30")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bag_is_full_enough_and_fits_the_kinds() {
        assert!(LAPTOP.len() + PHONE.len() >= 22);
        for entry in LAPTOP.iter().chain(PHONE) {
            let kind = schema::kind(entry.kind).unwrap();
            for (name, _) in entry.fields {
                assert!(kind.field(name).is_some(), "{}.{name}", entry.kind);
            }
        }
    }

    #[test]
    fn a_list_field_becomes_a_list() {
        let body = entry("skill", &[("name", "Dessin"), ("tags", "a"), ("tags", "b")]).body();
        assert_eq!(body["fields"], json!({"name": "Dessin", "tags": ["a", "b"]}));
    }
}
