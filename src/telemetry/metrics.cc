#include "telemetry/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status.h"

namespace millrace::telemetry {
namespace {

constexpr int kCounter = 0;
constexpr int kGauge = 1;
constexpr int kHistogram = 2;
constexpr const char* kTypeNames[] = {"counter", "gauge", "histogram"};

constexpr double kLatencyBounds[] = {0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001,
                                     0.0025,  0.005,    0.01,    0.025,  0.05,    0.1,    0.25,
                                     0.5,     1,        2.5,     5,      10};

// A label's value or a help text in the exposition format: \ " and newline escaped.
std::string Escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string LabelText(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += name;
    out += "=\"";
    out += Escape(value);
    out += '"';
  }
  return out;
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);  // the shortest text that reads back the same
}

void AppendLine(std::string& out, const std::string& name, const std::string& labels,
                const std::string& value) {
  out += name;
  if (!labels.empty()) {
    out += '{';
    out += labels;
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

void AppendHistogram(std::string& out, const std::string& name, const std::string& labels,
                     const Histogram& histogram) {
  Histogram::Snapshot read = histogram.Read();
  std::string separator = labels.empty() ? "" : ",";
  for (size_t i = 0; i < read.cumulative.size(); ++i) {
    std::string bound =
        i < histogram.bounds().size() ? NumberText(histogram.bounds()[i]) : std::string("+Inf");
    AppendLine(out, name + "_bucket", labels + separator + "le=\"" + bound + "\"",
               fmt::format("{}", read.cumulative[i]));
  }
  AppendLine(out, name + "_sum", labels, NumberText(read.sum));
  AppendLine(out, name + "_count", labels, fmt::format("{}", read.cumulative.back()));
}

}  // namespace

size_t ThisShard() {
  static std::atomic<size_t> next{0};
  thread_local size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

uint64_t Counter::Value() const {
  uint64_t total = 0;
  for (const Cell& cell : cells_) total += cell.n.load(std::memory_order_relaxed);
  return total;
}

void Gauge::Add(double by) {
  double old = value_.load(std::memory_order_relaxed);
  while (!value_.compare_exchange_weak(old, old + by, std::memory_order_relaxed)) {
  }
}

Histogram::Histogram(std::span<const double> bounds) : bounds_(bounds.begin(), bounds.end()) {
  MR_CHECK(!bounds.empty() && bounds.size() <= kMaxBounds, "a histogram has 1 to {} bounds, not {}",
           kMaxBounds, bounds.size());
  MR_CHECK(std::is_sorted(bounds.begin(), bounds.end()), "a histogram's bounds ascend");
}

void Histogram::Observe(double value) {
  if (std::isnan(value)) return;
  size_t bucket =
      static_cast<size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin());
  Cell& cell = cells_[ThisShard()];
  cell.counts[bucket].fetch_add(1, std::memory_order_relaxed);
  // Beyond ±9.2e9 units a billionth no longer fits: such a value counts as the largest that does.
  constexpr double kLargest = 9.2e18;
  cell.sum_billionths.fetch_add(static_cast<int64_t>(std::clamp(value * 1e9, -kLargest, kLargest)),
                                std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::Read() const {
  Snapshot read;
  read.cumulative.assign(bounds_.size() + 1, 0);
  for (const Cell& cell : cells_) {
    for (size_t i = 0; i <= bounds_.size(); ++i) {
      read.cumulative[i] += cell.counts[i].load(std::memory_order_relaxed);
    }
    read.sum += static_cast<double>(cell.sum_billionths.load(std::memory_order_relaxed)) / 1e9;
  }
  for (size_t i = 1; i < read.cumulative.size(); ++i) read.cumulative[i] += read.cumulative[i - 1];
  return read;
}

std::span<const double> LatencyBounds() { return kLatencyBounds; }

struct Metrics::Series {
  Labels labels;
  std::unique_ptr<Counter> counter;
  std::unique_ptr<Gauge> gauge;
  std::unique_ptr<Histogram> histogram;
  std::function<double()> read;
};

struct Metrics::Family {
  int type = kCounter;
  std::string help;
  std::map<std::string, Series> series;  // by label text
};

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Series& Metrics::Find(int type, const std::string& name, const std::string& help, Labels labels) {
  auto& family = families_[name];
  if (!family) {
    family = std::make_unique<Family>();
    family->type = type;
    family->help = help;
  }
  MR_CHECK(family->type == type, "the metric {} is a {}, not a {}", name, kTypeNames[family->type],
           kTypeNames[type]);
  std::string key = LabelText(labels);
  auto found = family->series.find(key);
  if (found != family->series.end()) return found->second;
  if (family->series.size() >= kMaxSeries) {
    for (auto& label : labels) label.second = "other";
    key = LabelText(labels);
  }
  Series& series = family->series[key];
  series.labels = std::move(labels);
  return series;
}

Counter& Metrics::GetCounter(const std::string& name, const std::string& help, Labels labels) {
  std::lock_guard lock(mutex_);
  Series& series = Find(kCounter, name, help, std::move(labels));
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& Metrics::GetGauge(const std::string& name, const std::string& help, Labels labels) {
  std::lock_guard lock(mutex_);
  Series& series = Find(kGauge, name, help, std::move(labels));
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Metrics::GetHistogram(const std::string& name, const std::string& help, Labels labels,
                                 std::span<const double> bounds) {
  std::lock_guard lock(mutex_);
  Series& series = Find(kHistogram, name, help, std::move(labels));
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(bounds);
  return *series.histogram;
}

void Metrics::SetGaugeFunction(const std::string& name, const std::string& help, Labels labels,
                               std::function<double()> read) {
  std::lock_guard lock(mutex_);
  Find(kGauge, name, help, std::move(labels)).read = std::move(read);
}

void Metrics::RemoveGaugeFunction(const std::string& name, const Labels& labels) {
  std::lock_guard lock(mutex_);
  auto family = families_.find(name);
  if (family == families_.end()) return;
  auto series = family->second->series.find(LabelText(labels));
  if (series == family->second->series.end()) return;
  series->second.read = nullptr;
  if (!series->second.gauge) family->second->series.erase(series);
}

std::string Metrics::Expose() const {
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    if (family->series.empty()) continue;
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, Escape(family->help), name,
                       kTypeNames[family->type]);
    for (const auto& [labels, series] : family->series) {
      if (series.counter) {
        AppendLine(out, name, labels, fmt::format("{}", series.counter->Value()));
      } else if (series.histogram) {
        AppendHistogram(out, name, labels, *series.histogram);
      } else if (series.read) {
        AppendLine(out, name, labels, NumberText(series.read()));
      } else if (series.gauge) {
        AppendLine(out, name, labels, NumberText(series.gauge->Value()));
      }
    }
  }
  return out;
}

}  // namespace millrace::telemetry
