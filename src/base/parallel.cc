#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace millrace {

Status ParallelFor(int threads, size_t count, const std::function<Status(size_t)>& task) {
  const size_t wanted =
      threads > 0 ? static_cast<size_t>(threads) : std::max<size_t>(1, std::thread::hardware_concurrency());
  std::vector<Status> outcomes(count);
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    while (!failed.load(std::memory_order_relaxed)) {
      const size_t i = next.fetch_add(1);
      if (i >= count) return;
      outcomes[i] = task(i);
      if (!outcomes[i].ok()) failed.store(true);
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < std::min(wanted, count); ++i) helpers.emplace_back(work);
    work();
  }
  for (Status& outcome : outcomes) {
    if (!outcome.ok()) return std::move(outcome);
  }
  return Ok();
}

}  // namespace millrace
