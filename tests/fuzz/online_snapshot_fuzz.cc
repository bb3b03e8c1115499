// fuzz: feature
// A snapshot of the online state: refused, or a state that can be looked up in and written again.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "feature/internal/crc32c.h"
#include "feature/internal/scorer_state.h"
#include "feature/internal/snapshot.h"
#include "feature/testing/random_world.h"

namespace {

using namespace millrace::feature;

std::string MakeSnapshot(const std::vector<ViewPlanPtr>& plans) {
  std::mt19937_64 random(1);
  SourceState state(testing::WorldSource(), plans, millrace::Micros(0));
  const auto loaded = state.Load(testing::ToTable(testing::RandomEvents(random, 12)), nullptr);
  MR_CHECK(loaded.ok(), "{}", loaded.ToString());
  return EncodeSnapshot(state, {});
}

// Small real snapshots, whose bytes the input overwrites: one of each view, because compiling views is what
// most of a run's time goes to, and one of all.
const std::vector<std::string>& RealSnapshots() {
  static const std::vector<std::string> snapshots = [] {
    std::vector<std::string> made;
    std::vector<ViewPlanPtr> plans;
    for (const testing::WorldView& view : testing::WorldViews()) {
      made.push_back(MakeSnapshot({view.plan}));
      plans.push_back(view.plan);
    }
    made.push_back(MakeSnapshot(plans));
    return made;
  }();
  return snapshots;
}

void Use(std::string bytes) {
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(20));
  const uint64_t length = bytes.size() - 20;
  std::memcpy(bytes.data() + 8, &crc, sizeof crc);
  std::memcpy(bytes.data() + 12, &length, sizeof length);
  const auto data = DecodeSnapshot(bytes, "snapshot", millrace::Micros(0));
  if (!data.ok()) return;
  for (const auto& view : data->state->views()) {
    std::vector<millrace::Value> keys;
    for (const millrace::DataType type : view->key_types()) {
      keys.push_back(type == millrace::DataType::kString ? millrace::Value(std::string("a"))
                                                         : millrace::Value(int64_t{1}));
    }
    (void)LookupRow(*view, keys, data->state->newest()).ok();
  }
  (void)EncodeSnapshot(*data->state, data->meta);
}

}  // namespace

// Input: a whole snapshot, or which one (1 byte), where (4 bytes) and by what its bytes are overwritten.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string>& snapshots = RealSnapshots();
  if (size >= 20 && input.starts_with(std::string_view(snapshots[0]).substr(0, 4))) {
    Use(std::string(input));
  } else if (size >= 5) {
    std::string bytes = snapshots[data[0] % snapshots.size()];
    uint32_t at = 0;
    std::memcpy(&at, data + 1, sizeof at);
    at = 20 + at % static_cast<uint32_t>(bytes.size() - 20);
    bytes.replace(at, size - 5, input.substr(5));
    Use(std::move(bytes));
  }
  return 0;
}
