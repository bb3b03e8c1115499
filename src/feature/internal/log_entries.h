// The entries of a source's log, whatever columns the source had when they came.
//
// A segment's head says what the source was then. Entries are given in the columns
// that the source has now: one that is gone is left out, one that is new or has
// another type is null, so a changed definition loses no event that was accepted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "feature/internal/event_codec.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// The type of a source's ids; int64 where it has none.
DataType IdType(const SourcePlan& source);

// Events with the source's columns, in its order; only those that are known later may be missing.
Result<Table> InSourceOrder(const SourcePlan& source, const Table& events);

// Turns records of one schema into entries of a source. `source` must outlive it.
class EntryReader {
 public:
  EntryReader(SourcePlan written, const SourcePlan& source);

  // Empty for an entry that means nothing to the source any more. The record must outlive it.
  Result<std::optional<LogEntry>> Read(std::string_view record) const;

 private:
  SourcePlan written_;
  const SourcePlan& source_;
  bool same_;
  std::vector<std::optional<size_t>> columns_;  // of `source`, by column of `written`
};

struct EntriesRead {
  uint64_t next = 0;     // the position after the last entry
  uint64_t missing = 0;  // entries from the position asked for on that no segment holds
};

// Calls `visit` for the entries at positions from `from` on and before `until`, in order.
Result<EntriesRead> ReadEntries(const std::string& directory, const SourcePlan& source, uint64_t from,
                                uint64_t until,
                                const std::function<Status(uint64_t, const LogEntry&)>& visit);

// An event as JSON text, for people.
std::string RowText(std::span<const Cell> row, const Schema& schema);

// At most so many bytes of it, cut between characters.
std::string CutText(std::string_view text, size_t bytes);

}  // namespace millrace::feature
