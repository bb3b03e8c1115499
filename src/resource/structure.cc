#include "resource/structure.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "base/time_zone.h"
#include "resource/decode.h"

namespace millrace::resource {
namespace {

constexpr size_t kMaxShown = 60;

std::string Shorten(std::string_view text) {
  if (text.size() <= kMaxShown) return std::string(text);
  size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a character
  return std::string(text.substr(0, end)) + "…";
}

std::string ObjectExpectation(const Field& field) {
  std::vector<std::string> names;
  for (const Field& child : field.fields) names.push_back(child.name);
  return names.empty() ? "an object: {}" : "an object with " + Join(names, ", ");
}

// What the field takes, for "expected …".
std::string Expectation(const Field& field) {
  switch (field.type) {
    case FieldType::kString:
      return "a text";
    case FieldType::kInt64:
      return "an integer";
    case FieldType::kDouble:
      return "a number";
    case FieldType::kBool:
      return "true or false";
    case FieldType::kDuration:
      return "a length of time such as 90s, 15m, 6h, 7d or 1d12h";
    case FieldType::kTimestamp:
      return "a time such as 2018-07-25T13:30:00Z";
    case FieldType::kQuantity:
      return "a quantity of bytes such as 512Mi or 2Gi";
    case FieldType::kExpression:
      return "an expression";
    case FieldType::kIdentifier:
      return "an identifier";
    case FieldType::kColumn:
      return "the name of a column";
    case FieldType::kDnsLabel:
      return "a name";
    case FieldType::kReference:
      return "the name of a " + field.reference;
    case FieldType::kModelReference:
      return "a model's version such as fraud@champion, fraud:3 or fraud";
    case FieldType::kPath:
      return "a path";
    case FieldType::kTimeZone:
      return "a time zone such as Europe/Zurich";
    case FieldType::kScalar:
      return "a single value (text, number, boolean)";
    case FieldType::kScalars:
      return "a single value (text, number, boolean) or a list of them";
    case FieldType::kObject:
      return ObjectExpectation(field);
    case FieldType::kList:
      return field.fields[0].type == FieldType::kObject ? "a list" : "a list such as [a, b]";
    case FieldType::kMap:
      return "an object of names and values";
    case FieldType::kEnum:
    case FieldType::kAny:
      return field.TypeText();
  }
  return "";
}

std::string NumberText(double number) { return fmt::format("{}", number); }

bool IsScalars(const Json& value) {
  return value.is_primitive() || (value.is_array() && value.size() <= 1024 &&
                                  std::all_of(value.begin(), value.end(),
                                              [](const Json& element) { return element.is_primitive(); }));
}

class Checker {
 public:
  explicit Checker(const Document& document) : document_(document), label_(DocumentLabel(document.value)) {}

  void Check(const Field& field, const Json& value, const std::string& path);
  Diagnostics Take() { return std::move(found_); }

  void Report(const std::string& path, std::string message) {
    found_.Add({document_.At(path), label_, path, std::move(message)});
  }

 private:
  static std::string Join(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
  }

  void Expected(const std::string& path, const Field& field, const Json& value) {
    Report(path, fmt::format("expected {}, not {}", Expectation(field), DescribeValue(value)));
  }

  void CheckObject(const Field& field, const Json& value, const std::string& path);
  void CheckGroups(const Field& field, const Json& value, const std::string& path, bool unknown_fields);
  void CheckList(const Field& field, const Json& value, const std::string& path);
  void CheckMap(const Field& field, const Json& value, const std::string& path);
  void CheckNumber(const Field& field, const Json& value, const std::string& path);
  void CheckText(const Field& field, const Json& value, const std::string& path);
  void CheckDuration(const Field& field, const Json& value, const std::string& path);
  void CheckQuantity(const Field& field, const Json& value, const std::string& path);
  void CheckBounds(const Field& field, double number, const std::string& path, std::string_view unit);
  // Whether the text is not too long; reported else.
  bool CheckLength(const Field& field, const std::string& text, const std::string& path);
  // What is wrong with a text of the field's type; "" when nothing is.
  static std::string TextProblem(const Field& field, const std::string& text);
  static std::string EnumProblem(const Field& field, const std::string& text);

  const Document& document_;
  const std::string label_;
  Diagnostics found_;
};

void Checker::Check(const Field& field, const Json& value, const std::string& path) {
  if (value.is_null() && field.type != FieldType::kScalar && field.type != FieldType::kScalars &&
      field.type != FieldType::kAny) {
    return Report(path, fmt::format("is empty; expected {}{}", Expectation(field),
                                    field.required ? "" : ", or leave the field out"));
  }
  switch (field.type) {
    case FieldType::kObject:
      return CheckObject(field, value, path);
    case FieldType::kList:
      return CheckList(field, value, path);
    case FieldType::kMap:
      return CheckMap(field, value, path);
    case FieldType::kAny:
      return;
    case FieldType::kScalar:
      if (value.is_structured()) Expected(path, field, value);
      return;
    case FieldType::kScalars:
      if (!IsScalars(value)) Expected(path, field, value);
      return;
    case FieldType::kBool:
      if (!value.is_boolean()) Expected(path, field, value);
      return;
    case FieldType::kInt64:
    case FieldType::kDouble:
      return CheckNumber(field, value, path);
    case FieldType::kDuration:
      return CheckDuration(field, value, path);
    case FieldType::kQuantity:
      return CheckQuantity(field, value, path);
    default:
      return CheckText(field, value, path);
  }
}

void Checker::CheckObject(const Field& field, const Json& value, const std::string& path) {
  if (!value.is_object()) return Expected(path, field, value);
  std::vector<std::string> names;
  for (const Field& child : field.fields) names.push_back(child.name);
  std::set<std::string> suggested;
  bool unknown = false;
  for (const auto& [name, child_value] : value.items()) {
    const std::string child_path = Join(path, name);
    if (const Field* child = field.Child(name)) {
      Check(*child, child_value, child_path);
      continue;
    }
    if (field.open) continue;
    unknown = true;
    const std::string nearest = Nearest(name, names);
    suggested.insert(nearest);
    if (!nearest.empty()) {
      Report(child_path, fmt::format("unknown field; did you mean '{}'?", nearest));
    } else if (names.empty()) {
      Report(child_path, "unknown field; none is known here");
    } else {
      Report(child_path, fmt::format("unknown field; known here: {}", millrace::Join(names, ", ")));
    }
  }
  for (const Field& child : field.fields) {
    // A misspelt name was reported already; that the right one is missing says nothing new.
    if (!child.required || value.contains(child.name) || suggested.contains(child.name)) continue;
    Report(Join(path, child.name), fmt::format("is missing; expected {}", Expectation(child)));
  }
  CheckGroups(field, value, path, unknown);
}

void Checker::CheckGroups(const Field& field, const Json& value, const std::string& path,
                          bool unknown_fields) {
  for (const auto& group : field.one_of) {
    std::vector<std::string> given;
    for (const std::string& name : group) {
      if (value.contains(name)) given.push_back(name);
    }
    if (given.empty() && !unknown_fields) {
      Report(path, group.size() == 1 ? fmt::format("needs {}", group[0])
                                     : fmt::format("needs exactly one of {}", millrace::Join(group, ", ")));
    }
    if (given.size() > 1) {
      Report(path, fmt::format("has {}; give exactly one of {}", millrace::Join(given, " and "),
                               millrace::Join(group, ", ")));
    }
  }
  for (const auto& rule : field.needs) {
    if (!value.contains(rule[0])) continue;
    for (size_t i = 1; i < rule.size(); ++i) {
      if (!value.contains(rule[i])) Report(path, fmt::format("{} needs {} beside it", rule[0], rule[i]));
    }
  }
}

void Checker::CheckList(const Field& field, const Json& value, const std::string& path) {
  if (!value.is_array()) return Expected(path, field, value);
  if (value.size() < field.min_items) {
    Report(path,
           fmt::format("needs at least {} {}", field.min_items, field.min_items == 1 ? "entry" : "entries"));
  }
  if (value.size() > field.max_items) {
    return Report(path, fmt::format("has {} entries; at most {} are allowed", value.size(), field.max_items));
  }
  for (size_t i = 0; i < value.size(); ++i) Check(field.fields[0], value[i], fmt::format("{}[{}]", path, i));
}

void Checker::CheckMap(const Field& field, const Json& value, const std::string& path) {
  if (!value.is_object()) return Expected(path, field, value);
  if (value.size() > field.max_items) {
    return Report(path, fmt::format("has {} entries; at most {} are allowed", value.size(), field.max_items));
  }
  for (const auto& [name, child] : value.items()) {
    if (name.empty() || name.size() > 253) {
      Report(path, fmt::format("'{}' is no name: 1 to 253 bytes are allowed", Shorten(name)));
    }
    Check(field.fields[0], child, Join(path, name));
  }
}

void Checker::CheckBounds(const Field& field, double number, const std::string& path, std::string_view unit) {
  const auto bound = [&](double value) {
    return unit == "s" ? FormatDuration(Micros(static_cast<int64_t>(value * 1e6))) : NumberText(value);
  };
  if (field.minimum && (number < *field.minimum || (field.above_minimum && number == *field.minimum))) {
    Report(path, fmt::format("must be {} {}", field.above_minimum ? "greater than" : "at least",
                             bound(*field.minimum)));
  }
  if (field.maximum && number > *field.maximum) {
    Report(path, fmt::format("must be at most {}", bound(*field.maximum)));
  }
}

void Checker::CheckNumber(const Field& field, const Json& value, const std::string& path) {
  if (field.type == FieldType::kInt64) {
    const bool fits = value.is_number_integer() &&
                      !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX});
    if (!fits) return Expected(path, field, value);
    return CheckBounds(field, static_cast<double>(value.get<int64_t>()), path, "");
  }
  if (!value.is_number() || !std::isfinite(value.get<double>())) return Expected(path, field, value);
  CheckBounds(field, value.get<double>(), path, "");
}

bool Checker::CheckLength(const Field& field, const std::string& text, const std::string& path) {
  if (text.size() <= field.max_length) return true;
  Report(path, fmt::format("is {} bytes long; at most {} are allowed", text.size(), field.max_length));
  return false;
}

void Checker::CheckDuration(const Field& field, const Json& value, const std::string& path) {
  Micros length{0};
  if (value.is_string()) {
    if (!CheckLength(field, value.get_ref<const std::string&>(), path)) return;
    const Result<Micros> parsed = ParseDuration(value.get_ref<const std::string&>());
    if (!parsed.ok()) return Report(path, parsed.status().message());
    length = *parsed;
  } else if (value != 0) {
    return Expected(path, field, value);
  }
  CheckBounds(field, static_cast<double>(length.count()) / 1e6, path, "s");
}

void Checker::CheckQuantity(const Field& field, const Json& value, const std::string& path) {
  int64_t bytes = 0;
  if (value.is_string()) {
    if (!CheckLength(field, value.get_ref<const std::string&>(), path)) return;
    const Result<int64_t> parsed = ParseQuantity(value.get_ref<const std::string&>());
    if (!parsed.ok()) return Report(path, parsed.status().message());
    bytes = *parsed;
  } else if (value.is_number_integer() &&
             !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX})) {
    bytes = value.get<int64_t>();
  } else {
    return Expected(path, field, value);
  }
  CheckBounds(field, static_cast<double>(bytes), path, "");
}

void Checker::CheckText(const Field& field, const Json& value, const std::string& path) {
  if (!value.is_string()) {
    const std::string hint = value.is_primitive() ? "; write it in quotes" : "";
    return Report(path, fmt::format("expected {}, not {}{}", Expectation(field), DescribeValue(value), hint));
  }
  const std::string& text = value.get_ref<const std::string&>();
  if (!CheckLength(field, text, path)) return;
  if (const std::string problem = TextProblem(field, text); !problem.empty()) Report(path, problem);
}

std::string Checker::EnumProblem(const Field& field, const std::string& text) {
  if (std::find(field.values.begin(), field.values.end(), text) != field.values.end()) return "";
  const std::string nearest = Nearest(text, field.values);
  const std::string expected =
      field.values.size() == 1 ? "'" + field.values[0] + "'" : "one of " + millrace::Join(field.values, ", ");
  return fmt::format("'{}' is not known; {}expected {}", Shorten(text),
                     nearest.empty() ? "" : fmt::format("did you mean '{}'? ", nearest), expected);
}

std::string Checker::TextProblem(const Field& field, const std::string& text) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) { return c == '\0' || c == '\n'; });
  switch (field.type) {
    case FieldType::kEnum:
      return EnumProblem(field, text);
    case FieldType::kTimestamp:
      return ParseTime(text).status().message();
    case FieldType::kModelReference:
      return ParseModelReference(text).status().message();
    case FieldType::kTimeZone:
      return TimeZone::Load(text).status().message();
    case FieldType::kDnsLabel:
    case FieldType::kReference:
      if (IsDnsLabel(text)) return "";
      return fmt::format(
          "'{}' is no name: lower-case letters, digits and '-', at most 63, with a letter or digit at both "
          "ends",
          Shorten(text));
    case FieldType::kIdentifier:
      if (IsIdentifier(text)) return "";
      return fmt::format("'{}' is no identifier: letters, digits and '_', not beginning with a digit",
                         Shorten(text));
    case FieldType::kColumn:
    case FieldType::kPath:
      if (!text.empty() && !control) return "";
      return text.empty() ? "is empty; expected " + Expectation(field) : "holds a line break or a NUL byte";
    default:
      return text.find('\0') == std::string::npos ? "" : "holds a NUL byte";
  }
}

// The kind that the document names; null, with what is wrong, when none.
const Kind* CheckKind(const Json& value, Checker& checker) {
  const auto kind = value.find("kind");
  if (kind == value.end()) {
    checker.Report("kind", "is missing; expected a kind such as DataSource");
    return nullptr;
  }
  if (!kind->is_string()) {
    checker.Report("kind", "expected the name of a kind, not " + DescribeValue(*kind));
    return nullptr;
  }
  const std::string& name = kind->get_ref<const std::string&>();
  std::vector<std::string> names;
  for (const Kind& known : Kinds()) {
    if (known.name == name) return &known;
    names.push_back(known.name);
  }
  const std::string nearest = NearestKind(name);
  checker.Report("kind",
                 nearest.empty()
                     ? fmt::format("unknown kind '{}'; known are {}", Shorten(name), Join(names, ", "))
                     : fmt::format("unknown kind '{}'; did you mean '{}'?", Shorten(name), nearest));
  return nullptr;
}

}  // namespace

Diagnostics CheckStructure(const Document& document) {
  Checker checker(document);
  if (!document.value.is_object()) {
    checker.Report("", fmt::format("expected a resource with apiVersion, kind, metadata and spec, not {}",
                                   DescribeValue(document.value)));
    return checker.Take();
  }
  if (const Kind* kind = CheckKind(document.value, checker))
    checker.Check(kind->Document(), document.value, "");
  return checker.Take();
}

Diagnostics CheckValue(const Document& document, const Field& field, const Json& value,
                       const std::string& path) {
  Checker checker(document);
  checker.Check(field, value, path);
  return checker.Take();
}

std::string DocumentLabel(const Json& document) {
  if (!document.is_object()) return "";
  const Json kind = ValueAt(document, "kind");
  const Json name = ValueAt(document, "metadata.name");
  if (!kind.is_string()) return "";
  if (!name.is_string()) return Shorten(kind.get<std::string>());
  const Json project = ValueAt(document, "metadata.namespace");
  return Shorten(ResourceKey{kind.get<std::string>(), project.is_string() ? project.get<std::string>() : "",
                             name.get<std::string>()}
                     .ToString());
}

std::string DescribeValue(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "nothing";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return fmt::format("the text '{}'", Shorten(value.get_ref<const std::string&>()));
    case Json::value_t::boolean:
      return value.get<bool>() ? "the boolean true" : "the boolean false";
    default:
      return "the number " + FormatJson(value);
  }
}

bool IsDnsLabel(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 63 && alphanumeric(name.front()) && alphanumeric(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
}

bool IsIdentifier(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace millrace::resource
