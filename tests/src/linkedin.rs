//! A small LinkedIn export, with a row or more in every file that is mapped.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// The header of connections, without the preamble.
pub const CONNECTIONS: &str = "First Name,Last Name,URL,Email Address,Company,Position,Connected On";

/// A file of the export and its content.
pub type File = (&'static str, &'static str);

/// Every file that is mapped, under its name in an export.
pub const FILES: &[File] = &[
    (
        "Profile.csv",
        "First Name,Last Name,Maiden Name,Address,Birth Date,Headline,Summary,Industry,Zip Code,Geo Location,Twitter Handles,Websites,Instant Messengers\n\
         Emilie,Joly,,,,Graphiste,\"Je dessine,\nj'imprime\",Design,69001,Lyon,,[PORTFOLIO:https://joly.example],\n",
    ),
    (
        "Positions.csv",
        "Company Name,Title,Description,Location,Started On,Finished On\n\
         Leroy Merlin,Graphiste,Affiches et étiquettes,Lyon,Apr 2014,Sep 2014\n\
         Imprimerie Vaise,Stagiaire,,Lyon,Jan 2013,Mar 2013\n",
    ),
    (
        "Education.csv",
        "School Name,Start Date,End Date,Notes,Degree Name,Activities\n\
         École Émile-Cohl,2010,2013,,Dessin,Ciné-club\n",
    ),
    (
        "Certifications.csv",
        "Name,Url,Authority,Started On,Finished On,License Number\n\
         PSC1,https://pompiers.example/1,Croix-Rouge,Feb 2015,,A-17\n",
    ),
    ("Skills.csv", "Name\nSérigraphie\nMise en page\n"),
    ("Languages.csv", "Name,Proficiency\nItalien,Limited working proficiency\n"),
    (
        "Projects.csv",
        "Title,Description,Url,Started On,Finished On\n\
         Fresque du quartier,Avec 30 enfants,,May 2016,Jul 2016\n",
    ),
    (
        "Publications.csv",
        "Name,Published On,Description,Publisher,Url\n\
         Carnet de Vaise,\"Jun 01, 2017\",,Éditions du Pont,\n",
    ),
    (
        "Endorsement_Received_Info.csv",
        "Endorsement Date,Skill Name,Endorser First Name,Endorser Last Name,Endorser Public Url,Endorsement Status\n\
         2016/07/28 13:20:49 UTC,Sérigraphie,Nadia,Benali,www.linkedin.com/in/nadia-b,ACCEPTED\n",
    ),
    (
        "Recommendations_Received.csv",
        "First Name,Last Name,Company,Job Title,Text,Creation Date,Status\n\
         Paul,Serre,Leroy Merlin,Chef de rayon,\"Rapide, précise et drôle.\",\"08/30/15, 05:51 PM\",VISIBLE\n",
    ),
    (
        "Connections.csv",
        "Notes:\n\"When exporting your connection data, some addresses are missing.\"\n\n\
         First Name,Last Name,URL,Email Address,Company,Position,Connected On\n\
         Nadia,Benali,https://www.linkedin.com/in/nadia-b,,Atelier 9,Sérigraphe,05 Sep 2016\n\
         Zoé,Ferrand,https://www.linkedin.com/in/zoe-f,zoe@example.org,Ville de Lyon,Médiatrice,12 Jan 2018\n",
    ),
    ("Ad_Targeting.csv", "Age,Age\n25-34,35-44\n"),
];

/// A vCard file in each version.
pub const CARDS: [(&str, &str); 3] = [
    (
        "old.vcf",
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Lef=C3=A8vre;Ang=C3=A8le\r\n\
         TEL;CELL:+33 6 00 00 00 01\r\nEND:VCARD\r\n",
    ),
    (
        "three.vcf",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:three-1\r\nFN:Marc Oubli\r\nN:Oubli;Marc;;;\r\n\
         EMAIL;TYPE=HOME:marc@example.org\r\nEND:VCARD\r\n",
    ),
    (
        "four.vcf",
        "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1\r\nFN:Inès Roy\r\n\
         BDAY:--0412\r\nEND:VCARD\r\n",
    ),
];

/// The export as a ZIP, in the folder that LinkedIn puts it in.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, text) in files {
        archive.start_file(format!("Basic_LinkedInDataExport_11-02-2026/{name}"), options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The whole export.
pub fn export() -> Vec<u8> {
    archive(FILES)
}

/// Connections with these rows.
pub fn connections(rows: &[String]) -> String {
    let mut text = format!("{CONNECTIONS}\n");
    rows.iter().for_each(|row| {
        text.push_str(row);
        text.push('\n');
    });
    text
}
