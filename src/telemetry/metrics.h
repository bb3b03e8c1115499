// Metrics: counters, gauges and histograms, and their Prometheus exposition.
//
// A handle is found once, by name and labels, when an endpoint or a server is
// made; afterwards an increment is one wait-free addition to a cell that mostly
// the calling thread uses (cells are sharded by thread, a cache line each), so
// the request path holds no lock and shares no line.
//
//   telemetry::Metrics metrics;
//   telemetry::Counter& rows = metrics.GetCounter("millrace_rows_total", "Rows read.", {{"source", name}});
//   rows.Add(table.num_rows());
//   std::string text = metrics.Expose();   // what GET /metrics answers
//
// The registry owns every handle; a reference stays valid as long as the
// registry. All functions are thread safe. Nothing fails: a family that is
// given more than kMaxSeries label sets folds the rest into one series with
// every label value "other", so that a caller's input cannot exhaust memory. A
// name used with two types is a broken invariant.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace::telemetry {

// Label names and values, in the order in which they are shown.
using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr size_t kShards = 8;
// The calling thread's shard, the same for its whole life.
size_t ThisShard();

// Only grows.
class Counter {
 public:
  void Add(uint64_t n = 1) { cells_[ThisShard()].n.fetch_add(n, std::memory_order_relaxed); }
  uint64_t Value() const;

 private:
  struct alignas(64) Cell {
    std::atomic<uint64_t> n{0};
  };
  std::array<Cell, kShards> cells_;
};

// Goes up and down: bytes held, requests in flight.
class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double by);
  double Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Counts observations by upper bound. Values are summed as whole billionths.
class Histogram {
 public:
  // `bounds`: ascending upper bounds, in the metric's unit; at most 31.
  explicit Histogram(std::span<const double> bounds);

  void Observe(double value);
  void Observe(std::chrono::nanoseconds duration) {
    Observe(std::chrono::duration<double>(duration).count());
  }

  struct Snapshot {
    std::vector<uint64_t> cumulative;  // one a bound, then +Inf
    double sum = 0;
  };
  Snapshot Read() const;
  std::span<const double> bounds() const { return bounds_; }

 private:
  static constexpr size_t kMaxBounds = 31;
  struct alignas(64) Cell {
    std::array<std::atomic<uint64_t>, kMaxBounds + 1> counts{};
    std::atomic<int64_t> sum_billionths{0};
  };
  std::vector<double> bounds_;
  std::array<Cell, kShards> cells_;
};

// Seconds, from 10 µs to 10 s: for requests that take well under a millisecond.
std::span<const double> LatencyBounds();

class Metrics {
 public:
  static constexpr size_t kMaxSeries = 1000;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The series of that name and label set, made at the first call. `name` is
  // as Prometheus wants it: millrace_WHAT_UNIT[_total].
  Counter& GetCounter(const std::string& name, const std::string& help, Labels labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help, Labels labels = {});
  Histogram& GetHistogram(const std::string& name, const std::string& help, Labels labels = {},
                          std::span<const double> bounds = LatencyBounds());

  // A gauge whose value is asked for at exposition (state bytes, queue length).
  // `read` must be thread safe and must outlive the registry's use, or be
  // removed by RemoveGaugeFunction. A second one for the same series replaces it.
  void SetGaugeFunction(const std::string& name, const std::string& help, Labels labels,
                        std::function<double()> read);
  void RemoveGaugeFunction(const std::string& name, const Labels& labels);

  // Text format 0.0.4; families by name, series by labels.
  std::string Expose() const;

 private:
  struct Family;
  struct Series;
  Series& Find(int type, const std::string& name, const std::string& help, Labels labels);

  mutable std::mutex mutex_;  // guards the maps, never the values
  std::map<std::string, std::unique_ptr<Family>> families_;
};

}  // namespace millrace::telemetry
