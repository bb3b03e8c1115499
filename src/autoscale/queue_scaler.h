// Queue-driven scaling as KEDA does it: triggers (a queue's length, a schedule)
// wake a workload from zero and put it back to sleep, and in between an HPA on
// the same triggers sets the scale. Two pure functions, since two loops run:
//
//   PollQueue   every polling interval (30 s), KEDA's own: from zero and to zero
//   SyncQueue   every HPA period (15 s), once there is a replica
//
//   QueueState state = StartQueue(spec, created);
//   QueueResult r = PollQueue(spec, {now, replicas, pods, readings}, std::move(state));
//   if (r.rescale) Scale(r.desired);
//
// Source: kedacore/keda 2.20, pkg/scaling/executor/scale_scaledobjects.go,
// pkg/scaling/scale_handler.go, pkg/scalers/cron_scaler.go;
// https://keda.sh/docs/latest/reference/scaledobject-spec/. Left out: fallback,
// scaling modifiers, pausing by annotation.
//
// Values; distinct objects may be used from distinct threads.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "autoscale/cron.h"
#include "autoscale/hpa.h"
#include "base/status.h"
#include "base/time_zone.h"

namespace millrace::autoscale {

// A value read from outside: the length of a queue, a lag, a rate.
struct MetricTrigger {
  double activation_threshold = 0;  // active above it
};

// So many replicas from each start to the next end.
struct CronTrigger {
  CronSchedule start, end;
  TimeZone zone;
  int32_t desired_replicas = 1;
};

struct Trigger {
  std::string name;
  TargetType type = TargetType::kAverageValue;  // of each replica, or kValue: of all
  Milli target = 5000;                          // a CronTrigger's is always 1 of each replica
  std::variant<MetricTrigger, CronTrigger> kind = MetricTrigger{};
};

// The defaults are KEDA's.
struct QueueSpec {
  std::vector<Trigger> triggers;
  Micros polling_interval = std::chrono::seconds(30);
  Micros cooldown_period = std::chrono::seconds(300);
  Micros initial_cooldown_period{0};
  int32_t min_replicas = 0;
  int32_t max_replicas = 100;
  std::optional<int32_t> idle_replicas;  // less than min_replicas; KEDA allows only 0
  std::optional<Behavior> behavior;      // of the HPA
  HpaOptions hpa;
};

struct TriggerReading {
  std::string error;  // why there is no value; empty: there is one
  double value = 0;
  std::optional<bool> active;  // an external scaler's own IsActive, instead of the threshold
};

struct QueueInput {
  EventTime now;
  int32_t replicas = 0;                  // the scale's spec.replicas
  int32_t status_replicas = 0;           // the scale's status.replicas
  std::vector<Pod> pods;                 // needed for triggers of type kValue
  std::vector<TriggerReading> readings;  // one for each trigger, in order; that of a CronTrigger is not read
};

struct QueueState {
  EventTime created;
  std::optional<EventTime> last_active;
  HpaState hpa;
};

struct QueueResult {
  int32_t desired = 0;
  bool rescale = false;
  bool active = false;  // any trigger is
  std::string reason;   // of the condition Active: ScalerActive, ScalerNotActive, ScalerCooldown
  std::vector<std::string> explanation;
  QueueState state;
};

Status ValidateQueue(const QueueSpec& spec);

QueueState StartQueue(const QueueSpec& spec, EventTime created);

// KEDA's loop. Preconditions: ValidateQueue(spec).ok(), as many readings as triggers.
QueueResult PollQueue(const QueueSpec& spec, const QueueInput& input, QueueState state);

// The HPA that KEDA makes, with the triggers as External metrics. At zero replicas it does nothing.
QueueResult SyncQueue(const QueueSpec& spec, const QueueInput& input, QueueState state);

// What KEDA's operator writes into that HPA.
HpaSpec HpaOfQueue(const QueueSpec& spec);

}  // namespace millrace::autoscale
