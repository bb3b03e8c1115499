#include "api/oip/routes.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "api/http/status_http.h"
#include "api/oip/infer_request.h"
#include "api/oip/infer_response.h"
#include "api/oip/learning.h"
#include "api/oip/request_rows.h"
#include "base/json.h"
#include "base/text.h"

namespace millrace::oip {
namespace {

using http::Method;
using http::Request;
using http::Response;
using inference::Endpoint;
using inference::ServingVersionPtr;
using security::Permission;

constexpr std::string_view kDefaultProject = "default";

Response ErrorResponse(const Status& status) {
  return Response::OfJson(http::HttpStatusOf(status.code()),
                          R"({"error":)" + http::JsonQuote(status.message()) + "}");
}

Response JsonResponse(const Json& json) { return Response::OfJson(200, FormatJson(json)); }

// The protocol's codes: what the client sent wrong is 400, whatever Millrace calls it.
Status AsProtocolError(const Status& status) {
  switch (status.code()) {
    case Code::kNotFound:
    case Code::kPermissionDenied:
    case Code::kUnimplemented:
    case Code::kUnavailable:
    case Code::kInternal:
    case Code::kInvalidArgument:
      return status;
    case Code::kFailedPrecondition:
      return Unavailable("{}", status.message());
    case Code::kResourceExhausted:
      return InvalidArgument("{}", status.message());
    default:
      return Internal("{}", status.message());
  }
}

class Routes {
 public:
  explicit Routes(Options options) : options_(std::move(options)) {}

  Response Server(const Request&) const {
    return JsonResponse(
        {{"name", "millrace"},
         {"version", options_.version},
         {"extensions", Json::array({"binary_tensor_data", "model_repository", "statistics"})}});
  }
  Response Live(const Request&) const { return JsonResponse({{"live", true}}); }
  Response Ready(const Request&) const;
  Response Metadata(const Request& request) const;
  Response ModelReady(const Request& request) const;
  Response Infer(const Request& request) const;
  Response Stats(const Request& request) const;
  Response AllStats(const Request& request) const;
  Response Index(const Request& request) const;
  Response RefuseLoad(const Request& request) const;

 private:
  // The endpoint that the path names, and what it serves.
  struct Target {
    std::shared_ptr<Endpoint> endpoint;
    ServingVersionPtr version;  // null: not ready
  };
  Result<Target> Find(const Request& request) const;
  // The same, but Unavailable when nothing is served.
  Result<Target> FindReady(const Request& request) const;
  // Whether a scored event is learned: PermissionDenied when the caller asks for it and may not.
  static Status DecideLearning(const Request& request, const Target& target, InferRequest& infer);
  Result<Response> TryInfer(const Request& request) const;

  Options options_;
};

Response Routes::Ready(const Request&) const {
  Status ready;
  if (options_.ready) {
    ready = options_.ready();
  } else {
    for (const auto& endpoint : options_.endpoints->List()) {
      if (endpoint->Pin() == nullptr)
        ready = Unavailable("the endpoint '{}' serves no version yet", endpoint->name());
    }
  }
  if (!ready.ok()) return ErrorResponse(Unavailable("{}", ready.message()));
  return JsonResponse({{"ready", true}});
}

Result<Routes::Target> Routes::Find(const Request& request) const {
  const std::string_view name = request.Param("model");
  // An endpoint's own name may have dots; a Project's has none.
  Target target{options_.endpoints->Find(kDefaultProject, name), nullptr};
  if (target.endpoint == nullptr) {
    if (const size_t dot = name.find('.'); dot != std::string_view::npos) {
      target.endpoint = options_.endpoints->Find(name.substr(0, dot), name.substr(dot + 1));
    }
  }
  // What the caller may not use does not exist for it.
  if (target.endpoint == nullptr || !request.Allows(Permission::kPredict, target.endpoint->project())) {
    std::vector<std::string> known;
    for (const auto& endpoint : options_.endpoints->List()) {
      if (request.Allows(Permission::kPredict, endpoint->project())) known.push_back(ModelNameOf(*endpoint));
    }
    const std::string nearest = Nearest(name, known);
    return NotFound("there is no model '{}'{}", name,
                    nearest.empty() ? "" : ", did you mean '" + nearest + "'?");
  }
  target.version = target.endpoint->Pin();
  for (const http::PathParam& param : request.params) {
    if (param.name != "version") continue;
    if (target.version == nullptr || std::to_string(target.version->model().version()) != param.value) {
      return NotFound("the model '{}' does not serve version {}; {}", name, param.value,
                      target.version == nullptr
                          ? "it serves none yet"
                          : fmt::format("it serves {}", target.version->model().version()));
    }
  }
  return target;
}

Result<Routes::Target> Routes::FindReady(const Request& request) const {
  MR_ASSIGN_OR_RETURN(Target target, Find(request));
  if (target.version == nullptr) {
    const std::string reason = target.endpoint->reason();
    return Unavailable("the model '{}' is not ready{}", request.Param("model"),
                       reason.empty() ? ": it serves no version yet" : ": " + reason);
  }
  return target;
}

Json TensorJson(std::string_view name, Datatype datatype, Json shape) {
  return {{"name", name}, {"datatype", DatatypeName(datatype)}, {"shape", std::move(shape)}};
}

Response Routes::Metadata(const Request& request) const {
  const auto target = FindReady(request);
  if (!target.ok()) return ErrorResponse(target.status());
  const inference::ServingVersion& version = *target->version;
  const inference::LoadedModel& model = version.model();
  const size_t features = model.trees().num_features();
  Json inputs = Json::array();
  if (version.scores_events()) {
    for (size_t f = 0; f < version.fields().size(); ++f) {
      const Field& field = version.fields()[f];
      Json input = TensorJson(field.name, DatatypeOf(field.type), Json::array({-1}));
      Json parameters = {{"type", DataTypeName(field.type)}};
      if (f >= version.num_plan_fields()) parameters["optional"] = true;
      input["parameters"] = std::move(parameters);
      inputs.push_back(std::move(input));
    }
  } else {
    inputs.push_back(TensorJson("features", Datatype::kFp32, Json::array({-1, features})));
  }
  Json outputs = Json::array();
  outputs.push_back(
      TensorJson(model.output_name(), Datatype::kFp32, Json::array({-1, model.trees().num_predictions()})));
  if (version.scores_events())
    outputs.push_back(TensorJson("features", Datatype::kFp64, Json::array({-1, features})));
  return JsonResponse({{"name", request.Param("model")},
                       {"versions", Json::array({std::to_string(model.version())})},
                       {"platform", "millrace_trees"},
                       {"inputs", std::move(inputs)},
                       {"outputs", std::move(outputs)},
                       {"parameters",
                        {{"model", model.model_name()},
                         {"objective", model.trees().objective()},
                         {"feature_names", Join(model.feature_names(), ",")},
                         {"learns", version.learns()}}}});
}

Response Routes::ModelReady(const Request& request) const {
  const auto target = FindReady(request);
  if (!target.ok()) return ErrorResponse(target.status());
  return JsonResponse({{"name", request.Param("model")}, {"ready", true}});
}

Result<std::optional<size_t>> JsonLength(const Request& request) {
  const std::string_view header = request.Header("inference-header-content-length");
  if (header.empty()) return std::optional<size_t>();
  size_t length = 0;
  for (const char digit : header) {
    if (digit < '0' || digit > '9' || length > (size_t{1} << 40)) {
      return InvalidArgument("Inference-Header-Content-Length should be a whole number");
    }
    length = length * 10 + static_cast<size_t>(digit - '0');
  }
  return std::optional<size_t>(length);
}

// A score changes nothing; an event that is learned changes the scores of others. So it needs
// what pushing it needs (docs/adr/0017-learning-needs-the-permission-to-push.md).
Status Routes::DecideLearning(const Request& request, const Target& target, InferRequest& infer) {
  if (!target.version->learns() || !infer.learn) return Ok();
  if (request.Allows(Permission::kPush, target.endpoint->project())) return Ok();
  if (infer.learn_asked) {
    return PermissionDenied(
        "'learn' needs the permission push in Project {}, and the caller may only predict; without 'learn' "
        "the "
        "event is scored and not learned",
        target.endpoint->project());
  }
  infer.learn = false;
  return Ok();
}

Result<Response> Routes::TryInfer(const Request& request) const {
  MR_ASSIGN_OR_RETURN(const Target target, FindReady(request));
  const auto start = std::chrono::steady_clock::now();
  const inference::ServingVersion& version = *target.version;
  Response response;
  size_t rows = 0;
  const auto answer = [&]() -> Status {
    MR_ASSIGN_OR_RETURN(const std::optional<size_t> json_length, JsonLength(request));
    MR_ASSIGN_OR_RETURN(InferRequest infer, ParseInferRequest(request.body, json_length));
    MR_RETURN_IF_ERROR(DecideLearning(request, target, infer));
    MR_ASSIGN_OR_RETURN(const RequestRows given, ReadRows(infer, version));
    const auto* events = std::get_if<EventRows>(&given);
    const auto* features = std::get_if<FeatureRows>(&given);
    MR_ASSIGN_OR_RETURN(const inference::Scores scores,
                        events != nullptr ? version.ScoreEvents(events->cells, events->rows)
                                          : version.PredictFeatures(features->values, features->rows));
    rows = scores.rows;
    MR_ASSIGN_OR_RETURN(InferResponse written, WriteInferResponse(request.Param("model"), infer, version,
                                                                  scores, request.TakeBuffer()));
    response.body = std::move(written.body);
    if (written.json_length.has_value()) {
      response.content_type = "application/octet-stream";
      response.headers.push_back({"Inference-Header-Content-Length", std::to_string(*written.json_length)});
    }
    if (events != nullptr && version.learns() && infer.learn) {
      response.after = LearnLater(target.version, *events);
    }
    return Ok();
  };
  const Status outcome = answer();
  version.Count(outcome, rows, std::chrono::steady_clock::now() - start);
  MR_RETURN_IF_ERROR(outcome);
  return response;
}

Response Routes::Infer(const Request& request) const {
  auto response = TryInfer(request);
  if (!response.ok()) return ErrorResponse(AsProtocolError(response.status()));
  return std::move(*response);
}

Json StatsJson(const std::string& name, const inference::ServingVersion& version) {
  const inference::ServingStats stats = version.Stats();
  const Json none = {{"count", 0}, {"ns", 0}};
  const auto busy = stats.busy.count();
  const Json success = {{"count", stats.requests - stats.failures}, {"ns", busy}};
  return {{"name", name},
          {"version", std::to_string(version.model().version())},
          {"inference_count", stats.rows},
          {"execution_count", stats.requests - stats.failures},
          {"learned_count", stats.learned},
          {"inference_stats",
           {{"success", success},
            {"fail", {{"count", stats.failures}, {"ns", 0}}},
            {"queue", none},
            {"compute_input", none},
            {"compute_infer", success},
            {"compute_output", none}}}};
}

Response Routes::Stats(const Request& request) const {
  const auto target = FindReady(request);
  if (!target.ok()) return ErrorResponse(target.status());
  return JsonResponse(
      {{"model_stats", Json::array({StatsJson(ModelNameOf(*target->endpoint), *target->version)})}});
}

Response Routes::AllStats(const Request& request) const {
  Json all = Json::array();
  for (const auto& endpoint : options_.endpoints->List()) {
    if (!request.Allows(Permission::kPredict, endpoint->project())) continue;
    if (const ServingVersionPtr version = endpoint->Pin())
      all.push_back(StatsJson(ModelNameOf(*endpoint), *version));
  }
  return JsonResponse({{"model_stats", std::move(all)}});
}

Response Routes::Index(const Request& request) const {
  bool ready_only = false;
  if (!request.body.empty()) {
    const auto body = ParseJson(request.body, 8);
    if (!body.ok()) return ErrorResponse(body.status());
    if (body->is_object() && body->contains("ready") && (*body)["ready"].is_boolean())
      ready_only = (*body)["ready"];
  }
  Json models = Json::array();
  for (const auto& endpoint : options_.endpoints->List()) {
    if (!request.Allows(Permission::kPredict, endpoint->project())) continue;
    const ServingVersionPtr version = endpoint->Pin();
    if (version == nullptr && ready_only) continue;
    models.push_back({{"name", ModelNameOf(*endpoint)},
                      {"version", version == nullptr ? "" : std::to_string(version->model().version())},
                      {"state", version == nullptr ? "UNAVAILABLE" : "READY"},
                      {"reason", endpoint->reason()}});
  }
  return JsonResponse(models);
}

Response Routes::RefuseLoad(const Request& request) const {
  return ErrorResponse(
      InvalidArgument("models are loaded and unloaded by their ModelEndpoint resources: apply, change or "
                      "delete the one of '{}'",
                      request.Param("model")));
}

}  // namespace

std::string ModelNameOf(const Endpoint& endpoint) {
  if (endpoint.project() == kDefaultProject) return endpoint.name();
  return endpoint.project() + "." + endpoint.name();
}

void AddRoutes(http::Router& router, Options options) {
  const size_t max_body = options.max_body;
  const auto routes = std::make_shared<const Routes>(std::move(options));
  const auto handler = [&](Response (Routes::*method)(const Request&) const) -> http::Handler {
    return [routes, method](const Request& request) { return (routes.get()->*method)(request); };
  };
  router.ErrorsBelow("/v2", [](int http_status, const Status& status) {
    Response response = ErrorResponse(status);
    response.status = http_status;
    return response;
  });
  router.Add<Permission::kPublic>(Method::kGet, "/v2", handler(&Routes::Server));
  router.Add<Permission::kPublic>(Method::kGet, "/v2/health/live", handler(&Routes::Live));
  router.Add<Permission::kPublic>(Method::kGet, "/v2/health/ready", handler(&Routes::Ready));
  const http::RouteOptions read = {.scope = http::Scope::kAnyProject};
  for (const std::string model : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
    router.Add<Permission::kPredict>(Method::kGet, model, handler(&Routes::Metadata), read);
    router.Add<Permission::kPredict>(Method::kGet, model + "/ready", handler(&Routes::ModelReady), read);
    router.Add<Permission::kPredict>(Method::kGet, model + "/stats", handler(&Routes::Stats), read);
    router.Add<Permission::kPredict>(Method::kPost, model + "/infer", handler(&Routes::Infer),
                                     {.scope = http::Scope::kAnyProject, .max_body = max_body});
  }
  router.Add<Permission::kPredict>(Method::kGet, "/v2/models/stats", handler(&Routes::AllStats), read);
  router.Add<Permission::kPredict>(Method::kPost, "/v2/repository/index", handler(&Routes::Index), read);
  router.Add<Permission::kPredict>(Method::kPost, "/v2/repository/models/{model}/load",
                                   handler(&Routes::RefuseLoad), read);
  router.Add<Permission::kPredict>(Method::kPost, "/v2/repository/models/{model}/unload",
                                   handler(&Routes::RefuseLoad), read);
}

}  // namespace millrace::oip
