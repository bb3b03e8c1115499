#include "api/features/feature_api.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "api/features/values.h"
#include "api/resources/kube.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "feature/cell.h"
#include "feature/plan.h"
#include "resource/decode.h"
#include "source/push.h"

namespace millrace::api {

using http::Method;
using http::Request;
using http::Response;
using security::Permission;

namespace {

constexpr size_t kMaxRows = 10'000;
constexpr size_t kMaxRefusedShown = 100;

// The handlers of the feature routes; shared by the routes.
class FeatureHandlers {
 public:
  explicit FeatureHandlers(FeatureApiOptions options) : options_(std::move(options)) {}

  Response Push(const Request& request);
  Response GetView(const Request& request);
  Response GetService(const Request& request);

 private:
  Result<feature::SourcePlan> LoadedSource(const std::string& project, const std::string& source);
  Result<source::EventShape> Shape(const std::string& project, const std::string& source);
  Result<Json> PushEvents(const std::string& project, const std::string& source, std::string_view body);
  Result<Json> Lookup(const std::string& project, const std::string& view, const Json& body);
  Result<Json> Score(const std::string& project, const std::string& service, const Json& body);
  void Count(const std::string& project, const std::string& source, const Json& answer);

  FeatureApiOptions options_;
};

std::string SourceKey(const std::string& project, const std::string& source) {
  return project + "/" + source;
}

template <typename Spec>
Result<Spec> SpecOf(resource::ResourceStore& store, const char* kind, const std::string& project,
                    const std::string& name) {
  MR_ASSIGN_OR_RETURN(resource::Resource found, store.Get({kind, project, name}));
  return resource::DecodeSpec<Spec>(found);
}

Response Answer(const Result<Json>& answer) {
  if (!answer.ok()) return KubeError(answer.status());
  return KubeObject(200, *answer);
}

Result<feature::SourcePlan> FeatureHandlers::LoadedSource(const std::string& project,
                                                          const std::string& source) {
  std::optional<feature::SourcePlan> plan = options_.online.Source(SourceKey(project, source));
  if (plan) return *plan;
  return Unavailable(
      "the events of DataSource {} are not loaded yet: millrace describe ds {} says how far it is", source,
      source);
}

Result<source::EventShape> FeatureHandlers::Shape(const std::string& project, const std::string& source) {
  MR_ASSIGN_OR_RETURN(auto spec,
                      SpecOf<resource::DataSourceSpec>(options_.store, "DataSource", project, source));
  MR_ASSIGN_OR_RETURN(feature::SourcePlan plan, LoadedSource(project, source));
  return source::ShapeOf(spec, plan.schema);
}

constexpr const char* kOrigin = "push";

// An event as it was given, for people.
std::string TextOf(const Table& events, size_t row) {
  Json json = Json::object();
  for (size_t c = 0; c < events.num_columns(); ++c) {
    if (!events.column(c).IsNull(row)) json[events.schema()[c].name] = JsonOf(events.column(c).Get(row));
  }
  return FormatJson(json);
}

std::string TextOf(const feature::LateColumns& update, const std::string& id) {
  Json json = {{id, JsonOf(update.event_id)}};
  for (const auto& [name, value] : update.columns) json[name] = JsonOf(value);
  return FormatJson(json);
}

Result<Json> FeatureHandlers::PushEvents(const std::string& project, const std::string& source,
                                         std::string_view body) {
  std::string key = SourceKey(project, source);
  MR_ASSIGN_OR_RETURN(source::EventShape shape, Shape(project, source));
  MR_ASSIGN_OR_RETURN(source::PushedEvents pushed, source::ParsePushedEvents(body, shape));
  std::vector<feature::UnusedRow> letters;
  for (source::DeadLetter& letter : pushed.dead_letters) {
    letters.push_back({kOrigin, letter.row, std::move(letter.reason), std::move(letter.text)});
  }
  feature::AppendResult total;
  if (pushed.events.num_rows() > 0) {
    MR_ASSIGN_OR_RETURN(total, options_.online.Append(key, pushed.events));
    for (const feature::RefusedEvent& refused : total.refused) {
      const auto row = static_cast<size_t>(refused.row);
      letters.push_back({kOrigin, pushed.event_rows[row], refused.reason, TextOf(pushed.events, row)});
    }
  }
  if (!pushed.updates.empty()) {
    std::vector<feature::LateColumns> updates;
    for (source::EventUpdate& update : pushed.updates) {
      updates.push_back({.event_id = std::move(update.event_id), .columns = std::move(update.columns)});
    }
    MR_ASSIGN_OR_RETURN(feature::AppendResult joined, options_.online.Update(key, updates));
    total.joined += joined.joined;
    total.duplicates += joined.duplicates;
    for (const feature::RefusedEvent& refused : joined.refused) {
      const auto row = static_cast<size_t>(refused.row);
      letters.push_back(
          {kOrigin, pushed.update_rows[row], refused.reason, TextOf(updates[row], shape.event_id)});
    }
  }
  // The events above are on disk already; a dead letter that cannot be kept is told, not lost in silence.
  MR_RETURN_IF_ERROR(options_.online.KeepUnused(key, letters));
  Json refused = Json::array();
  for (size_t i = 0; i < std::min(letters.size(), kMaxRefusedShown); ++i) {
    refused.push_back(
        Json{{"row", letters[i].row}, {"reason", letters[i].reason}, {"event", letters[i].text}});
  }
  return Json{{"accepted", total.accepted},
              {"joined", total.joined},
              {"duplicates", total.duplicates},
              {"refused", letters.size()},
              {"reasons", std::move(refused)}};
}

void FeatureHandlers::Count(const std::string& project, const std::string& source, const Json& answer) {
  for (const char* outcome : {"accepted", "joined", "duplicates", "refused"}) {
    options_.metrics
        .GetCounter("millrace_pushed_events_total", "Events pushed over HTTP, by what became of them.",
                    {{"project", project}, {"source", source}, {"outcome", outcome}})
        .Add(answer[outcome].get<uint64_t>());
  }
}

Response FeatureHandlers::Push(const Request& request) {
  std::string project(request.Param("project"));
  std::string source(request.Param("name"));
  Result<Json> answer = PushEvents(project, source, request.body);
  if (answer.ok()) Count(project, source, *answer);
  return Answer(answer);
}

// One object, or a list of them, under that key; bounded.
Result<std::vector<Json>> RowsOf(const Json& body, const char* key) {
  if (!body.is_object() || !body.contains(key)) return InvalidArgument("the body is not {{\"{}\": …}}", key);
  const Json& rows = body[key];
  std::vector<Json> out;
  if (rows.is_object()) {
    out.push_back(rows);
  } else if (rows.is_array()) {
    if (rows.size() > kMaxRows)
      return InvalidArgument("{} has {} entries; {} are the most", key, rows.size(), kMaxRows);
    for (const Json& row : rows) {
      if (!row.is_object()) return InvalidArgument("{}[{}] is not an object", key, out.size());
      out.push_back(row);
    }
  } else {
    return InvalidArgument("'{}' is neither an object nor a list of them", key);
  }
  return out;
}

Status CheckNames(const Json& row, const std::vector<std::string>& known, const char* what) {
  for (const auto& [name, value] : row.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string nearest = Nearest(name, known);
    return InvalidArgument(
        "'{}' is not {}; {}", name, what,
        nearest.empty() ? "there are " + Join(known, ", ") : "did you mean '" + nearest + "'?");
  }
  return Ok();
}

Result<Json> FeatureHandlers::Lookup(const std::string& project, const std::string& view, const Json& body) {
  MR_ASSIGN_OR_RETURN(auto spec,
                      SpecOf<resource::FeatureViewSpec>(options_.store, "FeatureView", project, view));
  MR_ASSIGN_OR_RETURN(feature::SourcePlan source, LoadedSource(project, spec.source));
  MR_ASSIGN_OR_RETURN(feature::ViewPlanPtr plan, feature::CompileView(view, spec, source));
  MR_ASSIGN_OR_RETURN(std::vector<Json> rows, RowsOf(body, "keys"));
  std::optional<EventTime> time;
  if (body.contains("time") && !body["time"].is_null()) {
    MR_ASSIGN_OR_RETURN(Value parsed, ValueOf(body["time"], DataType::kTimestamp, "time"));
    time = std::get<EventTime>(parsed);
  }
  Json names = Json::array();
  Json types = Json::array();
  for (const feature::ViewOutput& output : plan->outputs) {
    names.push_back(output.name);
    types.push_back(std::string(DataTypeName(output.type)));
  }
  Json answers = Json::array();
  for (const Json& row : rows) {
    MR_RETURN_IF_ERROR(CheckNames(row, spec.entities, "an entity of this view"));
    std::vector<Value> keys;
    for (size_t column : plan->keys) {
      const Field& field = source.schema[column];
      if (!row.contains(field.name)) return InvalidArgument("the key '{}' is missing", field.name);
      MR_ASSIGN_OR_RETURN(Value key, ValueOf(row[field.name], field.type, field.name));
      keys.push_back(std::move(key));
    }
    MR_ASSIGN_OR_RETURN(feature::FeatureRow found,
                        options_.online.Lookup(SourceKey(project, spec.source), view, keys, time));
    Json values = Json::array();
    Json statuses = Json::array();
    for (const Value& value : found.values) values.push_back(JsonOf(value));
    for (feature::FeatureStatus status : found.statuses) {
      statuses.push_back(std::string(feature::FeatureStatusName(status)));
    }
    Json answer = {{"values", std::move(values)}, {"statuses", std::move(statuses)}};
    if (found.newest) answer["newest"] = FormatTime(*found.newest);
    answers.push_back(std::move(answer));
  }
  return Json{{"names", std::move(names)}, {"types", std::move(types)}, {"rows", std::move(answers)}};
}

Response FeatureHandlers::GetView(const Request& request) {
  Result<Json> body = ParseJson(request.body);
  if (!body.ok()) return KubeError(400, body.status());
  return Answer(Lookup(std::string(request.Param("project")), std::string(request.Param("name")), *body));
}

// A row of a request as the plan's fields; what is left out is null, but the
// event time, which is then now.
Result<std::vector<Value>> FieldsOf(const feature::ServicePlan& plan, const Json& row) {
  MR_RETURN_IF_ERROR(CheckNames(row, plan.fields.Names(), "a field of this service's requests"));
  std::vector<Value> values(plan.fields.size(), Value(Null{}));
  for (size_t i = 0; i < plan.fields.size(); ++i) {
    const Field& field = plan.fields[i];
    if (row.contains(field.name)) {
      MR_ASSIGN_OR_RETURN(values[i], ValueOf(row[field.name], field.type, field.name));
    } else if (i == plan.event_time) {
      values[i] = SystemClock().Now();
    }
  }
  return values;
}

// One input of the vector as JSON, by its type: 3 and not 3.0 for an int64.
Json InputJson(double value, DataType type) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: larger whole numbers are no longer exact
  if (std::isnan(value)) return nullptr;
  if (type == DataType::kBool) return value != 0;
  if (type == DataType::kInt64 && std::abs(value) <= kExact) return static_cast<int64_t>(value);
  return JsonOfDouble(value);
}

Result<Json> FeatureHandlers::Score(const std::string& project, const std::string& service,
                                    const Json& body) {
  if (!options_.service_plan) return Unavailable("no FeatureService is served here");
  MR_ASSIGN_OR_RETURN(feature::ServicePlanPtr plan, options_.service_plan(project, service));
  MR_ASSIGN_OR_RETURN(feature::Scorer scorer, options_.online.Bind(project, plan));
  MR_ASSIGN_OR_RETURN(std::vector<Json> rows, RowsOf(body, "rows"));
  Json names = Json::array();
  Json types = Json::array();
  for (const feature::ServiceInput& input : plan->inputs) {
    names.push_back(input.name);
    types.push_back(std::string(DataTypeName(input.type)));
  }
  Json answers = Json::array();
  std::vector<double> vector(plan->inputs.size());
  for (const Json& row : rows) {
    MR_ASSIGN_OR_RETURN(std::vector<Value> fields, FieldsOf(*plan, row));
    std::vector<feature::Cell> cells;
    for (const Value& value : fields) cells.push_back(feature::ToCell(value));
    MR_RETURN_IF_ERROR(scorer.Score(cells, vector));
    Json values = Json::array();
    Json statuses = Json::array();
    for (size_t i = 0; i < vector.size(); ++i) {
      values.push_back(InputJson(vector[i], plan->inputs[i].type));
      statuses.push_back(std::isnan(vector[i]) ? "NULL_VALUE" : "PRESENT");
    }
    answers.push_back(Json{{"values", std::move(values)},
                           {"statuses", std::move(statuses)},
                           {"time", JsonOf(fields[plan->event_time])}});
  }
  return Json{{"names", std::move(names)}, {"types", std::move(types)}, {"rows", std::move(answers)}};
}

Response FeatureHandlers::GetService(const Request& request) {
  Result<Json> body = ParseJson(request.body);
  if (!body.ok()) return KubeError(400, body.status());
  return Answer(Score(std::string(request.Param("project")), std::string(request.Param("name")), *body));
}

}  // namespace

void AddFeatureRoutes(http::Router& router, FeatureApiOptions options) {
  auto handlers = std::make_shared<FeatureHandlers>(std::move(options));
  std::string root = std::string(kApisRoot) + "/namespaces/{project}/";
  constexpr size_t kMaxPush = 16 << 20;
  http::RouteOptions json{.scope = http::Scope::kProjectParam,
                          .run = http::Run::kBlocking,
                          .max_body = kMaxPush,
                          .content_types = {"application/json"}};
  router.Add<Permission::kPush>(
      Method::kPost, root + "datasources/{name}/push",
      [handlers](const Request& r) { return handlers->Push(r); }, json);
  router.Add<Permission::kFeaturesRead>(
      Method::kPost, root + "featureviews/{name}/get",
      [handlers](const Request& r) { return handlers->GetView(r); }, json);
  router.Add<Permission::kFeaturesRead>(
      Method::kPost, root + "featureservices/{name}/get",
      [handlers](const Request& r) { return handlers->GetService(r); }, json);
}

}  // namespace millrace::api
