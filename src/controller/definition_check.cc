#include "controller/definition_check.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "controller/plans.h"
#include "resource/decode.h"
#include "source/push.h"
#include "training/model_definition.h"

namespace millrace::controller {
namespace {

using resource::Definition;
using resource::Definitions;
using resource::FieldProblem;
using resource::ResourceKey;

constexpr size_t kMostFiles = 64;  // of text, that are sampled while a write waits
constexpr std::array kSaysWhatToRun = {"model", "parameters"};

// Where in the spec the column stands that the message names first, as in "columns: 'amuont' is …".
FieldProblem OfColumn(const resource::DataSourceSpec& spec, const std::string& message) {
  const size_t quote = message.find('\'');
  for (size_t i = 0; quote != std::string::npos && i < spec.columns.size(); ++i) {
    if (message.compare(quote + 1, spec.columns[i].name.size() + 1, spec.columns[i].name + "'") == 0) {
      return {fmt::format("spec.columns[{}]", i), message};
    }
  }
  return {"spec.columns", message};
}

// What `source` says of a spec, by the field that it says it of.
FieldProblem PlaceOf(const resource::DataSourceSpec& spec, const std::string& message) {
  const size_t colon = message.find(": ");
  const std::string of = message.substr(0, colon == std::string::npos ? 0 : colon);
  const std::string rest = of.empty() ? message : message.substr(colon + 2);
  if (of == "columns") return OfColumn(spec, rest);
  if (of == "eventTime" || of == "eventId" || of == "files.sql") return {"spec." + of, rest};
  return {spec.files ? "spec.files" : "spec", message};
}

// The spec with the field that was found wrong put out of the way, to see whether there is more; false when
// that cannot be.
bool PassOver(const std::string& field, const resource::DataSourceSpec& whole,
              resource::DataSourceSpec& spec) {
  if (field == "spec.eventId") {
    spec.event_id.clear();
    return true;
  }
  for (size_t i = 0; i < whole.columns.size(); ++i) {
    if (field != fmt::format("spec.columns[{}]", i)) continue;
    const auto named = [&](const resource::SourceColumn& column) {
      return column.name == whole.columns[i].name;
    };
    const auto found = std::find_if(spec.columns.begin(), spec.columns.end(), named);
    if (found == spec.columns.end()) return false;
    if (spec.files || found->type) {
      spec.columns.erase(found);
    } else {
      found->type = found->name == spec.event_time ? DataType::kTimestamp : DataType::kString;
    }
    return true;
  }
  return false;
}

// What compiling said, without the name of what was compiled.
std::vector<FieldProblem> ProblemsOf(const Status& status, const std::string& context) {
  const std::string prefix = context + ": ";
  if (!status.message().starts_with(prefix)) return resource::FieldProblems(status);
  return resource::FieldProblems(Status(status.code(), status.message().substr(prefix.size())));
}

// A run that exists has its parameters already, whatever its Model says by now: it can still be cancelled.
bool SaysWhatToRun(const Definition& job) {
  if (!job.given || !job.stored.is_object()) return job.given;
  const Json& spec = job.resource.spec;
  return std::any_of(kSaysWhatToRun.begin(), kSaysWhatToRun.end(), [&](const char* field) {
    return resource::ValueAt(spec, field) != resource::ValueAt(job.stored, field);
  });
}

// One look at one set of definitions.
class Checker {
 public:
  Checker(const Definitions& definitions, const Layout* layout)
      : definitions_(definitions), layout_(layout) {}

  std::vector<resource::DefinitionProblem> Run() && {
    for (const auto& [key, definition] : definitions_) {
      if (!definition.affected) continue;
      if (key.kind == "DataSource") (void)Source(key);
      if (key.kind == "FeatureView") (void)View(key);
      if (key.kind == "FeatureService") CheckService(key);
      if (key.kind == "Model") CheckModel(key);
      if (key.kind == "TrainingJob" && SaysWhatToRun(definition)) CheckJob(key);
    }
    return std::move(problems_);
  }

 private:
  struct Service {
    feature::ServicePlanPtr plan;  // null: it does not compile, or something that it needs is not known
    std::vector<FieldProblem> problems;
  };

  const Definition* Find(const ResourceKey& key) const {
    const auto found = definitions_.find(key);
    return found == definitions_.end() ? nullptr : &found->second;
  }

  template <typename Spec>
  std::optional<Spec> SpecOf(const ResourceKey& key) const {
    const Definition* definition = Find(key);
    if (definition == nullptr) return std::nullopt;
    Result<Spec> spec = resource::DecodeSpec<Spec>(definition->resource);
    return spec.ok() ? std::optional<Spec>(std::move(*spec)) : std::nullopt;
  }

  void Note(const ResourceKey& key, std::vector<FieldProblem> problems) {
    const Definition* definition = Find(key);
    if (definition == nullptr || !definition->affected) return;
    for (FieldProblem& problem : problems) problems_.push_back({key, std::move(problem)});
  }

  // Of the source's files, or NotFound and the like where they cannot be looked at now.
  Result<Schema> Inspect(const resource::DataSourceSpec& spec) const {
    if (!spec.files) return source::DeclaredSchema(spec);
    MR_ASSIGN_OR_RETURN(const source::SourceSnapshot files,
                        layout_ == nullptr ? source::Fingerprint(spec) : FindFiles(*layout_, spec));
    if (source::CountTextFiles(spec, files) > kMostFiles)
      return Unavailable("{} files are not read yet", files.files.size());
    return source::InspectSource(spec);
  }

  // Of the table of events, if it is what the source says now.
  std::optional<Schema> Stored(const ResourceKey& key, const resource::DataSourceSpec& spec) const {
    if (layout_ == nullptr || !spec.files) return std::nullopt;
    Result<StoredEvents> events = FindEvents(*layout_, key.project, key.name);
    if (!events.ok()) return std::nullopt;
    const Result<source::SourceSnapshot> files = FindFiles(*layout_, spec);
    // Files that are gone leave the table as it was.
    const bool gone = files.status().code() == Code::kNotFound && !Find(key)->given;
    if (!gone && (!files.ok() || files->digest != events->commit.input)) return std::nullopt;
    return std::move(events->snapshot.schema);
  }

  // The columns, and the spec without what was wrong with it.
  struct Seen {
    resource::DataSourceSpec spec;
    Schema schema;
  };

  std::optional<Seen> Look(const ResourceKey& key, const resource::DataSourceSpec& whole) {
    if (std::optional<Schema> stored = Stored(key, whole)) return Seen{whole, std::move(*stored)};
    resource::DataSourceSpec spec = whole;
    bool wrong = false;
    for (;;) {
      Result<Schema> schema = Inspect(spec);
      // Pushed columns without their types: what is made of them can't be judged.
      if (schema.ok() && wrong && !whole.files) return std::nullopt;
      if (schema.ok()) return Seen{std::move(spec), std::move(*schema)};
      wrong = true;
      if (schema.status().code() != Code::kInvalidArgument) return std::nullopt;
      FieldProblem problem = PlaceOf(whole, schema.status().message());
      const std::string field = problem.field;
      Note(key, {std::move(problem)});
      if (!PassOver(field, whole, spec)) return std::nullopt;
    }
  }

  const feature::SourcePlan* Source(const ResourceKey& key) {
    const auto [found, fresh] = sources_.try_emplace(key);
    std::optional<feature::SourcePlan>& plan = found->second;
    if (!fresh) return plan ? &*plan : nullptr;
    const auto spec = SpecOf<resource::DataSourceSpec>(key);
    if (!spec) return nullptr;
    const std::optional<Seen> seen = Look(key, *spec);
    if (!seen) return nullptr;
    Result<feature::SourcePlan> made = feature::PlanSource(key.name, seen->spec, seen->schema);
    if (made.ok()) {
      plan = std::move(*made);
      return &*plan;
    }
    Note(key, resource::FieldProblems(made.status()));
    return nullptr;
  }

  feature::ViewPlanPtr View(const ResourceKey& key) {
    const auto [found, fresh] = views_.try_emplace(key);
    if (!fresh) return found->second;
    const auto spec = SpecOf<resource::FeatureViewSpec>(key);
    if (!spec) return nullptr;
    const feature::SourcePlan* source = Source({"DataSource", key.project, spec->source});
    if (source == nullptr) return nullptr;
    Result<feature::ViewPlanPtr> plan = feature::CompileView(key.name, *spec, *source);
    if (plan.ok()) return found->second = std::move(*plan);
    Note(key, ProblemsOf(plan.status(), "FeatureView " + key.name));
    return nullptr;
  }

  Service CompileService(const ResourceKey& key, const resource::FeatureServiceSpec& spec,
                         const feature::SourcePlan& source) {
    std::vector<feature::ViewPlanPtr> views;
    std::vector<std::string> unknown;  // items whose view says itself what is wrong with it
    std::set<std::string> seen;
    for (size_t i = 0; i < spec.items.size(); ++i) {
      if (spec.items[i].kind != resource::ServiceItem::Kind::kView) continue;
      feature::ViewPlanPtr view = View({"FeatureView", key.project, spec.items[i].name});
      if (view == nullptr) {
        unknown.push_back(fmt::format("spec.features[{}].", i));
      } else if (seen.insert(view->name).second) {
        views.push_back(std::move(view));
      }
    }
    Result<feature::ServicePlanPtr> plan = feature::CompileService(key.name, spec, source, views);
    if (plan.ok()) return {std::move(*plan), {}};
    Service service{nullptr, ProblemsOf(plan.status(), "FeatureService " + key.name)};
    for (const std::string& item : unknown) {
      std::erase_if(service.problems,
                    [&](const FieldProblem& problem) { return problem.field.starts_with(item); });
    }
    return service;
  }

  // A service is compiled for the examples of each model that takes it; without one, for its first view's
  // source.
  std::set<std::string> SourcesOf(const ResourceKey& key, const resource::FeatureServiceSpec& spec) const {
    std::set<std::string> sources;
    for (const auto& [other, definition] : definitions_) {
      if (other.kind != "Model" || other.project != key.project) continue;
      const auto model = SpecOf<resource::ModelSpec>(other);
      if (model && model->input == key.name) sources.insert(model->examples);
    }
    for (const resource::ServiceItem& item : spec.items) {
      if (!sources.empty()) break;
      if (item.kind != resource::ServiceItem::Kind::kView) continue;
      const auto view = SpecOf<resource::FeatureViewSpec>({"FeatureView", key.project, item.name});
      if (view) sources.insert(view->source);
    }
    return sources;
  }

  void CheckService(const ResourceKey& key) {
    const auto spec = SpecOf<resource::FeatureServiceSpec>(key);
    if (!spec) return;
    for (const std::string& name : SourcesOf(key, *spec)) {
      const feature::SourcePlan* source = Source({"DataSource", key.project, name});
      if (source != nullptr) Note(key, CompileService(key, *spec, *source).problems);
    }
  }

  void CheckModel(const ResourceKey& key) {
    const auto spec = SpecOf<resource::ModelSpec>(key);
    if (!spec) return;
    Note(key, training::CheckModelDefinition(*spec));
    const feature::SourcePlan* source = Source({"DataSource", key.project, spec->examples});
    if (source == nullptr) return;
    Note(key, CheckExamples(*spec, *source));
    const ResourceKey input = {"FeatureService", key.project, spec->input};
    const auto service_spec = SpecOf<resource::FeatureServiceSpec>(input);
    Service service;
    if (service_spec) service = CompileService(input, *service_spec, *source);
    const Status label = service.plan == nullptr
                             ? feature::CheckLabel(*source, spec->label, spec->split.gap)
                             : feature::CheckLabel(*service.plan, spec->label, spec->split.gap);
    Note(key, resource::FieldProblems(label));
    if (!service_spec || Find(input)->affected) return;
    // The service is as it was; that it does not go with these examples is the model's mistake.
    for (const FieldProblem& problem : service.problems) {
      Note(key, {{"spec.input", fmt::format("FeatureService {} does not go with DataSource {}: {}: {}",
                                            spec->input, spec->examples, problem.field, problem.message)}});
    }
  }

  void CheckJob(const ResourceKey& key) {
    const auto spec = SpecOf<resource::TrainingJobSpec>(key);
    if (!spec) return;
    const auto model = SpecOf<resource::ModelSpec>({"Model", key.project, spec->model});
    if (model) Note(key, training::CheckRunParameters(model->parameters, spec->parameters));
  }

  const Definitions& definitions_;
  const Layout* layout_;  // null without a server
  std::map<ResourceKey, std::optional<feature::SourcePlan>> sources_;
  std::map<ResourceKey, feature::ViewPlanPtr> views_;
  std::vector<resource::DefinitionProblem> problems_;
};

}  // namespace

resource::DefinitionCheck CheckDefinitions(std::string data_dir) {
  if (data_dir.empty()) {
    return [](const Definitions& definitions) { return Checker(definitions, nullptr).Run(); };
  }
  return [layout = Layout(std::move(data_dir))](const Definitions& definitions) {
    return Checker(definitions, &layout).Run();
  };
}

}  // namespace millrace::controller
