// EventAggregator: which of a controller's remarks become Event objects. Pure.
//
// As client-go's recorder of events.k8s.io/v1 does: the first remark makes an
// Event; the same again (object, type, reason, action) begins a series, whose count
// and time are written at the second remark and then at most every `series_interval`;
// a series that was silent for `series_end` is closed, and the next remark makes a
// new Event. An object may have `burst` writes at once and one more every
// `refill`; what is above is counted in the series, or dropped.
// Bounded: `max_series` series are remembered, the longest silent is forgotten first.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace millrace::kube::internal {

struct EventRemark {
  Json regarding;  // ObjectReference
  std::string type;
  std::string reason;
  std::string action;
  std::string note;
};

struct EventWrite {
  std::string ns;
  std::string name;
  Json object;            // the whole Event, for a create
  bool is_patch = false;  // only its series changed
};

class EventAggregator {
 public:
  struct Options {
    std::string controller = "millrace.dev/millrace";
    std::string instance = "millrace";
    std::chrono::seconds series_interval{60};
    std::chrono::seconds series_end{360};
    int burst = 25;
    std::chrono::seconds refill{30};
    size_t max_series = 4096;
  };

  explicit EventAggregator(Options options) : options_(std::move(options)) {}

  // What is to be written now because of it.
  std::optional<EventWrite> Add(const EventRemark& remark, EventTime now);
  // Series whose count has not been written for a while; closes the silent ones.
  std::vector<EventWrite> Flush(EventTime now);
  // Counts that have not been written, whatever the interval: at the end.
  std::vector<EventWrite> FlushAll(EventTime now);

  int64_t dropped() const { return dropped_; }
  size_t series() const { return series_.size(); }

 private:
  struct Series {
    Json event;
    int64_t count = 1;
    int64_t written_count = 1;
    EventTime last;
    EventTime written;
  };
  struct Bucket {
    double tokens = 0;
    EventTime refilled;
  };

  Json MakeEvent(const EventRemark& remark, EventTime now) const;
  EventWrite WriteSeries(Series& series, EventTime now) const;
  bool TakeToken(const std::string& object, EventTime now);
  void Forget();

  Options options_;
  std::map<std::string, Series> series_;
  std::map<std::string, Bucket> buckets_;
  int64_t dropped_ = 0;
};

}  // namespace millrace::kube::internal
