#include "resource/explain.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace millrace::resource {
namespace {

constexpr size_t kWidth = 100;

std::string BoundText(const Field& field, double bound) {
  if (field.type == FieldType::kDuration) return FormatDuration(Micros(static_cast<int64_t>(bound * 1e6)));
  return fmt::format("{}", bound);
}

// "at least 1, at most 1000", "" where there are none.
std::string Bounds(const Field& field) {
  std::vector<std::string> parts;
  if (field.minimum) {
    parts.push_back((field.above_minimum ? "greater than " : "at least ") + BoundText(field, *field.minimum));
  }
  if (field.maximum) parts.push_back("at most " + BoundText(field, *field.maximum));
  const bool collection = field.type == FieldType::kList || field.type == FieldType::kMap;
  if (collection && field.min_items > 0) parts.push_back(fmt::format("at least {} entries", field.min_items));
  if (field.type == FieldType::kList && field.fields[0].minimum) {
    parts.push_back("each " + Bounds(field.fields[0]));
  }
  return Join(parts, ", ");
}

std::string DefaultText(const Field& field) {
  if (!field.default_text.empty()) {
    return field.default_value.is_null()
               ? field.default_text
               : fmt::format("{} ({})", FormatJson(field.default_value), field.default_text);
  }
  if (field.default_value.is_null()) return "";
  return field.default_value.is_string() && field.default_value != "" ? field.default_value.get<std::string>()
         : field.default_value == ""                                  ? "none"
                                                                      : FormatJson(field.default_value);
}

// Breaks a sentence into lines.
std::string Wrap(const std::string& text, size_t indent) {
  std::string out(indent, ' ');
  size_t column = indent;
  for (const std::string& word : Split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

// The fields below a list or map are those of its element.
const Field& Element(const Field& field) {
  const Field* at = &field;
  while (at->type == FieldType::kList || at->type == FieldType::kMap) at = &at->fields[0];
  return *at;
}

std::string Groups(const Field& object) {
  std::string text;
  for (const auto& group : object.one_of) {
    if (group.size() > 1) text += fmt::format("Exactly one of {} is given.", Join(group, ", "));
  }
  return text;
}

std::string ExplainField(const std::string& title, const Field& field) {
  std::string out = fmt::format("{} <{}>{}\n", title, field.TypeText(), field.required ? " (required)" : "");
  if (!field.meaning.empty()) out += "\n" + Wrap(field.meaning, 2);
  const std::pair<const char*, std::string> facts[] = {{"default", DefaultText(field)},
                                                       {"unit", field.unit},
                                                       {"bounds", Bounds(field)},
                                                       {"example", field.example}};
  std::string lines;
  for (const auto& [name, text] : facts) {
    if (!text.empty()) lines += fmt::format("  {:<9} {}\n", name, text);
  }
  if (!lines.empty()) out += "\n" + lines;
  const Field& element = Element(field);
  if (element.fields.empty()) return out;
  out += "\nFIELDS\n";
  if (const std::string groups = Groups(element); !groups.empty()) out += Wrap(groups, 2);
  for (const Field& child : element.fields) {
    out += fmt::format("  {} <{}>{}\n", child.name, child.TypeText(), child.required ? " (required)" : "");
    out += Wrap(child.meaning, 4);
  }
  return out;
}

std::vector<std::string> ChildNames(const Field& field) {
  std::vector<std::string> names;
  for (const Field& child : Element(field).fields) names.push_back(child.name);
  return names;
}

// The field of the document, or, as a convenience, of its spec.
Result<std::string> ExplainPath(const Kind& kind, const std::vector<std::string>& parts) {
  const Field* field = &kind.Document();
  std::string title = kind.name;
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string name = parts[i].substr(0, parts[i].find('['));
    const Field* child = field->type == FieldType::kMap ? &field->fields[0] : Element(*field).Child(name);
    if (child == nullptr && i == 1) {
      child = kind.spec.Child(name);
      if (child != nullptr) title += ".spec";
    }
    if (child == nullptr) {
      std::vector<std::string> names = ChildNames(*field);
      if (i == 1) {
        for (const std::string& more : ChildNames(kind.spec)) names.push_back(more);
      }
      const std::string nearest = Nearest(name, names);
      return NotFound("{} has no field '{}'; {}", title, name,
                      !nearest.empty() ? fmt::format("did you mean '{}'?", nearest)
                      : names.empty()  ? "it has none"
                                       : "it has " + Join(names, ", "));
    }
    title += "." + name;
    field = child;
  }
  return ExplainField(title, *field);
}

std::string OtherNames(const Kind& kind) {
  std::vector<std::string> names = {kind.plural, kind.singular};
  names.insert(names.end(), kind.short_names.begin(), kind.short_names.end());
  return Join(names, ", ");
}

}  // namespace

Result<std::string> Explain(std::string_view path) {
  const std::vector<std::string> parts = Split(path, '.');
  const Kind* kind = FindKind(parts[0]);
  if (kind == nullptr) {
    const std::string nearest = NearestKind(parts[0]);
    return NotFound(
        "unknown kind '{}'; {}", parts[0],
        nearest.empty() ? "`millrace explain` lists them" : fmt::format("did you mean '{}'?", nearest));
  }
  if (parts.size() > 1) return ExplainPath(*kind, parts);
  std::string out = fmt::format("{} ({})\n\n{}", kind->name, OtherNames(*kind), Wrap(kind->meaning, 2));
  out += fmt::format("\nA field more closely: millrace explain {}.FIELD\n\n", kind->name);
  return out + ExplainField("spec", kind->spec).substr(sizeof("spec <object>") - 1);
}

std::string ExplainKinds() {
  std::string out;
  for (const Kind& kind : Kinds()) {
    out += fmt::format("{:<15} {:<30} {}\n", kind.name, OtherNames(kind), kind.meaning);
  }
  return out;
}

namespace {

// Paths relative to docs/reference.
std::string Cell(std::string text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

void AddRows(const Field& object, const std::string& prefix, std::string& out) {
  for (const Field& field : object.fields) {
    const std::string path = prefix + field.name;
    std::string meaning = field.meaning;
    if (const std::string bounds = Bounds(field); !bounds.empty())
      meaning += fmt::format(" Bounds: {}.", bounds);
    if (!field.unit.empty()) meaning += fmt::format(" Unit: {}.", field.unit);
    if (!field.example.empty()) meaning += fmt::format(" Example: `{}`.", field.example);
    const Field& element = Element(field);
    if (const std::string groups = Groups(element); !groups.empty()) meaning += " " + groups;
    const std::string fallback = field.required ? "required" : DefaultText(field);
    out +=
        fmt::format("| `{}` | {} | {} | {} |\n", path, Cell(field.TypeText()), Cell(fallback), Cell(meaning));
    if (element.type == FieldType::kObject) {
      AddRows(element, path + (field.type == FieldType::kList ? "[]." : "."), out);
    }
  }
}

std::string Table(const Field& object) {
  std::string out = "| field | type | default | meaning |\n|---|---|---|---|\n";
  AddRows(object, "", out);
  return out;
}

}  // namespace

std::string ReferencePage(const Kind& kind) {
  std::string out = fmt::format("# {}\n\n{}\n\n", kind.name, kind.meaning);
  out += "<!-- Generated from the kind's description in src/resource/kinds: change it there. -->\n\n";
  out += fmt::format("Other names: {}. Path: `/apis/{}/{}/{}{}`.\n", OtherNames(kind), kGroup, kVersion,
                     kind.namespaced ? "namespaces/PROJECT/" : "", kind.plural);
  if (const std::string groups = Groups(kind.spec); !groups.empty()) out += "\n" + groups + "\n";
  out += "\n## spec\n\n" + Table(kind.spec);
  out += "\n## status\n\n" + kind.status.meaning + "\n\n" + Table(kind.status);
  out += "\n## metadata\n\n" + Table(*kind.Document().Child("metadata"));
  return out;
}

std::string ReferenceIndex() {
  std::string out = "# The kinds\n\n";
  out += "<!-- Generated from the kinds' descriptions in src/resource/kinds: change them there. -->\n\n";
  out += fmt::format(
      "Every resource has `apiVersion: {}`, a `kind`, `metadata` and a `spec`; Millrace adds `status`.\n",
      kApiVersion);
  out += "`millrace explain KIND.FIELD` says the same on a terminal.\n\n| kind | says |\n|---|---|\n";
  for (const Kind& kind : Kinds())
    out += fmt::format("| [{}]({}.md) | {} |\n", kind.name, kind.singular, kind.meaning);
  return out;
}

}  // namespace millrace::resource
