// Features of many rows at once, from a table of events.
//
// Rows are grouped by key, and each window is two indices that only move
// forward over the key's events (docs/architecture.md, "The rules of time").
// Sums over fixed-point integers are differences of running sums, so every value
// is exact whatever the grouping; keys are split between threads, and the result
// has the same bits for any number of them.
//
//   MR_ASSIGN_OR_RETURN(Table features, ComputeFeatures(*plan, events, Spine::OfEvents()));
//
// Pure functions; thread safe. InvalidArgument when a column is missing, has
// another type, or an event has no time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// Memory that calls one after the other may share, several views of one source for
// example: to have it from the system anew costs each of them a good part of its time.
struct BatchScratch {
  Buffer<uint64_t> staged_rows;
};

struct BatchOptions {
  int threads = 0;                  // 0: one a core
  BatchScratch* scratch = nullptr;  // not owned; of one call at a time
  std::function<void(int64_t rows)> progress =
      nullptr;  // rows done since the last call; from any of the threads
};

// The rows to compute features for; the result has one row for each, in this
// order, duplicates included.
struct Spine {
  // Each event of the table at its own position.
  static Spine OfEvents() { return Spine(); }
  // Events by row number in the table, each at its own position.
  static Spine OfEventRows(std::vector<int64_t> rows) {
    Spine spine;
    spine.event_rows = std::move(rows);
    return spine;
  }
  // Rows of another table: its columns for the view's keys (in order) and for the
  // time; with `id` a row is positioned as the event of that id, without (or
  // where it is null) after every event at its instant.
  static Spine OfRows(Table rows, std::vector<std::string> keys, std::string time, std::string id = "") {
    return Spine{std::nullopt, std::move(rows), std::move(keys), std::move(time), std::move(id)};
  }

  std::optional<std::vector<int64_t>> event_rows;
  std::optional<Table> rows;  // neither set: all events
  std::vector<std::string> keys;
  std::string time;
  std::string id;
};

// Events in order of position, as ComputeFeatures works quickest on them: worth it
// before several views of one source. Rows are moved in place when the table is given away.
Result<Table> SortByPosition(const SourcePlan& source, Table events);

// `events`: the source's, each id once, in any order (quickest by position).
// Events with the same instant and no id are taken in the table's order.
Result<Table> ComputeFeatures(const ViewPlan& plan, const Table& events, const Spine& spine,
                              const BatchOptions& options = {});

// The events of each source that a service's views read, by source name.
using EventTables = std::vector<std::pair<std::string, Table>>;

// The complete input vectors of `plan`: one double column for each input, in
// order, one row for each of `examples` (rows with the columns of plan.fields).
// Null is null; bool is 0 or 1. A view over the examples' own source sees each
// row at its event's position, any other view after all events at its instant.
Result<Table> ComputeVectors(const ServicePlan& plan, const Table& examples, const EventTables& events,
                             const BatchOptions& options = {});

}  // namespace millrace::feature
