// Endpoint: a name under which a version of a model answers, and EndpointSet:
// all of them.
//
//     request ─▶ EndpointSet::Find ─▶ Endpoint::Pin ─▶ ServingVersion ─▶ answer ─▶ (Learn)
//                                         ▲
//     controller ─▶ LoadedModel::Load ─▶ Endpoint::Swap: bind, warm, publish
//
// A request pins the version it began with, so that everything it says comes
// from one version; a swapped-out version is freed by its last request. Finding
// and pinning take no lock (VersionSlot). All functions are thread safe.
//
//   EndpointSet endpoints;
//   MR_ASSIGN_OR_RETURN(auto endpoint, Endpoint::Create({.project = "default", .name = "fraud",
//                                                        .store = &store, .learn = "default/transactions",
//                                                        .metrics = &metrics}));
//   MR_RETURN_IF_ERROR(endpoint->Swap(model));   // nothing is served until this succeeds
//   endpoints.Put(endpoint);
//
//   if (ServingVersionPtr version = endpoint->Pin()) {
//     MR_ASSIGN_OR_RETURN(Scores scores, version->ScoreEvents(cells, n));
//     …send the answer, then version->Learn(cells, n);
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "feature/cell.h"
#include "feature/online_store.h"
#include "inference/loaded_model.h"
#include "inference/version_slot.h"
#include "table/table.h"
#include "telemetry/metrics.h"

namespace millrace::inference {

struct Scores {
  size_t rows = 0;
  std::vector<float> predictions;  // rows × num_predictions()
  std::vector<double> features;    // rows × num_features() as they were computed; empty for tensors
};

// What the statistics routes tell. Times are totals.
struct ServingStats {
  uint64_t requests = 0;
  uint64_t failures = 0;
  uint64_t rows = 0;
  uint64_t learned = 0;
  std::chrono::nanoseconds busy{0};
};

struct EndpointOptions {
  std::string project = "default";
  std::string name = {};
  feature::OnlineStore* store = nullptr;  // outlives the endpoint; null: feature tensors only
  std::string learn = {};                 // "PROJECT/SOURCE" that scored events enter; "" for none
  telemetry::Metrics* metrics = nullptr;  // outlives the endpoint; null for none
};

// One version, bound to the online state: what a request works with. Immutable
// but for its counters; outlives its endpoint when a request holds it.
class ServingVersion {
 public:
  // Binds and warms; see Endpoint::Swap.
  static Result<std::shared_ptr<const ServingVersion>> Create(const EndpointOptions& options,
                                                              LoadedModelPtr model);

  const LoadedModel& model() const { return *model_; }
  // What an event of a request may have: the plan's fields first, then the other
  // columns of the learned source. Empty when events cannot be scored.
  const Schema& fields() const { return fields_; }
  // How many of fields() are the plan's; the rest is only learned and may be null.
  size_t num_plan_fields() const { return num_plan_fields_; }
  bool scores_events() const { return scorer_.has_value(); }
  bool learns() const { return !learn_source_.empty(); }
  // False once a source was dropped, or the learned one has other columns than
  // when this was made: the same model is then to be swapped in again.
  bool IsBound() const;

  // `rows`: n × num_features(), NaN for missing.
  Result<Scores> PredictFeatures(std::span<const float> rows, size_t n) const;
  // `cells`: n × fields().size(). Each event's vector counts that event, and none
  // of the others of the call. Unimplemented when scores_events() is false.
  Result<Scores> ScoreEvents(std::span<const feature::Cell> cells, size_t n) const;
  // Hands the events to the online store, which counts an id once. Call it when
  // the answer is on its way. Ok when learns() is false.
  Status Learn(std::span<const feature::Cell> cells, size_t n) const;

  // Counts one request, for ServingStats and the metrics.
  void Count(const Status& outcome, size_t rows, std::chrono::nanoseconds took) const;
  ServingStats Stats() const;

 private:
  explicit ServingVersion(LoadedModelPtr model) : model_(std::move(model)) {}
  Status BindLearning(const EndpointOptions& options);
  Status Warm() const;
  void MakeMetrics(const EndpointOptions& options);

  LoadedModelPtr model_;
  std::optional<feature::Scorer> scorer_;
  feature::OnlineStore* store_ = nullptr;
  Schema fields_;
  size_t num_plan_fields_ = 0;
  std::string learn_source_;
  Schema learn_schema_;                 // of the source when this was bound
  std::vector<int32_t> learn_columns_;  // for each column of the source, the field; -1 for null

  mutable telemetry::Counter requests_;
  mutable telemetry::Counter failures_;
  mutable telemetry::Counter rows_;
  mutable telemetry::Counter learned_;
  mutable telemetry::Counter busy_nanoseconds_;
  telemetry::Counter* metric_requests_ = nullptr;
  telemetry::Counter* metric_failures_ = nullptr;
  telemetry::Counter* metric_rows_ = nullptr;
  telemetry::Counter* metric_learned_ = nullptr;
  telemetry::Histogram* metric_latency_ = nullptr;
};
using ServingVersionPtr = std::shared_ptr<const ServingVersion>;

class Endpoint {
 public:
  // InvalidArgument: no name, or learning without a store.
  static Result<std::shared_ptr<Endpoint>> Create(EndpointOptions options);

  const std::string& project() const { return options_.project; }
  const std::string& name() const { return options_.name; }
  const EndpointOptions& options() const { return options_; }

  // Binds `model` to the online state, warms it and makes it the current one, in
  // one step for every later request. On failure the old one goes on serving:
  // FailedPrecondition while the online state does not hold what the plan needs.
  Status Swap(LoadedModelPtr model);
  // Serves nothing from now on.
  void Unload();

  // The current version; null when there is none.
  ServingVersionPtr Pin() const { return current_.Load(); }

  // Why nothing is served, or what keeps the next version back; for answers to
  // clients. "" when all is well.
  void SetReason(std::string reason);
  std::string reason() const;

 private:
  explicit Endpoint(EndpointOptions options) : options_(std::move(options)) {}

  EndpointOptions options_;
  VersionSlot<ServingVersion> current_;
  mutable std::mutex mutex_;  // guards reason_; not on the path of a request that is answered
  std::string reason_;
};

class EndpointSet {
 public:
  EndpointSet();

  // Adds it, or takes the place of the one of that project and name.
  void Put(std::shared_ptr<Endpoint> endpoint);
  // False when there was none.
  bool Remove(std::string_view project, std::string_view name);

  // Null when there is none.
  std::shared_ptr<Endpoint> Find(std::string_view project, std::string_view name) const;
  // By project and name.
  std::vector<std::shared_ptr<Endpoint>> List() const;

 private:
  struct Order {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Key(a.first, a.second) < Key(b.first, b.second);
    }
    using Key = std::pair<std::string_view, std::string_view>;
  };
  using Map = std::map<std::pair<std::string, std::string>, std::shared_ptr<Endpoint>, Order>;

  std::mutex writers_;
  VersionSlot<Map> map_;
};

}  // namespace millrace::inference
