#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"
#include "resource/yaml.h"
#include "resource/yaml_scalar.h"

namespace millrace::resource {
namespace {

// What a person looks for first, of a resource and of the lists within it.
constexpr std::array<std::string_view, 8> kFirst = {"apiVersion", "kind",   "metadata", "name",
                                                    "namespace",  "labels", "spec",     "status"};

std::vector<std::string> OrderedKeys(const Json& object) {
  std::vector<std::string> keys;
  for (const std::string_view first : kFirst) {
    if (object.contains(first)) keys.emplace_back(first);
  }
  for (const auto& [key, value] : object.items()) {
    if (std::find(kFirst.begin(), kFirst.end(), key) == kFirst.end()) keys.push_back(key);
  }
  return keys;
}

std::string TextOf(const std::string& text) {
  return text.empty() || NeedsQuotes(text) ? FormatJson(Json(text)) : text;
}

std::string NumberText(double number) {
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number > 0 ? ".inf" : "-.inf";
  return FormatJson(Json(number));
}

std::string ScalarText(const Json& value) {
  if (value.is_string()) return TextOf(value.get<std::string>());
  if (value.is_number_float()) return NumberText(value.get<double>());
  return FormatJson(value);
}

bool IsBlock(const Json& value) { return value.is_structured() && !value.empty(); }

void Write(const Json& value, size_t indent, bool after_dash, std::string& out);

// What follows "key:" or "-".
void WriteChild(const Json& child, size_t indent, bool is_list_entry, std::string& out) {
  if (!IsBlock(child)) {
    out += " " + ScalarText(child) + "\n";
  } else if (is_list_entry) {
    out += " ";
    Write(child, indent, true, out);
  } else {
    out += "\n";
    Write(child, indent, false, out);
  }
}

// With `after_dash` the first line's indentation is already written.
void Write(const Json& value, size_t indent, bool after_dash, std::string& out) {
  const std::string margin(indent, ' ');
  bool first = after_dash;
  if (value.is_object()) {
    for (const std::string& key : OrderedKeys(value)) {
      const Json& child = value.at(key);
      out += (first ? "" : margin) + TextOf(key) + ":";
      WriteChild(child, child.is_array() ? indent : indent + 2, false, out);
      first = false;
    }
    return;
  }
  for (const Json& child : value) {
    out += (first ? "" : margin) + "-";
    WriteChild(child, indent + 2, true, out);
    first = false;
  }
}

}  // namespace

std::string ToYaml(const Json& value) {
  if (!IsBlock(value)) return ScalarText(value) + "\n";
  std::string out;
  Write(value, 0, false, out);
  return out;
}

}  // namespace millrace::resource
