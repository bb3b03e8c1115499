#include "kube/internal/event_aggregator.h"

#include <algorithm>

#include "base/text.h"
#include "kube/internal/micro_time.h"

namespace millrace::kube::internal {
namespace {

// What the API accepts.
constexpr size_t kMaxNote = 1024;
constexpr size_t kMaxReason = 128;
constexpr size_t kMaxName = 253;

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string Cut(std::string text, size_t most) {
  if (text.size() <= most) return text;
  text.resize(most);
  while (!text.empty() && !IsUtf8(text)) text.pop_back();
  return text;
}

std::string ObjectKey(const Json& regarding) {
  return Join(
      std::vector{TextAt(regarding, "apiVersion"), TextAt(regarding, "kind"), TextAt(regarding, "namespace"),
                  TextAt(regarding, "name"), TextAt(regarding, "uid")},
      "\x1f");
}

std::string KeyOf(const EventRemark& remark) {
  return Join(std::vector{ObjectKey(remark.regarding), remark.type, remark.reason, remark.action}, "\x1f");
}

}  // namespace

Json EventAggregator::MakeEvent(const EventRemark& remark, EventTime now) const {
  std::string ns = TextAt(remark.regarding, "namespace");
  if (ns.empty()) ns = "default";
  const std::string suffix = fmt::format(".{:016x}", now.micros);
  const std::string name = Cut(TextAt(remark.regarding, "name"), kMaxName - suffix.size()) + suffix;
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata", {{"name", name}, {"namespace", ns}}},
          {"eventTime", FormatMicroTime(now)},
          {"reportingController", options_.controller},
          {"reportingInstance", Cut(options_.instance, kMaxReason)},
          {"action", Cut(remark.action, kMaxReason)},
          {"reason", Cut(remark.reason, kMaxReason)},
          {"regarding", remark.regarding},
          {"note", Cut(remark.note, kMaxNote)},
          {"type", remark.type}};
}

bool EventAggregator::TakeToken(const std::string& object, EventTime now) {
  const auto [place, is_new] = buckets_.try_emplace(object, Bucket{static_cast<double>(options_.burst), now});
  Bucket& bucket = place->second;
  const double since = static_cast<double>((now - bucket.refilled).count()) / 1e6;
  const auto refill = static_cast<double>(options_.refill.count());
  bucket.tokens =
      std::min(static_cast<double>(options_.burst), bucket.tokens + std::max(0.0, since) / refill);
  bucket.refilled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

EventWrite EventAggregator::WriteSeries(Series& series, EventTime now) const {
  series.written = now;
  series.written_count = series.count;
  series.event["series"] = {{"count", series.count}, {"lastObservedTime", FormatMicroTime(series.last)}};
  const Json& metadata = series.event["metadata"];
  return {TextAt(metadata, "namespace"), TextAt(metadata, "name"), series.event, true};
}

void EventAggregator::Forget() {
  if (series_.size() >= options_.max_series) {
    const auto oldest = std::min_element(series_.begin(), series_.end(), [](const auto& a, const auto& b) {
      return a.second.last < b.second.last;
    });
    series_.erase(oldest);
  }
  if (buckets_.size() < options_.max_series) return;
  const auto oldest = std::min_element(buckets_.begin(), buckets_.end(), [](const auto& a, const auto& b) {
    return a.second.refilled < b.second.refilled;
  });
  buckets_.erase(oldest);
}

std::optional<EventWrite> EventAggregator::Add(const EventRemark& remark, EventTime now) {
  const std::string key = KeyOf(remark);
  const auto found = series_.find(key);
  if (found != series_.end() && now - found->second.last < Micros(options_.series_end)) {
    Series& series = found->second;
    ++series.count;
    series.last = now;
    const bool due = series.count == 2 || now - series.written >= Micros(options_.series_interval);
    if (!due || !TakeToken(ObjectKey(remark.regarding), now)) return std::nullopt;
    return WriteSeries(series, now);
  }
  if (!TakeToken(ObjectKey(remark.regarding), now)) {
    ++dropped_;
    return std::nullopt;
  }
  Forget();
  Series series;
  series.event = MakeEvent(remark, now);
  series.last = now;
  series.written = now;
  const Json& metadata = series.event["metadata"];
  EventWrite write{TextAt(metadata, "namespace"), TextAt(metadata, "name"), series.event, false};
  series_.insert_or_assign(key, std::move(series));
  return write;
}

std::vector<EventWrite> EventAggregator::Flush(EventTime now) {
  std::vector<EventWrite> writes;
  for (auto it = series_.begin(); it != series_.end();) {
    Series& series = it->second;
    const bool silent = now - series.last >= Micros(options_.series_end);
    const bool due = silent || now - series.written >= Micros(options_.series_interval);
    if (series.count != series.written_count && due) writes.push_back(WriteSeries(series, now));
    it = silent ? series_.erase(it) : std::next(it);
  }
  return writes;
}

std::vector<EventWrite> EventAggregator::FlushAll(EventTime now) {
  std::vector<EventWrite> writes;
  for (auto& [key, series] : series_) {
    if (series.count != series.written_count) writes.push_back(WriteSeries(series, now));
  }
  return writes;
}

}  // namespace millrace::kube::internal
