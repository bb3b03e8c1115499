#include "inference/endpoint.h"

#include <cmath>
#include <limits>

namespace millrace::inference {
namespace {

constexpr size_t kWarmRows = 64;

}  // namespace

Result<std::shared_ptr<const ServingVersion>> ServingVersion::Create(const EndpointOptions& options,
                                                                     LoadedModelPtr model) {
  std::shared_ptr<ServingVersion> version(new ServingVersion(std::move(model)));
  const feature::ServicePlanPtr& plan = version->model_->plan();
  if (plan != nullptr && options.store != nullptr) {
    MR_ASSIGN_OR_RETURN(feature::Scorer scorer, options.store->Bind(options.project, plan));
    version->scorer_ = std::move(scorer);
    version->fields_ = plan->fields;
    version->num_plan_fields_ = plan->fields.size();
  }
  if (!options.learn.empty()) MR_RETURN_IF_ERROR(version->BindLearning(options));
  MR_RETURN_IF_ERROR(version->Warm());
  version->MakeMetrics(options);
  return ServingVersionPtr(std::move(version));
}

// Finds, for each column of the learned source, the field that fills it.
Status ServingVersion::BindLearning(const EndpointOptions& options) {
  if (!scorer_.has_value()) {
    return InvalidArgument(
        "the endpoint learns '{}', but version {} of '{}' has no FeatureService: it scores no events",
        options.learn, model_->version(), model_->model_name());
  }
  const std::optional<feature::SourcePlan> source = options.store->Source(options.learn);
  if (!source.has_value()) {
    return FailedPrecondition("the source '{}' that the endpoint learns is not loaded", options.learn);
  }
  std::vector<Field> fields = fields_.fields();
  for (const Field& column : source->schema.fields()) {
    const std::optional<size_t> known = fields_.Find(column.name);
    if (known.has_value()) {
      if (fields_[*known].type != column.type) {
        return InvalidArgument("'{}' is {} in the FeatureService and {} in the learned source '{}'",
                               column.name, DataTypeName(fields_[*known].type), DataTypeName(column.type),
                               options.learn);
      }
      learn_columns_.push_back(static_cast<int32_t>(*known));
    } else if (source->known_after.contains(column.name)) {
      learn_columns_.push_back(-1);
    } else {
      learn_columns_.push_back(static_cast<int32_t>(fields.size()));
      fields.push_back(column);
    }
  }
  fields_ = Schema(std::move(fields));
  learn_source_ = options.learn;
  learn_schema_ = source->schema;
  store_ = options.store;
  return Ok();
}

bool ServingVersion::IsBound() const {
  if (scorer_.has_value() && !scorer_->IsBound()) return false;
  if (!learns()) return true;
  const std::optional<feature::SourcePlan> source = store_->Source(learn_source_);
  return source.has_value() && source->schema == learn_schema_;
}

// Touches every tree's memory, and refuses a model that has no finite answer.
Status ServingVersion::Warm() const {
  const TreeModel& trees = model_->trees();
  const std::vector<float> rows(kWarmRows * trees.num_features(), std::numeric_limits<float>::quiet_NaN());
  MR_ASSIGN_OR_RETURN(const Scores scores, PredictFeatures(rows, kWarmRows));
  for (const float prediction : scores.predictions) {
    if (!std::isfinite(prediction)) {
      return InvalidArgument("version {} of '{}' predicts {} where every feature is missing",
                             model_->version(), model_->model_name(), prediction);
    }
  }
  return Ok();
}

void ServingVersion::MakeMetrics(const EndpointOptions& options) {
  if (options.metrics == nullptr) return;
  const telemetry::Labels labels = {{"project", options.project},
                                    {"endpoint", options.name},
                                    {"version", std::to_string(model_->version())}};
  telemetry::Metrics& metrics = *options.metrics;
  metric_requests_ = &metrics.GetCounter("millrace_inference_requests_total", "Inference requests.", labels);
  metric_failures_ = &metrics.GetCounter("millrace_inference_failures_total",
                                         "Inference requests that were refused.", labels);
  metric_rows_ = &metrics.GetCounter("millrace_inference_rows_total", "Rows that were scored.", labels);
  metric_learned_ = &metrics.GetCounter("millrace_inference_learned_events_total",
                                        "Scored events that were handed to the online state.", labels);
  metric_latency_ = &metrics.GetHistogram("millrace_inference_seconds",
                                          "From a parsed request to its predictions, in seconds.", labels);
}

Result<Scores> ServingVersion::PredictFeatures(std::span<const float> rows, size_t n) const {
  const TreeModel& trees = model_->trees();
  if (rows.size() != n * trees.num_features()) {
    return InvalidArgument("{} values for {} rows; the model takes {} features a row", rows.size(), n,
                           trees.num_features());
  }
  Scores scores;
  scores.rows = n;
  scores.predictions.resize(n * trees.num_outputs());
  trees.PredictMargins(rows, scores.predictions);
  trees.Transform(scores.predictions);
  scores.predictions.resize(n * trees.num_predictions());
  return scores;
}

Result<Scores> ServingVersion::ScoreEvents(std::span<const feature::Cell> cells, size_t n) const {
  if (!scorer_.has_value()) {
    return Unimplemented(
        "version {} of '{}' has no FeatureService with online state: send its features as a tensor",
        model_->version(), model_->model_name());
  }
  const size_t width = fields_.size();
  const size_t features = model_->trees().num_features();
  if (cells.size() != n * width) {
    return InvalidArgument("{} values for {} events; an event has {} fields", cells.size(), n, width);
  }
  std::vector<double> vectors(n * features);
  for (size_t i = 0; i < n; ++i) {
    const Status scored = scorer_->Score(cells.subspan(i * width, num_plan_fields_),
                                         std::span(vectors).subspan(i * features, features));
    if (!scored.ok()) return n == 1 ? scored : scored.WithContext(fmt::format("event {}", i));
  }
  // The same narrowing as the trainer's.
  std::vector<float> rows(vectors.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(vectors[i]);
  MR_ASSIGN_OR_RETURN(Scores scores, PredictFeatures(rows, n));
  scores.features = std::move(vectors);
  return scores;
}

Status ServingVersion::Learn(std::span<const feature::Cell> cells, size_t n) const {
  if (!learns()) return Ok();
  const size_t width = fields_.size();
  std::vector<feature::Cell> event(learn_columns_.size());
  Status first;
  for (size_t i = 0; i < n; ++i) {
    for (size_t c = 0; c < event.size(); ++c) {
      event[c] =
          learn_columns_[c] < 0 ? feature::Cell() : cells[i * width + static_cast<size_t>(learn_columns_[c])];
    }
    const Status learned = store_->Learn(learn_source_, event, &learn_schema_);
    if (!learned.ok()) {
      if (first.ok()) first = learned;
      continue;
    }
    learned_.Add();
    if (metric_learned_ != nullptr) metric_learned_->Add();
  }
  return first;
}

void ServingVersion::Count(const Status& outcome, size_t rows, std::chrono::nanoseconds took) const {
  requests_.Add();
  rows_.Add(rows);
  busy_nanoseconds_.Add(static_cast<uint64_t>(took.count()));
  if (!outcome.ok()) failures_.Add();
  if (metric_requests_ == nullptr) return;
  metric_requests_->Add();
  metric_rows_->Add(rows);
  metric_latency_->Observe(took);
  if (!outcome.ok()) metric_failures_->Add();
}

ServingStats ServingVersion::Stats() const {
  return {.requests = requests_.Value(),
          .failures = failures_.Value(),
          .rows = rows_.Value(),
          .learned = learned_.Value(),
          .busy = std::chrono::nanoseconds(busy_nanoseconds_.Value())};
}

Result<std::shared_ptr<Endpoint>> Endpoint::Create(EndpointOptions options) {
  if (options.name.empty() || options.project.empty()) {
    return InvalidArgument("an endpoint needs a project and a name");
  }
  if (!options.learn.empty() && options.store == nullptr) {
    return InvalidArgument("the endpoint '{}' learns '{}', but there is no online store", options.name,
                           options.learn);
  }
  return std::shared_ptr<Endpoint>(new Endpoint(std::move(options)));
}

Status Endpoint::Swap(LoadedModelPtr model) {
  MR_CHECK(model != nullptr, "Unload serves nothing");
  auto version = ServingVersion::Create(options_, std::move(model));
  if (!version.ok()) return version.status();
  current_.Exchange(std::move(*version));
  SetReason("");
  return Ok();
}

void Endpoint::Unload() { current_.Exchange(nullptr); }

void Endpoint::SetReason(std::string reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  reason_ = std::move(reason);
}

std::string Endpoint::reason() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return reason_;
}

EndpointSet::EndpointSet() { map_.Exchange(std::make_shared<const Map>()); }

void EndpointSet::Put(std::shared_ptr<Endpoint> endpoint) {
  const std::lock_guard<std::mutex> lock(writers_);
  auto next = std::make_shared<Map>(*map_.Load());
  auto key = std::pair(endpoint->project(), endpoint->name());
  next->insert_or_assign(std::move(key), std::move(endpoint));
  map_.Exchange(std::move(next));
}

bool EndpointSet::Remove(std::string_view project, std::string_view name) {
  const std::lock_guard<std::mutex> lock(writers_);
  auto next = std::make_shared<Map>(*map_.Load());
  const auto found = next->find(std::pair(project, name));
  if (found == next->end()) return false;
  next->erase(found);
  map_.Exchange(std::move(next));
  return true;
}

std::shared_ptr<Endpoint> EndpointSet::Find(std::string_view project, std::string_view name) const {
  const auto map = map_.Load();
  const auto found = map->find(std::pair(project, name));
  return found == map->end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Endpoint>> EndpointSet::List() const {
  const auto map = map_.Load();
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  endpoints.reserve(map->size());
  for (const auto& [key, endpoint] : *map) endpoints.push_back(endpoint);
  return endpoints;
}

}  // namespace millrace::inference
