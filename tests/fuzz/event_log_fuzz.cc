// fuzz: feature
// A segment of the write-ahead log, and the records in it: read up to the damage, or refused.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "feature/internal/byte_codec.h"
#include "feature/internal/crc32c.h"
#include "feature/internal/event_codec.h"
#include "feature/internal/event_log.h"
#include "feature/testing/random_world.h"

namespace {

using millrace::Status;
using namespace millrace::feature;

Status Decode(std::string_view payload) {
  const millrace::Schema schema = testing::WorldSchema();
  const auto entry = DecodeEntry(payload, schema, millrace::DataType::kInt64);
  if (!entry.ok() || entry->kind != LogEntry::Kind::kEvent) return millrace::Ok();
  // What is read is written again and read as the same.
  const auto again = DecodeEntry(EncodeEvent(entry->row, schema), schema, millrace::DataType::kInt64);
  MR_CHECK(again.ok() && again->row.size() == entry->row.size(), "an event changed by being written");
  return millrace::Ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)Decode(bytes).ok();
  (void)ReadSegmentBytes(bytes, "segment", 0, std::nullopt, [](uint64_t, std::string_view) {
    return millrace::Ok();
  }).ok();
  // Past the checksums: a good head, and a good record of these bytes between damaged ones.
  std::string segment = "MRWL";
  ByteWriter writer(segment);
  writer.Put(uint32_t{1});
  writer.Put(uint64_t{0});
  writer.PutText("{}");
  writer.Put(Crc32c(segment));
  const size_t start = segment.size();
  writer.Put(static_cast<uint32_t>(size));
  writer.Put(uint32_t{0});
  writer.Put(uint64_t{0});
  writer.Put(uint64_t{0});
  segment.append(bytes);
  const uint32_t crc = Crc32c(std::string_view(segment).substr(start + 8));
  std::memcpy(segment.data() + start + 4, &crc, sizeof crc);
  segment.append(bytes);
  int records = 0;
  const auto read =
      ReadSegmentBytes(segment, "segment", 0, std::nullopt, [&](uint64_t, std::string_view payload) {
        ++records;
        return Decode(payload);
      });
  MR_CHECK(!read.ok() || records >= 1, "a good record was not read");
  return 0;
}
