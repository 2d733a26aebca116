//! The tables of a LinkedIn export: their files, their headers, what each column becomes.
//!
//! One list holds every name under which a file or column is accepted. LinkedIn writes English
//! names whatever the language of the account, in every export that was seen; the French ones here
//! are what a person's spreadsheet or a later export may write, and cost nothing.

use crate::{items, schema::Kind};

use super::super::text::squeeze;

/// Where the text of a column goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum To {
    /// Into this field.
    Text(&'static str),
    /// Into this field, as a date.
    Date(&'static str),
    /// Into this list, from `[one,two]` or plain text.
    List(&'static str),
    /// Wherever [`super::map`] puts it.
    Special,
}

/// How a column takes part in the natural key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Not: changing it changes the item.
    No,
    /// As text.
    Text,
    /// As a date, in one form however it is written.
    Date,
    /// As a web address; when there is one, names and dates do not count.
    Url,
    /// As text, where the row has no web address.
    WithoutUrl,
    /// As a date, where the row has no web address.
    DateWithoutUrl,
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    /// Its name in exports.
    pub(super) header: &'static str,
    also: &'static [&'static str],
    /// Whether a header without it is another table's.
    pub(super) needed: bool,
    /// Where it goes.
    pub(super) to: To,
    /// Its part in the natural key.
    pub(super) key: Key,
}

/// One file of an export.
#[derive(Debug)]
pub(super) struct Table {
    /// The first part of its stable keys; never changed.
    pub(super) name: &'static str,
    /// Names of its file, squeezed.
    files: &'static [&'static str],
    /// What its rows become.
    pub(super) kind: &'static Kind,
    /// Its columns.
    pub(super) columns: &'static [Column],
    /// Whether its header is also that of other files, so that the file's name has to decide.
    by_name_only: bool,
}

const fn column(header: &'static str, to: To) -> Column {
    Column { header, also: &[], needed: false, to, key: Key::No }
}

impl Column {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    const fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    fn is_called(&self, squeezed: &str) -> bool {
        squeeze(self.header) == squeezed || self.also.iter().any(|name| squeeze(name) == squeezed)
    }
}

const FIRST_NAME: Column = column("First Name", To::Special).also(&["Prénom"]).needed();
const LAST_NAME: Column = column("Last Name", To::Special).also(&["Nom", "Nom de famille"]).needed();
const STARTED: Column =
    column("Started On", To::Date("from")).also(&["Date de début", "Commencé le", "Start Date"]);
const FINISHED: Column =
    column("Finished On", To::Date("to")).also(&["Date de fin", "Terminé le", "End Date"]);

/// Every table that items are made from.
pub(super) static TABLES: &[Table] = &[
    Table {
        name: "positions",
        files: &["positions", "position", "postes", "experience", "experiences"],
        kind: &items::activity::KIND,
        columns: &[
            column("Company Name", To::Text("organisation"))
                .also(&["Company", "Entreprise", "Nom de l'entreprise"])
                .needed()
                .key(Key::Text),
            column("Title", To::Text("role"))
                .also(&["Poste", "Intitulé du poste", "Fonction"])
                .needed()
                .key(Key::Text),
            column("Description", To::Text("description")),
            column("Location", To::Text("place")).also(&["Lieu"]),
            STARTED.needed().key(Key::Date),
            FINISHED,
        ],
        by_name_only: false,
    },
    Table {
        name: "education",
        files: &["education", "educations", "formation", "formations"],
        kind: &items::achievement::KIND,
        columns: &[
            column("School Name", To::Text("organisation"))
                .also(&["École", "Nom de l'école", "Établissement"])
                .needed()
                .key(Key::Text),
            column("Degree Name", To::Text("title"))
                .also(&["Diplôme", "Nom du diplôme"])
                .needed()
                .key(Key::Text),
            column("Start Date", To::Date("from")).also(&["Started On", "Date de début"]).key(Key::Date),
            column("End Date", To::Date("to")).also(&["Finished On", "Date de fin"]),
            column("Notes", To::Text("description")).also(&["Remarques"]),
            column("Activities", To::Text("activities")).also(&["Activités"]),
        ],
        by_name_only: false,
    },
    Table {
        name: "certifications",
        files: &["certifications", "certification", "licensesandcertifications"],
        kind: &items::achievement::KIND,
        columns: &[
            column("Name", To::Text("title")).also(&["Nom"]).needed().key(Key::Text),
            column("Authority", To::Text("organisation"))
                .also(&["Organisme", "Autorité"])
                .needed()
                .key(Key::Text),
            column("Url", To::Text("url")),
            STARTED.key(Key::Date),
            column("Finished On", To::Date("expires")).also(&["Date de fin", "Terminé le", "End Date"]),
            column("License Number", To::Text("licence_number")).also(&["Numéro de licence"]),
        ],
        by_name_only: false,
    },
    Table {
        name: "skills",
        files: &["skills", "skill", "competences"],
        kind: &items::skill::KIND,
        columns: &[column("Name", To::Text("name"))
            .also(&["Nom", "Skill", "Compétence"])
            .needed()
            .key(Key::Text)],
        by_name_only: true,
    },
    Table {
        name: "languages",
        files: &["languages", "language", "langues"],
        kind: &items::identity::KIND,
        columns: &[
            column("Name", To::Special).also(&["Nom", "Language", "Langue"]).needed().key(Key::Text),
            column("Proficiency", To::Special).also(&["Niveau", "Maîtrise"]).needed(),
        ],
        by_name_only: false,
    },
    Table {
        name: "projects",
        files: &["projects", "project", "projets"],
        kind: &items::project::KIND,
        columns: &[
            column("Title", To::Text("title")).also(&["Titre"]).needed().key(Key::Text),
            column("Description", To::Text("description")),
            column("Url", To::Text("url")).needed(),
            STARTED.needed().key(Key::Date),
            FINISHED,
        ],
        by_name_only: false,
    },
    Table {
        name: "profile",
        files: &["profile", "profil"],
        kind: &items::identity::KIND,
        columns: &[
            FIRST_NAME,
            LAST_NAME,
            column("Headline", To::Text("headline")).also(&["Titre du profil", "Accroche"]).needed(),
            column("Maiden Name", To::Text("maiden_name")).also(&["Nom de naissance", "Nom de jeune fille"]),
            column("Address", To::Text("address")).also(&["Adresse"]),
            column("Birth Date", To::Date("birth_date")).also(&["Date de naissance"]),
            column("Summary", To::Text("summary")).also(&["Résumé"]),
            column("Industry", To::Text("industry")).also(&["Secteur"]),
            column("Zip Code", To::Text("postal_code")).also(&["Code postal"]),
            column("Geo Location", To::Text("location")).also(&["Lieu géographique"]),
            column("Twitter Handles", To::List("messengers")),
            column("Websites", To::List("urls")).also(&["Sites web"]),
            column("Instant Messengers", To::List("messengers")).also(&["Messageries instantanées"]),
        ],
        by_name_only: false,
    },
    Table {
        name: "connections",
        files: &["connections", "connection", "relations"],
        kind: &items::contact::KIND,
        columns: &[
            FIRST_NAME.key(Key::WithoutUrl),
            LAST_NAME.key(Key::WithoutUrl),
            column("URL", To::List("urls")).also(&["Profile URL", "URL du profil"]).key(Key::Url),
            column("Email Address", To::List("emails")).also(&["Email", "Adresse e-mail"]),
            column("Company", To::Text("organisation")).also(&["Entreprise"]),
            column("Position", To::Text("role")).also(&["Poste"]),
            column("Connected On", To::Date("met_on"))
                .also(&["Date de connexion", "Connecté le", "En relation depuis le"])
                .needed()
                .key(Key::DateWithoutUrl),
        ],
        by_name_only: false,
    },
    Table {
        name: "endorsements",
        files: &["endorsementreceivedinfo", "endorsementsreceived", "endorsementsreceivedinfo"],
        kind: &items::endorsement::KIND,
        columns: &[
            column("Endorsement Date", To::Date("date"))
                .also(&["Date de la recommandation"])
                .needed()
                .key(Key::Date),
            column("Skill Name", To::Text("skill"))
                .also(&["Nom de la compétence", "Compétence"])
                .needed()
                .key(Key::Text),
            column("Endorser First Name", To::Special).also(&["Prénom"]).needed().key(Key::WithoutUrl),
            column("Endorser Last Name", To::Special).also(&["Nom"]).needed().key(Key::WithoutUrl),
            column("Endorser Public Url", To::Text("url")).also(&["URL"]).key(Key::Url),
            column("Endorsement Status", To::Text("status")).also(&["Statut"]).needed(),
        ],
        by_name_only: false,
    },
    Table {
        name: "recommendations",
        files: &["recommendationsreceived", "recommendationreceived", "recommandationsrecues"],
        kind: &items::endorsement::KIND,
        columns: &[
            FIRST_NAME.key(Key::Text),
            LAST_NAME.key(Key::Text),
            column("Company", To::Text("organisation")).also(&["Entreprise"]),
            column("Job Title", To::Text("role")).also(&["Poste"]),
            column("Text", To::Text("text")).also(&["Texte"]).needed(),
            column("Creation Date", To::Date("date")).also(&["Date de création"]).needed().key(Key::Date),
            column("Status", To::Text("status")).also(&["Statut"]).needed(),
        ],
        // Recommendations_Given.csv has the same columns about somebody else.
        by_name_only: true,
    },
    Table {
        name: "publications",
        files: &["publications", "publication"],
        kind: &items::publication::KIND,
        columns: &[
            column("Name", To::Text("title")).also(&["Nom", "Titre"]).needed().key(Key::Text),
            column("Published On", To::Date("date")).also(&["Date de publication"]).needed(),
            column("Description", To::Text("description")),
            column("Publisher", To::Text("where")).also(&["Éditeur"]).needed().key(Key::Text),
            column("Url", To::Text("url")),
        ],
        by_name_only: false,
    },
];

/// Files that exports are known to hold and that no kind is made from yet. To know them keeps a
/// folder that is imported file by file from reporting each as unknown.
static NOT_MAPPED: &[&str] = &[
    "adtargeting",
    "comments",
    "companyfollows",
    "courses",
    "emailaddresses",
    "endorsementgiveninfo",
    "events",
    "guidemessages",
    "honors",
    "inferencesaboutyou",
    "invitations",
    "jobapplicantsavedanswers",
    "jobapplicantsavedscreeningquestionresponses",
    "jobapplications",
    "jobseekerpreferences",
    "learning",
    "learningcoachmessages",
    "learningroleplaymessages",
    "logins",
    "memberfollows",
    "messages",
    "organizations",
    "patents",
    "phonenumbers",
    "privateidentityasset",
    "profilesummary",
    "providers",
    "reactions",
    "receipts",
    "receiptsv",
    "recommendationsgiven",
    "registration",
    "richmedia",
    "savedarticles",
    "savedjobalerts",
    "savedjobs",
    "searchqueries",
    "securitychallenges",
    "shares",
    "testscores",
    "verifications",
    "volunteering",
    "volunteeringexperiences",
    "votes",
    "whatsappphonenumbers",
];

/// What the name of a file says.
#[derive(Debug)]
pub(super) enum ByName {
    /// It is one of these.
    Table(&'static Table),
    /// It belongs to an export and nothing is made from it.
    NotMapped,
    /// Nothing.
    Unknown,
}

/// Judges a file by its name: folders, case, blanks, figures (`Skills (1).csv`,
/// `Shares_12345.csv`) and accents do not count.
pub(super) fn by_name(path: &str) -> ByName {
    let base = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let Some((stem, extension)) = base.rsplit_once('.') else { return ByName::Unknown };
    if !extension.trim().eq_ignore_ascii_case("csv") {
        return ByName::Unknown;
    }
    let stem: String = squeeze(stem).chars().filter(|c| !c.is_ascii_digit()).collect();
    match TABLES.iter().find(|table| table.files.contains(&stem.as_str())) {
        Some(table) => ByName::Table(table),
        None if NOT_MAPPED.contains(&stem.as_str()) => ByName::NotMapped,
        None => ByName::Unknown,
    }
}

/// Which cells of a row each column of a table is in: several, when a column comes twice.
pub(super) type Places = Vec<Vec<usize>>;

impl Table {
    /// Where the columns are, if these cells are this table's header.
    pub(super) fn places(&self, cells: &[String]) -> Option<Places> {
        let squeezed: Vec<String> = cells.iter().map(|cell| squeeze(cell)).collect();
        let mut places: Places = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let found: Vec<usize> =
                (0..squeezed.len()).filter(|index| column.is_called(&squeezed[*index])).collect();
            if column.needed && found.is_empty() {
                return None;
            }
            places.push(found);
        }
        Some(places)
    }
}

/// The table whose header this is, where a header alone tells.
pub(super) fn by_header(cells: &[String]) -> Option<&'static Table> {
    TABLES.iter().find(|table| !table.by_name_only && table.places(cells).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(header: &str) -> Vec<String> {
        header.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn names_drift() {
        for name in [
            "Basic_LinkedInDataExport_11-02-2026/Skills.csv",
            "skills (1).CSV",
            "C:\\exports\\SKILLS.csv",
            "Compétences.csv",
        ] {
            assert!(matches!(by_name(name), ByName::Table(table) if table.name == "skills"), "{name}");
        }
        for name in ["Phone Numbers.csv", "PhoneNumbers.csv", "Shares_81234.csv", "messages.csv"] {
            assert!(matches!(by_name(name), ByName::NotMapped), "{name}");
        }
        for name in ["skills.txt", "Skills", "budget.csv", ""] {
            assert!(matches!(by_name(name), ByName::Unknown), "{name}");
        }
    }

    #[test]
    fn headers_of_the_specification_name_their_table_and_no_other() {
        let cases = [
            (
                "profile",
                "First Name,Last Name,Maiden Name,Address,Birth Date,Headline,Summary,Industry,Zip Code,Geo Location,Twitter Handles,Websites,Instant Messengers",
            ),
            ("positions", "Company Name,Title,Description,Location,Started On,Finished On"),
            ("education", "School Name,Start Date,End Date,Notes,Degree Name,Activities"),
            ("languages", "Name,Proficiency"),
            ("certifications", "Name,Url,Authority,Started On,Finished On,License Number"),
            ("projects", "Title,Description,Url,Started On,Finished On"),
            ("connections", "First Name,Last Name,URL,Email Address,Company,Position,Connected On"),
            (
                "endorsements",
                "Endorsement Date,Skill Name,Endorser First Name,Endorser Last Name,Endorser Public Url,Endorsement Status",
            ),
            ("publications", "Name,Published On,Description,Publisher,Url"),
        ];
        for (name, header) in cases {
            assert_eq!(by_header(&cells(header)).map(|table| table.name), Some(name), "{header}");
            let matching =
                TABLES.iter().filter(|table| !table.by_name_only && table.places(&cells(header)).is_some());
            assert_eq!(matching.count(), 1, "{header}");
        }
        assert!(by_header(&cells("Name")).is_none());
        assert!(
            by_header(&cells("First Name,Last Name,Company,Job Title,Text,Creation Date,Status")).is_none()
        );
        assert!(by_header(&cells("dateOp,dateVal,label,category")).is_none());
    }

    #[test]
    fn a_column_may_come_twice() {
        let table = by_header(&cells("Name,Proficiency,Name")).expect("languages");
        assert_eq!(table.places(&cells("Name,Proficiency,Name")), Some(vec![vec![0, 2], vec![1]]));
    }

    #[test]
    fn columns_fill_fields_that_their_kind_has() {
        for table in TABLES {
            for column in table.columns {
                if let To::Text(field) | To::Date(field) | To::List(field) = column.to {
                    assert!(table.kind.own_field(field).is_some(), "{}.{field}", table.name);
                }
            }
        }
    }
}
