// One open Parquet file: its columns as Millrace's types, and its column chunks
// decoded into plain vectors. Private to src/table: includes Parquet's headers.
//
// Open and the chunk readers turn every exception of the library into a Status.
// A ParquetFile may be read by several threads at once (reads are positional).
#pragma once

#include <parquet/file_reader.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "table/table.h"

namespace millrace::internal {

// How the stored values of a column become Millrace's.
enum class Decoding {
  kBool,
  kInt32,
  kUInt32,
  kInt64,
  kUInt64,
  kFloat,
  kDouble,
  kDate,
  kMillis,
  kMicros,
  kNanos,
  kInt96,
  kText
};

struct ParquetColumn {
  Field field;
  int index = 0;  // among the file's leaf columns
  Decoding decoding = Decoding::kInt64;
  bool local_time = false;  // a timestamp without a zone
  std::string refusal;      // why Millrace cannot read it; empty when it can
};

// Where the values of one chunk go. Of `ints`, `doubles` and `bools` the one of
// the column's type has room for the chunk's rows; text grows.
struct ChunkTarget {
  int64_t* ints = nullptr;
  double* doubles = nullptr;
  uint8_t* bools = nullptr;
  std::vector<int64_t> text_ends;  // a row's end within `text`
  std::string text;
  std::vector<uint8_t> valid;  // a byte a row, or empty when the chunk has no null
};

class ParquetFile {
 public:
  static Result<ParquetFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<ParquetColumn>& columns() const { return columns_; }
  int64_t num_rows() const { return metadata_->num_rows(); }
  int num_row_groups() const { return metadata_->num_row_groups(); }
  int64_t RowsOf(int row_group) const { return metadata_->RowGroup(row_group)->num_rows(); }
  // Bytes in the file; 0 when it does not say.
  int64_t BytesOf(int row_group, const ParquetColumn& column) const;

  // The column with its reason for refusal turned into an error.
  Status CheckReadable(const ParquetColumn& column) const;

  Status ReadChunk(int row_group, const ParquetColumn& column, const TimeZone& zone,
                   ChunkTarget& target) const;

 private:
  ParquetFile() = default;

  std::string path_;
  std::unique_ptr<parquet::ParquetFileReader> reader_;
  std::shared_ptr<parquet::FileMetaData> metadata_;  // shared with the reader
  std::vector<ParquetColumn> columns_;
};

}  // namespace millrace::internal
