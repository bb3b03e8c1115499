#include "autoscale/autoscaler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace millrace::autoscale {
namespace {

class FixedAutoscaler : public Autoscaler {
 public:
  explicit FixedAutoscaler(int32_t replicas) : replicas_(replicas) {}
  std::string name() const override { return fmt::format("fixed:{}", replicas_); }
  Micros period() const override { return std::chrono::hours(1); }
  int32_t initial_replicas() const override { return replicas_; }
  Answer Evaluate(const Observation&) override { return {replicas_, {}}; }

 private:
  int32_t replicas_;
};

class HpaAutoscaler : public Autoscaler {
 public:
  HpaAutoscaler(const HpaSpec& spec, const HpaOptions& options, int32_t concurrency)
      : spec_(spec), options_(options), concurrency_(concurrency) {}

  std::string name() const override { return "hpa"; }
  Micros period() const override { return options_.sync_period; }
  int32_t initial_replicas() const override { return std::max(1, spec_.min_replicas); }

  Answer Evaluate(const Observation& observation) override {
    HpaInput input;
    input.now = observation.now;
    input.spec_replicas = observation.replicas;
    input.status_replicas = static_cast<int32_t>(observation.pods.size());
    input.pods = observation.pods;
    for (Pod& pod : input.pods) pod.containers = {{"main", {{"cpu", 1000}}}};
    input.readings.push_back(Read(observation));
    HpaResult result = EvaluateHpa(spec_, options_, input, std::move(state_));
    state_ = std::move(result.state);
    if (result.rescale) state_.RecordRescale(spec_, observation.now, observation.replicas, result.desired);
    return {result.desired, std::move(result.explanation)};
  }

 private:
  static constexpr Micros kSampleAge = std::chrono::seconds(8);
  static constexpr Micros kSampleWindow = std::chrono::seconds(15);

  // The load is shared evenly by the pods that were ready when the sample was taken.
  MetricReading Read(const Observation& observation) const {
    const EventTime at = observation.now - kSampleAge;
    const auto took_part = [&](const Pod& pod) {
      return pod.ready == ReadyCondition::kTrue && pod.ready_changed <= at;
    };
    const auto sharing = std::count_if(observation.pods.begin(), observation.pods.end(), took_part);
    const double busy = observation.load->Mean(kSampleWindow, kSampleAge).busy;
    const double share = busy / static_cast<double>(std::max<int64_t>(1, sharing)) / concurrency_;
    MetricReading reading;
    for (const Pod& pod : observation.pods) {
      const Milli used = took_part(pod) ? static_cast<Milli>(std::llround(std::min(share, 1.0) * 1000)) : 0;
      reading.pods.push_back({pod.name, used, at, kSampleWindow});
    }
    if (reading.pods.empty()) reading.error = "no metrics returned from resource metrics API";
    return reading;
  }

  HpaSpec spec_;
  HpaOptions options_;
  int32_t concurrency_;
  HpaState state_;
};

class KpaAutoscaler : public Autoscaler {
 public:
  explicit KpaAutoscaler(const KpaSpec& spec) : spec_(spec) {}

  std::string name() const override { return "kpa"; }
  Micros period() const override { return spec_.tick; }
  bool wakes_at_once() const override { return true; }
  int32_t initial_replicas() const override { return std::max(spec_.initial_scale, spec_.min_scale); }

  Answer Evaluate(const Observation& observation) override {
    const int32_t ready = observation.Ready();
    if (!started_) state_ = StartKpa(spec_, observation.now, ready);
    started_ = true;
    KpaInput input{observation.now, ready, observation.replicas, std::nullopt, std::nullopt};
    const LoadHistory& load = *observation.load;
    if (!load.empty() || observation.outstanding > 0) {
      input.stable = Value(load.Mean(spec_.stable_window));
      input.panic = Value(load.Mean(spec_.PanicWindow()));
      // The activator reports a request that it holds at once, before any window can show it.
      if (ready == 0 && observation.outstanding > 0) {
        input.stable = std::max(*input.stable, 1.0);
        input.panic = std::max(*input.panic, 1.0);
      }
    }
    KpaResult result = EvaluateKpa(spec_, input, std::move(state_));
    state_ = std::move(result.state);
    return {result.apply ? result.desired : observation.replicas, std::move(result.explanation)};
  }

 private:
  double Value(const LoadHistory::Second& mean) const {
    return spec_.metric == KpaMetric::kConcurrency ? mean.outstanding : mean.arrivals;
  }

  KpaSpec spec_;
  KpaState state_;
  bool started_ = false;
};

class QueueAutoscaler : public Autoscaler {
 public:
  QueueAutoscaler(const QueueSpec& spec, bool push) : spec_(spec), push_(push) {}

  std::string name() const override { return "queue"; }
  Micros period() const override {
    return Micros(std::gcd(spec_.polling_interval.count(), spec_.hpa.sync_period.count()));
  }
  bool wakes_at_once() const override { return push_; }
  int32_t initial_replicas() const override { return spec_.min_replicas; }

  Answer Evaluate(const Observation& observation) override {
    if (!begun_) {
      begun_ = observation.now;
      state_ = StartQueue(spec_, observation.now);
    }
    QueueInput input;
    input.now = observation.now;
    input.replicas = observation.replicas;
    input.status_replicas = static_cast<int32_t>(observation.pods.size());
    input.pods = observation.pods;
    const LoadHistory& load = *observation.load;
    const bool active = observation.outstanding > 0 || load.Mean(kActiveWindow).arrivals > 0;
    const TriggerReading reading{"", load.Mean(kValueWindow).outstanding, active};
    input.readings.assign(spec_.triggers.size(), reading);
    Answer answer{input.replicas, {}};
    const Micros since = observation.now - *begun_;
    const bool pushed = push_ && input.replicas == 0 && observation.outstanding > 0;
    if (pushed || since.count() % spec_.polling_interval.count() == 0)
      Apply(PollQueue(spec_, input, state_), input, answer);
    if (since.count() % spec_.hpa.sync_period.count() == 0) {
      const int32_t before = input.replicas;
      Apply(SyncQueue(spec_, input, state_), input, answer);
      state_.hpa.RecordRescale(HpaOfQueue(spec_), input.now, before, input.replicas);
    }
    return answer;
  }

 private:
  static constexpr Micros kActiveWindow = std::chrono::seconds(60);
  static constexpr Micros kValueWindow = std::chrono::seconds(15);

  void Apply(QueueResult result, QueueInput& input, Answer& answer) {
    state_ = std::move(result.state);
    input.replicas = answer.replicas = result.desired;
    for (std::string& line : result.explanation) answer.why.push_back(std::move(line));
  }

  QueueSpec spec_;
  bool push_;
  QueueState state_;
  std::optional<EventTime> begun_;
};

}  // namespace

int32_t Observation::Ready() const {
  return static_cast<int32_t>(std::count_if(pods.begin(), pods.end(), [](const Pod& pod) {
    return pod.phase == PodPhase::kRunning && pod.ready == ReadyCondition::kTrue;
  }));
}

std::unique_ptr<Autoscaler> MakeFixedAutoscaler(int32_t replicas) {
  return std::make_unique<FixedAutoscaler>(replicas);
}

std::unique_ptr<Autoscaler> MakeHpaAutoscaler(const HpaSpec& spec, const HpaOptions& options,
                                              int32_t concurrency) {
  return std::make_unique<HpaAutoscaler>(spec, options, concurrency);
}

std::unique_ptr<Autoscaler> MakeKpaAutoscaler(const KpaSpec& spec) {
  return std::make_unique<KpaAutoscaler>(spec);
}

std::unique_ptr<Autoscaler> MakeQueueAutoscaler(const QueueSpec& spec, bool push) {
  return std::make_unique<QueueAutoscaler>(spec, push);
}

}  // namespace millrace::autoscale
