// Pushed events: JSON bodies into typed rows of a source.
//
// A body is one event, a list of events, {"events": […]}, or columns as
// {"df": {"customer_id": [1, 2], …}} (Feast's form). A row that has the event's
// id, no event time, and otherwise only columns that are known later is an
// update: it is joined to its event by id.
//
//   {"transaction_id": 7, "tx_datetime": "2018-07-25T00:00:00Z", "customer_id": 1, "tx_amount": 12.5}
//   {"transaction_id": 7, "tx_fraud": 1}
//
// Types are exact: an int64 takes integers only (of any size that fits; 1.5 and
// 1.0 are refused), a double takes any number, a timestamp RFC 3339 text (one
// without a zone is in the source's) and no number. A missing field is null. A
// row that cannot be used becomes a dead letter. A body that is too large is
// ResourceExhausted, one that cannot be read at all InvalidArgument. Thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "base/value.h"
#include "resource/spec.h"
#include "source/dead_letter.h"
#include "table/table.h"

namespace millrace::source {

// What an event of a source looks like.
struct EventShape {
  Schema schema;
  std::string event_time;
  std::string event_id;                  // "" when events have none
  std::vector<std::string> known_later;  // columns with knownAfter
  TimeZone time_zone;
};

// The shape of a source whose events have `schema`; InvalidArgument when a
// column of the spec is missing or the zone is unknown.
Result<EventShape> ShapeOf(const resource::DataSourceSpec& spec, const Schema& schema);

// A push-only source's schema is what its spec declares; every column needs a type then.
Result<Schema> DeclaredSchema(const resource::DataSourceSpec& spec);

struct EventUpdate {
  Value event_id;
  std::vector<std::pair<std::string, Value>> columns;  // as they are known now
};

struct PushedEvents {
  Table events;  // of the shape's schema, in order of arrival, not deduplicated
  std::vector<EventUpdate> updates;
  // Where they stood in the body: `row` of each event and update, from 1.
  std::vector<int64_t> event_rows;
  std::vector<int64_t> update_rows;
  std::vector<DeadLetter> dead_letters;  // `row` counts from 1 within the body
};

struct PushLimits {
  size_t max_bytes = 16 << 20;
  size_t max_rows = 100'000;
};

Result<PushedEvents> ParsePushedEvents(std::string_view body, const EventShape& shape,
                                       const PushLimits& limits = {});

}  // namespace millrace::source
