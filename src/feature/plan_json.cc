// Plans as JSON: what a model package and a snapshot freeze, and what digests cover.
//
// A frozen plan is its definition, not its compiled form: reading one compiles it
// again and compares digests, so a package from another build means the same or
// is refused.
#include <set>

#include "base/json.h"
#include "base/sha256.h"
#include "feature/internal/plan_text.h"
#include "feature/plan.h"

namespace millrace::feature {
namespace {

constexpr int kFormat = 1;
constexpr size_t kMaxItems = 65'536;

Json MicrosList(const std::vector<Micros>& lengths) {
  Json list = Json::array();
  for (const Micros length : lengths) list.push_back(length.count());
  return list;
}

Json FieldJson(const Field& field) { return {{"name", field.name}, {"type", DataTypeName(field.type)}}; }

Json FeaturesJson(const ViewPlan& plan) {
  Json features = Json::array();
  for (const resource::FeatureSpec& feature : plan.spec.features) {
    features.push_back({{"name", feature.name},
                        {"aggregate", feature.aggregate},
                        {"of", feature.of},
                        {"where", feature.where},
                        {"default", feature.default_value}});
  }
  return features;
}

Json ViewSpecJson(const ViewPlan& plan) {
  Json json = {{"name", plan.name},
               {"source", plan.spec.source},
               {"entities", plan.spec.entities},
               {"where", plan.spec.where},
               {"delay", plan.delay.count()},
               {"windows", MicrosList(plan.windows)},
               {"features", FeaturesJson(plan)}};
  json["ttl"] = plan.ttl ? Json(plan.ttl->count()) : Json(nullptr);
  return json;
}

std::string_view KindName(resource::ServiceItem::Kind kind) {
  switch (kind) {
    case resource::ServiceItem::Kind::kRequest:
      return "request";
    case resource::ServiceItem::Kind::kExpression:
      return "expression";
    case resource::ServiceItem::Kind::kView:
      return "view";
  }
  return "unknown";
}

Json ItemsJson(const ServicePlan& plan) {
  Json items = Json::array();
  for (const resource::ServiceItem& item : plan.spec.items) {
    Json json = {{"kind", KindName(item.kind)},
                 {"name", item.name},
                 {"expression", item.expression},
                 {"features", item.features}};
    json["type"] = item.type ? Json(DataTypeName(*item.type)) : Json(nullptr);
    items.push_back(std::move(json));
  }
  return items;
}

// Typed access to a frozen plan's members: a sentence instead of an exception.
class Reader {
 public:
  static Result<Reader> Of(const Json& json, std::string_view what) {
    if (!json.is_object()) return DataLoss("the frozen plan's {} is no object", what);
    return Reader(json, what);
  }
  Result<std::string> Text(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_string()) return Wrong(name, "text");
    return found->get<std::string>();
  }
  Result<int64_t> Integer(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_number_integer()) return Wrong(name, "an integer");
    return found->get<int64_t>();
  }
  Result<const Json*> Array(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_array() || found->size() > kMaxItems) return Wrong(name, "a list");
    return &*found;
  }
  Result<const Json*> Object(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_object()) return Wrong(name, "an object");
    return &*found;
  }
  Result<std::vector<std::string>> Texts(const char* name) const {
    MR_ASSIGN_OR_RETURN(const Json* const list, Array(name));
    std::vector<std::string> texts;
    for (const Json& item : *list) {
      if (!item.is_string()) return Wrong(name, "a list of texts");
      texts.push_back(item.get<std::string>());
    }
    return texts;
  }
  Json Get(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() ? Json(nullptr) : *found;
  }

 private:
  Reader(const Json& json, std::string_view what) : json_(json), what_(what) {}
  Status Wrong(const char* name, const char* kind) const {
    return DataLoss("the frozen plan's {} has no '{}' that is {}", what_, name, kind);
  }
  const Json& json_;
  std::string what_;
};

Result<Schema> SchemaFromJson(const Json& list) {
  std::vector<Field> fields;
  std::set<std::string> seen;
  for (const Json& item : list) {
    MR_ASSIGN_OR_RETURN(const Reader reader, Reader::Of(item, "column"));
    MR_ASSIGN_OR_RETURN(const std::string name, reader.Text("name"));
    MR_ASSIGN_OR_RETURN(const std::string type_name, reader.Text("type"));
    const auto type = ParseDataType(type_name);
    if (!type || !seen.insert(name).second) return DataLoss("the frozen plan's column {} is damaged", name);
    fields.push_back({name, *type});
  }
  return Schema(std::move(fields));
}

Result<resource::FeatureSpec> FeatureFromJson(const Json& json) {
  MR_ASSIGN_OR_RETURN(const Reader reader, Reader::Of(json, "feature"));
  resource::FeatureSpec spec;
  MR_ASSIGN_OR_RETURN(spec.name, reader.Text("name"));
  MR_ASSIGN_OR_RETURN(spec.aggregate, reader.Text("aggregate"));
  MR_ASSIGN_OR_RETURN(spec.of, reader.Text("of"));
  MR_ASSIGN_OR_RETURN(spec.where, reader.Text("where"));
  spec.default_value = reader.Get("default");
  return spec;
}

Result<resource::ServiceItem> ItemFromJson(const Json& json) {
  MR_ASSIGN_OR_RETURN(const Reader reader, Reader::Of(json, "input"));
  resource::ServiceItem item;
  MR_ASSIGN_OR_RETURN(const std::string kind, reader.Text("kind"));
  using Kind = resource::ServiceItem::Kind;
  bool known = false;
  for (const Kind candidate : {Kind::kRequest, Kind::kExpression, Kind::kView}) {
    if (KindName(candidate) != kind) continue;
    item.kind = candidate;
    known = true;
  }
  if (!known) return DataLoss("the frozen plan has an input of the unknown kind '{}'", kind);
  MR_ASSIGN_OR_RETURN(item.name, reader.Text("name"));
  MR_ASSIGN_OR_RETURN(item.expression, reader.Text("expression"));
  MR_ASSIGN_OR_RETURN(item.features, reader.Texts("features"));
  const Json type = reader.Get("type");
  if (type.is_string()) item.type = ParseDataType(type.get<std::string>());
  return item;
}

Result<resource::FeatureViewSpec> ViewSpecFromJson(const Reader& reader) {
  resource::FeatureViewSpec spec;
  MR_ASSIGN_OR_RETURN(spec.source, reader.Text("source"));
  MR_ASSIGN_OR_RETURN(spec.entities, reader.Texts("entities"));
  MR_ASSIGN_OR_RETURN(spec.where, reader.Text("where"));
  MR_ASSIGN_OR_RETURN(const int64_t delay, reader.Integer("delay"));
  spec.delay = Micros(delay);
  MR_ASSIGN_OR_RETURN(const Json* const windows, reader.Array("windows"));
  for (const Json& window : *windows) {
    if (!window.is_number_integer()) return DataLoss("the frozen plan has a window that is no integer");
    spec.windows.emplace_back(window.get<int64_t>());
  }
  if (const Json ttl = reader.Get("ttl"); ttl.is_number_integer()) spec.ttl = Micros(ttl.get<int64_t>());
  MR_ASSIGN_OR_RETURN(const Json* const features, reader.Array("features"));
  for (const Json& feature : *features) {
    MR_ASSIGN_OR_RETURN(resource::FeatureSpec made, FeatureFromJson(feature));
    spec.features.push_back(std::move(made));
  }
  return spec;
}

Status SameDigest(const Reader& reader, const std::string& digest, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const std::string frozen, reader.Text("digest"));
  if (frozen == digest) return Ok();
  return DataLoss("the frozen plan {} says digest {}, and what it defines has {}", name, frozen, digest);
}

Json Columns(const Schema& schema, const std::set<std::string>& names) {
  Json columns = Json::object();
  for (const std::string& name : names) columns[name] = DataTypeName(schema[schema.Find(name).value()].type);
  return columns;
}

}  // namespace

Json ViewIdentity(const ViewPlan& plan) {
  std::set<std::string> columns(plan.spec.entities.begin(), plan.spec.entities.end());
  if (plan.where) columns.insert(plan.where->Columns().begin(), plan.where->Columns().end());
  for (const Slot& slot : plan.slots) {
    columns.insert(slot.expression.Columns().begin(), slot.expression.Columns().end());
  }
  Json json = ViewSpecJson(plan);
  json["format"] = kFormat;
  json["eventTime"] = plan.source.event_time_name();
  json["eventId"] = plan.source.event_id_name();
  json["columns"] = Columns(plan.source.schema, columns);
  return json;
}

Json ServiceIdentity(const ServicePlan& plan) {
  Json views = Json::array();
  for (const ServiceView& view : plan.views) views.push_back(view.plan->digest);
  Json fields = Json::array();
  for (const Field& field : plan.fields.fields()) fields.push_back(FieldJson(field));
  Json inputs = Json::array();
  for (const ServiceInput& input : plan.inputs) inputs.push_back(input.name);
  return {{"format", kFormat}, {"source", plan.source.name}, {"fields", fields},
          {"inputs", inputs},  {"items", ItemsJson(plan)},   {"views", views}};
}

Json SourceToJson(const SourcePlan& source) {
  Json columns = Json::array();
  for (const Field& field : source.schema.fields()) columns.push_back(FieldJson(field));
  Json later = Json::object();
  for (const auto& [name, after] : source.known_after) later[name] = after.count();
  return {{"name", source.name},
          {"columns", columns},
          {"eventTime", source.event_time_name()},
          {"eventId", source.event_id_name()},
          {"lateness", source.lateness.count()},
          {"knownAfter", later}};
}

Result<SourcePlan> SourceFromJson(const Json& json) {
  MR_ASSIGN_OR_RETURN(const Reader reader, Reader::Of(json, "source"));
  resource::DataSourceSpec spec;
  MR_ASSIGN_OR_RETURN(const std::string name, reader.Text("name"));
  MR_ASSIGN_OR_RETURN(const Json* const columns, reader.Array("columns"));
  MR_ASSIGN_OR_RETURN(const Schema schema, SchemaFromJson(*columns));
  MR_ASSIGN_OR_RETURN(spec.event_time, reader.Text("eventTime"));
  MR_ASSIGN_OR_RETURN(spec.event_id, reader.Text("eventId"));
  MR_ASSIGN_OR_RETURN(const int64_t lateness, reader.Integer("lateness"));
  spec.lateness = Micros(lateness);
  MR_ASSIGN_OR_RETURN(const Json* const later, reader.Object("knownAfter"));
  for (const auto& [column, after] : later->items()) {
    if (!after.is_number_integer())
      return DataLoss("the frozen plan's knownAfter of {} is no integer", column);
    spec.columns.push_back({column, std::nullopt, Micros(after.get<int64_t>())});
  }
  return PlanSource(name, spec, schema);
}

Json ViewToJson(const ViewPlan& plan) {
  Json json = ViewSpecJson(plan);
  json["digest"] = plan.digest;
  json["input"] = SourceToJson(plan.source);
  return json;
}

Result<ViewPlanPtr> ViewFromJson(const Json& json) {
  MR_ASSIGN_OR_RETURN(const Reader reader, Reader::Of(json, "view"));
  MR_ASSIGN_OR_RETURN(const std::string name, reader.Text("name"));
  MR_ASSIGN_OR_RETURN(const Json* const input, reader.Object("input"));
  MR_ASSIGN_OR_RETURN(const SourcePlan source, SourceFromJson(*input));
  MR_ASSIGN_OR_RETURN(const resource::FeatureViewSpec spec, ViewSpecFromJson(reader));
  MR_ASSIGN_OR_RETURN(ViewPlanPtr plan, CompileView(name, spec, source));
  MR_RETURN_IF_ERROR(SameDigest(reader, plan->digest, name));
  return plan;
}

Json ServicePlan::ToJson() const {
  Json frozen_views = Json::array();
  for (const ServiceView& view : views) frozen_views.push_back(ViewToJson(*view.plan));
  return {{"format", kFormat},         {"name", name},          {"digest", digest},
          {"items", ItemsJson(*this)}, {"views", frozen_views}, {"source", SourceToJson(source)}};
}

Result<ServicePlanPtr> ServicePlan::FromJson(const Json& json) {
  MR_ASSIGN_OR_RETURN(const Reader reader, Reader::Of(json, "service"));
  MR_ASSIGN_OR_RETURN(const int64_t format, reader.Integer("format"));
  if (format != kFormat) {
    return FailedPrecondition("the frozen plan has format {}, and this Millrace reads {}", format, kFormat);
  }
  MR_ASSIGN_OR_RETURN(const std::string name, reader.Text("name"));
  MR_ASSIGN_OR_RETURN(const Json* const source_json, reader.Object("source"));
  MR_ASSIGN_OR_RETURN(const SourcePlan source, SourceFromJson(*source_json));
  MR_ASSIGN_OR_RETURN(const Json* const view_list, reader.Array("views"));
  std::vector<ViewPlanPtr> views;
  for (const Json& item : *view_list) {
    MR_ASSIGN_OR_RETURN(ViewPlanPtr view, ViewFromJson(item));
    views.push_back(std::move(view));
  }
  MR_ASSIGN_OR_RETURN(const Json* const items, reader.Array("items"));
  resource::FeatureServiceSpec spec;
  for (const Json& item : *items) {
    MR_ASSIGN_OR_RETURN(resource::ServiceItem made, ItemFromJson(item));
    spec.items.push_back(std::move(made));
  }
  MR_ASSIGN_OR_RETURN(ServicePlanPtr plan, CompileService(name, spec, source, views));
  MR_RETURN_IF_ERROR(SameDigest(reader, plan->digest, name));
  return plan;
}

}  // namespace millrace::feature
