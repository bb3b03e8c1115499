#include "resource/kind.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "resource/kinds/kinds.h"

namespace millrace::resource {
namespace {

constexpr size_t kMaxUnitLength = 64;  // of a length of time, a time, a quantity as texts

Field Make(FieldType type, std::string name, std::string meaning) {
  Field field;
  field.type = type;
  field.name = std::move(name);
  field.meaning = std::move(meaning);
  return field;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view PlainTypeText(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return "string";
    case FieldType::kInt64:
      return "integer";
    case FieldType::kDouble:
      return "number";
    case FieldType::kBool:
      return "boolean";
    case FieldType::kDuration:
      return "duration";
    case FieldType::kTimestamp:
      return "timestamp";
    case FieldType::kQuantity:
      return "quantity";
    case FieldType::kEnum:
      return "enum";
    case FieldType::kExpression:
      return "expression";
    case FieldType::kIdentifier:
      return "identifier";
    case FieldType::kColumn:
      return "name of a column";
    case FieldType::kDnsLabel:
      return "name";
    case FieldType::kReference:
      return "name";
    case FieldType::kModelReference:
      return "reference to a model's version";
    case FieldType::kPath:
      return "path";
    case FieldType::kTimeZone:
      return "time zone";
    case FieldType::kScalar:
      return "scalar";
    case FieldType::kScalars:
      return "scalar or list of scalars";
    case FieldType::kAny:
      return "any value";
    case FieldType::kObject:
      return "object";
    case FieldType::kList:
      return "list";
    case FieldType::kMap:
      return "map";
  }
  return "unknown";
}

// A description names only fields that it has, says what each means, and has one element in each list.
void CheckDescription(const std::string& kind, const Field& field, bool is_element) {
  MR_CHECK(is_element || (!field.name.empty() && !field.meaning.empty()),
           "{}: a field '{}' without a name or meaning", kind, field.name);
  const bool collection = field.type == FieldType::kList || field.type == FieldType::kMap;
  MR_CHECK(!collection || field.fields.size() == 1, "{}: {} needs one element", kind, field.name);
  MR_CHECK(field.type != FieldType::kEnum || !field.values.empty(), "{}: {} needs values", kind, field.name);
  std::set<std::string> names;
  for (const Field& child : field.fields) {
    MR_CHECK(names.insert(child.name).second, "{}: {} stands twice", kind, child.name);
    CheckDescription(kind, child, collection);
  }
  for (const auto* groups : {&field.one_of, &field.needs}) {
    for (const auto& group : *groups) {
      for (const auto& name : group) {
        MR_CHECK(names.contains(name), "{}: {} has no field {}", kind, field.name, name);
      }
    }
  }
}

// References lead to kinds of a lower rank only, so that no cycle can be written.
void CheckRanks(const std::vector<Kind>& kinds, const Kind& kind, const Field& field) {
  const std::string to = field.type == FieldType::kModelReference ? "Model" : field.reference;
  if (!to.empty()) {
    const auto target = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.name == to; });
    MR_CHECK(target != kinds.end() && target->rank < kind.rank, "{}: {} refers to {}", kind.name, field.name,
             to);
  }
  for (const Field& child : field.fields) CheckRanks(kinds, kind, child);
}

Field DocumentField(const Kind& kind) {
  Field spec = kind.spec;
  spec.required = true;
  return Object("", kind.meaning,
                {Enum("apiVersion", "The version of the kinds.", {std::string(kApiVersion)}).Required(),
                 Enum("kind", "The kind of the resource.", {kind.name}).Required(),
                 MetadataField(kind.namespaced), std::move(spec), kind.status});
}

std::vector<Kind> MakeKinds() {
  std::vector<Kind> kinds = {ProjectKind(),        DataSourceKind(), ComputePoolKind(), FeatureViewKind(),
                             FeatureServiceKind(), ModelKind(),      TrainingJobKind(), ModelEndpointKind()};
  for (Kind& kind : kinds) {
    kind.document_ = DocumentField(kind);
    CheckDescription(kind.name, kind.document_, true);
    CheckRanks(kinds, kind, kind.spec);
  }
  return kinds;
}

}  // namespace

Field Field::Required() && {
  required = true;
  return std::move(*this);
}
Field Field::Default(Json value) && {
  default_value = std::move(value);
  return std::move(*this);
}
Field Field::Without(std::string what_happens) && {
  default_text = std::move(what_happens);
  return std::move(*this);
}
Field Field::Unit(std::string text) && {
  unit = std::move(text);
  return std::move(*this);
}
Field Field::Example(std::string text) && {
  example = std::move(text);
  return std::move(*this);
}
Field Field::AtLeast(double bound) && {
  minimum = bound;
  return std::move(*this);
}
Field Field::Above(double bound) && {
  minimum = bound;
  above_minimum = true;
  return std::move(*this);
}
Field Field::AtMost(double bound) && {
  maximum = bound;
  return std::move(*this);
}
Field Field::Items(size_t least, size_t most) && {
  min_items = least;
  max_items = most;
  return std::move(*this);
}
Field Field::Length(size_t most) && {
  max_length = most;
  return std::move(*this);
}
Field Field::OneOf(std::vector<std::string> names) && {
  one_of.push_back(std::move(names));
  return std::move(*this);
}
Field Field::Open() && {
  open = true;
  return std::move(*this);
}

std::string Field::TypeText() const {
  switch (type) {
    case FieldType::kList:
      return "list of " + fields[0].TypeText();
    case FieldType::kMap:
      return "map of " + fields[0].TypeText();
    case FieldType::kReference:
      return "name of a " + reference;
    case FieldType::kEnum:
      return values.size() == 1 ? "'" + values[0] + "'" : "one of " + Join(values, ", ");
    default:
      return std::string(PlainTypeText(type));
  }
}

const Field* Field::Child(std::string_view child) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == child; });
  return found == fields.end() || type != FieldType::kObject ? nullptr : &*found;
}

Field Text(std::string name, std::string meaning) {
  return Make(FieldType::kString, std::move(name), std::move(meaning));
}
Field Integer(std::string name, std::string meaning) {
  return Make(FieldType::kInt64, std::move(name), std::move(meaning));
}
Field Number(std::string name, std::string meaning) {
  return Make(FieldType::kDouble, std::move(name), std::move(meaning));
}
Field Boolean(std::string name, std::string meaning) {
  return Make(FieldType::kBool, std::move(name), std::move(meaning));
}
Field Duration(std::string name, std::string meaning) {
  return Make(FieldType::kDuration, std::move(name), std::move(meaning)).Length(kMaxUnitLength);
}
Field Timestamp(std::string name, std::string meaning) {
  return Make(FieldType::kTimestamp, std::move(name), std::move(meaning)).Length(kMaxUnitLength);
}
Field Quantity(std::string name, std::string meaning) {
  return Make(FieldType::kQuantity, std::move(name), std::move(meaning)).Unit("bytes").Length(kMaxUnitLength);
}
Field Enum(std::string name, std::string meaning, std::vector<std::string> values) {
  Field field = Make(FieldType::kEnum, std::move(name), std::move(meaning));
  field.values = std::move(values);
  return field;
}
Field OfType(FieldType type, std::string name, std::string meaning) {
  Field field = Make(type, std::move(name), std::move(meaning));
  if (type == FieldType::kDnsLabel || type == FieldType::kReference) field.max_length = 63;
  if (type == FieldType::kIdentifier || type == FieldType::kColumn) field.max_length = 255;
  return field;
}
Field Reference(std::string name, std::string kind, std::string meaning) {
  Field field = OfType(FieldType::kReference, std::move(name), std::move(meaning));
  field.reference = std::move(kind);
  return field;
}
Field Object(std::string name, std::string meaning, std::vector<Field> fields) {
  Field field = Make(FieldType::kObject, std::move(name), std::move(meaning));
  field.fields = std::move(fields);
  return field;
}
Field List(std::string name, std::string meaning, Field element) {
  Field field = Make(FieldType::kList, std::move(name), std::move(meaning));
  field.fields.push_back(std::move(element));
  return field;
}
Field Map(std::string name, std::string meaning, Field element) {
  Field field = Make(FieldType::kMap, std::move(name), std::move(meaning));
  field.fields.push_back(std::move(element));
  return field;
}

const Field* Kind::Find(std::string_view path) const {
  const Field* field = &document_;
  for (std::string part : Split(path, '.')) {
    part.resize(std::min(part.find('['), part.size()));
    while (field->type == FieldType::kList) field = &field->fields[0];
    field = field->type == FieldType::kMap ? &field->fields[0] : field->Child(part);
    if (field == nullptr) return nullptr;
  }
  return field;
}

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = MakeKinds();
  return kinds;
}

const Kind* FindKind(std::string_view name) {
  const std::string wanted = Lower(name);
  for (const Kind& kind : Kinds()) {
    if (Lower(kind.name) == wanted || kind.plural == wanted || kind.singular == wanted) return &kind;
    if (std::find(kind.short_names.begin(), kind.short_names.end(), wanted) != kind.short_names.end())
      return &kind;
  }
  return nullptr;
}

std::string NearestKind(std::string_view name) {
  std::vector<std::string> lower;
  for (const Kind& kind : Kinds()) {
    lower.push_back(kind.singular);
    lower.push_back(kind.plural);
  }
  const Kind* kind = FindKind(Nearest(Lower(name), lower));
  return kind == nullptr ? "" : kind->name;
}

}  // namespace millrace::resource
