//! How whole columns come out of a Parquet file, without the Arrow libraries: they would double this crate's compile time.

use bytes::Bytes;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type, Int96, Int96Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::failure::{Failure, Result};

/// A Parquet file in memory. Its columns are flat: each value is there or null.
pub(super) struct Table {
    name: String,
    reader: SerializedFileReader<Bytes>,
}

impl Table {
    pub(super) fn open(name: &str, bytes: Vec<u8>) -> Result<Table> {
        let reader = SerializedFileReader::new(Bytes::from(bytes))
            .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        Ok(Table { name: name.to_owned(), reader })
    }

    pub(super) fn integers(&self, column: &str) -> Result<Vec<i64>> {
        self.present::<Int64Type>(column)
    }

    pub(super) fn floats(&self, column: &str) -> Result<Vec<f64>> {
        self.present::<DoubleType>(column)
    }

    /// Instants without a zone, in seconds since 1970 as if they were UTC.
    pub(super) fn instants_s(&self, column: &str) -> Result<Vec<i64>> {
        Ok(self.present::<Int96Type>(column)?.iter().map(Int96::to_seconds).collect())
    }

    /// Texts; a null is an empty text.
    pub(super) fn texts(&self, column: &str) -> Result<Vec<String>> {
        let text = |value: Option<ByteArray>| match value {
            Some(value) => value.as_utf8().map(str::to_owned),
            None => Ok(String::new()),
        };
        let texts: std::result::Result<_, ParquetError> =
            self.optional::<ByteArrayType>(column)?.into_iter().map(text).collect();
        texts.map_err(|error| self.unreadable(column, &error))
    }

    fn present<T: DataType>(&self, column: &str) -> Result<Vec<T::T>> {
        let values = self.optional::<T>(column)?;
        let rows = values.len();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        if values.len() < rows {
            return Err(Failure::failed(format!(
                "{} column {column}: {} of {rows} rows are null",
                self.name,
                rows - values.len()
            )));
        }
        Ok(values)
    }

    fn optional<T: DataType>(&self, column: &str) -> Result<Vec<Option<T::T>>> {
        self.read::<T>(column).map_err(|error| self.unreadable(column, &error))
    }

    fn read<T: DataType>(&self, column: &str) -> std::result::Result<Vec<Option<T::T>>, ParquetError> {
        let metadata = self.reader.metadata();
        let columns = metadata.file_metadata().schema_descr().columns();
        let index = columns
            .iter()
            .position(|candidate| candidate.name() == column)
            .ok_or_else(|| ParquetError::General("no such column".to_owned()))?;
        let present = columns[index].max_def_level();
        let mut all = Vec::new();
        for group in 0..metadata.num_row_groups() {
            let group = self.reader.get_row_group(group)?;
            let rows = usize::try_from(group.metadata().num_rows()).expect("a row count is positive");
            let mut reader = get_typed_column_reader::<T>(group.get_column_reader(index)?);
            let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
            let (records, _, _) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
            if records != rows {
                return Err(ParquetError::General(format!("{records} of {rows} rows")));
            }
            let mut values = values.into_iter();
            if present == 0 {
                all.extend(values.map(Some));
            } else {
                all.extend(levels.iter().map(|level| if *level == present { values.next() } else { None }));
            }
        }
        Ok(all)
    }

    fn unreadable(&self, column: &str, error: &ParquetError) -> Failure {
        Failure::failed(format!("{} column {column}: {error}", self.name))
    }
}
