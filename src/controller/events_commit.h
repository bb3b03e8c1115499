// What a commit of a source's table of events was made from: kept as the user
// metadata of the Delta commit, so that table and note cannot disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace millrace::controller {

struct EventsCommit {
  std::string input;         // digest of the files and of what the spec reads from them
  int64_t dead_letters = 0;  // rows of the files that could not be used
  uint64_t through = 0;      // position of the online log up to which pushed events are in the table
  std::optional<EventTime> oldest = {};
  std::optional<EventTime> newest = {};

  bool operator==(const EventsCommit&) const = default;
};

std::string ToMetadata(const EventsCommit& commit);
// Empty for anything that ToMetadata did not write.
std::optional<EventsCommit> ParseEventsCommit(std::string_view metadata);

}  // namespace millrace::controller
