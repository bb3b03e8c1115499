#include "controller/tail.h"

#include <numeric>
#include <vector>

namespace millrace::controller {

Tail TailFrom(const DeltaSnapshot& snapshot, int64_t row) {
  Tail tail;
  while (tail.files < snapshot.files.size() && tail.first_row + snapshot.files[tail.files].rows <= row) {
    tail.first_row += snapshot.files[tail.files].rows;
    ++tail.files;
  }
  if (tail.files == snapshot.files.size() && tail.files > 0 &&
      snapshot.files[tail.files - 1].rows < kSmallFile) {
    --tail.files;
    tail.first_row -= snapshot.files[tail.files].rows;
  }
  return tail;
}

Result<Table> ReadFrom(const DeltaTable& table, const DeltaSnapshot& snapshot, int64_t row,
                       const std::vector<std::string>& columns) {
  DeltaSnapshot part = snapshot;
  int64_t first = 0;
  while (!part.files.empty() && first + part.files.front().rows <= row) {
    first += part.files.front().rows;
    part.files.erase(part.files.begin());
  }
  MR_ASSIGN_OR_RETURN(Table rows, table.Read(part, columns));
  if (first == row) return rows;
  std::vector<int64_t> wanted(rows.num_rows() - static_cast<size_t>(row - first));
  std::iota(wanted.begin(), wanted.end(), row - first);
  return rows.Take(wanted);
}

Result<int64_t> AppendToTail(const DeltaTable& table, const DeltaSnapshot& snapshot, const Table& rows,
                             const DeltaWriteOptions& options) {
  if (rows.num_rows() == 0) return table.ReplaceTail(snapshot, snapshot.files.size(), rows, options);
  const Tail tail = TailFrom(snapshot, snapshot.num_rows);
  if (tail.files == snapshot.files.size()) return table.ReplaceTail(snapshot, tail.files, rows, options);
  MR_ASSIGN_OR_RETURN(const Table last, ReadFrom(table, snapshot, tail.first_row));
  const std::vector<Table> parts = {last, rows};
  MR_ASSIGN_OR_RETURN(const Table both, Table::Concatenate(parts));
  return table.ReplaceTail(snapshot, tail.files, both, options);
}

}  // namespace millrace::controller
