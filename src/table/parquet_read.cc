#include <algorithm>
#include <optional>

#include "base/parallel.h"
#include "base/text.h"
#include "table/internal/parquet_file.h"
#include "table/parquet.h"

namespace millrace {
namespace {

using internal::ChunkTarget;
using internal::ParquetColumn;
using internal::ParquetFile;

// One column of the result: every chunk writes its own range of these vectors.
struct ColumnBuffer {
  Field field;
  Buffer<int64_t> ints;
  Buffer<double> doubles;
  Buffer<uint8_t> bools;
};

// One column of one row group of one file, and where its rows begin in the result.
struct Chunk {
  const ParquetFile* file = nullptr;
  int row_group = 0;
  const ParquetColumn* column = nullptr;
  size_t buffer = 0;
  int64_t first_row = 0;
  int64_t rows = 0;
  ChunkTarget target;
};

Result<const ParquetColumn*> FindColumn(const ParquetFile& file, const std::string& name) {
  std::vector<std::string> names;
  for (const ParquetColumn& column : file.columns()) {
    if (column.field.name == name) return &column;
    names.push_back(column.field.name);
  }
  const std::string nearest = Nearest(name, names);
  if (!nearest.empty()) {
    return NotFound("{} has no column '{}'; did you mean '{}'?", file.path(), name, nearest);
  }
  return NotFound("{} has no column '{}'; its columns are {}", file.path(), name, Join(names, ", "));
}

const ParquetColumn* Same(const ParquetFile& file, const ParquetColumn& column) {
  for (const ParquetColumn& other : file.columns()) {
    if (other.field.name == column.field.name) return &other;
  }
  return nullptr;
}

// Of a file that is read beside `first`: the same columns, in any order.
Status CheckSameColumns(const ParquetFile& first, const ParquetFile& file) {
  for (const ParquetColumn& column : file.columns()) {
    if (Same(first, column) != nullptr) continue;
    return InvalidArgument("{} has a column '{}' ({}), which {} has not: files of one source have one schema",
                           file.path(), column.field.name, DataTypeName(column.field.type), first.path());
  }
  for (const ParquetColumn& column : first.columns()) {
    if (Same(file, column) != nullptr) continue;
    return InvalidArgument("{} has no column '{}' ({}), which {} has: files of one source have one schema",
                           file.path(), column.field.name, DataTypeName(column.field.type), first.path());
  }
  return Ok();
}

Status CheckSameType(const std::string& first, const Field& expected, const ParquetFile& file,
                     const ParquetColumn& column) {
  if (column.field.type == expected.type) return Ok();
  return InvalidArgument("{}: column '{}' is {}, but in {} it is {}: files of one source have one schema",
                         file.path(), expected.name, DataTypeName(column.field.type), first,
                         DataTypeName(expected.type));
}

Result<std::vector<const ParquetColumn*>> ResolveColumns(const ParquetFile& file,
                                                         std::span<const std::string> names) {
  std::vector<const ParquetColumn*> columns;
  for (const std::string& name : names) {
    MR_ASSIGN_OR_RETURN(const ParquetColumn* column, FindColumn(file, name));
    MR_RETURN_IF_ERROR(file.CheckReadable(*column));
    columns.push_back(column);
  }
  return columns;
}

// That the file at `path` can be read beside `first`.
Status CheckAgrees(const ParquetFile& first, const Schema& schema, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const ParquetFile file, ParquetFile::Open(path));
  MR_RETURN_IF_ERROR(CheckSameColumns(first, file));
  for (const Field& field : schema.fields()) {
    MR_ASSIGN_OR_RETURN(const ParquetColumn* column, FindColumn(file, field.name));
    MR_RETURN_IF_ERROR(file.CheckReadable(*column));
    MR_RETURN_IF_ERROR(CheckSameType(first.path(), field, file, *column));
  }
  return Ok();
}

// The read, file by file: what to read, then where to, then the reading.
class Reading {
 public:
  explicit Reading(const ParquetReadOptions& options) : options_(options) {}

  Status Open(std::span<const std::string> paths);
  Status Plan();
  Status Run();
  Result<ParquetParts> Finish();

 private:
  Status PlanFile(const ParquetFile& file, int64_t first_row);
  Column FinishColumn(size_t index);
  Status ReadOne(Chunk& chunk) const;

  const ParquetReadOptions& options_;
  std::vector<ParquetFile> files_;
  std::vector<std::string> names_;
  std::vector<ColumnBuffer> buffers_;
  std::vector<Chunk> chunks_;  // by file, row group, column
  int64_t num_rows_ = 0;
};

Status Reading::Open(std::span<const std::string> paths) {
  std::vector<std::optional<ParquetFile>> opened(paths.size());
  MR_RETURN_IF_ERROR(ParallelFor(options_.threads, paths.size(), [&](size_t i) -> Status {
    MR_ASSIGN_OR_RETURN(opened[i], ParquetFile::Open(paths[i]));
    return Ok();
  }));
  for (std::optional<ParquetFile>& file : opened) {
    if (file->num_rows() > options_.max_rows - num_rows_) {
      return ResourceExhausted("{} brings the rows to more than {}, the limit of one read", file->path(),
                               options_.max_rows);
    }
    num_rows_ += file->num_rows();
    files_.push_back(std::move(*file));
  }
  return Ok();
}

Status Reading::Plan() {
  names_ = options_.columns;
  if (names_.empty()) {
    for (const ParquetColumn& column : files_.front().columns()) names_.push_back(column.field.name);
    for (const ParquetFile& file : files_) MR_RETURN_IF_ERROR(CheckSameColumns(files_.front(), file));
  }
  MR_ASSIGN_OR_RETURN(const auto columns, ResolveColumns(files_.front(), names_));
  for (const ParquetColumn* column : columns) {
    ColumnBuffer buffer{.field = column->field, .ints = {}, .doubles = {}, .bools = {}};
    const auto rows = static_cast<size_t>(num_rows_);
    switch (column->field.type) {
      case DataType::kBool:
        buffer.bools = Buffer<uint8_t>::Uninitialized(rows);
        break;
      case DataType::kDouble:
        buffer.doubles = Buffer<double>::Uninitialized(rows);
        break;
      case DataType::kInt64:
      case DataType::kTimestamp:
        buffer.ints = Buffer<int64_t>::Uninitialized(rows);
        break;
      case DataType::kString:
        break;
    }
    buffers_.push_back(std::move(buffer));
  }
  int64_t first_row = 0;
  for (const ParquetFile& file : files_) {
    MR_RETURN_IF_ERROR(PlanFile(file, first_row));
    first_row += file.num_rows();
  }
  return Ok();
}

Status Reading::PlanFile(const ParquetFile& file, int64_t first_row) {
  MR_ASSIGN_OR_RETURN(const auto columns, ResolveColumns(file, names_));
  for (size_t c = 0; c < columns.size(); ++c) {
    MR_RETURN_IF_ERROR(CheckSameType(files_.front().path(), buffers_[c].field, file, *columns[c]));
  }
  for (int group = 0; group < file.num_row_groups(); ++group) {
    const int64_t rows = file.RowsOf(group);
    for (size_t c = 0; c < columns.size(); ++c) {
      chunks_.push_back({&file, group, columns[c], c, first_row, rows, {}});
    }
    first_row += rows;
  }
  return Ok();
}

Status Reading::ReadOne(Chunk& chunk) const {
  MR_RETURN_IF_ERROR(chunk.file->ReadChunk(chunk.row_group, *chunk.column, options_.time_zone, chunk.target));
  if (options_.progress) {
    options_.progress(chunk.buffer == 0 ? chunk.rows : 0,
                      chunk.file->BytesOf(chunk.row_group, *chunk.column));
  }
  return Ok();
}

Status Reading::Run() {
  for (Chunk& chunk : chunks_) {
    ColumnBuffer& buffer = buffers_[chunk.buffer];
    if (!buffer.ints.empty()) chunk.target.ints = buffer.ints.data() + chunk.first_row;
    if (!buffer.doubles.empty()) chunk.target.doubles = buffer.doubles.data() + chunk.first_row;
    if (!buffer.bools.empty()) chunk.target.bools = buffer.bools.data() + chunk.first_row;
  }
  return ParallelFor(options_.threads, chunks_.size(), [&](size_t i) { return ReadOne(chunks_[i]); });
}

Column Reading::FinishColumn(size_t index) {
  ColumnBuffer& buffer = buffers_[index];
  std::vector<uint8_t> valid;
  std::vector<int64_t> offsets{0};
  std::string text;
  for (size_t i = index; i < chunks_.size(); i += buffers_.size()) {
    ChunkTarget& target = chunks_[i].target;
    if (!target.valid.empty()) {
      if (valid.empty()) valid.assign(static_cast<size_t>(num_rows_), 1);
      std::copy(target.valid.begin(), target.valid.end(), valid.begin() + chunks_[i].first_row);
    }
    const auto base = static_cast<int64_t>(text.size());
    for (const int64_t end : target.text_ends) offsets.push_back(base + end);
    text += target.text;
    target = ChunkTarget();  // gives the chunk's text back before the next one is copied
  }
  switch (buffer.field.type) {
    case DataType::kBool:
      return Column::Bools(std::move(buffer.bools), std::move(valid));
    case DataType::kInt64:
      return Column::Ints(std::move(buffer.ints), std::move(valid));
    case DataType::kTimestamp:
      return Column::Timestamps(std::move(buffer.ints), std::move(valid));
    case DataType::kDouble:
      return Column::Doubles(std::move(buffer.doubles), std::move(valid));
    case DataType::kString:
      break;
  }
  return Column::Strings(std::move(offsets), std::move(text), std::move(valid));
}

Result<ParquetParts> Reading::Finish() {
  std::vector<Field> fields;
  std::vector<Column> columns;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    fields.push_back(buffers_[i].field);
    columns.push_back(FinishColumn(i));
  }
  ParquetParts parts;
  MR_ASSIGN_OR_RETURN(parts.table, Table::Create(Schema(std::move(fields)), std::move(columns)));
  for (const ParquetFile& file : files_) parts.rows.push_back(file.num_rows());
  return parts;
}

}  // namespace

Result<Schema> ReadParquetSchema(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const ParquetFile file, ParquetFile::Open(path));
  std::vector<Field> fields;
  for (const ParquetColumn& column : file.columns()) {
    MR_RETURN_IF_ERROR(file.CheckReadable(column));
    fields.push_back(column.field);
  }
  return Schema(std::move(fields));
}

Result<Schema> ReadParquetSchema(std::span<const std::string> paths, int threads) {
  if (paths.empty()) return InvalidArgument("no file to read");
  MR_ASSIGN_OR_RETURN(Schema schema, ReadParquetSchema(paths.front()));
  MR_ASSIGN_OR_RETURN(const ParquetFile first, ParquetFile::Open(paths.front()));
  MR_RETURN_IF_ERROR(ParallelFor(threads, paths.size() - 1,
                                 [&](size_t i) { return CheckAgrees(first, schema, paths[i + 1]); }));
  return schema;
}

Result<Table> ReadParquet(const std::string& path, const ParquetReadOptions& options) {
  return ReadParquetFiles(std::span(&path, 1), options);
}

Result<Table> ReadParquetFiles(std::span<const std::string> paths, const ParquetReadOptions& options) {
  MR_ASSIGN_OR_RETURN(ParquetParts parts, ReadParquetParts(paths, options));
  return std::move(parts.table);
}

Result<ParquetParts> ReadParquetParts(std::span<const std::string> paths, const ParquetReadOptions& options) {
  if (paths.empty()) return InvalidArgument("no file to read");
  try {
    Reading reading(options);
    MR_RETURN_IF_ERROR(reading.Open(paths));
    MR_RETURN_IF_ERROR(reading.Plan());
    MR_RETURN_IF_ERROR(reading.Run());
    return reading.Finish();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("the rows of {} and {} other files do not fit into memory", paths.front(),
                             paths.size() - 1);
  }
}

}  // namespace millrace
