// What a commit of a source's table of events was made from: kept as the user
// metadata of the Delta commit, so that table and note cannot disagree.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace millrace::controller {

// What an append changed, against the version before.
struct EventsChange {
  std::optional<EventTime> added_from = {};            // the earliest event that it added
  std::map<std::string, EventTime> columns_from = {};  // the earliest whose column has another value

  bool operator==(const EventsChange&) const = default;
};

struct EventsCommit {
  std::string input;         // digest of the files and of what the spec reads from them
  int64_t dead_letters = 0;  // rows that could not be used
  uint64_t through = 0;      // position of the online log up to which pushed events are in the table
  int64_t pushed_rows = -1;  // rows of the table of pushed events that are in the table; -1: not known
  std::optional<EventsChange> change = {};  // of an append; empty when anything may be new
  std::optional<EventTime> oldest = {};
  std::optional<EventTime> newest = {};

  bool operator==(const EventsCommit&) const = default;
};

std::string ToMetadata(const EventsCommit& commit);
// Empty for anything that ToMetadata did not write.
std::optional<EventsCommit> ParseEventsCommit(std::string_view metadata);

}  // namespace millrace::controller
