// fuzz: source
// Pushed bodies: rows, updates and dead letters add up to no more than the body holds.
#include "source/push.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::source;
  static const EventShape shape{.schema = Schema({{"id", DataType::kInt64},
                                                  {"at", DataType::kTimestamp},
                                                  {"amount", DataType::kDouble},
                                                  {"name", DataType::kString},
                                                  {"label", DataType::kBool}}),
                                .event_time = "at",
                                .event_id = "id",
                                .known_later = {"label"},
                                .time_zone = {}};
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const Result<PushedEvents> pushed =
      ParsePushedEvents(body, shape, {.max_bytes = 1 << 16, .max_rows = 1'000});
  if (pushed.ok()) {
    const size_t rows = pushed->events.num_rows() + pushed->updates.size() + pushed->dead_letters.size();
    MR_CHECK(rows <= 1'000, "{} rows", rows);
    (void)DeadLetterTable(pushed->dead_letters);
  }
  return 0;
}
