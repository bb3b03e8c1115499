#include "api/oip/learning.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"

namespace millrace::oip {
namespace {

struct Batch {
  inference::ServingVersionPtr version;
  size_t rows = 0;
  std::vector<feature::Cell> cells;
  std::string text;  // what string cells point into
};

// At most one line a second, however many events fail.
void LogFailure(const Batch& batch, const Status& status) {
  static std::atomic<int64_t> last_second{0};
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const int64_t second = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  if (last_second.exchange(second) == second) return;
  LogWarning("a scored event was not learned",
             {{"model", batch.version->model().model_name()}, {"reason", status.ToString()}});
}

}  // namespace

std::function<void()> LearnLater(inference::ServingVersionPtr version, const EventRows& events) {
  auto batch = std::make_shared<Batch>();
  const Schema& fields = version->fields();
  const size_t width = fields.size();
  batch->rows = events.rows;
  batch->cells = events.cells;
  size_t bytes = 0;
  const auto for_each_text = [&](const auto& use) {
    for (size_t f = 0; f < width; ++f) {
      if (fields[f].type != DataType::kString) continue;
      for (size_t r = 0; r < events.rows; ++r) {
        feature::Cell& cell = batch->cells[r * width + f];
        if (!cell.is_null()) use(cell);
      }
    }
  };
  for_each_text([&](const feature::Cell& cell) { bytes += cell.length; });
  batch->text.reserve(bytes);
  for_each_text([&](feature::Cell& cell) {
    const size_t at = batch->text.size();
    batch->text.append(cell.text());
    cell = feature::Cell::Text(std::string_view(batch->text).substr(at));
  });
  batch->version = std::move(version);
  return [batch] {
    const Status learned = batch->version->Learn(batch->cells, batch->rows);
    if (!learned.ok()) LogFailure(*batch, learned);
  };
}

}  // namespace millrace::oip
