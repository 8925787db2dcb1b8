//! The commands that wrote here: what each did in words, and what takes it back.
//!
//! A command's *images* are the private rows that it changed, before and after: drafts, sessions, settings, remotes, bases of
//! imports. Its *envelopes* are what it added to the log; those are never removed, only answered. The rows are captured by
//! the methods that write them, so that no command can forget one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dm_collab::draft::DraftEntity;
use dm_model::codec::{Domain, hash};
use dm_model::{DecodeError, Decoder, Encoder, EntityId, EnvelopeId, PatchId, Session, SessionId, Space, Timestamp};

use crate::encoding::{self, Packing};
use crate::error::StoreError;
use crate::journal::DraftHeader;
use crate::remotes::{Remote, RemoteMode};
use crate::settings::ImportBase;
use crate::spaces::NamedSpace;
use crate::tx::{ReadTx, WriteTx};

/// How many commands are remembered: older ones cannot be undone, what they did stays.
pub const COMMANDS_KEPT: i64 = 500;
/// A command that changes more bases of one folder than this forgets that folder's bases when it is undone.
pub(crate) const BASES_IMAGED_MAX: usize = 256;

/// The format that is written.
const FORMAT: u8 = 2;
/// The first one: both sides of an image whole.
const FORMAT_1: u8 = 1;
/// Shorter rows are kept whole: a difference is no shorter.
const DELTA_BYTES_MIN: usize = 96;
const ELEMENTS_MAX: usize = 1 << 20;
const BYTES_MAX: usize = 1 << 24;

/// What kind of command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// One that can be undone.
    Plain,
    /// One that undid another.
    Undo,
    /// One that did an undone one again.
    Redo,
    /// One that cannot be undone: what it gave away is with others.
    Final,
}

impl CommandKind {
    const ALL: [Self; 4] = [Self::Plain, Self::Undo, Self::Redo, Self::Final];

    const fn tag(self) -> i64 {
        match self {
            Self::Plain => 0,
            Self::Undo => 1,
            Self::Redo => 2,
            Self::Final => 3,
        }
    }
}

/// A command on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSummary {
    /// Its number here, ascending.
    pub id: u64,
    /// The session that it was given in.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: CommandKind,
    /// The plain command that an undo or redo is about.
    pub target: Option<u64>,
    /// Its verb: `add`, `patch apply`.
    pub verb: String,
    /// What it did, in words.
    pub words: String,
}

/// A command with what takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What lists show.
    pub summary: CommandSummary,
    /// What it added to the log, in order.
    pub envelopes: Vec<EnvelopeId>,
    /// The private rows that it changed.
    pub images: Vec<Image>,
}

/// A command that is being recorded.
#[derive(Debug, Clone)]
pub struct NewCommand {
    /// The session that it was given in.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: CommandKind,
    /// The plain command that an undo or redo is about.
    pub target: Option<u64>,
    /// Its verb.
    pub verb: String,
    /// What it did, in words.
    pub words: String,
}

/// A private row before and after a command; none where it was not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Which row.
    pub row: Row,
    before: Before,
    after: Option<Digest>,
}

/// What a row was.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Before {
    /// Not there.
    Absent,
    Whole(Vec<u8>),
    /// As it differs from what the command left, which is there still if the command can be undone.
    Delta(Vec<u8>),
}

/// Enough of a hash to know a row again that nobody forges: only this store writes here.
type Digest = [u8; 8];

/// A private row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Which session is current.
    CurrentSession,
    /// A session.
    Session(SessionId),
    /// What a draft is.
    Draft(PatchId),
    /// What a draft writes of one entity.
    DraftEntity(PatchId, EntityId),
    /// A setting.
    Setting(String),
    /// A remote, apart from when it was last synced.
    Remote(String),
    /// A base of a folder, by location.
    Base(String, String),
    /// All bases of a folder: too many to have images of, so they are forgotten.
    Bases(String),
    /// What a space is called.
    SpaceName(Space),
    /// Whether a space is exchanged with a remote.
    Share(String, Space),
}

impl Image {
    fn new(row: Row, before: Option<Vec<u8>>, after: Option<&[u8]>) -> Self {
        let before = match (before, after) {
            (None, _) => Before::Absent,
            // A session names all its patches, so its row grows, and hardly differs from one command to the next. Rows that name
            // definitions are kept whole: what they name must not be dropped.
            (Some(before), Some(after)) if matches!(row, Row::Session(_)) && before.len() >= DELTA_BYTES_MIN => {
                let delta = encoding::delta(&before, &timeless(&row, after));
                delta.filter(|delta| delta.len() < before.len()).map_or(Before::Whole(before), Before::Delta)
            }
            (Some(before), _) => Before::Whole(before),
        };
        let after = after.map(|after| digest(&row, after));
        Self { row, before, after }
    }

    /// What the row was, where that is kept whole.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        match &self.before {
            Before::Whole(bytes) => Some(bytes),
            Before::Absent | Before::Delta(_) => None,
        }
    }
}

/// A row without when it was last active, which every command changes.
fn timeless<'b>(row: &Row, bytes: &'b [u8]) -> Cow<'b, [u8]> {
    match (row, Session::decode(bytes)) {
        (Row::Session(_), Ok(session)) => {
            Cow::Owned(Session { last_active_at: Timestamp::from_ms(0), ..session }.encode())
        }
        _ => Cow::Borrowed(bytes),
    }
}

fn digest(row: &Row, bytes: &[u8]) -> Digest {
    let hash = hash(Domain::SetElement, 0, &[&timeless(row, bytes)]);
    let mut digest = Digest::default();
    digest.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    digest
}

impl Row {
    fn encode(&self, to: &mut Encoder) {
        match self {
            Self::CurrentSession => to.byte(0),
            Self::Session(id) => {
                to.byte(1);
                to.session_id(id);
            }
            Self::Draft(patch) => {
                to.byte(2);
                to.patch_id(patch);
            }
            Self::DraftEntity(patch, entity) => {
                to.byte(3);
                to.patch_id(patch);
                to.entity_id(entity);
            }
            Self::Setting(key) => {
                to.byte(4);
                to.text(key);
            }
            Self::Remote(name) => {
                to.byte(5);
                to.text(name);
            }
            Self::Base(root, location) => {
                to.byte(6);
                to.text(root);
                to.text(location);
            }
            Self::Bases(root) => {
                to.byte(7);
                to.text(root);
            }
            Self::SpaceName(space) => {
                to.byte(8);
                to.raw(space.as_bytes());
            }
            Self::Share(remote, space) => {
                to.byte(9);
                to.text(remote);
                to.raw(space.as_bytes());
            }
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let text = |from: &mut Decoder<'_>| from.text(BYTES_MAX, "row").map(str::to_owned);
        Ok(match from.byte("row")? {
            0 => Self::CurrentSession,
            1 => Self::Session(from.session_id()?),
            2 => Self::Draft(from.patch_id()?),
            3 => Self::DraftEntity(from.patch_id()?, from.entity_id()?),
            4 => Self::Setting(text(from)?),
            5 => Self::Remote(text(from)?),
            6 => Self::Base(text(from)?, text(from)?),
            7 => Self::Bases(text(from)?),
            8 => Self::SpaceName(Space::from_bytes(from.array("space")?)),
            9 => Self::Share(text(from)?, Space::from_bytes(from.array("space")?)),
            other => return Err(from.unknown("row", u64::from(other))),
        })
    }
}

fn encode_data(envelopes: &[EnvelopeId], images: &[Image]) -> Vec<u8> {
    let mut to = Encoder::new();
    to.byte(FORMAT);
    to.list(envelopes, Encoder::envelope_id);
    to.list(images, |to, image| {
        image.row.encode(to);
        match &image.before {
            Before::Absent => to.byte(0),
            Before::Whole(bytes) => {
                to.byte(1);
                to.bytes(bytes);
            }
            Before::Delta(bytes) => {
                to.byte(2);
                to.bytes(bytes);
            }
        }
        to.option(image.after.as_ref(), |to, digest| to.raw(digest));
    });
    to.finish()
}

fn decode_data(bytes: &[u8]) -> Result<(Vec<EnvelopeId>, Vec<Image>), DecodeError> {
    let mut from = Decoder::new(bytes);
    let format = from.byte("command format")?;
    if !matches!(format, FORMAT | FORMAT_1) {
        return Err(from.unknown("command format", u64::from(format)));
    }
    let envelopes = from.list(ELEMENTS_MAX, "envelopes", Decoder::envelope_id)?;
    let each = if format == FORMAT { decode_image } else { decode_image_1 };
    let images = from.list(ELEMENTS_MAX, "images", each)?;
    from.finish()?;
    Ok((envelopes, images))
}

fn decode_image(from: &mut Decoder<'_>) -> Result<Image, DecodeError> {
    let row = Row::decode(from)?;
    let before = match from.byte("side")? {
        0 => Before::Absent,
        1 => Before::Whole(from.bytes(BYTES_MAX, "image")?.to_vec()),
        2 => Before::Delta(from.bytes(BYTES_MAX, "image")?.to_vec()),
        other => return Err(from.unknown("side", u64::from(other))),
    };
    let after = from.option("side", |from| from.array::<8>("digest"))?;
    Ok(Image { row, before, after })
}

fn decode_image_1(from: &mut Decoder<'_>) -> Result<Image, DecodeError> {
    let side = |from: &mut Decoder<'_>| from.option("side", |from| Ok(from.bytes(BYTES_MAX, "image")?.to_vec()));
    let row = Row::decode(from)?;
    let before = side(from)?;
    let after = side(from)?.map(|after| digest(&row, &after));
    Ok(Image { row, before: before.map_or(Before::Absent, Before::Whole), after })
}

const SUMMARY: &str = "SELECT id, session, at, kind, target, verb, words FROM command";

fn summary_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<CommandSummary> {
    let kind: i64 = row.get(3)?;
    Ok(CommandSummary {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        session: SessionId::from_bytes(row.get(1)?),
        at: Timestamp::from_ms(row.get(2)?),
        // A kind of a later version is one that this version cannot undo.
        kind: CommandKind::ALL.into_iter().find(|known| known.tag() == kind).unwrap_or(CommandKind::Final),
        target: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        verb: row.get(5)?,
        words: row.get(6)?,
    })
}

impl ReadTx<'_> {
    /// Commands of all sessions, newest first.
    ///
    /// # Errors
    /// The disk.
    pub fn commands(&self, limit: usize) -> Result<Vec<CommandSummary>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(&format!("{SUMMARY} ORDER BY id DESC LIMIT ?1"), [limit], summary_row)
    }

    /// A command, if it is remembered.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn command(&self, id: u64) -> Result<Option<Command>, StoreError> {
        let sql = format!("{SUMMARY} WHERE id = ?1");
        let Some(summary) = self.row(&sql, [id.cast_signed()], summary_row)? else { return Ok(None) };
        let data = self.row("SELECT enc, data FROM command WHERE id = ?1", [id.cast_signed()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let wrong = |what: String| self.damaged(format!("command {id}: {what}"));
        let (encoding, data) = data.ok_or_else(|| wrong("it is gone".to_owned()))?;
        let data = self.codec.borrow_mut().unpack(encoding, &data).map_err(wrong)?;
        let (envelopes, images) = decode_data(&data).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(Command { summary, envelopes, images }))
    }

    /// The rows of a command that are not as it left them: something changed them since.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn changed_since<'c>(&self, command: &'c Command) -> Result<Vec<&'c Row>, StoreError> {
        let mut changed = Vec::new();
        for image in &command.images {
            let now = self.row_bytes(&image.row)?.map(|now| digest(&image.row, &now));
            if !matches!(image.row, Row::Bases(_)) && now != image.after {
                changed.push(&image.row);
            }
        }
        Ok(changed)
    }

    /// What a row was before a command, if it is now as the command left it.
    fn bytes_before(&self, image: &Image) -> Result<Option<Vec<u8>>, StoreError> {
        let wrong = |what: String| self.damaged(format!("an image of {:?}: {what}", image.row));
        match &image.before {
            Before::Absent => Ok(None),
            Before::Whole(bytes) => Ok(Some(bytes.clone())),
            Before::Delta(delta) => {
                let now = self.row_bytes(&image.row)?.unwrap_or_default();
                encoding::undelta(delta, &timeless(&image.row, &now)).map(Some).map_err(wrong)
            }
        }
    }

    /// The bytes of a private row, as an image has them.
    fn row_bytes(&self, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(match row {
            Row::CurrentSession => {
                self.row("SELECT session FROM meta", [], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten()
            }
            Row::Session(id) => {
                self.row("SELECT data FROM session WHERE id = ?1", [id.as_bytes()], |row| row.get(0))?
            }
            Row::Draft(patch) => self.draft_header(patch)?.map(|header| header.encode()),
            Row::DraftEntity(patch, entity) => {
                let sql = "SELECT data FROM draft_entity WHERE patch = ?1 AND entity = ?2";
                self.row(sql, (patch.as_bytes(), entity.as_bytes()), |row| row.get(0))?
            }
            Row::Setting(key) => self.setting(key)?.map(String::into_bytes),
            Row::Remote(name) => self.remote(name)?.map(|remote| encode_remote(&remote)),
            Row::Base(root, location) => self.import_base(root, location)?.map(|base| encode_base(&base)),
            Row::Bases(_) => None,
            Row::SpaceName(space) => self.named_space(*space)?.map(|named| encode_named(&named)),
            Row::Share(remote, space) => self.share(remote, *space)?.map(|shared| vec![u8::from(shared)]),
        })
    }
}

impl WriteTx<'_> {
    /// Notes how a private row is before it is first written.
    pub(crate) fn capture(&mut self, row: Row) -> Result<(), StoreError> {
        if !self.captured.contains_key(&row) {
            let before = self.row_bytes(&row)?;
            self.captured.insert(row, before);
        }
        Ok(())
    }

    /// Whether this transaction wrote which session is current.
    #[must_use]
    pub fn wrote_current_session(&self) -> bool {
        self.captured.contains_key(&Row::CurrentSession)
    }

    /// Records the command that this transaction is, with the rows that it changed and what it added to the log. One that changed
    /// nothing is not recorded: none.
    ///
    /// # Errors
    /// The disk.
    pub fn record(&mut self, new: &NewCommand, envelopes: &[EnvelopeId]) -> Result<Option<u64>, StoreError> {
        let mut images = Vec::new();
        for (row, before) in std::mem::take(&mut self.captured) {
            let after = self.row_bytes(&row)?;
            if differs(&row, before.as_deref(), after.as_deref()) || matches!(row, Row::Bases(_)) {
                images.push(Image::new(row, before, after.as_deref()));
            }
        }
        if images.is_empty() && envelopes.is_empty() && new.kind != CommandKind::Final {
            return Ok(None);
        }
        let data = encode_data(envelopes, &images);
        let (encoding, data) = self.pack_bytes(&data, Packing::Small);
        self.run(
            "INSERT INTO command (session, at, kind, target, verb, words, enc, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            rusqlite::params![
                new.session.as_bytes(),
                new.at.as_ms(),
                new.kind.tag(),
                new.target.map(u64::cast_signed),
                new.verb,
                new.words,
                encoding,
                data,
            ],
        )?;
        let id = self.store.connection.last_insert_rowid();
        self.run("DELETE FROM command WHERE id <= ?1", [id - COMMANDS_KEPT])?;
        Ok(Some(id.cast_unsigned()))
    }

    /// Makes all private rows that this transaction wrote what they were before it.
    ///
    /// # Errors
    /// The disk.
    pub fn take_back(&mut self) -> Result<(), StoreError> {
        for (row, before) in std::mem::take(&mut self.captured).into_iter().rev() {
            let restored = self.restore_row(&row, before.as_deref());
            restored.map_err(|error| error.unwrap_or_else(|| self.damaged(format!("{row:?}"))))?;
        }
        self.captured.clear();
        Ok(())
    }

    /// Makes the rows of a command's images what they were before it. They are as it left them ([`ReadTx::changed_since`]).
    ///
    /// # Errors
    /// The disk; a damaged image.
    pub fn restore(&mut self, command: &Command) -> Result<(), StoreError> {
        let mut decoded = BTreeMap::new();
        for image in &command.images {
            decoded.insert(&image.row, self.bytes_before(image)?);
        }
        // Sessions come before the current one that names one of them, as the order of rows backwards has it.
        for (row, bytes) in decoded.into_iter().rev() {
            let restored = self.restore_row(row, bytes.as_deref());
            let wrong = || self.damaged(format!("command {}: an image of {row:?}", command.summary.id));
            restored.map_err(|error| error.unwrap_or_else(wrong))?;
        }
        Ok(())
    }

    /// No error inside: the image does not decode.
    fn restore_row(&mut self, row: &Row, bytes: Option<&[u8]>) -> Result<(), Option<StoreError>> {
        match (row, bytes) {
            (Row::CurrentSession, None) => self.set_current_session(None)?,
            (Row::CurrentSession, Some(bytes)) => {
                let id = SessionId::from_bytes(bytes.try_into().map_err(|_| None)?);
                self.set_current_session(Some(&id))?;
            }
            (Row::Session(id), None) => self.remove_session(id)?,
            (Row::Session(_), Some(bytes)) => self.put_session(&Session::decode(bytes).map_err(|_| None)?)?,
            (Row::Draft(patch), None) => self.remove_draft(patch)?,
            (Row::Draft(_), Some(bytes)) => self.put_draft_header(&DraftHeader::decode(bytes).map_err(|_| None)?)?,
            (Row::DraftEntity(patch, entity), None) => self.put_draft_entity(patch, entity, None)?,
            (Row::DraftEntity(patch, entity), Some(bytes)) => {
                let written = DraftEntity::decode(bytes).map_err(|_| None)?;
                self.put_draft_entity(patch, entity, Some(&written))?;
            }
            (Row::Setting(key), bytes) => {
                let value = bytes.map(std::str::from_utf8).transpose().map_err(|_| None)?;
                self.put_setting(key, value)?;
            }
            (Row::Remote(name), None) => self.remove_remote(name)?,
            (Row::Remote(_), Some(bytes)) => self.put_remote(&decode_remote(bytes).map_err(|_| None)?)?,
            (Row::Base(root, location), None) => {
                self.remove_import_bases(root, &[location.parse().map_err(|_| None)?])?;
            }
            (Row::Base(root, _), Some(bytes)) => {
                self.put_import_bases(root, &[decode_base(bytes).map_err(|_| None)?])?;
            }
            (Row::Bases(root), _) => self.forget_import_root(root)?,
            (Row::SpaceName(space), None) => self.forget_space(*space)?,
            (Row::SpaceName(_), Some(bytes)) => self.put_named_space(&decode_named(bytes).map_err(|_| None)?)?,
            (Row::Share(remote, space), None) => self.put_share(remote, *space, None)?,
            (Row::Share(remote, space), Some([shared @ (0 | 1)])) => {
                self.put_share(remote, *space, Some(*shared == 1))?;
            }
            (Row::Share(..), Some(_)) => return Err(None),
        }
        Ok(())
    }
}

/// Whether two states of a row differ in more than when a session was last active, which every command changes.
fn differs(row: &Row, left: Option<&[u8]>, right: Option<&[u8]>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left != right && timeless(row, left) != timeless(row, right),
        _ => left != right,
    }
}

fn encode_remote(remote: &Remote) -> Vec<u8> {
    let mut to = Encoder::new();
    to.text(&remote.name);
    to.text(&remote.url);
    to.option(remote.token.as_ref(), |to, token| to.text(token));
    to.uint(remote.timeout_ms);
    to.text(remote.mode.as_str());
    to.finish()
}

fn decode_remote(bytes: &[u8]) -> Result<Remote, DecodeError> {
    let mut from = Decoder::new(bytes);
    let text = |from: &mut Decoder<'_>| from.text(BYTES_MAX, "remote").map(str::to_owned);
    let remote = Remote {
        name: text(&mut from)?,
        url: text(&mut from)?,
        token: from.option("token", text)?,
        timeout_ms: from.uint("time-out")?,
        mode: RemoteMode::named(&text(&mut from)?).ok_or_else(|| from.not_canonical("a mode"))?,
        last_sync: None,
    };
    from.finish()?;
    Ok(remote)
}

fn encode_named(named: &NamedSpace) -> Vec<u8> {
    let mut to = Encoder::new();
    to.raw(named.space.as_bytes());
    to.text(&named.name);
    to.time(named.since);
    to.finish()
}

fn decode_named(bytes: &[u8]) -> Result<NamedSpace, DecodeError> {
    let mut from = Decoder::new(bytes);
    let named = NamedSpace {
        space: Space::from_bytes(from.array("space")?),
        name: from.text(BYTES_MAX, "name")?.to_owned(),
        since: from.time("since")?,
    };
    from.finish()?;
    Ok(named)
}

fn encode_base(base: &ImportBase) -> Vec<u8> {
    let mut to = Encoder::new();
    to.text(base.location.as_str());
    to.entity_id(&base.entity);
    to.def_hash(&base.content);
    to.list(&base.heads, Encoder::op_id);
    to.text(&base.file);
    to.finish()
}

pub(crate) fn decode_base(bytes: &[u8]) -> Result<ImportBase, DecodeError> {
    let mut from = Decoder::new(bytes);
    let location = from.text(BYTES_MAX, "location")?.to_owned();
    let base = ImportBase {
        location: location.parse().map_err(|_| from.not_canonical("a location"))?,
        entity: from.entity_id()?,
        content: from.def_hash()?,
        heads: from.list(ELEMENTS_MAX, "heads", Decoder::op_id)?,
        file: from.text(BYTES_MAX, "file")?.to_owned(),
    };
    from.finish()?;
    Ok(base)
}
