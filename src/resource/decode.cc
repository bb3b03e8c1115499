#include "resource/decode.h"

#include <algorithm>
#include <utility>

#include "resource/kind.h"
#include "resource/structure.h"
#include "resource/validate.h"

namespace millrace::resource {
namespace {

bool InGroup(const Field& parent, const std::string& name) {
  return std::any_of(parent.one_of.begin(), parent.one_of.end(), [&](const auto& group) {
    return std::find(group.begin(), group.end(), name) != group.end();
  });
}

bool HasRequired(const Field& field) {
  return std::any_of(field.fields.begin(), field.fields.end(),
                     [](const Field& child) { return child.required; });
}

void Fill(const Field& field, Json& value) {
  if (field.type == FieldType::kList && value.is_array()) {
    for (Json& element : value) Fill(field.fields[0], element);
    return;
  }
  if (field.type != FieldType::kObject || !value.is_object()) return;
  for (const Field& child : field.fields) {
    if (const auto found = value.find(child.name); found != value.end()) {
      Fill(child, *found);
    } else if (!child.default_value.is_null()) {
      value[child.name] = child.default_value;
    } else if (child.type == FieldType::kObject && !InGroup(field, child.name) && !HasRequired(child)) {
      Json filled = Json::object();
      Fill(child, filled);
      if (!filled.empty()) value[child.name] = std::move(filled);
    }
  }
}

// Reads fields of a spec that is valid and has its defaults: their types are known.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  bool Has(const char* name) const { return object_.contains(name); }
  const Json& At(const char* name) const { return object_.at(name); }
  Reader In(const char* name) const { return Reader(object_.at(name)); }

  std::string Text(const char* name) const { return Has(name) ? At(name).get<std::string>() : std::string(); }
  int64_t Int(const char* name) const { return At(name).get<int64_t>(); }
  double Real(const char* name) const { return At(name).get<double>(); }
  bool Bool(const char* name) const { return At(name).get<bool>(); }
  Micros Length(const char* name) const { return ToLength(At(name)); }
  std::optional<Micros> OptionalLength(const char* name) const {
    return Has(name) ? std::optional(Length(name)) : std::nullopt;
  }
  std::optional<EventTime> OptionalTime(const char* name) const {
    return Has(name) ? std::optional(ParseTime(Text(name)).value()) : std::nullopt;
  }
  std::optional<DataType> OptionalType(const char* name) const {
    return Has(name) ? ParseDataType(Text(name)) : std::nullopt;
  }
  int64_t Bytes(const char* name) const {
    return At(name).is_string() ? ParseQuantity(Text(name)).value() : Int(name);
  }
  std::vector<std::string> Texts(const char* name) const {
    return Has(name) ? At(name).get<std::vector<std::string>>() : std::vector<std::string>();
  }
  std::vector<Reader> Objects(const char* name) const {
    std::vector<Reader> readers;
    for (const Json& element : At(name)) readers.emplace_back(element);
    return readers;
  }

  static Micros ToLength(const Json& value) {
    return value.is_string() ? ParseDuration(value.get<std::string>()).value() : Micros(0);
  }

 private:
  const Json& object_;
};

DataSourceSpec Decode(const Reader& in, DataSourceSpec spec) {
  if (in.Has("files")) {
    const Reader files = in.In("files");
    spec.files = FilesSource{files.Texts("paths"), files.Text("format"), files.Text("sql")};
    if (files.Has("path")) spec.files->paths = {files.Text("path")};
  }
  if (in.Has("push")) spec.push = PushSource{};
  spec.event_time = in.Text("eventTime");
  spec.event_id = in.Text("eventId");
  spec.lateness = in.Length("lateness");
  spec.time_zone = in.Text("timeZone");
  for (const Reader& column : in.Objects("columns")) {
    spec.columns.push_back(
        {column.Text("name"), column.OptionalType("type"), column.OptionalLength("knownAfter")});
  }
  return spec;
}

FeatureViewSpec Decode(const Reader& in, FeatureViewSpec spec) {
  spec.source = in.Text("source");
  spec.entities = in.Texts("entities");
  spec.where = in.Text("where");
  spec.delay = in.Length("delay");
  for (const Json& window : in.At("windows")) spec.windows.push_back(Reader::ToLength(window));
  spec.ttl = in.OptionalLength("ttl");
  for (const Reader& feature : in.Objects("features")) {
    spec.features.push_back({feature.Text("name"), feature.Text("aggregate"), feature.Text("of"),
                             feature.Text("where"), feature.Has("default") ? feature.At("default") : Json()});
  }
  return spec;
}

FeatureServiceSpec Decode(const Reader& in, FeatureServiceSpec spec) {
  for (const Reader& from : in.Objects("features")) {
    ServiceItem item;
    if (from.Has("request")) {
      item.kind = ServiceItem::Kind::kRequest;
      item.name = from.Text("request");
      item.type = from.OptionalType("type");
    } else if (from.Has("expression")) {
      item.kind = ServiceItem::Kind::kExpression;
      item.name = from.Text("name");
      item.expression = from.Text("expression");
    } else {
      item.kind = ServiceItem::Kind::kView;
      item.name = from.Text("view");
      item.features = from.Texts("features");
    }
    spec.items.push_back(std::move(item));
  }
  return spec;
}

ModelSpec Decode(const Reader& in, ModelSpec spec) {
  spec.input = in.Text("input");
  spec.examples = in.Text("examples");
  spec.where = in.Text("where");
  spec.label = in.Text("label");
  const Reader split = in.In("split");
  spec.split = {split.OptionalTime("start"), split.Length("train"), split.Length("gap"),
                split.Length("test")};
  spec.trainer = in.At("trainer").items().begin().key();
  spec.parameters = in.At("trainer").items().begin().value();
  for (const Reader& from : in.Objects("metrics")) {
    MetricSpec metric;
    metric.name = from.Text("name");
    if (from.Has("k")) metric.k = from.Int("k");
    metric.per = from.Text("per");
    metric.every = from.OptionalLength("every");
    metric.exclude_known = from.Bool("excludeKnown");
    spec.metrics.push_back(std::move(metric));
  }
  spec.gates = in.Texts("gates");
  const Reader promotion = in.In("promotion");
  spec.promotion = {promotion.Text("alias"), promotion.Bool("automatic")};
  const Reader limits = in.In("limits");
  spec.limits = {limits.Real("cpu"), limits.Bytes("memory"), limits.Length("time")};
  spec.pool = in.Text("pool");
  spec.seed = in.Int("seed");
  return spec;
}

TrainingJobSpec Decode(const Reader& in, TrainingJobSpec spec) {
  spec.model = in.Text("model");
  spec.parameters = in.At("parameters");
  spec.start = in.OptionalTime("start");
  spec.cancel = in.Bool("cancel");
  return spec;
}

ModelEndpointSpec Decode(const Reader& in, ModelEndpointSpec spec) {
  const ModelReference reference = ParseModelReference(in.Text("model")).value();
  spec.model = reference.model;
  spec.alias = reference.alias;
  spec.version = reference.version;
  spec.learn = in.Text("learn");
  const Reader scaling = in.In("scaling");
  spec.scaling = {scaling.Int("minReplicas"), scaling.Int("maxReplicas"), scaling.Int("concurrency")};
  return spec;
}

ComputePoolSpec Decode(const Reader& in, ComputePoolSpec spec) {
  spec.cpu = in.Real("cpu");
  spec.memory = in.Bytes("memory");
  spec.slots = in.Int("slots");
  return spec;
}

ProjectSpec Decode(const Reader& in, ProjectSpec spec) {
  spec.description = in.Text("description");
  for (const Reader& grant : in.Objects("grants"))
    spec.grants.push_back({grant.Text("subject"), grant.Text("role")});
  return spec;
}

template <typename Spec>
Result<Spec> DecodeAs(std::string_view kind, const Json& spec) {
  MR_RETURN_IF_ERROR(ValidateSpec(kind, spec).ToStatus());
  const Json filled = WithDefaults(kind, spec);
  return Decode(Reader(filled), Spec());
}

}  // namespace

Json WithDefaults(std::string_view kind, const Json& spec) {
  Json filled = spec;
  if (const Kind* known = FindKind(kind)) Fill(known->spec, filled);
  return filled;
}

template <>
Result<DataSourceSpec> DecodeSpec<DataSourceSpec>(const Json& spec) {
  return DecodeAs<DataSourceSpec>("DataSource", spec);
}
template <>
Result<FeatureViewSpec> DecodeSpec<FeatureViewSpec>(const Json& spec) {
  return DecodeAs<FeatureViewSpec>("FeatureView", spec);
}
template <>
Result<FeatureServiceSpec> DecodeSpec<FeatureServiceSpec>(const Json& spec) {
  return DecodeAs<FeatureServiceSpec>("FeatureService", spec);
}
template <>
Result<ModelSpec> DecodeSpec<ModelSpec>(const Json& spec) {
  return DecodeAs<ModelSpec>("Model", spec);
}
template <>
Result<TrainingJobSpec> DecodeSpec<TrainingJobSpec>(const Json& spec) {
  return DecodeAs<TrainingJobSpec>("TrainingJob", spec);
}
template <>
Result<ModelEndpointSpec> DecodeSpec<ModelEndpointSpec>(const Json& spec) {
  return DecodeAs<ModelEndpointSpec>("ModelEndpoint", spec);
}
template <>
Result<ComputePoolSpec> DecodeSpec<ComputePoolSpec>(const Json& spec) {
  return DecodeAs<ComputePoolSpec>("ComputePool", spec);
}
template <>
Result<ProjectSpec> DecodeSpec<ProjectSpec>(const Json& spec) {
  return DecodeAs<ProjectSpec>("Project", spec);
}

}  // namespace millrace::resource
