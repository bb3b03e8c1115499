// Rows as a source's files have them, before types are enforced and events are
// ordered; and where each came from. Private to src/source.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "source/dead_letter.h"
#include "table/table.h"

namespace millrace::source::internal {

// The rows of one file within a Table.
struct FileRows {
  std::string file;
  int64_t rows = 0;
  // Their numbers in the file, from 1; empty when they are 1, 2, 3, …
  std::vector<int64_t> numbers;
};

struct RawRows {
  Table table;
  std::vector<FileRows> files;  // in the table's order
  std::vector<DeadLetter> dead_letters;
  // A byte a row of the table, 1 for those that are dead letters by now; empty when none is.
  std::vector<uint8_t> dropped;

  bool IsDropped(int64_t row) const { return !dropped.empty() && dropped[static_cast<size_t>(row)] != 0; }
};

// Makes row `row` of the table a dead letter; of several reasons the first stays.
void Drop(RawRows& rows, int64_t row, std::string reason);

// Rows and bytes read since the last call; from any thread.
using Progress = std::function<void(int64_t rows, int64_t bytes)>;

}  // namespace millrace::source::internal
