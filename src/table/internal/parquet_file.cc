#include "table/internal/parquet_file.h"

#include <arrow/io/file.h>
#include <parquet/exception.h>
#include <parquet/schema.h>
#include <parquet/types.h>

#include <filesystem>

namespace millrace::internal {
namespace {

Status Damaged(const std::string& path, std::string_view why) {
  return DataLoss("{} is damaged or no Parquet file: {}", path, why);
}

void Refuse(ParquetColumn& column, std::string why) { column.refusal = std::move(why); }

void DescribeInt32(const parquet::LogicalType& logical, ParquetColumn& column) {
  column.field.type = DataType::kInt64;
  column.decoding = Decoding::kInt32;
  if (logical.is_date()) {
    column.field.type = DataType::kTimestamp;
    column.decoding = Decoding::kDate;
  } else if (logical.is_int()) {
    const auto& integer = static_cast<const parquet::IntLogicalType&>(logical);
    if (!integer.is_signed()) column.decoding = Decoding::kUInt32;
  } else if (!logical.is_none() && !logical.is_invalid()) {
    Refuse(column, logical.ToString());
  }
}

void DescribeTimestamp(const parquet::TimestampLogicalType& logical, ParquetColumn& column) {
  using Unit = parquet::LogicalType::TimeUnit;
  column.field.type = DataType::kTimestamp;
  column.local_time = !logical.is_adjusted_to_utc();
  switch (logical.time_unit()) {
    case Unit::MILLIS:
      column.decoding = Decoding::kMillis;
      break;
    case Unit::MICROS:
      column.decoding = Decoding::kMicros;
      break;
    case Unit::NANOS:
      column.decoding = Decoding::kNanos;
      break;
    default:
      Refuse(column, "a timestamp of unknown unit");
      break;
  }
}

void DescribeInt64(const parquet::LogicalType& logical, ParquetColumn& column) {
  column.field.type = DataType::kInt64;
  column.decoding = Decoding::kInt64;
  if (logical.is_timestamp()) {
    DescribeTimestamp(static_cast<const parquet::TimestampLogicalType&>(logical), column);
  } else if (logical.is_int()) {
    const auto& integer = static_cast<const parquet::IntLogicalType&>(logical);
    if (!integer.is_signed()) column.decoding = Decoding::kUInt64;
  } else if (!logical.is_none() && !logical.is_invalid()) {
    Refuse(column, logical.ToString());
  }
}

ParquetColumn Describe(const parquet::SchemaDescriptor& schema, const parquet::schema::Node& node) {
  ParquetColumn column;
  column.field.name = node.name();
  if (!node.is_primitive() || node.is_repeated()) {
    Refuse(column, "a nested type");
    return column;
  }
  column.index = schema.ColumnIndex(node);
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  const parquet::LogicalType& logical = *leaf.logical_type();
  switch (leaf.physical_type()) {
    case parquet::Type::BOOLEAN:
      column.field.type = DataType::kBool;
      column.decoding = Decoding::kBool;
      break;
    case parquet::Type::INT32:
      DescribeInt32(logical, column);
      break;
    case parquet::Type::INT64:
      DescribeInt64(logical, column);
      break;
    case parquet::Type::INT96:
      column.field.type = DataType::kTimestamp;
      column.decoding = Decoding::kInt96;  // by custom in UTC
      break;
    case parquet::Type::FLOAT:
    case parquet::Type::DOUBLE:
      column.field.type = DataType::kDouble;
      column.decoding = leaf.physical_type() == parquet::Type::FLOAT ? Decoding::kFloat : Decoding::kDouble;
      break;
    case parquet::Type::BYTE_ARRAY:
      column.field.type = DataType::kString;
      column.decoding = Decoding::kText;
      if (logical.is_decimal() || logical.is_BSON()) Refuse(column, logical.ToString());
      break;
    default:
      Refuse(column, logical.is_none() ? "bytes of fixed length" : logical.ToString());
      break;
  }
  return column;
}

}  // namespace

Result<ParquetFile> ParquetFile::Open(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return NotFound("there is no file {}", path);
  if (!std::filesystem::is_regular_file(status)) return InvalidArgument("{} is not a file", path);
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size == 0) return DataLoss("{} is empty: a Parquet file has at least a footer", path);
  ParquetFile file;
  file.path_ = path;
  try {
    // Not memory-mapped: a file that is cut short while it is read must give an
    // error, not a bus error.
    auto source = ::arrow::io::ReadableFile::Open(path);
    if (!source.ok()) return Unavailable("cannot open {}: {}", path, source.status().message());
    parquet::ReaderProperties properties = parquet::default_reader_properties();
    properties.set_page_checksum_verification(true);
    file.reader_ = parquet::ParquetFileReader::Open(*source, properties);
    file.metadata_ = file.reader_->metadata();
    const parquet::SchemaDescriptor& schema = *file.metadata_->schema();
    const parquet::schema::GroupNode& root = *schema.group_node();
    int64_t rows = 0;
    for (int i = 0; i < file.num_row_groups(); ++i) {
      const int64_t more = file.RowsOf(i);
      if (more < 0 || more > file.num_rows() - rows)
        return Damaged(path, "its row groups have other rows than it has");
      rows += more;
    }
    if (rows != file.num_rows()) return Damaged(path, "its row groups have other rows than it has");
    for (int i = 0; i < root.field_count(); ++i) file.columns_.push_back(Describe(schema, *root.field(i)));
  } catch (const std::exception& failure) {
    return Damaged(path, failure.what());
  }
  return file;
}

int64_t ParquetFile::BytesOf(int row_group, const ParquetColumn& column) const {
  try {
    return std::max<int64_t>(
        0, metadata_->RowGroup(row_group)->ColumnChunk(column.index)->total_compressed_size());
  } catch (const std::exception&) {
    return 0;
  }
}

Status ParquetFile::CheckReadable(const ParquetColumn& column) const {
  if (column.refusal.empty()) return Ok();
  return InvalidArgument(
      "{}: column '{}' is {}, which has no exact form here; leave it out, or write it as int64, double, "
      "bool, "
      "string or timestamp",
      path_, column.field.name, column.refusal);
}

}  // namespace millrace::internal
