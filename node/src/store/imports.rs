//! Imports as batches: what files brought, in one document that syncs and can be undone whole.
//!
//! The batch's id is a keyed hash of the files' contents, so that two devices that import the same
//! files before they meet end with one batch. Each run notes its rows under its own device's name:
//! nothing of one run hides something of another. Rows are written in the same commit as the items
//! they speak of, so that a full disk leaves no item without its origin.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs::File,
    io::{Read as _, Seek as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use musette_crdt::{
    date::rfc3339,
    document::{Document, ImportOutcome, UndoOutcome},
    import::{self, Event, Format, ImportError, RowProblem, Severity},
    imported::ImportedRow,
    schema::kind,
    view::ImportProvenance,
};
use musette_protocol::{
    crypto::kdf::{context, derive_id},
    id::DocumentId,
    limits::MAX_COMMIT_RECORDS,
    record::Change,
    replica::Write,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    Store,
    items::{document_error, unique},
    replace::is_disk_failure,
};
use crate::{
    clock, entropy,
    error::{Error, Result},
};

const UNDONE: &str = "undone";
/// Items written at once: one commit with the batch's own change.
const CHUNK: usize = MAX_COMMIT_RECORDS - 1;
/// Rows told one by one in a report.
const MAX_REPORTED_ROWS: usize = 1_000;
/// Rows of a batch in one stored value, below the bound of one.
const ROWS_PER_PART: usize = 768;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    on: Timestamp,
    device: String,
    files: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Brought {
    Added,
    Restored([u8; 32]),
    Changed([u8; 32]),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BatchRow {
    document: DocumentId,
    file: u16,
    row: u64,
    brought: Brought,
}

#[derive(Debug, Default)]
struct Batch {
    /// By key: device, then number of the run.
    runs: BTreeMap<String, Run>,
    /// Items it added, and items it changed.
    added: usize,
    changed: usize,
    undone: bool,
}

/// A file that a run read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImportedFile {
    name: String,
    on: Timestamp,
    batch: DocumentId,
}

/// A row of a file, by the file's place in [`Batches::files`]. There is one for each imported item.
#[derive(Debug, Clone, Copy)]
struct Origin {
    file: u32,
    row: u64,
}

/// All batches, and where each imported item came from. Their rows stay in their documents.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    by_id: BTreeMap<DocumentId, Batch>,
    files: Vec<ImportedFile>,
    origins: HashMap<DocumentId, Origin>,
}

/// The runs of a batch and their rows, from its document.
fn runs_of(document: &Document) -> BTreeMap<String, (Run, Vec<BatchRow>)> {
    let mut runs = BTreeMap::new();
    for key in document.keys() {
        if let Some(name) = key.strip_prefix("run/")
            && let Some(run) = document.get_bytes(&key).and_then(|bytes| postcard::from_bytes(&bytes).ok())
        {
            runs.insert(name.to_owned(), (run, Vec::new()));
        }
    }
    for key in document.keys() {
        if let Some((name, _part)) = key.strip_prefix("rows/").and_then(|rest| rest.rsplit_once('/'))
            && let Some((_, rows)) = runs.get_mut(name)
            && let Some(bytes) = document.get_bytes(&key)
        {
            rows.extend(postcard::from_bytes::<Vec<BatchRow>>(&bytes).unwrap_or_default());
        }
    }
    runs
}

/// How many documents there are.
fn distinct(mut documents: Vec<DocumentId>) -> usize {
    documents.sort_unstable();
    documents.dedup();
    documents.len()
}

impl Batches {
    /// Takes in a batch's document.
    pub(super) fn read(&mut self, id: DocumentId, document: &Document) {
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        let mut batch = Batch { undone: document.get_bytes(UNDONE).is_some(), ..Batch::default() };
        for (key, (run, rows)) in runs_of(document) {
            let names = run.files.iter().map(String::as_str);
            let files: Vec<u32> = names.map(|name| self.file(name, run.on, id)).collect();
            for row in rows {
                match row.brought {
                    Brought::Changed(_) => changed.push(row.document),
                    Brought::Added | Brought::Restored(_) => added.push(row.document),
                }
                if let (Brought::Added, Some(file)) = (row.brought, files.get(usize::from(row.file))) {
                    self.note_origin(row.document, Origin { file: *file, row: row.row });
                }
            }
            batch.runs.insert(key, run);
        }
        (batch.added, batch.changed) = (distinct(added), distinct(changed));
        self.by_id.insert(id, batch);
    }

    fn file(&mut self, name: &str, on: Timestamp, batch: DocumentId) -> u32 {
        let file = ImportedFile { name: name.to_owned(), on, batch };
        let known = self.files.iter().position(|known| *known == file);
        let place = known.unwrap_or_else(|| {
            self.files.push(file);
            self.files.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Keeps the earliest, so that all devices show the same.
    fn note_origin(&mut self, item: DocumentId, origin: Origin) {
        let when = |origin: &Origin| self.files.get(origin.file as usize).map(|file| (file.on, file.batch));
        let known = self.origins.entry(item).or_insert(origin);
        if when(&origin) < when(known) {
            *known = origin;
        }
    }

    /// Where an imported item came from.
    pub(super) fn provenance(&self, item: DocumentId) -> Option<ImportProvenance> {
        let origin = self.origins.get(&item)?;
        let ImportedFile { name, on, batch } = self.files.get(origin.file as usize)?;
        Some(ImportProvenance { file: name.clone(), row: origin.row, on: *on, batch: *batch })
    }
}

/// What to import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportRequest {
    pub(crate) paths: Vec<PathBuf>,
    #[serde(default, rename = "as")]
    pub(crate) format: Option<String>,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Default, Clone, Serialize)]
struct Tally {
    added: u64,
    changed: u64,
    unchanged: u64,
    kept: u64,
    skipped: u64,
    failed: u64,
}

#[derive(Default)]
struct Report {
    total: Tally,
    by_file: BTreeMap<String, Tally>,
    by_kind: BTreeMap<&'static str, u64>,
    rows: Vec<Json>,
    rows_left_off: u64,
}

impl Report {
    fn count(&mut self, file: &str, count: impl Fn(&mut Tally)) {
        count(&mut self.total);
        count(self.by_file.entry(file.to_owned()).or_default());
    }

    fn tell(&mut self, row: Json) {
        if self.rows.len() < MAX_REPORTED_ROWS {
            self.rows.push(row);
        } else {
            self.rows_left_off += 1;
        }
    }

    fn problem(&mut self, problem: &RowProblem) {
        let outcome = match problem.reason.severity() {
            Severity::Notice => "notice",
            Severity::Skipped => "skipped",
            Severity::Failed => "failed",
        };
        match problem.reason.severity() {
            Severity::Notice => {}
            Severity::Skipped => self.count(&problem.file, |tally| tally.skipped += 1),
            Severity::Failed => self.count(&problem.file, |tally| tally.failed += 1),
        }
        let args: BTreeMap<_, _> = problem.reason.args().into_iter().collect();
        self.tell(json!({
            "file": problem.file, "row": problem.row, "outcome": outcome,
            "reason": problem.reason.code(), "args": args,
        }));
    }

    fn row(&mut self, row: &ImportedRow, outcome: &str, title: &str, fields: &[String]) {
        self.tell(json!({
            "file": row.file, "row": row.row, "outcome": outcome, "kind": row.kind.name,
            "title": title, "fields": fields,
        }));
    }
}

struct Importer<'a> {
    store: &'a mut Store,
    salt: [u8; 32],
    dry_run: bool,
    run: Run,
    run_key: String,
    batch: DocumentId,
    parts: usize,
    /// Rows that are saved.
    landed: usize,
    at_hand: BTreeMap<DocumentId, Document>,
    rows: Vec<BatchRow>,
    would_add: HashSet<DocumentId>,
    report: Report,
    failure: Option<Error>,
}

impl Store {
    /// Imports files, or says what importing them would do.
    ///
    /// # Errors
    /// When a file cannot be read at all or the disk refuses. What had landed stays, in its batch.
    pub(crate) fn import(&mut self, request: &ImportRequest, progress: &mut dyn FnMut(Json)) -> Result<Json> {
        let salt = self.settings.import_salt.as_ref().map(|salt| *salt.expose());
        let salt = salt.ok_or_else(|| Error::new("not-synced-yet"))?;
        let sources = request
            .paths
            .iter()
            .map(|path| Source::open(path, request.format.as_deref()))
            .collect::<Result<Vec<_>>>()?;
        let digests: Vec<[u8; 32]> = sources.iter().map(|source| source.digest).collect();
        let batch = batch_id(&salt, &digests);
        let device = self.device().short();
        let earlier = self
            .batches
            .by_id
            .get(&batch)
            .map_or(0, |batch| batch.runs.keys().filter(|key| key.starts_with(&device)).count());
        let mut importer = Importer {
            salt,
            dry_run: request.dry_run,
            run: Run { on: clock::now(), device: device.clone(), files: Vec::new() },
            run_key: format!("{device}/{earlier:05}"),
            batch,
            parts: 0,
            landed: 0,
            at_hand: BTreeMap::new(),
            rows: Vec::new(),
            would_add: HashSet::new(),
            report: Report::default(),
            failure: None,
            store: self,
        };
        let read = sources.into_iter().try_for_each(|source| importer.read(source, progress));
        match read.and_then(|()| importer.flush()) {
            Ok(()) => Ok(importer.finish()),
            // What had landed stays, and must not be taken for lost.
            Err(error) if importer.landed > 0 && is_disk_failure(&error) => {
                Err(Error::new("import-cut-short").with("landed", importer.landed))
            }
            Err(error) => Err(error),
        }
    }

    /// All batches, newest first.
    pub(crate) fn import_list(&self) -> Json {
        let mut batches: Vec<_> =
            self.batches.by_id.iter().filter(|(_, batch)| !batch.runs.is_empty()).collect();
        let first = |batch: &Batch| batch.runs.values().map(|run| run.on).min().unwrap_or_default();
        batches.sort_by_key(|(id, batch)| (std::cmp::Reverse(first(batch)), **id));
        let log = self.state().log();
        let listed = batches.iter().map(|(id, batch)| {
            let earliest = batch.runs.values().min_by_key(|run| run.on);
            let device = earliest.and_then(|run| {
                let device = log.certificates().find(|certificate| certificate.device.short() == run.device);
                device.map(|certificate| certificate.name.clone())
            });
            let files: BTreeSet<&String> = batch.runs.values().flat_map(|run| &run.files).collect();
            json!({
                "id": id.to_string(),
                "on": rfc3339(first(batch)),
                "device": device,
                "files": files,
                "added": batch.added,
                "changed": batch.changed,
                "undone": batch.undone,
            })
        });
        json!({ "batches": listed.collect::<Vec<_>>() })
    }

    /// Undoes a batch: what it brought goes, what it changed goes back, what a person edited since
    /// stays.
    ///
    /// # Errors
    /// When there is no such batch, or the disk refuses.
    pub(crate) fn import_undo(&mut self, prefix: &str) -> Result<Json> {
        let id = self.find_batch(prefix)?;
        let mut by_document: BTreeMap<DocumentId, (bool, Vec<[u8; 32]>)> = BTreeMap::new();
        let mut document = self.take_document(id)?;
        for row in runs_of(&document).into_values().flat_map(|(_, rows)| rows) {
            let (created, changes) = by_document.entry(row.document).or_default();
            match row.brought {
                Brought::Added | Brought::Restored(_) => *created = true,
                Brought::Changed(change) => changes.push(change),
            }
        }
        let (mut removed, mut reverted, mut kept) = (0_u64, 0_u64, Vec::new());
        let documents: Vec<_> = by_document.into_iter().collect();
        for chunk in documents.chunks(CHUNK) {
            let mut at_hand = Vec::new();
            let is_there = |(item, _): &&(DocumentId, _)| !self.state().is_forgotten(item);
            let chunk: Vec<_> = chunk.iter().filter(is_there).collect();
            for (item, (created, changes)) in chunk {
                let mut document = self.take_document(*item)?;
                let short = self.device().short();
                let outcome = document.undo_import(*created, changes, clock::now(), &short, entropy::bytes());
                match outcome.map_err(document_error)? {
                    UndoOutcome::Removed => removed += 1,
                    UndoOutcome::Reverted { fields, kept: edited } => {
                        reverted += u64::from(!fields.is_empty());
                        kept.extend((!edited.is_empty()).then_some(*item));
                    }
                    // To put it into the trash is an edit, and not one that keeps it.
                    UndoOutcome::Kept if self.view(*item).is_some_and(|view| view.removed) => {}
                    UndoOutcome::Kept => kept.push(*item),
                    UndoOutcome::Nothing => {}
                }
                at_hand.push((*item, document));
            }
            self.save_documents(at_hand)?;
        }
        self.set_data(&mut document, UNDONE, Some(&[1]))?;
        self.save_document(id, document)?;
        let kept_items = kept.iter().filter_map(|id| {
            let view = self.view(*id)?;
            Some(json!({ "id": id.to_string(), "title": view.title() }))
        });
        let kept_items: Vec<Json> = kept_items.collect();
        Ok(json!({ "removed": removed, "reverted": reverted, "kept": kept.len(), "kept_items": kept_items }))
    }

    fn find_batch(&self, prefix: &str) -> Result<DocumentId> {
        unique(prefix, |from| self.batches.by_id.range(from..).map(|(id, _)| *id))
    }

    fn set_data(&self, document: &mut Document, key: &str, bytes: Option<&[u8]>) -> Result<()> {
        let short = self.device().short();
        document.set_bytes(key, bytes, clock::now(), &short, entropy::bytes()).map_err(document_error)
    }

    /// Appends what changed in several documents, under one commit.
    fn save_documents(&mut self, mut documents: Vec<(DocumentId, Document)>) -> Result<()> {
        let writes = documents.iter_mut().filter_map(|(id, document)| {
            let bytes = document.take_changes();
            (!bytes.is_empty()).then_some(Write::Change(Change { document: *id, bytes }))
        });
        let writes: Vec<Write> = writes.collect();
        self.write(writes, documents)?;
        self.commit()
    }
}

impl Importer<'_> {
    fn read(&mut self, mut source: Source, progress: &mut dyn FnMut(Json)) -> Result<()> {
        let (format, name) = (source.format, source.name.clone());
        let read = import::read(format, &name, &mut source.file, &mut |event| {
            let handled = match event {
                Event::Row(row) => self.row(&row),
                Event::Problem(problem) => {
                    self.report.problem(&problem);
                    Ok(())
                }
                Event::Progress { done, total, what } => {
                    progress(json!({ "done": done, "total": total, "what": what }));
                    Ok(())
                }
            };
            match handled {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    self.failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        read.map_err(|error| import_error(&error, &name))
    }

    fn row(&mut self, row: &ImportedRow) -> Result<()> {
        let id = row.document_id(&self.salt);
        if self.store.state().is_forgotten(&id) {
            self.report.count(&row.file, |tally| tally.skipped += 1);
            self.report.tell(json!({
                "file": row.file, "row": row.row, "outcome": "skipped", "reason": "forgotten", "args": {},
            }));
            return Ok(());
        }
        let known = self.at_hand.contains_key(&id) || self.store.views.contains_key(&id);
        let brought = if !known && !self.would_add.contains(&id) {
            self.add(id, row)?
        } else if self.would_add.contains(&id) {
            self.report.count(&row.file, |tally| tally.unchanged += 1);
            None
        } else {
            self.update(id, row)?
        };
        let Some(brought) = brought else { return Ok(()) };
        *self.report.by_kind.entry(row.kind.name).or_default() +=
            u64::from(!matches!(brought, Brought::Changed(_)));
        if self.dry_run {
            return Ok(());
        }
        let file = self.file_number(&row.file);
        self.rows.push(BatchRow { document: id, file, row: row.row, brought });
        if self.rows.len() >= ROWS_PER_PART || self.at_hand.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    fn file_number(&mut self, file: &str) -> u16 {
        let known = self.run.files.iter().position(|known| known == file);
        let number = known.unwrap_or_else(|| {
            self.run.files.push(file.to_owned());
            self.run.files.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    fn add(&mut self, id: DocumentId, row: &ImportedRow) -> Result<Option<Brought>> {
        let document = match Document::create_imported(row) {
            Ok(document) => document,
            Err(error) => return Ok(self.refuse(row, error.code(), error.args())),
        };
        self.report.count(&row.file, |tally| tally.added += 1);
        if self.dry_run {
            let title = document.view(id).map(|view| view.title()).unwrap_or_default();
            self.report.row(row, "added", &title, &[]);
            self.would_add.insert(id);
        } else {
            self.at_hand.insert(id, document);
        }
        Ok(Some(Brought::Added))
    }

    fn update(&mut self, id: DocumentId, row: &ImportedRow) -> Result<Option<Brought>> {
        let mut document = match self.at_hand.remove(&id) {
            Some(document) => document,
            None => self.store.take_document(id)?,
        };
        let before = self.dry_run.then(|| document.clone());
        let outcome = match document.apply_import(row) {
            Ok(outcome) => outcome,
            Err(error) => return Ok(self.refuse(row, error.code(), error.args())),
        };
        let title = document.view(id).map(|view| view.title()).unwrap_or_default();
        let brought = match outcome {
            ImportOutcome::Unchanged => {
                self.report.count(&row.file, |tally| tally.unchanged += 1);
                self.store.loaded.put(id, document);
                return Ok(None);
            }
            ImportOutcome::Kept { fields } => {
                self.report.count(&row.file, |tally| tally.kept += 1);
                self.report.row(row, "kept", &title, &fields);
                None
            }
            ImportOutcome::Changed { fields, change, .. } => {
                self.report.count(&row.file, |tally| tally.changed += 1);
                self.report.row(row, "changed", &title, &fields);
                Some(Brought::Changed(change))
            }
            ImportOutcome::Restored { change } => {
                self.report.count(&row.file, |tally| tally.added += 1);
                self.report.row(row, "added", &title, &[]);
                Some(Brought::Restored(change))
            }
        };
        match before {
            Some(before) => drop(self.store.loaded.put(id, before)),
            None => drop(self.at_hand.insert(id, document)),
        }
        Ok(brought)
    }

    fn refuse(
        &mut self,
        row: &ImportedRow,
        code: &str,
        args: Vec<(&'static str, String)>,
    ) -> Option<Brought> {
        self.report.count(&row.file, |tally| tally.failed += 1);
        let args: BTreeMap<_, _> = args.into_iter().collect();
        self.report.tell(json!({
            "file": row.file, "row": row.row, "outcome": "failed", "reason": code, "args": args,
        }));
        None
    }

    /// Writes what is at hand, and the rows of the batch that brought it.
    fn flush(&mut self) -> Result<()> {
        if self.dry_run || self.at_hand.is_empty() {
            return Ok(());
        }
        let mut documents: Vec<(DocumentId, Document)> =
            std::mem::take(&mut self.at_hand).into_iter().collect();
        let rows = self.rows.len();
        if !self.rows.is_empty() {
            documents.push((self.batch, self.batch_document()?));
        }
        self.store.save_documents(documents)?;
        self.landed += rows;
        Ok(())
    }

    fn batch_document(&mut self) -> Result<Document> {
        let mut document = if self.store.views.contains_key(&self.batch) {
            self.store.take_document(self.batch)?
        } else {
            let kind = kind("import-batch").expect("a kind of this program");
            Document::create(kind, &[], self.run.on, &self.run.device, entropy::bytes())
                .map_err(document_error)?
        };
        let rows = postcard::to_allocvec(&std::mem::take(&mut self.rows)).expect("postcard writes rows");
        let run = postcard::to_allocvec(&self.run).expect("postcard writes a run");
        self.store.set_data(
            &mut document,
            &format!("rows/{}/{:05}", self.run_key, self.parts),
            Some(&rows),
        )?;
        self.store.set_data(&mut document, &format!("run/{}", self.run_key), Some(&run))?;
        if self.parts == 0 && document.get_bytes(UNDONE).is_some() {
            self.store.set_data(&mut document, UNDONE, None)?;
        }
        self.parts += 1;
        Ok(document)
    }

    fn finish(self) -> Json {
        let Report { total, by_file, by_kind, rows, rows_left_off } = self.report;
        let by_file = by_file.into_iter().map(|(file, tally)| {
            let mut entry = json!(tally);
            entry["file"] = file.into();
            entry
        });
        let by_file: Vec<Json> = by_file.collect();
        let mut result = json!(total);
        result["batch"] = if self.parts > 0 { self.batch.to_string().into() } else { Json::Null };
        result["dry_run"] = self.dry_run.into();
        result["by_kind"] = json!(by_kind);
        result["by_file"] = json!(by_file);
        result["rows"] = json!(rows);
        result["rows_left_off"] = rows_left_off.into();
        result
    }
}

struct Source {
    file: std::io::BufReader<File>,
    name: String,
    format: Format,
    digest: [u8; 32],
}

impl Source {
    fn open(path: &Path, format: Option<&str>) -> Result<Self> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let unreadable = |error: &std::io::Error| {
            Error::new("file-unreadable").with("file", path.display()).with("reason", error.kind())
        };
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        if file.metadata().map_err(|error| unreadable(&error))?.is_dir() {
            return Err(Error::new("not-a-file").with("file", path.display()));
        }
        let mut file = std::io::BufReader::with_capacity(256 * 1024, file);
        let format = match format {
            Some(asked) => {
                Format::parse(asked).ok_or_else(|| Error::new("unknown-format").with("file", asked))?
            }
            None => Format::detect(&name, &mut file)
                .ok_or_else(|| Error::new("unknown-format").with("file", &name))?,
        };
        let digest = digest_of(&mut file).map_err(|error| unreadable(&error))?;
        Ok(Self { file, name, format, digest })
    }
}

fn digest_of(file: &mut std::io::BufReader<File>) -> std::io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => drop(hasher.update(&buffer[..read])),
        }
    }
    file.rewind()?;
    Ok(*hasher.finalize().as_bytes())
}

fn batch_id(salt: &[u8; 32], digests: &[[u8; 32]]) -> DocumentId {
    let mut parts: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    parts.sort_unstable();
    parts.insert(0, salt);
    let id = derive_id(context::IMPORT_BATCH, &parts);
    DocumentId::try_from(&id[..DocumentId::LEN]).expect("cut to length")
}

fn import_error(error: &ImportError, file: &str) -> Error {
    let args = error.args().into_iter();
    args.fold(Error::new(error.code()), |error, (name, value)| error.with(name, value)).with("file", file)
}
