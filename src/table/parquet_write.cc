#include <arrow/io/file.h>
#include <fcntl.h>
#include <parquet/column_writer.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/id.h"
#include "table/parquet.h"

namespace millrace {
namespace {

using parquet::LogicalType;

parquet::schema::NodePtr NodeOf(const Field& field) {
  const auto node = [&](parquet::Type::type physical, std::shared_ptr<const LogicalType> logical) {
    return parquet::schema::PrimitiveNode::Make(field.name, parquet::Repetition::OPTIONAL, std::move(logical),
                                                physical);
  };
  switch (field.type) {
    case DataType::kBool:
      return node(parquet::Type::BOOLEAN, LogicalType::None());
    case DataType::kInt64:
      return node(parquet::Type::INT64, LogicalType::None());
    case DataType::kDouble:
      return node(parquet::Type::DOUBLE, LogicalType::None());
    case DataType::kString:
      return node(parquet::Type::BYTE_ARRAY, LogicalType::String());
    case DataType::kTimestamp:
      break;
  }
  return node(parquet::Type::INT64, LogicalType::Timestamp(true, LogicalType::TimeUnit::MICROS));
}

std::shared_ptr<parquet::WriterProperties> PropertiesOf(const Schema& schema,
                                                        const ParquetWriteOptions& options) {
  parquet::WriterProperties::Builder builder;
  switch (options.compression) {
    case ParquetCompression::kNone:
      builder.compression(parquet::Compression::UNCOMPRESSED);
      break;
    case ParquetCompression::kSnappy:
      builder.compression(parquet::Compression::SNAPPY);
      break;
    case ParquetCompression::kZstd:
      builder.compression(parquet::Compression::ZSTD)->compression_level(1);
      break;
  }
  // Flipped bits on disk are found when the file is read back.
  builder.enable_page_checksum()->version(parquet::ParquetVersion::PARQUET_2_6)->created_by("millrace");
  // Doubles and times seldom repeat: a dictionary of them costs time and saves nothing.
  for (const Field& field : schema.fields()) {
    if (field.type == DataType::kDouble || field.type == DataType::kTimestamp) {
      builder.disable_dictionary(field.name);
    }
  }
  return builder.build();
}

// The rows [begin, begin + rows) of a column.
struct Slice {
  const Column& column;
  int64_t begin = 0;
  int64_t rows = 0;

  bool IsNull(int64_t i) const { return column.IsNull(static_cast<size_t>(begin + i)); }
};

template <typename Writer, typename T, typename Get>
void WriteSlice(parquet::ColumnWriter& any, const Slice& slice, const T* values, Get get) {
  auto& writer = static_cast<Writer&>(any);
  std::vector<int16_t> levels(static_cast<size_t>(slice.rows), 1);
  if (!slice.column.has_nulls() && values != nullptr) {
    writer.WriteBatch(slice.rows, levels.data(), nullptr, values + slice.begin);
    return;
  }
  const auto dense = std::make_unique<T[]>(static_cast<size_t>(slice.rows));
  size_t count = 0;
  for (int64_t i = 0; i < slice.rows; ++i) {
    if (slice.IsNull(i)) {
      levels[static_cast<size_t>(i)] = 0;
    } else {
      dense[count++] = get(static_cast<size_t>(slice.begin + i));
    }
  }
  writer.WriteBatch(slice.rows, levels.data(), nullptr, dense.get());
}

void WriteColumn(parquet::ColumnWriter& writer, const Slice& slice) {
  const Column& column = slice.column;
  switch (column.type()) {
    case DataType::kBool:
      WriteSlice<parquet::BoolWriter, bool>(writer, slice, nullptr,
                                            [&](size_t row) { return column.bools()[row] != 0; });
      break;
    case DataType::kInt64:
    case DataType::kTimestamp:
      WriteSlice<parquet::Int64Writer>(writer, slice, column.ints().data(),
                                       [&](size_t row) { return column.ints()[row]; });
      break;
    case DataType::kDouble:
      WriteSlice<parquet::DoubleWriter>(writer, slice, column.doubles().data(),
                                        [&](size_t row) { return column.doubles()[row]; });
      break;
    case DataType::kString:
      WriteSlice<parquet::ByteArrayWriter, parquet::ByteArray>(
          writer, slice, nullptr, [&](size_t row) { return parquet::ByteArray(column.String(row)); });
      break;
  }
}

void WriteTable(const std::shared_ptr<::arrow::io::FileOutputStream>& sink, const Table& table,
                const ParquetWriteOptions& options) {
  parquet::schema::NodeVector nodes;
  for (const Field& field : table.schema().fields()) nodes.push_back(NodeOf(field));
  const auto schema = std::static_pointer_cast<parquet::schema::GroupNode>(
      parquet::schema::GroupNode::Make("schema", parquet::Repetition::REQUIRED, nodes));
  const std::unique_ptr<parquet::ParquetFileWriter> writer =
      parquet::ParquetFileWriter::Open(sink, schema, PropertiesOf(table.schema(), options));
  const auto rows = static_cast<int64_t>(table.num_rows());
  const int64_t end = options.num_rows < 0 ? rows : options.first_row + options.num_rows;
  MR_CHECK(options.first_row >= 0 && options.first_row <= end && end <= rows, "rows [{}, {}) of {}",
           options.first_row, end, rows);
  const int64_t group_rows = std::max<int64_t>(1, options.row_group_rows);
  for (int64_t begin = options.first_row; begin < end; begin += group_rows) {
    parquet::RowGroupWriter* group = writer->AppendRowGroup();
    for (size_t c = 0; c < table.num_columns(); ++c) {
      WriteColumn(*group->NextColumn(), {table.column(c), begin, std::min(group_rows, end - begin)});
    }
    group->Close();
  }
  writer->Close();
}

// Removes what is half written unless it was published.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }
  Status Publish(const std::string& path) {
    if (rename(path_.c_str(), path.c_str()) != 0) {
      return Unavailable("cannot rename {} to {}: {}", path_, path, std::strerror(errno));
    }
    path_.clear();
    return Ok();
  }

 private:
  std::string path_;
};

Status SyncFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0)
    return Unavailable("cannot write {} to disk: {}", path, std::strerror(errno));
  return Ok();
}

}  // namespace

Status WriteParquet(const std::string& path, const Table& table, const ParquetWriteOptions& options) {
  if (table.num_columns() == 0) return InvalidArgument("{}: a table without columns has no file", path);
  TemporaryFile temporary(path + "." + RandomHex(8) + ".tmp");
  try {
    auto sink = ::arrow::io::FileOutputStream::Open(temporary.path());
    if (!sink.ok()) return Unavailable("cannot write {}: {}", path, sink.status().message());
    WriteTable(*sink, table, options);
    const ::arrow::Status closed = (*sink)->Close();
    if (!closed.ok()) return Unavailable("cannot write {}: {}", path, closed.message());
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("cannot write {}: out of memory", path);
  } catch (const std::exception& failure) {
    return Unavailable("cannot write {}: {}", path, failure.what());
  }
  MR_RETURN_IF_ERROR(SyncFile(temporary.path()));
  MR_RETURN_IF_ERROR(temporary.Publish(path));
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return SyncDirectory(directory.empty() ? "." : directory);
}

}  // namespace millrace
