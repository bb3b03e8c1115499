#include "api/registry/registry_api.h"

#include <charconv>
#include <cmath>
#include <memory>

#include "api/features/values.h"
#include "api/registry/log_stream.h"
#include "api/resources/body.h"
#include "api/resources/kube.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/run_filter.h"

namespace millrace::api {

using http::Method;
using http::Request;
using http::Response;
using registry::ScopedName;
using security::Permission;

namespace {

Json VersionJson(const registry::ModelVersion& version) {
  Json metrics = Json::object();
  for (const auto& [name, value] : version.metrics) metrics[name] = JsonOfDouble(value);
  return Json{{"model", version.model.name},
              {"version", version.version},
              {"status", std::string(registry::VersionStatusName(version.status))},
              {"reason", version.reason},
              {"aliases", version.aliases},
              {"metrics", std::move(metrics)},
              {"run", version.run_id},
              {"source", version.source},
              {"digest", version.digest},
              {"definition", version.definition},
              {"tags", version.tags},
              {"created", FormatTime(version.created)},
              {"updated", FormatTime(version.updated)}};
}

Json RunJson(const registry::Run& run) {
  Json metrics = Json::object();
  for (const auto& [name, point] : run.metrics) metrics[name] = JsonOfDouble(point.value);
  Json json = {{"id", run.id},
               {"name", run.name},
               {"status", std::string(registry::RunStatusName(run.status))},
               {"user", run.user},
               {"start", FormatTime(run.start)},
               {"params", run.params},
               {"tags", run.tags},
               {"metrics", std::move(metrics)}};
  if (run.end) json["end"] = FormatTime(*run.end);
  json["lifecycleStage"] = run.deleted ? "deleted" : "active";
  if (run.deleted) json["deleted"] = FormatTime(*run.deleted);
  return json;
}

Result<int64_t> ParseVersion(std::string_view text) {
  int64_t version = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (ec != std::errc() || end != text.data() + text.size() || version < 1) {
    return InvalidArgument("'{}' is not the number of a version: 1, 2, 3 and so on", text);
  }
  return version;
}

// A run's id becomes part of a path: nothing but letters, digits, '-' and '_'.
bool IsRunId(std::string_view id) {
  auto ok = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), ok);
}

// The handlers of the registry's routes; shared by the routes.
class RegistryHandlers {
 public:
  explicit RegistryHandlers(RegistryApiOptions options) : options_(std::move(options)) {}

  Response Models(const Request& request) { return Answer(ListModels(Project(request), request)); }
  Response Versions(const Request& request) { return Answer(ListVersions(Model(request))); }
  Response Version(const Request& request) {
    return Answer(GetVersion(Model(request), request.Param("version")));
  }
  Response Aliases(const Request& request) { return Answer(ListAliases(Model(request))); }
  Response SetAlias(const Request& request) { return Answer(MoveAlias(request)); }
  Response DeleteAlias(const Request& request) { return Answer(RemoveAlias(request)); }
  Response Runs(const Request& request) { return Answer(SearchRuns(request)); }
  Response Run(const Request& request) { return Answer(GetRun(request)); }
  Response DeleteRun(const Request& request) { return Answer(RemoveRun(request)); }
  Response History(const Request& request) { return Answer(GetHistory(request)); }
  Response Log(const Request& request);

 private:
  static Response Answer(const Result<Json>& answer) {
    return answer.ok() ? KubeObject(200, *answer) : KubeError(answer.status());
  }
  static std::string Project(const Request& request) { return std::string(request.Param("project")); }
  static ScopedName Model(const Request& request) {
    return {Project(request), std::string(request.Param("model"))};
  }

  Result<Json> ListModels(const std::string& project, const Request& request);
  Result<Json> ListVersions(const ScopedName& model);
  Result<Json> GetVersion(const ScopedName& model, std::string_view version);
  Result<Json> ListAliases(const ScopedName& model);
  Result<Json> MoveAlias(const Request& request);
  Result<Json> RemoveAlias(const Request& request);
  Result<registry::Run> FindRun(const std::string& project, const std::string& id);
  Result<Json> SearchRuns(const Request& request);
  Result<Json> GetRun(const Request& request);
  Result<Json> RemoveRun(const Request& request);
  Result<Json> GetHistory(const Request& request);
  Result<std::string> LogPath(const std::string& project, const std::string& job, bool follow);

  RegistryApiOptions options_;
};

Result<Json> RegistryHandlers::ListModels(const std::string& project, const Request& request) {
  MR_ASSIGN_OR_RETURN(std::vector<registry::RegisteredModel> models, options_.registry.ListModels(project));
  Json items = Json::array();
  for (const registry::RegisteredModel& model : models) {
    if (!request.Allows(Permission::kRegistryRead, model.name.project)) continue;
    items.push_back(Json{{"project", model.name.project},
                         {"name", model.name.name},
                         {"description", model.description},
                         {"aliases", model.aliases},
                         {"latestVersion", model.latest_version},
                         {"tags", model.tags},
                         {"created", FormatTime(model.created)},
                         {"updated", FormatTime(model.updated)}});
  }
  return Json{{"items", std::move(items)}};
}

Result<Json> RegistryHandlers::ListVersions(const ScopedName& model) {
  MR_ASSIGN_OR_RETURN(std::vector<registry::ModelVersion> versions, options_.registry.ListVersions(model));
  Json items = Json::array();
  for (const registry::ModelVersion& version : versions) items.push_back(VersionJson(version));
  return Json{{"items", std::move(items)}};
}

Result<Json> RegistryHandlers::GetVersion(const ScopedName& model, std::string_view text) {
  MR_ASSIGN_OR_RETURN(int64_t number, ParseVersion(text));
  MR_ASSIGN_OR_RETURN(registry::ModelVersion version, options_.registry.GetVersion(model, number));
  return VersionJson(version);
}

Result<Json> RegistryHandlers::ListAliases(const ScopedName& model) {
  MR_ASSIGN_OR_RETURN(registry::RegisteredModel found, options_.registry.GetModel(model));
  MR_ASSIGN_OR_RETURN(std::vector<registry::AliasMove> moves, options_.registry.AliasHistory(model));
  Json history = Json::array();
  for (const registry::AliasMove& move : moves) {
    history.push_back(Json{{"alias", move.alias},
                           {"from", move.from},
                           {"to", move.to},
                           {"actor", move.actor},
                           {"reason", move.reason},
                           {"time", FormatTime(move.time)}});
  }
  return Json{{"aliases", found.aliases}, {"history", std::move(history)}};
}

Result<Json> RegistryHandlers::MoveAlias(const Request& request) {
  MR_ASSIGN_OR_RETURN(Json body, ParseJson(request.body, 4));
  bool well_formed = body.is_object() && body.contains("version") && body["version"].is_number_integer() &&
                     (!body.contains("reason") || body["reason"].is_string());
  if (!well_formed) return InvalidArgument("the body is not {{\"version\": 3, \"reason\": \"why\"}}");
  std::string reason = body.value("reason", std::string("set by hand"));
  ScopedName model = Model(request);
  MR_RETURN_IF_ERROR(options_.registry.SetAlias(model, request.Param("alias"), body["version"].get<int64_t>(),
                                                request.identity->name, reason));
  return ListAliases(model);
}

Result<Json> RegistryHandlers::RemoveAlias(const Request& request) {
  ScopedName model = Model(request);
  MR_RETURN_IF_ERROR(options_.registry.DeleteAlias(model, request.Param("alias"), request.identity->name));
  return ListAliases(model);
}

// Of this project only: a run's id says nothing about whose it is.
Result<registry::Run> RegistryHandlers::FindRun(const std::string& project, const std::string& id) {
  Result<registry::Run> run = options_.registry.GetRun(id);
  if (run.ok() && run->project != project)
    return NotFound("there is no run '{}' in project '{}'", id, project);
  return run;
}

Result<Json> RegistryHandlers::GetRun(const Request& request) {
  MR_ASSIGN_OR_RETURN(registry::Run run, FindRun(Project(request), std::string(request.Param("run"))));
  return RunJson(run);
}

// The runs of a model are those of the experiment of its name.
Result<Json> RegistryHandlers::SearchRuns(const Request& request) {
  constexpr int64_t kPage = 500;
  MR_ASSIGN_OR_RETURN(const int64_t limit, QueryNumber(request, "limit", 100));
  MR_ASSIGN_OR_RETURN(const registry::RunFilter filter,
                      registry::RunFilter::Parse(request.Query("filter").value_or("")));
  MR_ASSIGN_OR_RETURN(const registry::Experiment experiment,
                      options_.registry.FindExperiment(Model(request)));
  Json items = Json::array();
  const auto wanted = static_cast<size_t>(std::clamp<int64_t>(limit, 0, 1000));
  for (int64_t offset = 0;; offset += kPage) {
    MR_ASSIGN_OR_RETURN(const std::vector<registry::Run> runs,
                        options_.registry.ListRuns(experiment.id, kPage, offset));
    for (const registry::Run& run : runs) {
      if (items.size() == wanted) return Json{{"items", std::move(items)}};
      if (filter.Matches(run)) items.push_back(RunJson(run));
    }
    if (runs.size() < static_cast<size_t>(kPage)) return Json{{"items", std::move(items)}};
  }
}

Result<Json> RegistryHandlers::RemoveRun(const Request& request) {
  MR_ASSIGN_OR_RETURN(registry::Run run, FindRun(Project(request), std::string(request.Param("run"))));
  if (run.status == registry::RunStatus::kRunning || run.status == registry::RunStatus::kScheduled) {
    return FailedPrecondition("run '{}' is {}: end its job before it is deleted", run.id,
                              registry::RunStatusName(run.status));
  }
  MR_RETURN_IF_ERROR(options_.registry.DeleteRun(run.id, request.identity->name));
  // After the record, which the audit log must have first. When it fails, deleting again removes it.
  if (IsRunId(run.id)) MR_RETURN_IF_ERROR(RemoveTree(options_.runs_dir + "/" + run.id));
  MR_ASSIGN_OR_RETURN(run, options_.registry.GetRun(run.id));
  return RunJson(run);
}

Result<Json> RegistryHandlers::GetHistory(const Request& request) {
  MR_ASSIGN_OR_RETURN(registry::Run run, FindRun(Project(request), std::string(request.Param("run"))));
  MR_ASSIGN_OR_RETURN(std::vector<registry::MetricPoint> points,
                      options_.registry.MetricHistory(run.id, request.Param("metric")));
  Json items = Json::array();
  for (const registry::MetricPoint& point : points) {
    items.push_back(
        Json{{"value", JsonOfDouble(point.value)}, {"step", point.step}, {"time", FormatTime(point.time)}});
  }
  return Json{{"items", std::move(items)}};
}

Result<std::string> RegistryHandlers::LogPath(const std::string& project, const std::string& job,
                                              bool follow) {
  MR_ASSIGN_OR_RETURN(resource::Resource found, options_.store.Get({"TrainingJob", project, job}));
  Json run = resource::ValueAt(found.status, "run");
  if (!run.is_string() || run.get<std::string>().empty()) {
    if (follow) return std::string();
    return FailedPrecondition("TrainingJob {} has not begun, so it has no log yet", job);
  }
  std::string id = run.get<std::string>();
  if (!IsRunId(id)) return DataLoss("TrainingJob {} names the run '{}', which no run is called", job, id);
  MR_RETURN_IF_ERROR(FindRun(project, id).status());
  return options_.runs_dir + "/" + id + "/train.log";
}

Response RegistryHandlers::Log(const Request& request) {
  std::string project = Project(request);
  std::string job(request.Param("job"));
  bool follow = request.QueryFlag("follow");
  Result<std::string> path = LogPath(project, job, follow);
  if (!path.ok()) return KubeError(path.status());
  if (!follow && !FileExists(*path)) {
    return KubeError(
        FailedPrecondition("the training of TrainingJob {} has not begun, so it has no log yet", job));
  }
  LogStream::Options options;
  options.follow = follow;
  options.find = [this, project, job] { return LogPath(project, job, true); };
  options.ended = [this, project, job] {
    Result<resource::Resource> found = options_.store.Get({"TrainingJob", project, job});
    if (!found.ok()) return true;  // deleted
    Json phase = resource::ValueAt(found->status, "phase");
    return phase == "Succeeded" || phase == "Failed" || phase == "Cancelled";
  };
  return Response::OfStream("text/plain; charset=utf-8", std::make_unique<LogStream>(std::move(options)));
}

using Handle = Response (RegistryHandlers::*)(const Request&);
using Handlers = std::shared_ptr<RegistryHandlers>;  // shared by the routes

http::Handler Bind(const Handlers& handlers, Handle handle) {
  return [handlers, handle](const Request& request) { return (*handlers.*handle)(request); };
}

}  // namespace

void AddRegistryRoutes(http::Router& router, RegistryApiOptions options) {
  auto h = std::make_shared<RegistryHandlers>(std::move(options));
  std::string root = std::string(kApisRoot) + "/namespaces/{project}/";
  std::string model = root + "models/{model}";
  http::RouteOptions in{
      .scope = http::Scope::kProjectParam, .run = http::Run::kBlocking, .max_body = 64 << 10};
  router.Add<Permission::kRegistryRead>(Method::kGet, root + "registeredmodels",
                                        Bind(h, &RegistryHandlers::Models), in);
  router.Add<Permission::kRegistryRead>(Method::kGet, model + "/versions",
                                        Bind(h, &RegistryHandlers::Versions), in);
  router.Add<Permission::kRegistryRead>(Method::kGet, model + "/versions/{version}",
                                        Bind(h, &RegistryHandlers::Version), in);
  router.Add<Permission::kRegistryRead>(Method::kGet, model + "/aliases", Bind(h, &RegistryHandlers::Aliases),
                                        in);
  router.Add<Permission::kRegistryWrite>(Method::kPut, model + "/aliases/{alias}",
                                         Bind(h, &RegistryHandlers::SetAlias), in);
  router.Add<Permission::kRegistryWrite>(Method::kDelete, model + "/aliases/{alias}",
                                         Bind(h, &RegistryHandlers::DeleteAlias), in);
  router.Add<Permission::kRegistryRead>(Method::kGet, model + "/runs", Bind(h, &RegistryHandlers::Runs), in);
  router.Add<Permission::kRegistryWrite>(Method::kDelete, root + "runs/{run}",
                                         Bind(h, &RegistryHandlers::DeleteRun), in);
  router.Add<Permission::kRegistryRead>(Method::kGet, root + "runs/{run}", Bind(h, &RegistryHandlers::Run),
                                        in);
  router.Add<Permission::kRegistryRead>(Method::kGet, root + "runs/{run}/metrics/{metric}",
                                        Bind(h, &RegistryHandlers::History), in);
  router.Add<Permission::kLogsRead>(Method::kGet, root + "trainingjobs/{job}/log",
                                    Bind(h, &RegistryHandlers::Log), in);
}

}  // namespace millrace::api
