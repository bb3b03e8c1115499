// The last two steps from raw rows to events: declared types enforced, then
// each event once and in the total order of (event time, event id). Private to
// src/source. What cannot be used is made a dead letter of `rows`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "source/internal/raw_rows.h"
#include "table/table.h"

namespace millrace::source::internal {

// The schema with declared types in place of the data's. InvalidArgument when a
// declared column is not there, or can never be of its type.
Result<Schema> WithDeclaredTypes(const Schema& schema, std::span<const Field> declared);

Result<RawRows> EnforceTypes(RawRows rows, std::span<const Field> declared, const TimeZone& zone);

struct OrderRules {
  std::string event_time;
  std::string event_id;  // "": rows are never the same event
  std::vector<std::string> known_later;
};

// InvalidArgument unless the columns of the rules are there and the event time is a timestamp.
Status CheckRules(const Schema& schema, const OrderRules& rules);

struct OrderedEvents {
  Table events;
  int64_t duplicates = 0;
  std::vector<DeadLetter> dead_letters;  // all of them, those of the raw rows included
};

Result<OrderedEvents> OrderEvents(RawRows rows, const OrderRules& rules);

}  // namespace millrace::source::internal
