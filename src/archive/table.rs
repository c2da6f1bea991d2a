//! Rows to Parquet and back: every column has a type that other programs know, and may be
//! empty. A file is one row group, written in memory and read a column at a time.

use crate::domain::Timestamp;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, ReaderProperties, WriterProperties};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};
use std::fs::File;
use std::sync::Arc;

/// So many rows share a page: one record is found without unpacking all the others.
const PAGE_ROWS: usize = 64;
/// Beyond this zstd gains little and costs much.
const LEVEL: i32 = 3;

/// One column: its name, and what stands in it.
pub(super) struct Column<R> {
    pub(super) name: &'static str,
    pub(super) of: Of<R>,
}

/// What stands in a column, of a row.
pub(super) enum Of<R> {
    /// A name or number that people read.
    Text(fn(&R) -> Option<String>),
    /// What only we read, sealed or packed.
    Bytes(fn(&R) -> Option<Vec<u8>>),
    /// A small whole number.
    Number(fn(&R) -> Option<u32>),
    /// A large one.
    Long(fn(&R) -> Option<u64>),
    /// A moment, in milliseconds, UTC.
    Moment(fn(&R) -> Option<Timestamp>),
    /// Yes or no.
    Flag(fn(&R) -> Option<bool>),
}

impl<R> Column<R> {
    fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.of {
            Of::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Of::Bytes(_) => (Physical::BYTE_ARRAY, None),
            Of::Number(_) => (Physical::INT32, Some(LogicalType::integer(32, false))),
            Of::Long(_) => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Of::Moment(_) => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            }
            Of::Flag(_) => (Physical::BOOLEAN, None),
        };
        Type::primitive_type_builder(self.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }
}

/// A whole file. The same rows give the same bytes. `found_by` is the column that rows are
/// looked up in.
pub(super) fn encode<R>(
    columns: &[Column<R>],
    found_by: &str,
    rows: &[R],
) -> Result<Vec<u8>, ParquetError> {
    let fields: Result<Vec<_>, _> = columns.iter().map(|c| c.field().map(Arc::new)).collect();
    let schema = Type::group_type_builder("row").with_fields(fields?).build()?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_created_by(concat!("hotline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_write_batch_size(PAGE_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_column_bloom_filter_enabled(ColumnPath::from(found_by), true)
        .set_column_bloom_filter_max_ndv(ColumnPath::from(found_by), rows.len().max(1) as u64);
    for column in columns.iter().filter(|column| matches!(column.of, Of::Bytes(_))) {
        // The least and greatest of what nobody can read tell nothing.
        let path = || ColumnPath::from(column.name);
        properties = properties
            .set_column_statistics_enabled(path(), EnabledStatistics::None)
            .set_column_dictionary_enabled(path(), false);
    }
    let mut file =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        match column.of {
            Of::Text(of) => {
                put::<ByteArrayType, _>(&mut group, rows, |r| of(r).map(|t| t.into_bytes().into()))?
            }
            Of::Bytes(of) => {
                put::<ByteArrayType, _>(&mut group, rows, |r| of(r).map(ByteArray::from))?
            }
            // Unsigned ones are written as the signed ones of the same bits.
            Of::Number(of) => put::<Int32Type, _>(&mut group, rows, |r| of(r).map(|n| n as i32))?,
            Of::Long(of) => put::<Int64Type, _>(&mut group, rows, |r| of(r).map(|n| n as i64))?,
            Of::Moment(of) => put::<Int64Type, _>(&mut group, rows, |r| of(r).map(|at| at.0))?,
            Of::Flag(of) => put::<BoolType, _>(&mut group, rows, of)?,
        }
    }
    group.close()?;
    file.into_inner()
}

fn put<T: DataType, R>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[R],
    of: impl Fn(&R) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let mut values = Vec::with_capacity(rows.len());
    let mut there = Vec::with_capacity(rows.len());
    for row in rows {
        let value = of(row);
        there.push(i16::from(value.is_some()));
        values.extend(value);
    }
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("there are more columns than were said".to_owned()));
    };
    column.typed::<T>().write_batch(&values, Some(&there), None)?;
    column.close()
}

/// A file that is read.
pub(super) struct Table {
    reader: SerializedFileReader<File>,
}

impl Table {
    /// Reads what the file says of itself.
    pub(super) fn open(file: File) -> Result<Table, ParquetError> {
        let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
        Ok(Table { reader: SerializedFileReader::new_with_options(file, options)? })
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        usize::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// What stands in a column of bytes or text, in these rows.
    pub(super) fn bytes(
        &self,
        name: &str,
        from: usize,
        count: usize,
    ) -> Result<Vec<Option<Vec<u8>>>, ParquetError> {
        let values = self.column::<ByteArrayType>(name, from, count)?;
        Ok(values.into_iter().map(|value| value.map(|v| v.data().to_vec())).collect())
    }

    /// What stands in a column of large numbers, in all rows.
    pub(super) fn longs(&self, name: &str) -> Result<Vec<Option<u64>>, ParquetError> {
        let values = self.column::<Int64Type>(name, 0, self.rows())?;
        Ok(values.into_iter().map(|value| value.map(|n| n as u64)).collect())
    }

    /// What stands in a column of small numbers, in all rows.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<Option<u32>>, ParquetError> {
        let values = self.column::<Int32Type>(name, 0, self.rows())?;
        Ok(values.into_iter().map(|value| value.map(|n| n as u32)).collect())
    }

    /// The rows in whose column this text stands; most files that have none are told without
    /// reading the column.
    pub(super) fn find(&self, name: &str, text: &str) -> Result<Vec<usize>, ParquetError> {
        let place = self.place(name)?;
        let may_have = (0..self.reader.num_row_groups()).try_fold(false, |any, group| {
            let group = self.reader.get_row_group(group)?;
            let filter = group.get_column_bloom_filter(place);
            Ok::<_, ParquetError>(any || filter.is_none_or(|filter| filter.check(text)))
        })?;
        if !may_have {
            return Ok(Vec::new());
        }
        let values = self.bytes(name, 0, self.rows())?;
        let same = |(row, value): (usize, Option<Vec<u8>>)| {
            (value.as_deref() == Some(text.as_bytes())).then_some(row)
        };
        Ok(values.into_iter().enumerate().filter_map(same).collect())
    }

    fn place(&self, name: &str) -> Result<usize, ParquetError> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let place = schema.columns().iter().position(|column| column.name() == name);
        place.ok_or_else(|| ParquetError::General(format!("it has no column {name}")))
    }

    fn column<T: DataType>(
        &self,
        name: &str,
        mut from: usize,
        count: usize,
    ) -> Result<Vec<Option<T::T>>, ParquetError> {
        let place = self.place(name)?;
        let schema = self.reader.metadata().file_metadata().schema_descr();
        if schema.column(place).physical_type() != T::get_physical_type() {
            return Err(ParquetError::General(format!("its column {name} is of another type")));
        }
        let mut all = Vec::with_capacity(count);
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group)?;
            let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            if from >= rows || all.len() == count {
                from = from.saturating_sub(rows);
                continue;
            }
            let mut reader = get_typed_column_reader::<T>(group.get_column_reader(place)?);
            reader.skip_records(from)?;
            let wanted = (rows - from).min(count - all.len());
            from = 0;
            let (mut there, mut values) = (Vec::new(), Vec::new());
            reader.read_records(wanted, Some(&mut there), None, &mut values)?;
            let mut values = values.into_iter();
            all.extend(there.iter().map(|there| if *there == 0 { None } else { values.next() }));
        }
        if all.len() < count {
            return Err(ParquetError::EOF(format!("its column {name} ends early")));
        }
        Ok(all)
    }
}
