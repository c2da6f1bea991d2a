//! A linear model over a text's runs of characters, trained by [`crate::train`].
//!
//! - Each run of a field (title or text) has the value ln(1 + times) · idf, and those of one
//!   length are brought to unit length together; they weigh [`ORDER_WEIGHT`]. A class's score
//!   is its bias and what its weights make of them.
//! - Runs share rows by their hash: 2¹⁸ rows at up to 7 classes, fewer at more, so that the
//!   whole stays under 4 MiB and near the processor. A row is the idf and a weight for each
//!   class, one byte each.
//! - How likely the best class is follows from how far its score is before the second's, and
//!   from the sum of all ([`Calibration`]), fitted to messages which the model had not seen.

use super::calibration::Calibration;
use super::grams::{Gram, ORDERS};
use crate::domain::ModelVersion;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::LazyLock;

/// The format this program writes and reads.
pub const FORMAT: u16 = 2;
/// The most classes a model tells apart.
pub const MAX_CLASSES: usize = 255;
/// The most bytes its rows take: with what stands before them, a model is under 4 MiB.
const MAX_ROWS: usize = (4 << 20) - (64 << 10);
/// The most rows, by their bits: more did not read better.
const MAX_BITS: u32 = 18;
/// The most characters a class's name has.
const MAX_NAME: usize = 64;

/// What runs of one, two and three characters weigh.
pub const ORDER_WEIGHT: [f32; ORDERS] = [0.5, 1.0, 0.5];
/// An idf is kept in this many parts of one.
const IDF_PARTS: f32 = 20.0;

const MAGIC: &[u8] = b"HOTLINE-MODEL\n";
const DIGEST: usize = 32;

/// A trained model. Its bytes are the same wherever and by however many threads it was trained.
pub struct Model {
    version: ModelVersion,
    classes: Vec<String>,
    bias: Vec<f32>,
    calibration: Calibration,
    /// What a weight of 1 in the rows is worth.
    scale: f32,
    bits: u32,
    /// Bytes of a row: a power of two, 8 and more.
    stride: usize,
    rows: Vec<u8>,
}

/// Why bytes are no model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelError {
    /// They begin otherwise.
    Stranger,
    /// Another version of this program wrote it.
    Format {
        /// The format it is in.
        found: u16,
    },
    /// The end is missing, or there is something after it.
    Length {
        /// How many bytes there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// A byte is not what was written.
    Checksum,
    /// It says what no model can say.
    Content(&'static str),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Stranger => f.write_str("this is no model of `hotline train`"),
            ModelError::Format { found } => write!(
                f,
                "it is in format {found}, and this program reads format {FORMAT}: train it anew"
            ),
            ModelError::Length { found, expected } if found < expected => {
                write!(f, "it is cut short: {found} bytes of {expected}")
            }
            ModelError::Length { found, expected } => {
                write!(f, "there is something after its end: {found} bytes instead of {expected}")
            }
            ModelError::Checksum => {
                f.write_str("its checksum is wrong: the file is damaged, copy it again")
            }
            ModelError::Content(what) => write!(f, "it makes no sense: {what}"),
        }
    }
}

impl std::error::Error for ModelError {}

/// How many rows a model of so many classes has, in bits, and how many bytes each.
pub fn shape(classes: usize) -> (u32, usize) {
    let stride = (classes + 1).next_power_of_two().max(8);
    let bits = (MAX_ROWS / stride).ilog2().min(MAX_BITS);
    (bits, stride)
}

/// ln((1 + messages) / (1 + with)) + 1, as it is kept in a row.
pub fn idf(messages: usize, with: u32) -> u8 {
    let idf = ((1.0 + messages as f32) / (1.0 + with as f32)).ln() + 1.0;
    (idf * IDF_PARTS).round().min(255.0) as u8
}

/// The row of a gram.
pub fn row(gram: &Gram, bits: u32) -> usize {
    (gram.hash >> (32 - bits)) as usize
}

/// The values of a field's grams: `put` is called with each gram's row and value, in order.
pub fn values(
    grams: &[Gram],
    bits: u32,
    idf: impl Fn(usize) -> u8,
    mut put: impl FnMut(usize, f32),
) {
    let mut squares = [0.0; ORDERS];
    let logs = &*LOGS;
    let value = |gram: &Gram| logs[usize::from(gram.times)] * f32::from(idf(row(gram, bits)));
    for gram in grams {
        squares[usize::from(gram.order)] += value(gram).powi(2);
    }
    let unit = units(squares);
    for gram in grams {
        put(row(gram, bits), value(gram) * unit[usize::from(gram.order)]);
    }
}

/// What the values of each length are to be multiplied by.
fn units(squares: [f32; ORDERS]) -> [f32; ORDERS] {
    let mut units = [0.0; ORDERS];
    for ((unit, sum), weight) in units.iter_mut().zip(squares).zip(ORDER_WEIGHT) {
        *unit = if sum > 0.0 { weight / sum.sqrt() } else { 0.0 };
    }
    units
}

/// What a model is made of before its weights are rounded.
pub struct Weights {
    /// The classes' names.
    pub classes: Vec<String>,
    /// Of each class.
    pub bias: Vec<f32>,
    /// Of each row.
    pub idf: Vec<u8>,
    /// Of each row, the weights of all classes.
    pub weights: Vec<f32>,
}

impl Model {
    /// Rounds weights to a byte each, in parts of the largest; it is not calibrated yet.
    pub fn new(from: &Weights) -> Model {
        let (bits, stride) = shape(from.classes.len());
        let largest = from.weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let mut rows = vec![0; stride << bits];
        let weights = from.weights.chunks(from.classes.len());
        for ((row, idf), weights) in rows.chunks_mut(stride).zip(&from.idf).zip(weights) {
            row[0] = *idf;
            for (byte, weight) in row[1..].iter_mut().zip(weights) {
                *byte = (weight / scale).round() as i8 as u8;
            }
        }
        let (classes, bias) = (from.classes.clone(), from.bias.clone());
        let version = ModelVersion(0);
        let calibration = Calibration { slope: 1.0, whole: 0.0, offset: 0.0 };
        Model { version, classes, bias, calibration, scale, bits, stride, rows }.sealed()
    }

    /// The same with another calibration.
    pub fn calibrated(self, calibration: Calibration) -> Model {
        Model { calibration, ..self }.sealed()
    }

    fn sealed(mut self) -> Model {
        let bytes = self.to_bytes();
        self.version = version(&bytes[bytes.len() - DIGEST..]);
        self
    }

    /// Names it: the beginning of its SHA-256.
    pub fn version(&self) -> ModelVersion {
        self.version
    }

    /// The names of its classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Each class's score, of a title's and a text's runs.
    pub fn scores(&self, title: &[Gram], text: &[Gram]) -> Vec<f32> {
        match self.stride {
            8 => self.add_up::<8>(title, text),
            16 => self.add_up::<16>(title, text),
            32 => self.add_up::<32>(title, text),
            64 => self.add_up::<64>(title, text),
            128 => self.add_up::<128>(title, text),
            _ => self.add_up::<256>(title, text),
        }
    }

    fn add_up<const STRIDE: usize>(&self, title: &[Gram], text: &[Gram]) -> Vec<f32> {
        let (rows, _) = self.rows.as_chunks::<STRIDE>();
        let mut scores = self.bias.clone();
        let logs = &*LOGS;
        for grams in [title, text] {
            let mut squares = [0.0; ORDERS];
            let mut sums = [[0.0_f32; STRIDE]; ORDERS];
            for gram in grams {
                let row = &rows[row(gram, self.bits)];
                let order = usize::from(gram.order);
                let value = logs[usize::from(gram.times)] * f32::from(row[0]);
                squares[order] += value * value;
                for (sum, weight) in sums[order].iter_mut().zip(row) {
                    *sum += value * f32::from(*weight as i8);
                }
            }
            for (sums, unit) in sums.iter().zip(units(squares)) {
                for (score, sum) in scores.iter_mut().zip(&sums[1..]) {
                    *score += sum * unit * self.scale;
                }
            }
        }
        scores
    }

    /// How likely each class is, by the scores; together 1.
    pub fn likelihood(&self, scores: &[f32]) -> Vec<f32> {
        self.calibration.likelihood(scores)
    }

    /// What a run that stands once in a field of these runs adds to a class's score.
    pub(super) fn share(&self, grams: &[Gram]) -> impl Fn(u32, u8, usize) -> f32 + '_ {
        let mut squares = [0.0; ORDERS];
        for gram in grams {
            let idf = self.rows[row(gram, self.bits) * self.stride];
            let value = LOGS[usize::from(gram.times)] * f32::from(idf);
            squares[usize::from(gram.order)] += value * value;
        }
        let unit = units(squares);
        move |hash, order, class| {
            let at = (hash >> (32 - self.bits)) as usize * self.stride;
            let value = LOGS[1] * f32::from(self.rows[at]) * unit[usize::from(order)];
            value * f32::from(self.rows[at + 1 + class] as i8) * self.scale
        }
    }

    /// The model as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rows.len() + 4096);
        out.extend(MAGIC);
        out.extend(FORMAT.to_le_bytes());
        let length = out.len();
        out.extend([0; 8]);
        let Calibration { slope, whole, offset } = self.calibration;
        [slope, whole, offset].iter().for_each(|number| out.extend(number.to_le_bytes()));
        out.extend(self.scale.to_le_bytes());
        out.push(self.classes.len() as u8);
        for (class, bias) in self.classes.iter().zip(&self.bias) {
            out.push(class.len() as u8);
            out.extend(class.as_bytes());
            out.extend(bias.to_le_bytes());
        }
        out.extend(&self.rows);
        let whole = (out.len() + DIGEST) as u64;
        out[length..length + 8].copy_from_slice(&whole.to_le_bytes());
        let digest = Sha256::digest(&out);
        out.extend(digest);
        out
    }

    /// Reads what [`Model::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        let mut from = Reader(bytes.strip_prefix(MAGIC).ok_or(ModelError::Stranger)?);
        let found = u16::from_le_bytes(from.array()?);
        if found != FORMAT {
            return Err(ModelError::Format { found });
        }
        let expected = u64::from_le_bytes(from.array()?);
        if bytes.len() as u64 != expected {
            return Err(ModelError::Length { found: bytes.len() as u64, expected });
        }
        let (content, digest) = bytes
            .split_at_checked(bytes.len().saturating_sub(DIGEST))
            .ok_or(ModelError::Stranger)?;
        if Sha256::digest(content)[..] != *digest {
            return Err(ModelError::Checksum);
        }
        from.0 = from.0.strip_suffix(digest).ok_or(ModelError::Checksum)?;
        let slope = f32::from_le_bytes(from.array()?);
        let whole = f32::from_le_bytes(from.array()?);
        let offset = f32::from_le_bytes(from.array()?);
        let scale = f32::from_le_bytes(from.array()?);
        let [count] = from.array()?;
        if count < 2 {
            return Err(ModelError::Content("it has fewer than two classes"));
        }
        let (mut classes, mut bias) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let [length] = from.array()?;
            let name = from.take(usize::from(length))?;
            let name = std::str::from_utf8(name).ok();
            classes.push(name.ok_or(ModelError::Content("a class has no name"))?.to_owned());
            bias.push(f32::from_le_bytes(from.array()?));
        }
        let (bits, stride) = shape(classes.len());
        if from.0.len() != stride << bits {
            return Err(ModelError::Content("its rows are not those of its classes"));
        }
        let numbers = [&slope, &whole, &offset, &scale];
        let finite = bias.iter().chain(numbers).all(|number| number.is_finite());
        if !finite || slope <= 0.0 || scale <= 0.0 {
            return Err(ModelError::Content("a number in it is none"));
        }
        let rows = from.0.to_vec();
        let version = version(digest);
        let calibration = Calibration { slope, whole, offset };
        Ok(Model { version, classes, bias, calibration, scale, bits, stride, rows })
    }
}

/// Whether a label can name a class: 1 to 64 characters.
pub fn is_name(label: &str) -> bool {
    (1..=MAX_NAME).contains(&label.chars().count()) && label.len() <= usize::from(u8::MAX)
}

/// ln(1 + times).
static LOGS: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|times| (1.0 + times as f32).ln()));

fn version(digest: &[u8]) -> ModelVersion {
    let first = digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    ModelVersion(first)
}

/// What is left of a file.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ModelError> {
        let short = ModelError::Content("it ends too soon");
        let (taken, rest) = self.0.split_at_checked(length).ok_or(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let short = ModelError::Content("it ends too soon");
        let (taken, rest) = self.0.split_first_chunk().ok_or(short)?;
        self.0 = rest;
        Ok(*taken)
    }
}
