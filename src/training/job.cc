#include "training/job.h"

#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "base/json.h"

namespace millrace::training {
namespace {

constexpr int64_t kFormat = 1;
constexpr size_t kMaxFeatures = 100'000;

std::string Dump(const Json& json) { return FormatJson(json); }

// Reads the members of an object; the first that is missing or of another type is remembered.
class Members {
 public:
  Members(const Json& object, std::string_view where) : object_(object), where_(where) {
    if (!object.is_object()) status_ = InvalidArgument("{}: must be an object", where);
  }

  int64_t Int(const char* name) {
    const Json* value = Find(name, "a whole number", [](const Json& j) { return j.is_number_integer(); });
    return value == nullptr ? 0 : value->get<int64_t>();
  }
  bool Bool(const char* name) {
    const Json* value = Find(name, "true or false", [](const Json& j) { return j.is_boolean(); });
    return value != nullptr && value->get<bool>();
  }
  std::string Text(const char* name) {
    const Json* value = Find(name, "text", [](const Json& j) { return j.is_string(); });
    return value == nullptr ? "" : value->get<std::string>();
  }
  Json Object(const char* name) {
    const Json* value = Find(name, "an object", [](const Json& j) { return j.is_object(); });
    return value == nullptr ? Json::object() : *value;
  }
  std::vector<std::string> Texts(const char* name) {
    std::vector<std::string> texts;
    const Json* value = Find(name, "a list of text", [](const Json& j) {
      if (!j.is_array() || j.size() > kMaxFeatures) return false;
      for (const Json& entry : j) {
        if (!entry.is_string()) return false;
      }
      return true;
    });
    if (value != nullptr) {
      for (const Json& entry : *value) texts.push_back(entry.get<std::string>());
    }
    return texts;
  }
  // Numbers, and null for NaN.
  std::map<std::string, double> Numbers(const char* name) {
    std::map<std::string, double> numbers;
    const Json members = Object(name);
    for (const auto& [key, value] : members.items()) {
      numbers[key] = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    }
    return numbers;
  }

  void CheckFormat() {
    const int64_t format = Int("format");
    if (status_.ok() && format != kFormat) {
      status_ = InvalidArgument("{}: format is {}; this Millrace reads {}", where_, format, kFormat);
    }
  }
  const Status& status() const { return status_; }

 private:
  template <typename Is>
  const Json* Find(const char* name, std::string_view right, Is is) {
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(name);
    if (it != object_.end() && is(*it)) return &*it;
    if (status_.ok()) status_ = InvalidArgument("{}: '{}' must be {}", where_, name, right);
    return nullptr;
  }

  const Json& object_;
  std::string_view where_;
  Status status_;
};

Json NumbersToJson(const std::map<std::string, double>& numbers) {
  Json json = Json::object();
  for (const auto& [name, value] : numbers) json[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  return json;
}

Code CodeFromName(std::string_view name) {
  for (int i = 1; i <= static_cast<int>(Code::kInternal); ++i) {
    if (CodeName(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return Code::kInternal;
}

}  // namespace

std::string JobToJson(const Job& job) {
  return Dump({{"format", kFormat},
               {"features", job.features},
               {"label", job.label},
               {"parameters", job.parameters},
               {"seed", job.seed},
               {"threads", job.threads},
               {"validation", job.validation}}) +
         "\n";
}

Result<Job> ParseJob(std::string_view json) {
  Result<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status().WithContext(kJobFile);
  Members members(*parsed, kJobFile);
  members.CheckFormat();
  Job job;
  job.features = members.Texts("features");
  job.label = members.Text("label");
  job.parameters = members.Object("parameters");
  job.seed = members.Int("seed");
  const int64_t threads = members.Int("threads");
  job.validation = members.Bool("validation");
  MR_RETURN_IF_ERROR(members.status());
  if (threads < 1 || threads > 1024)
    return InvalidArgument("{}: 'threads' must be within 1 and 1024", kJobFile);
  job.threads = static_cast<int>(threads);
  const std::set<std::string> names(job.features.begin(), job.features.end());
  if (job.features.empty() || names.size() != job.features.size()) {
    return InvalidArgument("{}: 'features' must be distinct names, at least one", kJobFile);
  }
  if (names.contains(job.label))
    return InvalidArgument("{}: the label '{}' is among the features", kJobFile, job.label);
  return job;
}

std::string ProgressToJson(const TrainingProgress& progress) {
  return Dump({{"round", progress.round},
               {"rounds", progress.rounds},
               {"rows", progress.rows},
               {"elapsed_us", progress.elapsed.count()},
               {"left_us", progress.left.count()},
               {"metrics", NumbersToJson(progress.metrics)}});
}

Result<TrainingProgress> ParseProgress(std::string_view line) {
  Result<Json> parsed = ParseJson(line, 4);
  if (!parsed.ok()) return parsed.status().WithContext(kProgressFile);
  Members members(*parsed, kProgressFile);
  TrainingProgress progress;
  progress.round = members.Int("round");
  progress.rounds = members.Int("rounds");
  progress.rows = members.Int("rows");
  progress.elapsed = Micros(members.Int("elapsed_us"));
  progress.left = Micros(members.Int("left_us"));
  progress.metrics = members.Numbers("metrics");
  MR_RETURN_IF_ERROR(members.status());
  return progress;
}

std::string ResultToJson(const TrainingOutcome& outcome) {
  if (!outcome.status.ok()) {
    return Dump({{"format", kFormat},
                 {"error",
                  {{"code", CodeName(outcome.status.code())}, {"message", outcome.status.message()}}}}) +
           "\n";
  }
  return Dump({{"format", kFormat},
               {"model_sha256", outcome.model_digest},
               {"best_round", outcome.best_round},
               {"rounds", outcome.rounds},
               {"rows", outcome.rows},
               {"positives", outcome.positives},
               {"metrics", NumbersToJson(outcome.metrics)},
               {"libraries", outcome.libraries}}) +
         "\n";
}

Result<TrainingOutcome> ParseResult(std::string_view json, const std::string& directory) {
  Result<Json> parsed = ParseJson(json, 8);
  if (!parsed.ok()) return parsed.status().WithContext(kResultFile);
  Members members(*parsed, kResultFile);
  members.CheckFormat();
  MR_RETURN_IF_ERROR(members.status());
  TrainingOutcome outcome;
  if (parsed->contains("error")) {
    const Json error = members.Object("error");
    Members parts(error, kResultFile);
    outcome.status = Status(CodeFromName(parts.Text("code")), parts.Text("message"));
    MR_RETURN_IF_ERROR(members.status());
    MR_RETURN_IF_ERROR(parts.status());
    return outcome;
  }
  outcome.model_digest = members.Text("model_sha256");
  outcome.best_round = members.Int("best_round");
  outcome.rounds = members.Int("rounds");
  outcome.rows = members.Int("rows");
  outcome.positives = members.Int("positives");
  outcome.metrics = members.Numbers("metrics");
  const Json libraries = members.Object("libraries");
  for (const auto& [name, version] : libraries.items()) {
    if (version.is_string()) outcome.libraries[name] = version.get<std::string>();
  }
  MR_RETURN_IF_ERROR(members.status());
  outcome.model_ubj = directory + "/" + kModelUbjFile;
  outcome.model_json = directory + "/" + kModelJsonFile;
  return outcome;
}

}  // namespace millrace::training
