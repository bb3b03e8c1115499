// Files of each format into raw rows. Private to src/source.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "resource/spec.h"
#include "source/internal/raw_rows.h"
#include "source/source.h"
#include "table/table.h"

namespace millrace::source::internal {

enum class FileFormat { kParquet, kCsv, kJsonLines };

// The one format of all the files.
Result<FileFormat> FormatOf(const resource::FilesSource& files, const SourceSnapshot& snapshot);

struct FileReadOptions {
  // Columns whose type is declared. Text is parsed as these types; Parquet is cast later.
  std::vector<Field> declared;
  std::string event_time;  // taken for a timestamp where nothing else is declared
  TimeZone time_zone;      // of timestamps without a zone
  int threads = 0;
  Progress progress;
};

// The columns of the files and their types. Text formats: from the header and
// the first rows of each file. Parquet: from the footers, of more than 1,024 files from so many.
Result<Schema> InspectFiles(FileFormat format, std::span<const std::string> paths,
                            const FileReadOptions& options);

Result<RawRows> ReadFiles(FileFormat format, std::span<const std::string> paths,
                          const FileReadOptions& options);

}  // namespace millrace::source::internal
